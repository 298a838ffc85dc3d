"""What the inference log has of a time, of an outcome, or of a label: its two indexes are read.

``by_time`` has all records, spread over sixteen partitions a day; the records of a label, the one
that decided, lie in four of those, so a question about a label reads a quarter. ``by_outcome`` has
only what was not confident, which is little.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from labelloop import clock
from labelloop.aws.clients import client
from labelloop.aws.detections import read_item
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.clock import iso
from labelloop.domain.detection_records import (
    OUTCOME_INDEX,
    TIME_INDEX,
    DetectionRecord,
    day_shards,
    outcome_shards,
)
from labelloop.domain.detections import Outcome
from labelloop.settings import Variable


@dataclass
class Reading:
    """How far a reading of the log has come, the newest first; it ends where it has read enough."""

    before: str = ""
    """Only what is older than this is still to be read: a ``date_id``, or a day's end."""
    most: float = math.inf
    """So many records are enough, or so many answers of an index without any."""
    at_once: int | None = None
    """How many of a partition DynamoDB is asked for; as many as it gives, without it."""
    read: int = 0

    @property
    def is_over(self) -> bool:
        """Whether enough has been read."""
        return self.read >= self.most


def in_time_order(after: str, until: datetime) -> Iterator[DetectionRecord]:
    """Records by (date, id), after a ``date_id`` or a date, and up to a moment.

    The records have what the index has.
    """
    day = datetime.fromisoformat(after[:10]).replace(tzinfo=UTC)
    last = f"{iso(until)}~"
    if after > last:
        return  # Counted by a run whose clock was ahead; DynamoDB refuses such a range.
    while f"{day:%Y-%m-%d}" <= f"{until:%Y-%m-%d}":
        streams = [
            _partition(TIME_INDEX, "day_shard", shard, after, last)
            for shard in day_shards(f"{day:%Y-%m-%d}")
        ]
        yield from heapq.merge(*streams, key=lambda record: record.date_id)
        day += timedelta(days=1)


def any_since(moment: datetime) -> bool:
    """Whether anything was recorded since that moment, of the last two days.

    What is dated later than now does not count: a clock dated it that was ahead.
    """
    until = f"{iso(clock.now() + timedelta(minutes=1))}~"
    for day in sorted({clock.now().date(), moment.date()}, reverse=True):
        for shard in day_shards(f"{day:%Y-%m-%d}"):
            records = _partition(TIME_INDEX, "day_shard", shard, iso(moment), until)
            if next(records, None) is not None:
                return True
    return False


def waiting(after: str = "") -> Iterator[DetectionRecord]:
    """The records that wait for a model by (date, id), those after a ``date_id``."""
    streams = [
        _partition(OUTCOME_INDEX, "outcome_shard", shard, after or " ", "~")
        for shard in outcome_shards(Outcome.WAITING)
    ]
    yield from heapq.merge(*streams, key=lambda record: record.date_id)


def deferred(since: datetime) -> Iterator[DetectionRecord]:
    """The deferred records from that moment on, the newest first. An index may lag."""
    shards = outcome_shards(Outcome.DEFERRED)
    yield from _newest_first(OUTCOME_INDEX, "outcome_shard", shards, iso(since), Reading("~"))


def of_outcome(
    outcome: Outcome, since: datetime, until: datetime, reading: Reading | None = None
) -> Iterator[DetectionRecord]:
    """The records of an outcome that is not confident in that time, the newest first.

    The records have what the index has.
    """
    reading = _begun(reading, until)
    shards = outcome_shards(outcome)
    yield from _newest_first(OUTCOME_INDEX, "outcome_shard", shards, iso(since), reading)


def of_time(
    since: datetime, until: datetime, label: str | None = None, reading: Reading | None = None
) -> Iterator[DetectionRecord]:
    """The records of that time, the newest first; only where that label decided, if it is named.

    The records have what the index has.
    """
    reading = _begun(reading, until)
    first, day = since.astimezone(UTC).date(), date.fromisoformat(reading.before[:10])
    while day >= first and not reading.is_over:
        shards = day_shards(f"{day:%Y-%m-%d}", label)
        found = _newest_first(TIME_INDEX, "day_shard", shards, iso(since), reading)
        # The shards have others, too.
        yield from (record for record in found if label in {None, record.label})
        day -= timedelta(days=1)
        if not reading.is_over:
            reading.before = f"{day:%Y-%m-%d}~"


def _begun(reading: Reading | None, until: datetime) -> Reading:
    """The reading, from that moment on where it has not begun."""
    reading = reading or Reading()
    # Nothing is dated later, and each day up to then would be looked through.
    last = min(until, clock.now() + timedelta(days=1))
    reading.before = reading.before or f"{iso(last)}~"
    return reading


def under(prefix: str) -> Iterator[DetectionRecord]:
    """The records of images whose keys begin so, in any order: the whole log is read for it."""
    pages = (
        client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=wiring[Variable.DETECTIONS_TABLE],
            FilterExpression="begins_with(#key, :prefix)",
            ExpressionAttributeNames={"#key": "key"},
            ExpressionAttributeValues={":prefix": {"S": prefix}},
        )
    )
    with translated():
        for page in pages:
            yield from map(read_item, page["Items"])


def count_waiting() -> int:
    """How many images wait for a model."""
    return sum(
        page["Count"]
        for shard in outcome_shards(Outcome.WAITING)
        for page in _pages(OUTCOME_INDEX, "outcome_shard", shard, " ", "~", Select="COUNT")
    )


def _newest_first(
    index: str, partition_key: str, partitions: Iterable[str], since: str, reading: Reading
) -> Iterator[DetectionRecord]:
    before = reading.before
    if since > before:
        return  # DynamoDB refuses such a range.
    streams = [
        _partition(index, partition_key, one, since, before, newest_first=reading)
        for one in partitions
    ]
    for record in heapq.merge(*streams, key=lambda record: record.date_id, reverse=True):
        reading.before = record.date_id
        yield record
        if reading.is_over:
            return


def _partition(
    index: str,
    partition_key: str,
    partition: str,
    after: str,
    until: str,
    *,
    newest_first: Reading | None = None,
) -> Iterator[DetectionRecord]:
    options: dict[str, Any] = {}
    if newest_first:
        at_once = {"PageSize": newest_first.at_once}
        options = {"ScanIndexForward": False, "PaginationConfig": at_once}
    for page in _pages(index, partition_key, partition, after, until, **options):
        if newest_first:
            newest_first.read += max(1, page["Count"])
        for item in page["Items"]:
            record = read_item(item)
            # BETWEEN includes its ends; the record at either was read before.
            if record.date_id not in {after, until}:
                yield record


def _pages(
    index: str, partition_key: str, partition: str, after: str, until: str, **options: Any
) -> Iterator[Mapping[str, Any]]:
    condition = f"{partition_key} = :partition AND date_id BETWEEN :after AND :until"
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=wiring[Variable.DETECTIONS_TABLE],
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeValues={
                ":partition": {"S": partition},
                ":after": {"S": after},
                ":until": {"S": until},
            },
            **options,
        )
    )
    with translated():
        yield from pages
