"""What the inference log says, for who asks it: the command line and the API."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from labelloop.aws import detections_by_id, detections_by_time
from labelloop.aws.detections_by_id import LOOKED_UP_AT_ONCE
from labelloop.aws.detections_by_time import Reading
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome


@dataclass(frozen=True)
class Question:
    """Which detections are asked for."""

    since: datetime
    until: datetime
    outcome: Outcome | None = None
    """Any, without it."""
    label: str | None = None
    """The one that decided; any, without it."""


def newest_first(asked: Question, reading: Reading | None = None) -> Iterator[DetectionRecord]:
    """The records of those, with what an index has of them; as far as the reading goes."""
    if asked.outcome is None or asked.outcome is Outcome.CONFIDENT:
        records = detections_by_time.of_time(asked.since, asked.until, asked.label, reading)
    else:
        records = detections_by_time.of_outcome(asked.outcome, asked.since, asked.until, reading)
    return (
        record
        for record in records
        if asked.label in {None, record.label} and asked.outcome in {None, record.outcome}
    )


def whole(detection_ids: Iterable[str]) -> Iterator[DetectionRecord]:
    """All that the log has of these, in their order, with what indexes lack, as people's answers.

    Those that it does not have, or no longer, are left out.
    """
    rest = iter(detection_ids)
    while some := list(islice(rest, LOOKED_UP_AT_ONCE)):
        by_id = {record.detection_id: record for record in detections_by_id.those(some)}
        yield from (by_id[one] for one in some if one in by_id)
