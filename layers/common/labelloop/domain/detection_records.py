"""What the inference log keeps of a detection, and in which partitions of its indexes."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from labelloop.domain import labels as label_names
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import Outcome, detection_id
from labelloop.domain.image_labels import HumanLabel, Label, found
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import NONE_OF_THEM

LABELING = "labeling"
"""Stands where a detection's outcome is, of an image that people are to label from nothing."""
TIME_INDEX = "by_time"
OUTCOME_INDEX = "by_outcome"
OUTCOME_SHARDS = 8
LABEL_GROUPS = 4
SHARDS_OF_A_LABEL = 4


def outcome_shard(outcome: Outcome, detection: str) -> str | None:
    """The partition of the log's index ``by_outcome`` for a detection; None for a confident one."""
    if outcome is Outcome.CONFIDENT:
        return None
    return outcome_shards(outcome)[int(detection[-4:], 16) % OUTCOME_SHARDS]


def outcome_shards(outcome: Outcome) -> list[str]:
    """All partitions of the index that hold detections with this outcome."""
    return [f"{outcome}#{shard}" for shard in range(OUTCOME_SHARDS)]


def day_shard(day: str, label: str | None, detection: str) -> str:
    """The partition of the log's index ``by_time`` for a day (2026-11-21), a label, a detection."""
    shard = int(detection[-4:], 16) % SHARDS_OF_A_LABEL
    return f"{day}#{_label_group(label)}{shard}"


def day_shards(day: str, label: str | None = None) -> list[str]:
    """All partitions of the index that hold a day's detections, or those of a label."""
    groups = range(LABEL_GROUPS) if label is None else [_label_group(label)]
    return [f"{day}#{group}{shard}" for group in groups for shard in range(SHARDS_OF_A_LABEL)]


def _label_group(label: str | None) -> int:
    return hashlib.sha256((label or "").encode()).digest()[0] % LABEL_GROUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionRecord:
    """What the inference log has of an object version, or the part of it that was read.

    What does not apply, or is not known yet, is None or empty. Times are UTC in ISO 8601.
    """

    detection_id: str
    outcome: str = ""
    """One of ``Outcome``, or ``LABELING``; one that a later release knows is kept as it is."""
    bucket: str = ""
    key: str = ""
    version_id: str | None = None
    etag: str = ""
    size_bytes: int | None = None

    # What became of it at once.
    date: str = ""
    date_id: str = ""
    """The date and the name: the key of both indexes."""
    day_shard: str | None = None
    outcome_shard: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    reason: str | None = None
    """Why the service will never take it."""
    version: str | None = None
    label: str | None = None
    """The one that decided."""
    confidence_pct: float | None = None
    labels: tuple[Label, ...] | None = None
    """The surest that the model gave; None where no model has looked."""
    labels_left_out: int = 0
    """How many more there were."""
    unsure: tuple[Label, ...] | None = None
    """What was not found, and may be there; None where that is not known."""
    complete: bool = False
    """Whether these are all that is likely."""
    minimum_confidence_pct: float | None = None
    review_enabled: bool | None = None
    senders: frozenset[str] = frozenset()
    """Who has sent it over the API."""
    expires: int | None = None
    """In seconds since 1970; None where something is to come, or records are kept for good."""
    archived: bool = False
    """Whether the table's stream has told of it from its beginning on, or since it was archived."""

    # How people come to it.
    sampled: bool | None = None
    drawn: bool | None = None
    """Whether chance has chosen it of those that waited, or what its answer teaches."""
    chance: float | None = None
    """With which one like it is asked about."""
    human_loop: str | None = None
    """What asks people: a task, a loop, or a labelling job; None where nobody is asked."""
    labeling_job: str | None = None
    left_out: str | None = None
    """Why nobody is asked about an image to be labelled."""
    left_out_by: int = 0
    """By which rules."""

    # What they said.
    answers_read: str | None = None
    copy_keys: frozenset[str] = frozenset()
    """All places where it was ever to be copied to."""
    agreement: str | None = None
    """None where nobody has answered yet."""
    answers: int | None = None
    """How many people it is from."""
    revision: int = 0
    """The how manieth thing that people have said of it; 0 where that was not counted yet."""
    human_label: str | None = None
    human_labels: tuple[HumanLabel, ...] | None = None
    copied_key: str | None = None
    completed: str | None = None
    answered_by_sender: bool | None = None
    """Whether among the answers is one of who has sent the image."""
    review_problem: str | None = None

    unknown: Mapping[str, Any] = field(default_factory=dict)
    """What a later release has written: it is kept."""

    @classmethod
    def of(cls, image: ImageObject) -> "DetectionRecord":
        """The record of this object version, as long as that is all that is known."""
        return cls(
            detection_id=detection_id(image),
            bucket=image.bucket,
            key=image.key,
            version_id=image.version_id,
            etag=image.etag,
            size_bytes=image.size_bytes,
        )

    @property
    def image(self) -> ImageObject:
        """The object version."""
        return ImageObject(self.bucket, self.key, self.version_id, self.etag, self.size_bytes or 0)

    @property
    def has_result(self) -> bool:
        """Whether an image was looked at."""
        return self.outcome != Outcome.WAITING

    @property
    def deciding(self) -> Label | None:
        """The label that decided, with the confidence in it; None where nothing was found."""
        if self.label is None or self.confidence_pct is None:
            return None
        return Label(self.label, self.confidence_pct)

    @property
    def decided_by(self) -> Literal["people", "model"] | None:
        """Whose answer counts now; None where nobody has decided."""
        if self.agreement in {"decided", "none"}:
            return "people"
        return "model" if self.outcome == Outcome.CONFIDENT else None

    def revised(self, before: "DetectionRecord") -> "DetectionRecord":
        """The record with the number of what people say now, which is that of before where they
        said the same.
        """
        if before.agreement and not before.revision:
            # A release before this one counted neither what was said nor who said it.
            before = replace(before, answers=self.answers, revision=1)
        said, former = ((one.agreement, one.answers, one.human_labels) for one in (self, before))
        is_news = not before.revision or said != former
        return replace(self, revision=before.revision + is_news)

    def final_labels(self, model_type: ModelType) -> tuple[HumanLabel, ...]:
        """What counts now: what was decided to be in the image, nothing among it."""
        if self.decided_by == "people":
            return self.human_labels or ()
        if self.decided_by is None:
            return ()
        what = found(self.labels or (), model_type)
        return tuple(
            HumanLabel(label.name, label.box) for label in what if label.name != NONE_OF_THEM
        )

    def shown(self) -> "DetectionRecord":
        """The record with what models found under the names that people read."""
        return replace(
            self,
            label=self.label and label_names.shown(self.label),
            labels=self.labels and tuple(label.shown() for label in self.labels),
            unsure=self.unsure and tuple(label.shown() for label in self.unsure),
        )

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept and shown, without what does not apply."""
        values = {name: getattr(self, name) for name in _RECORDED}
        told = {name: _told(value) for name, value in values.items() if value != _RECORDED[name]}
        return {**told, **self.unknown}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "DetectionRecord":
        """The record, or the part of it, that ``as_json`` told."""
        known: dict[str, Any] = {}
        unknown = {}
        for name, value in stored.items():
            if name not in _RECORDED:
                unknown[name] = value
            elif value is not None:
                known[name] = _READ[name](value) if name in _READ else value
        return cls(**known, unknown=unknown)


def _labels(entries: Sequence[Mapping[str, Any]]) -> tuple[Label, ...]:
    return tuple(map(Label.from_json, entries))


def _human_labels(entries: Sequence[Mapping[str, Any]]) -> tuple[HumanLabel, ...]:
    return tuple(map(HumanLabel.from_json, entries))


def _told(value: Any) -> Any:
    if isinstance(value, tuple):
        return [label.as_json() for label in value]
    return sorted(value) if isinstance(value, frozenset) else value


_RECORDED = {each.name: each.default for each in fields(DetectionRecord) if each.name != "unknown"}
"""What a record may have, and what stands there where it does not apply."""
_READ: Mapping[str, Callable[[Any], Any]] = {
    "confidence_pct": float,
    "minimum_confidence_pct": float,
    "chance": float,
    "labels": _labels,
    "unsure": _labels,
    "human_labels": _human_labels,
    "senders": frozenset,
    "copy_keys": frozenset,
}
