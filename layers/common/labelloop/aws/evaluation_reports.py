"""The reports on versions in the bucket, ``evaluation/<version>/report.json``."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from labelloop.aws import objects
from labelloop.domain.evaluation_report import Report
from labelloop.domain.version_files import VersionFiles

_report = TypeAdapter(Report)


def write(told: Mapping[str, Any]) -> str:
    """Write what a report tells; its key. Raises ValueError where nobody could read it."""
    key = VersionFiles(_report.validate_python(told).version).report
    objects.write_json(key, told)
    return key


def read(version: str) -> tuple[Report, dict[str, Any]]:
    """The report on a version: as values, and as it was written.

    Raises NotFoundError where it was deleted, ValueError where it is none that can be read.
    """
    written: dict[str, Any] = json.loads(objects.read(VersionFiles(version).report))
    return _report.validate_python(written), written
