"""The labels of an image, or of parts of it: as a model gives them, and as people do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from labelloop.domain import labels as label_names
from labelloop.domain.annotations import MOST_BOXES, Annotation, ModelType


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
