"""Bounding boxes as ratios of the image's width and height, and how they overlap.

Called by ``detector``, ``detector_training``, ``detection_evaluation`` and ``localization``.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Corners = npt.NDArray[np.float64]


class Box(NamedTuple):
    """A box from its top left corner; every number is a ratio of the image's side, 0 to 1."""

    left: float
    top: float
    width: float
    height: float


class LabelledRegion(NamedTuple):
    """What is truly where."""

    label: str
    box: Box


class Finding(NamedTuple):
    """What a model says is in an image; ``box`` is None when it speaks of the image as a whole."""

    label: str
    confidence: float
    """From 0 to 1."""
    box: Box | None = None


def corners(boxes: list[Box]) -> Corners:
    """Left, top, right and bottom: a row a box."""
    sides = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return np.hstack([sides[:, :2], sides[:, :2] + sides[:, 2:]])


def areas(of: Corners) -> npt.NDArray[np.float64]:
    """The area of each box."""
    result: npt.NDArray[np.float64] = (of[:, 2] - of[:, 0]) * (of[:, 3] - of[:, 1])
    return result


def shared_areas(one: Corners, others: Corners) -> npt.NDArray[np.float64]:
    """The area that one box, a single row, shares with each of the others."""
    wide = np.minimum(one[2], others[:, 2]) - np.maximum(one[0], others[:, 0])
    high = np.minimum(one[3], others[:, 3]) - np.maximum(one[1], others[:, 1])
    result: npt.NDArray[np.float64] = np.maximum(wide, 0) * np.maximum(high, 0)
    return result


def overlaps(one: Corners, others: Corners) -> npt.NDArray[np.float64]:
    """Intersection over union of one box, a single row, with each of the others."""
    shared = shared_areas(one, others)
    union = areas(one[None])[0] + areas(others) - shared
    result: npt.NDArray[np.float64] = shared / np.maximum(union, 1e-12)
    return result
