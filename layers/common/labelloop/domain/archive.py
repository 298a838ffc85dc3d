"""The inference log as a table for SQL: its columns, its lines, and where its objects lie.

Each line of ``analytics/detections/day=…/….jsonl.gz`` is a detection as it was once; a line more is
written whenever it has changed. The day is that of the detection, however late people decide. What
waits for a model is detected anew, on another day perhaps: the day that it leaves then has a line
with nothing but its name and revision, so that each day tells by itself what is of it.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from labelloop.domain.annotations import ModelType
from labelloop.domain.audit import judged
from labelloop.domain.detection_records import LABELING, DetectionRecord
from labelloop.domain.image_labels import HumanLabel, Label, LabelBox
from labelloop.domain.origins import of_record

FOLDER = "analytics/detections/"
OF_DAY = "day="


@dataclass(frozen=True)
class Column:
    """A column of the table."""

    name: str
    sql_type: str
    """As Athena's data definition language has it."""
    meaning: str


_OF_THE_RECORD = {
    "detection_id": ("detection_id", "The detection, of one object version."),
    "outcome": (
        "outcome",
        "confident, review (people asked), deferred, rejected, waiting; null: of another day now.",
    ),
    "bucket": ("bucket", "Where the image came in."),
    "key": ("key", "Its key there."),
    "version_id": ("version_id", "Which version of the object it is."),
    "etag": ("etag", "The object's ETag."),
    "size_bytes": ("size_bytes", "The object's size."),
    "detected_at": ("date", "When it was detected, in UTC. The day is that of this moment."),
    "reason": ("reason", "Why the service will never take the image."),
    "version": ("version", "The version of the model that looked."),
    "label": ("label", "The model's label that decided."),
    "confidence_pct": ("confidence_pct", "The confidence in it, in percent."),
    "labels": ("labels", "The surest that the model gave; null where no model has looked."),
    "labels_left_out": ("labels_left_out", "How many more there were than a record holds."),
    "unsure": ("unsure", "What the model did not find, and may be there, where that is known."),
    "minimum_confidence_pct": ("minimum_confidence_pct", "With less than this, it was doubtful."),
    "review_enabled": ("review_enabled", "Whether people were asked about what was doubtful."),
    "sampled": ("sampled", "Whether people are asked to see how good the model is."),
    "drawn": ("drawn", "Whether chance has chosen it of those that waited; false: its answer."),
    "chance": ("chance", "With which chance one like it is asked about."),
    "human_loop": ("human_loop", "The review task's name, where people are asked."),
    "agreement": ("agreement", "What people's answers came to: decided, none or undecided."),
    "answers": ("answers", "How many people that is from; 0 where it was taken back."),
    "answer_revision": ("revision", "The how manieth thing that people have said of it."),
    "human_label": ("human_label", "What they said, in short."),
    "human_labels": ("human_labels", "What they said."),
    "answered_by_sender": ("answered_by_sender", "Whether the sender of the image is among them."),
    "decided_at": ("completed", "When their answers were read, in UTC."),
    "copied_key": ("copied_key", "Where the image is in the training data."),
    "review_problem": ("review_problem", "Why their answers cannot be used."),
}
"""The columns that are a record's own, the fields that they are, and what they mean."""
_TIMESTAMPS = {"detected_at", "decided_at"}


def _sql_type(hint: Any) -> str:
    """The type of a column for what a field of a record, or of a label, may hold."""
    if isinstance(hint, types.UnionType) or get_origin(hint) is Union:
        (hint,) = (part for part in get_args(hint) if part is not types.NoneType)
    if get_origin(hint) is tuple:
        return f"array<{_sql_type(get_args(hint)[0])}>"
    if hint in {Label, HumanLabel, LabelBox}:
        parts = (f"{name}:{_sql_type(part)}" for name, part in get_type_hints(hint).items())
        return f"struct<{','.join(parts)}>"
    return {str: "string", int: "bigint", float: "double", bool: "boolean"}[hint]


def _columns() -> tuple[Column, ...]:
    hints = get_type_hints(DetectionRecord)
    own = [
        Column(name, "timestamp" if name in _TIMESTAMPS else _sql_type(hints[field]), meaning)
        for name, (field, meaning) in _OF_THE_RECORD.items()
    ]
    derived = [
        Column("asked_as", "string", "Why people are asked: doubtful, chosen, drawn or sampled."),
        Column("decided_by", "string", "Whose answer counts: people or model; null for nobody's."),
        Column("final_labels", _sql_type(tuple[HumanLabel, ...]), "What was decided to be there."),
        Column("model_right", "boolean", "Whether the model was right, where people decided."),
        Column("revision", "string", "The later the state of the detection, the later in order."),
    ]
    return (*own, *derived)


COLUMNS = _columns()
"""What a line may have, in the order of the table; the day is the partition, and in no line."""


def belongs(record: DetectionRecord) -> bool:
    """Whether a record is of a detection: those of images to label from nothing are none."""
    return record.outcome != LABELING and bool(record.date)


def day_of(record: DetectionRecord) -> str:
    """The day of a detection, 2026-11-21, whenever its record was changed."""
    return record.date[:10]


def folder_of(day: str) -> str:
    """Where a day's objects lie."""
    return f"{FOLDER}{OF_DAY}{day}/"


def object_key(day: str, name: str) -> str:
    """The key of an object with lines of that day's detections."""
    return f"{folder_of(day)}{name}.jsonl.gz"


def revision(stream_arn: str, sequence_number: str) -> str:
    """What orders the states of one detection, as text.

    Within a stream an item's sequence numbers grow, and are of 21 to 40 digits. A table's next
    stream, or that of a table restored from a backup, may begin anew: a stream's name is the time
    when it was begun.
    """
    return f"{stream_arn.rsplit('/', 1)[1]}#{sequence_number:0>40}"


def line(record: DetectionRecord, of_revision: str, model_type: ModelType) -> dict[str, Any]:
    """What a line says of a detection; columns without a value are left out."""
    told = record.shown().as_json()
    values: Mapping[str, Any] = {
        **{name: told.get(field) for name, (field, _) in _OF_THE_RECORD.items()},
        "asked_as": of_record(record).origin.value if record.human_loop else None,
        "decided_by": record.decided_by,
        "final_labels": _final_labels(record, model_type),
        "model_right": model_right(record, model_type),
        "revision": of_revision,
    }
    return {name: value for name, value in values.items() if value is not None}


def line_of_left(record: DetectionRecord, of_revision: str) -> dict[str, Any]:
    """What the day of a detection says once it is of another day."""
    return {"detection_id": record.detection_id, "revision": of_revision}


def _final_labels(record: DetectionRecord, model_type: ModelType) -> list[Any] | None:
    if record.decided_by is None:
        return None
    return [label.as_json() for label in record.final_labels(model_type)]


def model_right(record: DetectionRecord, model_type: ModelType) -> bool | None:
    """Whether people found what the model had found; None where they have not decided."""
    if record.decided_by != "people":
        return None
    return judged(record.labels or (), record.human_labels or (), model_type).right
