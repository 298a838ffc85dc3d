"""Judges a trained model by its test images, as Custom Labels does.

Called once a model is trained, and by ``detection_evaluation``. Confidences and thresholds are
0 to 1. A label's assumed threshold is where its F1 on the test images is best.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labelvision.boxes import Box

Confidences = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# On a handful of test images the best point may lie at any confidence, and a threshold of 0 or 1
# would give every label or none from then on.
LOWEST_THRESHOLD, HIGHEST_THRESHOLD = 0.1, 0.9
UNTESTED_THRESHOLD = 0.5


class Verdict(NamedTuple):
    """What the model said about a label of an image, or about one box, and whether that is so."""

    label: str
    confidence: float
    is_present: bool
    """Whether it is in the ground truth."""
    is_predicted: bool
    """Whether the confidence reaches the label's assumed threshold."""
    box: Box | None = None


@dataclass(frozen=True)
class LabelResult:
    """How well one label is told from the others, at its assumed threshold."""

    label: str
    test_images: int
    threshold: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Evaluation:
    """A model's results; those over all labels are means of the labels that have test images."""

    labels: tuple[str, ...]
    results: tuple[LabelResult, ...]
    confusion: Mapping[tuple[str, str], float] | None = None
    """Only of models that give an image one label."""
    average_precision: float | None = None
    average_recall: float | None = None
    """Only of models that give boxes."""

    @property
    def tested(self) -> list[LabelResult]:
        return [result for result in self.results if result.test_images]

    @property
    def precision(self) -> float:
        return float(np.mean([result.precision for result in self.tested]))

    @property
    def recall(self) -> float:
        return float(np.mean([result.recall for result in self.tested]))

    @property
    def f1(self) -> float:
        return float(np.mean([result.f1 for result in self.tested]))

    @property
    def thresholds(self) -> dict[str, float]:
        return {result.label: result.threshold for result in self.results}


def evaluate(labels: Sequence[str], truths: Sequence[str], confidences: Confidences) -> Evaluation:
    """The results on test images labelled ``truths``, with a row of confidences for each."""
    results = evaluate_sets(labels, [{truth} for truth in truths], confidences).results
    return Evaluation(tuple(labels), results, _confusion(labels, truths, confidences))


def evaluate_sets(
    labels: Sequence[str], truths: Sequence[Collection[str]], confidences: Confidences
) -> Evaluation:
    """The results on test images that may show several labels each, or none."""
    results = []
    for column, label in enumerate(labels):
        is_label = np.array([label in truth for truth in truths], dtype=bool)
        results.append(judge_label(label, is_label, confidences[:, column], int(is_label.sum())))
    return Evaluation(tuple(labels), tuple(results))


def judge_label(
    label: str, is_label: Flags, confidences: Confidences, test_images: int
) -> LabelResult:
    """The result of one label on cases that are, or are not, of that label."""
    threshold = _assumed_threshold(is_label, confidences) if test_images else UNTESTED_THRESHOLD
    precision, recall, f1 = _scores(is_label, confidences >= threshold)
    return LabelResult(label, test_images, threshold, precision, recall, f1)


def _assumed_threshold(is_label: Flags, confidences: Confidences) -> float:
    """The point of best F1, halfway between two confidences; of equals, the one nearest 0.5."""
    seen = np.unique(np.concatenate([confidences, [LOWEST_THRESHOLD, HIGHEST_THRESHOLD]]))
    between = (seen[:-1] + seen[1:]) / 2
    allowed = (between >= LOWEST_THRESHOLD) & (between <= HIGHEST_THRESHOLD)
    candidates = [
        LOWEST_THRESHOLD,
        *(float(point) for point in between[allowed]),
        HIGHEST_THRESHOLD,
    ]

    def merit(threshold: float) -> tuple[float, float]:
        _, _, f1 = _scores(is_label, confidences >= threshold)
        return round(f1, 9), -abs(threshold - 0.5)

    return max(candidates, key=merit)


def _scores(is_label: Flags, is_predicted: Flags) -> tuple[float, float, float]:
    """Precision, recall and F1, each 0 when there is nothing to divide by."""
    right = int((is_label & is_predicted).sum())
    predicted, actual = int(is_predicted.sum()), int(is_label.sum())
    precision = right / predicted if predicted else 0.0
    recall = right / actual if actual else 0.0
    f1 = 2 * right / (predicted + actual) if predicted + actual else 0.0
    return precision, recall, f1


def _confusion(
    labels: Sequence[str], truths: Sequence[str], confidences: Confidences
) -> dict[tuple[str, str], float]:
    """The share of each label's test images for which each label was the surest."""
    predictions = [labels[column] for column in confidences.argmax(axis=1)]
    images = Counter(truths)
    pairs = Counter(zip(truths, predictions, strict=True))
    return {pair: count / images[pair[0]] for pair, count in sorted(pairs.items())}
