"""What a detection is, and which detections are doubtful."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from labelloop.domain import labels as label_names
from labelloop.domain.annotations import MOST_BOXES, Annotation, ModelType
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import NONE_OF_THEM


class Outcome(StrEnum):
    """Where an image ended."""

    CONFIDENT = "confident"
    REVIEW = "review"
    """Doubtful: a person is asked."""
    DEFERRED = "deferred"
    """Doubtful, and nobody is asked, or not yet."""
    REJECTED = "rejected"
    """The service will never take it."""
    WAITING = "waiting"
    """No model serves; it is sent round again when one does."""


@dataclass(frozen=True)
class LabelBox:
    """Where in an image a label is, in ratios of the image's width and height.

    As the service gives it: it may begin before 0 and end behind 1.
    """

    left: float
    top: float
    width: float
    height: float

    def inside(self) -> "LabelBox":
        """The part of it that is inside the image."""
        left, top = max(0.0, self.left), max(0.0, self.top)
        right, bottom = min(1.0, self.left + self.width), min(1.0, self.top + self.height)
        return LabelBox(left, top, max(0.0, right - left), max(0.0, bottom - top))

    def as_json(self) -> dict[str, float]:
        """The form in records and messages; six decimals are finer than any pixel."""
        return {side: round(ratio, 6) for side, ratio in asdict(self).items()}


@dataclass(frozen=True)
class Label:
    """One label that the model gave an image, or a part of it."""

    name: str
    confidence_pct: float
    box: LabelBox | None = None
    """The part, where the model is one that gives boxes."""
    chance_pct: float | None = None
    """How likely it is there, by the version's own test results; None where that is not known."""

    @property
    def sure_pct(self) -> float:
        """What is held against the minimum confidence."""
        return self.confidence_pct if self.chance_pct is None else self.chance_pct

    def as_json(self) -> dict[str, Any]:
        """The form in records and messages.

        Six decimals tell the service's numbers apart, which have single precision, and leave no
        tiny ones, which DynamoDB refuses.
        """
        told: dict[str, Any] = {"name": self.name, "confidence_pct": round(self.confidence_pct, 6)}
        if self.chance_pct is not None:
            told["chance_pct"] = round(self.chance_pct, 2)
        if self.box is not None:
            told["box"] = self.box.as_json()
        return told

    def kept(self) -> "Label":
        """The label as it is read again from records."""
        return Label.from_json(self.as_json())

    def shown(self) -> "Label":
        """The label under the name that people and programs read."""
        return replace(self, name=label_names.shown(self.name))

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Label":
        """The label that ``as_json`` told, whole numbers among it or not.

        What people said has no confidence, and is certain.
        """
        box, chance_pct = entry.get("box"), entry.get("chance_pct")
        return cls(
            label_names.composed(entry["name"]),
            float(entry.get("confidence_pct", 100)),
            LabelBox(**{side: float(ratio) for side, ratio in box.items()}) if box else None,
            None if chance_pct is None else float(chance_pct),
        )


@dataclass(frozen=True)
class HumanLabel:
    """One label that people gave an image, or a part of it."""

    name: str
    box: LabelBox | None = None

    def as_json(self) -> dict[str, Any]:
        """The form in records."""
        return {"name": self.name, **({"box": self.box.as_json()} if self.box else {})}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "HumanLabel":
        """The label that ``as_json`` told."""
        label = Label.from_json(entry)
        return cls(label.name, label.box)


def human_labels(said: Annotation) -> tuple[HumanLabel, ...]:
    """What people said of an image, as records have it."""
    if said.size_px is None:
        return tuple(map(HumanLabel, said.labels))
    width, height = said.size_px
    return tuple(
        HumanLabel(
            box.label,
            LabelBox(box.left / width, box.top / height, box.width / width, box.height / height),
        )
        for box in said.boxes
    )


@dataclass(frozen=True)
class Decision:
    """What becomes of a detected image."""

    outcome: Outcome
    label: Label | None
    """The one that decided; None where the model found nothing."""


LABELING = "labeling"
"""Stands where a detection's outcome is, of an image that people are to label from nothing."""
TIME_INDEX = "by_time"
OUTCOME_INDEX = "by_outcome"
OUTCOME_SHARDS = 8
DETECTION_ID = r"^[0-9a-f]{32}$"
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


def detection_id(image: ImageObject) -> str:
    """The name of the detection of this object version: 32 hexadecimal digits.

    One bucket, key and version always makes the same name, however often its event arrives.
    An unversioned object is told apart by its ETag instead.
    """
    version = image.version_id or f"etag:{image.etag}"
    text = "\n".join((image.bucket, image.key, version))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def human_loop_name(detection: str) -> str:
    """The name of the human loop of a detection: within A2I's 63 characters of a-z, 0-9 and -."""
    return f"detection-{detection}"


def detection_of_loop(human_loop: str) -> str | None:
    """The detection that the human loop of this name is about; None for another kind of loop."""
    prefix, _, detection = human_loop.partition("-")
    return detection if prefix == "detection" and len(detection) == 32 else None


def surest_first(labels: Sequence[Label]) -> list[Label]:
    """The labels by falling confidence; equal ones stay as they were."""
    return sorted(labels, key=lambda label: -label.confidence_pct)


def found(labels: Sequence[Label], model_type: ModelType) -> list[Label]:
    """What a model found in an image, by the labels that it gave; the surest first.

    A classification model weighs all its labels and finds one, the surest. The others give only
    what has reached its label's assumed threshold, and find all of it.
    """
    ordered = surest_first(labels)
    return ordered[:1] if model_type is ModelType.CLASSIFICATION else ordered


def may_lack_boxes(labels: Sequence[Label]) -> bool:
    """Whether there are so many boxes that others may not have been found."""
    return sum(label.box is not None for label in labels) >= MOST_BOXES


def decide(
    labels: Sequence[Label],
    model_type: ModelType,
    minimum_confidence_pct: Decimal,
    asked_at_once: bool,
    *,
    unsure: Sequence[Label] = (),
    accepts_none: bool = False,
) -> Decision:
    """Whether what a model found in an image, and what it did not, is certain enough.

    All that it found must be certain, so the least sure label or box decides; of a classification
    model, which finds one label, that is the surest of all. What is ``unsure`` was not found, and
    is there with some chance: over what the minimum leaves to 100, it is doubtful, too. What equals
    the minimum is certain. Nothing found is doubtful, and so are 50 boxes or more, and an image
    that it takes for none of its labels unless the model may do so.
    """
    what = found(labels, model_type)
    deciding = min(reversed(what), key=lambda label: label.sure_pct, default=None)
    certain_pct = certainty_pct(what, unsure)
    if (
        deciding is not None
        and certain_pct is not None
        and Decimal(str(certain_pct)) >= minimum_confidence_pct
        and not may_lack_boxes(labels)
        and (accepts_none or deciding.name != NONE_OF_THEM)
    ):
        return Decision(Outcome.CONFIDENT, deciding)
    return Decision(Outcome.REVIEW if asked_at_once else Outcome.DEFERRED, deciding)


def certainty_pct(what: Sequence[Label], unsure: Sequence[Label]) -> float | None:
    """How sure the least sure decision about an image is; None where nothing was found.

    What was found counts with its chance, or with its confidence where no chance is known; what was
    not, with the chance that it is not there.
    """
    if not what:
        return None
    sides = [label.sure_pct for label in what] + [100 - label.sure_pct for label in unsure]
    return min(sides)


def surest_that_fit(labels: Sequence[Label], most_bytes: int) -> list[Label]:
    """The surest labels, as many as take no more than that many bytes together."""
    return first_that_fit(surest_first(labels), most_bytes)


def first_that_fit(labels: Sequence[Label], most_bytes: int) -> list[Label]:
    """The first labels, as many as take no more than that many bytes together.

    A label takes what it takes in the data of a state machine, where a message to SNS is JSON in
    JSON in JSON; everywhere else it takes less.
    """
    kept, bytes_taken = [], 0
    for label in labels:
        text: Any = label.as_json()
        for _ in range(3):
            text = json.dumps(text, ensure_ascii=False)
        bytes_taken += len(text.encode())
        if bytes_taken > most_bytes:
            break
        kept.append(label)
    return kept


Notifications = Literal["all", "low-confidence", "decisions", "off"]


def wants_message(outcome: Outcome, notifications: Notifications) -> bool:
    """Whether the consumer gets a message about a detection with this outcome."""
    if outcome is Outcome.WAITING or notifications in {"decisions", "off"}:
        return False
    return notifications == "all" or outcome is not Outcome.CONFIDENT


def wants_decision(outcome: str, notifications: Notifications) -> bool:
    """Whether the consumer gets a message about what people said of a detection with this outcome.

    Of a sample of what the model was sure of, nobody who hears of doubtful images alone knows.
    """
    if notifications == "off":
        return False
    return notifications in {"all", "decisions"} or outcome != Outcome.CONFIDENT


# --- The inference log ----------------------------------------------------------------------------


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
