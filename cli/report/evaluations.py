"""The reports that trainings leave in the bucket: of a version, or of the newest that has one."""

from typing import Any

from labelloop.aws import evaluation_reports
from labelloop.domain.evaluation_report import Report
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import NotFoundError

from .. import models
from ..failures import CommandError


def read(version: str | None) -> tuple[Report, dict[str, Any]]:
    """The report of the version, or of the newest that has one: as values, and as it was written.

    Raises CommandError where there is none, with the reason that the version's record gives.
    """
    name = _with_report(version)
    key = VersionFiles(name).report
    try:
        report, written = evaluation_reports.read(name)
    except NotFoundError as error:
        raise CommandError(
            f"The report of {name} is not in the bucket any more: {key} was deleted."
        ) from error
    except ValueError as error:
        raise CommandError(
            f"{key} is no report that this release of Label Loop can read. Look at the file "
            "itself, or use the command of the release that wrote it."
        ) from error
    return report.shown(), written


def _with_report(name: str | None) -> str:
    records = models.records()
    if name is None:
        newest = next((record for record in records if record.is_judged), None)
        if newest is not None:
            return newest.name
        raise CommandError(_none_yet(records[0]) if records else "No version was trained yet.")
    record = next((record for record in records if record.name == name), None)
    if record is None:
        known = ", ".join(record.name for record in records[:5]) or "none yet"
        raise CommandError(f"There is no version {name}. The newest: {known}.")
    if not record.is_judged:
        raise CommandError(_none_yet(record))
    return name


def _none_yet(record: VersionRecord) -> str:
    if record.failure:
        return f"Version {record.name} has no report, because it failed: {record.failure}"
    return f"Version {record.name} has no report yet: it is being trained. See: labelloop status"
