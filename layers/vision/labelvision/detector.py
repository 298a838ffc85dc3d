"""The trained part of a detection model: which label, if any, each cell of a feature grid shows.

It exists because a few scenes are far too few to train a detection network on. On top of the
frozen backbone, one small network looks at each cell by itself and says how surely each label is
there and where its box is; boxes of the same thing are then melted into one. The scores are made
confidences by Platt scaling on the test images: as they come, nearly all are close to 0 or to 1.
Trained by ``detector_training``; called by ``localization``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from labelvision.boxes import Box, Corners, Finding, areas, overlaps, shared_areas
from labelvision.feature_grid import INPUT_MULTIPLE_PX, FeatureGrid

Values = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]

# What is looked for is scaled to this size, at which the grid's cells tell its parts apart.
OBJECT_PX = 80
SHORTEST_LONG_SIDE_PX, LONGEST_LONG_SIDE_PX = 224, 640

MINIMUM_SCORE = 0.05
MAXIMUM_CANDIDATES = 100
SAME_OBJECT_OVERLAP = 0.45
SAME_OBJECT_INSIDE = 0.8

# Platt scaling: how strongly a slope of 1 is preferred, and the least evidence for a label's own.
SLOPE_PRIOR = 0.5
LEAST_RIGHT, LEAST_FINDINGS = 3, 8


class GridSource(Protocol):
    """What a detector needs of the backbone."""

    def feature_grid(self, image: Image.Image) -> FeatureGrid:
        """The features of an RGB image whose sides are multiples of 32 px."""


@dataclass(frozen=True)
class Head:
    """A network of one hidden layer: features to a score for each label, and a box."""

    centre: Values
    spread: Values
    hidden_weights: Values
    hidden_bias: Values
    output_weights: Values
    output_bias: Values

    def answer(self, features: Values) -> tuple[Values, Values]:
        """Scores from 0 to 1, a column a label, and boxes as ``detector_training`` encodes them."""
        hidden = (features - self.centre) / self.spread @ self.hidden_weights + self.hidden_bias
        outputs = np.maximum(hidden, 0) @ self.output_weights + self.output_bias
        return sigmoid(outputs[:, :-4]), outputs[:, -4:]


class Scaling(NamedTuple):
    """Platt scaling: the confidence of a score is ``sigmoid(slope * logit(score) + shift)``."""

    slope: float = 1.0
    shift: float = 0.0

    def confidence(self, score: float) -> float:
        return float(sigmoid(np.array(self.slope * _logit(np.array(score)) + self.shift)))


@dataclass(frozen=True)
class Detector:
    """Finds things of its labels in images of any size."""

    labels: tuple[str, ...]
    head: Head
    object_share: float
    """How large the things were in training, compared with the image's longer side."""
    scalings: Mapping[str, Scaling]

    def find(self, image: Image.Image, grids: GridSource) -> list[Finding]:
        """All that may be there, down to the doubtful; the surest first."""
        scaled = scale(image, self.object_share)
        grid = grids.feature_grid(scaled)
        scores, encoded = self.head.answer(grid.features)
        boxes = decode_boxes(encoded, grid.centres_px(), scaled.size)
        findings = [
            Finding(self.labels[column], self.scalings[self.labels[column]].confidence(score), box)
            for column, score, box in melt(scores.astype(np.float64), boxes)
        ]
        return sorted(findings, key=lambda finding: -finding.confidence)

    def calibrated(
        self, findings: Sequence[Sequence[Finding]], rights: Sequence[Sequence[bool]]
    ) -> "Detector":
        """The detector with confidences that fit which of its test findings were right.

        The findings must come from an uncalibrated detector, and are given image by image.
        """
        pairs = [
            (finding, right)
            for of_image, right_of_image in zip(findings, rights, strict=True)
            for finding, right in zip(of_image, right_of_image, strict=True)
        ]
        common = _fit_scaling(pairs)
        scalings = {}
        for label in self.labels:
            own = [pair for pair in pairs if pair[0].label == label]
            enough = len(own) >= LEAST_FINDINGS and sum(right for _, right in own) >= LEAST_RIGHT
            scalings[label] = _fit_scaling(own) if enough else common
        return replace(self, scalings=scalings)

    def recalibrated(self, finding: Finding) -> Finding:
        """What this detector says of a finding of itself before it was calibrated."""
        confidence = self.scalings[finding.label].confidence(finding.confidence)
        return finding._replace(confidence=confidence)


def long_side_px(object_share: float) -> int:
    """How long the longer side must be for things of this size to be ``OBJECT_PX`` large."""
    wanted = OBJECT_PX / max(object_share, 1e-3)
    return round(min(max(wanted, SHORTEST_LONG_SIDE_PX), LONGEST_LONG_SIDE_PX))


def scale(image: Image.Image, object_share: float, zoom: float = 1.0) -> Image.Image:
    """The image as RGB in the size that the detector looks at it, a little stretched to fit."""
    ratio = zoom * long_side_px(object_share) / max(image.size)
    width, height = (
        max(1, round(side * ratio / INPUT_MULTIPLE_PX)) * INPUT_MULTIPLE_PX for side in image.size
    )
    return image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


def decode_boxes(encoded: Values, centres_px: Values, size_px: tuple[int, int]) -> Corners:
    """Corners as ratios, cut off at the image's edge, of boxes as a head answers them."""
    middles = centres_px + encoded[:, :2] * OBJECT_PX
    halves = np.exp(np.clip(encoded[:, 2:], -3, 3)) * OBJECT_PX / 2
    sides = np.array([*size_px, *size_px], dtype=np.float64)
    return np.clip(np.hstack([middles - halves, middles + halves]) / sides, 0.0, 1.0)


def melt(scores: Scores, boxes: Corners) -> list[tuple[int, float, Box]]:
    """Column, score and box of each thing: non-maximum suppression, whatever the label.

    A thing's box is the mean of the boxes that its cells say, the surer cells counting more.
    """
    best, columns = scores.max(axis=1), scores.argmax(axis=1)
    order = np.argsort(-best, kind="stable")
    order = order[best[order] > MINIMUM_SCORE]
    best, columns, boxes = best[order], columns[order], boxes[order]
    free = np.ones(len(order), dtype=bool)
    melted: list[tuple[int, float, Box]] = []
    for index in range(len(order)):
        if not free[index] or len(melted) >= MAXIMUM_CANDIDATES:
            continue
        alike = overlaps(boxes[index], boxes) > SAME_OBJECT_OVERLAP
        smaller = np.minimum(areas(boxes), areas(boxes[index : index + 1]))
        inside = shared_areas(boxes[index], boxes) > SAME_OBJECT_INSIDE * smaller
        members = alike & free
        free &= ~(alike | inside)
        free[index] = False
        if members.any():
            left, top, right, bottom = np.average(
                boxes[members], axis=0, weights=best[members] ** 2
            )
            box = Box(float(left), float(top), float(right - left), float(bottom - top))
            if box.width > 0 and box.height > 0:
                melted.append((int(columns[index]), float(best[index]), box))
    return melted


def sigmoid(values: npt.NDArray[np.floating]) -> Values:
    """From 0 to 1; of large numbers too."""
    result: Values = (1 / (1 + np.exp(-np.clip(values, -30, 30)))).astype(np.float32)
    return result


def _logit(scores: npt.NDArray[np.floating]) -> Scores:
    clipped = np.clip(scores.astype(np.float64), 1e-6, 1 - 1e-6)
    result: Scores = np.log(clipped / (1 - clipped))
    return result


def _fit_scaling(pairs: Sequence[tuple[Finding, bool]]) -> Scaling:
    """Platt scaling by Newton's method; as it comes without evidence."""
    if not pairs:
        return Scaling()
    scores = _logit(np.array([finding.confidence for finding, _ in pairs]))
    right = np.array([is_right for _, is_right in pairs])
    # Platt's targets: not 0 and 1, since few findings cannot prove so much.
    targets = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))
    slope, shift = 1.0, 0.0
    for _ in range(50):
        said = sigmoid(slope * scores + shift).astype(np.float64)
        weight = said * (1 - said) + 1e-6
        surplus = said - targets
        gradient = np.array([(surplus * scores).sum() + SLOPE_PRIOR * (slope - 1), surplus.sum()])
        cross = (weight * scores).sum()
        curvature = np.array(
            [
                [(weight * scores**2).sum() + SLOPE_PRIOR, cross],
                [cross, weight.sum() + 1e-3],
            ]
        )
        step = np.linalg.solve(curvature, gradient)
        slope -= float(np.clip(step[0], -1, 1))
        shift -= float(np.clip(step[1], -2, 2))
    return Scaling(max(slope, 0.05), shift)
