"""Which of a model's boxes are around what is there: those that a reviewer leaves as they are."""

from collections.abc import Iterable, Mapping
from typing import Any

from labelloop.domain.annotations import Annotation, Box, overlap
from labelloop.domain.consensus import SAME_THING_OVERLAP
from labelloop.domain.image_labels import Label
from local.demo.failure import DemoError


def left_as_they_were(task: Mapping[str, Any], shows: Annotation) -> list[tuple[Box, Box]]:
    """A review task's suggested boxes that are around something, each with what it is around."""
    if shows.size_px is None:
        return []
    suggested = [Label.from_json(entry) for entry in task["suggestion"]["labels"]]
    return _same_things([_in_pixels(label, shows.size_px) for label in suggested], shows.boxes)


def _in_pixels(label: Label, size_px: tuple[int, int]) -> Box:
    """Where a label that a model gave is in an image of this width and height."""
    if label.box is None:
        raise DemoError(f"The model gave {label.name} without a box.")
    box, (width, height) = label.box.inside(), size_px
    left, top = round(box.left * width), round(box.top * height)
    return Box(label.name, left, top, round(box.width * width), round(box.height * height))


def _same_things(some: Iterable[Box], others: Iterable[Box]) -> list[tuple[Box, Box]]:
    """Pairs of boxes around the same thing, each box in one pair at most."""
    left, pairs = list(others), []
    for box in some:
        near = [one for one in left if one.label == box.label]
        best = max(near, key=lambda one: overlap(box, one), default=None)
        if best is not None and overlap(box, best) >= SAME_THING_OVERLAP:
            left.remove(best)
            pairs.append((box, best))
    return pairs
