"""The labels that a version knows, by its report, for who needs nothing else of it."""

import json

from labelloop.aws import objects
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import UNREADABLE, NotFoundError


def of(version: str) -> set[str]:
    """The labels; none where the version was not trained here, or its report cannot be read."""
    try:
        report = json.loads(objects.read(VersionFiles(version).report))
        return {str(entry["label"]) for entry in report["labels"]}
    except (NotFoundError, *UNREADABLE):
        return set()
