"""The inference log: one record for each object version that came in for detection.

What a record has, and when it is written; what does not apply is not there:

    with the detection    detection_id, date, request_id, trace_id; bucket, key, version_id, etag,
                          size_bytes; outcome, reason; version, label, confidence_pct, labels,
                          labels_left_out; unsure, and complete where these are all that is likely;
                          minimum_confidence_pct, review_enabled, sampled; human_loop and chance,
                          with which one like it is asked about, where a person is asked; senders,
                          where people have sent it over the API; expires, unless something is to
                          come
    with its sampling     sampled, chance, human_loop; no longer expires
    with its selection    outcome, drawn, chance where it was, human_loop; no longer expires
    with people's answer  answers_read, copy_keys, expires, before it is copied; agreement,
                          answers, revision, human_label, human_labels, copied_key, completed,
                          answered_by_sender; review_problem where they cannot be used, or the
                          image, which is gone, cannot train

An image that people are to label from nothing has a record too, so that its answers go the same
way; its outcome is ``labeling``. It is no detection: no index has it, and nothing counts it. Where
a labelling job is to ask, ``labeling_job`` has its name before there is such a job. Where nobody is
asked, since no training could use the image, ``left_out`` says why, and ``left_out_by`` by which
rules.

Two indexes serve every question asked of it. ``by_time`` has all records, spread over sixteen
partitions a day; the records of a label, the one that decided, lie in four of those, so a question
about a label reads a quarter. ``by_outcome`` has only what was not confident, which is little.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from labelloop import clock
from labelloop.aws.clients import client
from labelloop.aws.failures import code_of, translated
from labelloop.aws.items import expires_from, from_item, looked_up, to_item, to_value
from labelloop.aws.wiring import wiring
from labelloop.clock import from_iso, iso
from labelloop.domain.detections import (
    LABELING,
    OUTCOME_INDEX,
    TIME_INDEX,
    DetectionRecord,
    Label,
    Outcome,
    day_shard,
    day_shards,
    human_loop_name,
    outcome_shard,
    outcome_shards,
)
from labelloop.domain.images import ImageObject
from labelloop.domain.origins import TOLD_BY
from labelloop.errors import ConflictError, NotFoundError
from labelloop.settings import Variable

LOOKED_UP_AT_ONCE = 100


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


class Recorded(NamedTuple):
    """The record of a detection that counts, and whether its outcome is news."""

    record: DetectionRecord
    is_news: bool


def _table() -> str:
    return wiring[Variable.DETECTIONS_TABLE]


def record_once(new: DetectionRecord, now: datetime) -> Recorded:
    """The record of this detection: the given one, or the one that was written before.

    A record that only waits for a model gives way to what the model said; one that goes on waiting
    is no news. Both stay until that comes, as one about which people are asked stays until they
    have answered. One that knows who sent its image gives way to no other that does not.
    """
    detection, outcome = new.detection_id, Outcome(new.outcome)
    record = replace(
        new,
        date=iso(now),
        date_id=f"{iso(now)}#{detection}",
        day_shard=day_shard(f"{now:%Y-%m-%d}", new.label, detection),
        outcome_shard=outcome_shard(outcome, detection),
        expires=None if outcome in {Outcome.REVIEW, Outcome.WAITING} else expires_from(now),
    )
    try:
        answer = client("dynamodb").put_item(
            TableName=_table(),
            Item=_item(record),
            ConditionExpression="attribute_not_exists(detection_id) OR outcome = :waiting"
            + ("" if new.senders else " AND attribute_not_exists(senders)"),
            ExpressionAttributeValues={":waiting": {"S": Outcome.WAITING.value}},
            ReturnValues="ALL_OLD",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            return Recorded(_refused(error), is_news=False)
        with translated():
            raise
    return Recorded(record, is_news=outcome is not Outcome.WAITING or "Attributes" not in answer)


def _item(record: DetectionRecord) -> dict[str, Any]:
    # DynamoDB knows no empty sets.
    return to_item({**record.as_json(), "senders": set(record.senders) or None})


def _read(item: Mapping[str, Any]) -> DetectionRecord:
    return DetectionRecord.from_json(from_item(item))


def _refused(error: ClientError) -> DetectionRecord:
    """The record that is there, for which a write was refused."""
    return _read(error.response["Item"])  # type: ignore[typeddict-item]


def record_labeling_once(image: ImageObject, now: datetime) -> DetectionRecord:
    """The record of an image to be labelled, written unless there is one.

    It never expires: without it people would be asked again.
    """
    record = _of_labeling(image, now)
    try:
        client("dynamodb").put_item(
            TableName=_table(),
            Item=_item(record),
            ConditionExpression="attribute_not_exists(detection_id)",
        )
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            with translated():
                raise
    return record


def _of_labeling(image: ImageObject, now: datetime) -> DetectionRecord:
    record = DetectionRecord.of(image)
    return replace(record, outcome=LABELING, date=iso(now))


def mark(detection: str, job: str) -> str:
    """The labelling job that the record of an image is marked for: this one, or an earlier one."""
    with translated():
        answer = client("dynamodb").update_item(
            TableName=_table(),
            Key={"detection_id": {"S": detection}},
            UpdateExpression="SET labeling_job = if_not_exists(labeling_job, :job)",
            ExpressionAttributeValues={":job": {"S": job}},
            ReturnValues="ALL_NEW",
        )
    return _read(answer["Attributes"]).labeling_job or job


def leave_out(image: ImageObject, reason: str, rules: int, now: datetime) -> None:
    """Note that people are not asked about an image to be labelled, and why, unless they are."""
    record = replace(_of_labeling(image, now), left_out=reason, left_out_by=rules)
    try:
        client("dynamodb").put_item(
            TableName=_table(),
            Item=_item(record),
            ConditionExpression="attribute_not_exists(human_loop)",
        )
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            with translated():
                raise


def asked_about(detection_ids: Sequence[str]) -> set[str]:
    """Those of which people have been asked, of ``LOOKED_UP_AT_ONCE`` at most."""
    found = labelling(detection_ids)
    return {detection for detection, record in found.items() if record.human_loop}


def labelling(detection_ids: Sequence[str]) -> dict[str, DetectionRecord]:
    """What became of images to be labelled that have a record, of ``LOOKED_UP_AT_ONCE`` at most:
    whether people are asked, or why not.
    """
    fields = ("detection_id", "human_loop", "left_out", "left_out_by")
    return {record.detection_id: record for record in _looked_up(detection_ids, fields)}


def answers(detection_ids: Iterable[str]) -> Iterator[DetectionRecord]:
    """What models said of those that they have looked at, as far as the log still has them."""
    fields = (
        *("detection_id", "etag", "version", "labels", "labels_left_out"),
        *("unsure", "complete"),
    )
    yield from (record for record in _looked_up(detection_ids, fields) if record.labels is not None)


def unsure(detection_ids: Iterable[str]) -> dict[str, tuple[Label, ...]]:
    """What models did not find, and may be there, by detection, where that is known."""
    found = _looked_up(detection_ids, ("detection_id", "unsure"))
    return {record.detection_id: record.unsure for record in found if record.unsure is not None}


def how_they_came(detection_ids: Iterable[str]) -> Iterator[DetectionRecord]:
    """What ``senders.provenance`` reads of those that the log still has, and the images' ETags."""
    yield from _looked_up(detection_ids, (*TOLD_BY, "answered_by_sender", "etag"))


def what_people_said(detection_ids: Iterable[str]) -> Iterator[DetectionRecord]:
    """What people's answers about those have come to, and when, as far as the log has them."""
    fields = ("detection_id", "agreement", "human_label", "human_labels", "completed")
    yield from _looked_up(detection_ids, fields)


def known(detection_ids: Iterable[str]) -> set[str]:
    """Those that the log has."""
    return {record.detection_id for record in _looked_up(detection_ids, ("detection_id",))}


def those(detection_ids: Iterable[str]) -> Iterator[DetectionRecord]:
    """The records of those that the log has, in any order."""
    yield from _looked_up(detection_ids, ())


def _looked_up(detection_ids: Iterable[str], fields: Sequence[str]) -> Iterator[DetectionRecord]:
    """These fields of the records, those that they have; all of them where none is named."""
    rest = iter(detection_ids)
    while names := list(islice(rest, LOOKED_UP_AT_ONCE)):
        yield from map(_read, looked_up(_table(), "detection_id", names, fields))


def get(detection: str) -> DetectionRecord:
    """The record. Raises NotFoundError."""
    with translated():
        answer = client("dynamodb").get_item(
            TableName=_table(), Key={"detection_id": {"S": detection}}, ConsistentRead=True
        )
    if "Item" not in answer:
        raise NotFoundError(f"The inference log has no detection {detection}.")
    return _read(answer["Item"])


def find(detection: str) -> DetectionRecord | None:
    """The record; None where there is none."""
    try:
        return get(detection)
    except NotFoundError:
        return None


def forget(detection: str) -> None:
    """Delete the record."""
    with translated():
        client("dynamodb").delete_item(TableName=_table(), Key={"detection_id": {"S": detection}})


def note_sender(detection: str, sender: str) -> DetectionRecord:
    """Add to a record who else has sent its image; the record. Raises NotFoundError."""
    try:
        answer = client("dynamodb").update_item(
            TableName=_table(),
            Key={"detection_id": {"S": detection}},
            UpdateExpression="ADD senders :sender",
            ConditionExpression="attribute_exists(detection_id)",
            ExpressionAttributeValues={":sender": {"SS": [sender]}},
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            raise NotFoundError(f"The inference log has no detection {detection}.") from error
        with translated():
            raise
    return _read(answer["Attributes"])


def note_asked(detection: str, human_loop: str) -> None:
    """Add to a record what asks people about its image. Raises NotFoundError."""
    _note(detection, {"human_loop": human_loop})


def note_agreement(detection: str, agreement: str, now: datetime) -> None:
    """Add to a record what people's answers have come to, elsewhere. Raises NotFoundError."""
    _note(detection, {"agreement": agreement, "completed": iso(now)})


def note_review_problem(detection: str, reason: str) -> None:
    """Add to a record why its answers cannot be used. Raises NotFoundError."""
    _note(detection, {"review_problem": reason})


def _note(detection: str, facts: Mapping[str, str]) -> None:
    try:
        client("dynamodb").update_item(
            TableName=_table(),
            Key={"detection_id": {"S": detection}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in facts),
            ConditionExpression="attribute_exists(detection_id)",
            ExpressionAttributeValues={f":{name}": {"S": fact} for name, fact in facts.items()},
        )
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            raise NotFoundError(f"The inference log has no detection {detection}.") from error
        with translated():
            raise


def begin_to_copy(record: DetectionRecord, key: str, read: str) -> DetectionRecord:
    """Note where the image of a record is about to be copied to, for answers read at a time.

    The record as it is then, with all places it was ever to be copied to, this one included; an
    empty key is none. A copy may be late, so none of them is forgotten. What people said before
    stands in it, and nothing of that is written any more. From that time on the record is kept as
    long as others.
    Raises ConflictError where the answers have been read again since, NotFoundError where there is
    no record.
    """
    detection = record.detection_id
    expires = None if record.outcome == LABELING else expires_from(from_iso(read))
    try:
        answer = client("dynamodb").update_item(
            TableName=_table(),
            Key={"detection_id": {"S": detection}},
            UpdateExpression="SET answers_read = :read"
            + (", expires = :expires" if expires else "")
            + (" ADD copy_keys :keys" if key else ""),
            ConditionExpression=(
                "attribute_exists(detection_id)"
                " AND (attribute_not_exists(answers_read) OR answers_read <= :read)"
            ),
            ExpressionAttributeValues=to_item(
                {":read": read, ":expires": expires, ":keys": {key} if key else None}
            ),
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            if "Item" in error.response:
                raise ConflictError("The answers have been read again since.") from error
            raise NotFoundError(f"The inference log has no detection {detection}.") from error
        with translated():
            raise
    return _read(answer["Attributes"])


def record_answer(answered: DetectionRecord) -> None:
    """Add to a record what people have said, as it was read when it is ``completed``.

    Raises ConflictError where the answers have been read again since.
    """
    told = {name: value for name, value in answered.as_json().items() if name in _OF_AN_ANSWER}
    try:
        client("dynamodb").update_item(
            TableName=_table(),
            Key={"detection_id": {"S": answered.detection_id}},
            UpdateExpression="SET "
            + ", ".join(f"{name} = :{name}" for name in told)
            + " REMOVE review_problem",
            ConditionExpression="answers_read = :completed",
            ExpressionAttributeValues={f":{name}": to_value(v) for name, v in told.items()},
        )
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            raise ConflictError("The answers have been read again since.") from error
        with translated():
            raise


_OF_AN_ANSWER = {
    *("agreement", "answers", "revision", "human_label", "human_labels"),
    *("copied_key", "completed", "answered_by_sender"),
}


def turn_to_review(detection: str, chance: float | None = None) -> DetectionRecord:
    """Let people be asked about a deferred detection, unless they are; its record.

    ``chance`` is that with which it was drawn at random; None where it was chosen for what its
    answer teaches. Raises NotFoundError.
    """
    changes = {
        "outcome": Outcome.REVIEW.value,
        "outcome_shard": outcome_shard(Outcome.REVIEW, detection),
        "drawn": chance is not None,
        **({"chance": chance} if chance is not None else {}),
    }
    return _let_people_be_asked(detection, changes)


def sample(detection: str, chance: float) -> DetectionRecord:
    """Let people be asked about a detection as a sample, unless they are; its record.

    ``chance`` is that with which it was taken. Raises NotFoundError.
    """
    return _let_people_be_asked(detection, {"sampled": True, "chance": chance})


def _let_people_be_asked(detection: str, changes: Mapping[str, Any]) -> DetectionRecord:
    facts = {**changes, "human_loop": human_loop_name(detection)}
    try:
        answer = client("dynamodb").update_item(
            TableName=_table(),
            Key={"detection_id": {"S": detection}},
            UpdateExpression="SET "
            + ", ".join(f"{name} = :{name}" for name in facts)
            + " REMOVE expires",
            ConditionExpression="attribute_exists(detection_id)"
            " AND attribute_not_exists(human_loop)",
            ExpressionAttributeValues={f":{name}": to_value(v) for name, v in facts.items()},
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            if "Item" in error.response:
                return _refused(error)
            raise NotFoundError(f"The inference log has no detection {detection}.") from error
        with translated():
            raise
    return _read(answer["Attributes"])


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
            TableName=_table(),
            FilterExpression="begins_with(#key, :prefix)",
            ExpressionAttributeNames={"#key": "key"},
            ExpressionAttributeValues={":prefix": {"S": prefix}},
        )
    )
    with translated():
        for page in pages:
            yield from map(_read, page["Items"])


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
            record = _read(item)
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
            TableName=_table(),
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
