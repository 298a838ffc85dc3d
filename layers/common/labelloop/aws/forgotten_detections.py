"""Detections that are forgotten, while states of theirs may still be on their way to the archive.

A state waits in the table's stream for minutes, for a day where the archive stands still, and in a
batch that failed until that is replayed. Whoever forgets notes it here first, deletes the record,
and takes the lines out of the archive ``IN_FLIGHT`` after the note: what began to be archived
before the note is written by then, and nothing of the detection is from then on.
"""

from collections.abc import Iterable
from datetime import timedelta

from labelloop import clock
from labelloop.aws import model_versions_table as table
from labelloop.clock import epoch_s

KEPT_DAYS = 90
"""As long as the bucket keeps batches that failed."""
IN_FLIGHT = timedelta(minutes=2)
"""Longer than ``archive_log`` may run."""
_KEPT = timedelta(days=KEPT_DAYS + 3)
_KIND = "forgotten"


def note(detections: Iterable[str]) -> None:
    """Let no state of these be archived any more."""
    for detection in detections:
        table.add_facts(_KIND, detection, {"expires": epoch_s(clock.now(), _KEPT)})


def noted() -> set[str]:
    """All that are forgotten."""
    return {item["name"] for item in table.every(_KIND)}
