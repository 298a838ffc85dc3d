"""What an image shows: labels of the whole image, or boxes in it; and the line that teaches it.

Formats: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/md-create-manifest-file.html
"""

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any, Protocol

from labelloop.domain.labels import composed

CLASSIFICATION_TYPE = "groundtruth/image-classification"
DETECTION_TYPE = "groundtruth/object-detection"

MOST_BOXES = 50
"""As many as one image may have in training."""
MOST_LABELS = 50
"""As many as one image may have in training."""
MOST_SHORT = 255
"""Characters of several labels together, where they are told in short."""
SCALED_SIDE_PX = 1280
"""Training scales larger images down to this side; a box must be over 1 px each way after that."""


class ModelType(StrEnum):
    """What a model finds."""

    CLASSIFICATION = "classification"
    """One label for each image."""
    MULTI_LABEL = "multi-label"
    """Any number of labels for each image."""
    DETECTION = "detection"
    """Boxes with labels."""


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A labelled part of an image, in whole pixels from the top left corner."""

    label: str
    left: int
    top: int
    width: int
    height: int

    def problem(self, size_px: tuple[int, int]) -> str:
        """Why a box in an image of this size teaches nothing, in a sentence; empty if it does."""
        outside = self.left + self.width > size_px[0] or self.top + self.height > size_px[1]
        if outside or self.left < 0 or self.top < 0:
            problem = f"is not inside the image of {size_px[0]} x {size_px[1]} px"
        elif min(self.width, self.height) * min(1.0, SCALED_SIDE_PX / max(size_px)) <= 1:
            problem = "is too small: training would see less than 2 px of it"
        else:
            return ""
        where = f"{self.width} x {self.height} px at {self.left}, {self.top}"
        return f"The box of {where} {problem}."


class Rectangle(Protocol):
    """A part of an image, in whatever unit."""

    @property
    def left(self) -> float:
        """From the left edge."""

    @property
    def top(self) -> float:
        """From the top edge."""

    @property
    def width(self) -> float:
        """To its own right edge."""

    @property
    def height(self) -> float:
        """To its own bottom edge."""


def overlap(one: Rectangle, other: Rectangle) -> float:
    """The share of the area of both together that is in both, from 0 to 1."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one.width * one.height + other.width * other.height - shared)


_IN_ORDER = attrgetter("label", "left", "top", "width", "height")
"""As boxes compare, and in a fraction of the time."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one image shows. Labels are sorted and distinct, those of the boxes among them."""

    labels: tuple[str, ...]
    boxes: tuple[Box, ...] = ()
    size_px: tuple[int, int] | None = None
    """Width and height of the image that the boxes were drawn in; None where boxes do not count."""

    @classmethod
    def of_labels(cls, labels: Iterable[str]) -> "Annotation":
        """What an image with these labels shows."""
        return cls(tuple(sorted(set(labels))))

    @classmethod
    def of_boxes(cls, boxes: Iterable[Box], size_px: tuple[int, int]) -> "Annotation":
        """What an image of this width and height with these boxes shows; their order is nothing."""
        in_order = tuple(sorted(boxes, key=_IN_ORDER))
        return cls(tuple(sorted({box.label for box in in_order})), in_order, size_px)

    def in_short(self) -> str:
        """The labels in one text, which is cut off where it gets long."""
        text = ", ".join(self.labels)
        whole = len(self.labels) == 1 or len(text) <= MOST_SHORT
        return text if whole else f"{text[: MOST_SHORT - 1]}…"

    def only(self, labels: Container[str]) -> "Annotation":
        """The same without the other labels and their boxes."""
        return Annotation(
            tuple(label for label in self.labels if label in labels),
            tuple(box for box in self.boxes if box.label in labels),
            self.size_px,
        )

    def as_json(self) -> dict[str, Any]:
        """The part of an index line that ``from_json`` reads."""
        told: dict[str, Any] = {"labels": list(self.labels)}
        if self.size_px is not None:
            told["boxes"] = [
                {
                    "label": box.label,
                    "left": box.left,
                    "top": box.top,
                    "width": box.width,
                    "height": box.height,
                }
                for box in self.boxes
            ]
            told["size_px"] = list(self.size_px)
        return told

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Annotation":
        """The annotation in an index line. Raises ValueError, KeyError or TypeError without one."""
        if not isinstance(entry["labels"], list):
            raise TypeError("labels is not a list")
        if "size_px" not in entry:
            return cls.of_labels(map(composed, entry["labels"]))
        width_px, height_px = entry["size_px"]
        boxes = (Box(**{**box, "label": composed(box["label"])}) for box in entry["boxes"])
        return cls.of_boxes(boxes, (width_px, height_px))


def training_line(source_ref: str, annotation: Annotation, created: str) -> str:
    """The manifest line from which Custom Labels learns what the image shows.

    ``created`` is a UTC time in ISO 8601 without zone, as the service's examples have it.
    """
    line: dict[str, Any] = {"source-ref": source_ref}
    if annotation.size_px is not None:
        _add_boxes(line, annotation, annotation.size_px, created)
    else:
        alone = len(annotation.labels) == 1
        for number, label in enumerate(annotation.labels):
            _add_label(line, "label" if alone else f"label-{number}", label, created)
    return json.dumps(line, ensure_ascii=False)


def _add_label(line: dict[str, Any], name: str, label: str, created: str) -> None:
    line[name] = 1
    line[f"{name}-metadata"] = {
        "confidence": 1.0,
        "class-name": label,
        "human-annotated": "yes",
        "creation-date": created,
        "type": CLASSIFICATION_TYPE,
    }


def _add_boxes(
    line: dict[str, Any], annotation: Annotation, size_px: tuple[int, int], created: str
) -> None:
    class_ids = {label: number for number, label in enumerate(annotation.labels)}
    line["bounding-box"] = {
        "image_size": [{"width": size_px[0], "height": size_px[1], "depth": 3}],
        "annotations": [
            {
                "class_id": class_ids[box.label],
                "left": box.left,
                "top": box.top,
                "width": box.width,
                "height": box.height,
            }
            for box in annotation.boxes
        ],
    }
    line["bounding-box-metadata"] = {
        "objects": [{"confidence": 1.0} for _ in annotation.boxes],
        "class-map": {str(number): label for label, number in class_ids.items()},
        "human-annotated": "yes",
        "creation-date": created,
        "type": DETECTION_TYPE,
    }
