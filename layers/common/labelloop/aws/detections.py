"""The inference log: one record for each object version that came in for detection.

What a record has, and when it is written; what does not apply is not there:

    with the detection    detection_id, date, request_id, trace_id; bucket, key, version_id, etag,
                          size_bytes; outcome, reason; version, label, confidence_pct, labels,
                          labels_left_out; unsure, and complete where these are all that is likely;
                          minimum_confidence_pct, review_enabled, sampled; human_loop and chance,
                          with which one like it is asked about, where a person is asked; senders,
                          where people have sent it over the API; expires, unless something is to
                          come; archived, which records of before the archive get when they are
                          archived, too
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

Many records at once are in ``detections_by_id`` and ``detections_by_time``.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from labelloop.aws.clients import client
from labelloop.aws.failures import code_of, translated
from labelloop.aws.items import expires_from, from_item, to_item, to_value
from labelloop.aws.wiring import wiring
from labelloop.clock import from_iso, iso
from labelloop.domain.detection_records import LABELING, DetectionRecord, day_shard, outcome_shard
from labelloop.domain.detections import Outcome, human_loop_name
from labelloop.domain.images import ImageObject
from labelloop.errors import ConflictError, NotFoundError
from labelloop.settings import Variable


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
        archived=True,
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


def read_item(item: Mapping[str, Any]) -> DetectionRecord:
    """The record that DynamoDB's form of it holds."""
    return DetectionRecord.from_json(from_item(item))


def _refused(error: ClientError) -> DetectionRecord:
    """The record that is there, for which a write was refused."""
    return read_item(error.response["Item"])  # type: ignore[typeddict-item]


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
    return read_item(answer["Attributes"]).labeling_job or job


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


def get(detection: str) -> DetectionRecord:
    """The record. Raises NotFoundError."""
    with translated():
        answer = client("dynamodb").get_item(
            TableName=_table(), Key={"detection_id": {"S": detection}}, ConsistentRead=True
        )
    if "Item" not in answer:
        raise NotFoundError(f"The inference log has no detection {detection}.")
    return read_item(answer["Item"])


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
    return read_item(answer["Attributes"])


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
    return read_item(answer["Attributes"])


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
    return read_item(answer["Attributes"])
