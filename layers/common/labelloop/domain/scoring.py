"""How right a version's answer about one image is, from 0 to 1.

The score follows ``Evaluation-Metric``, image by image, so that two versions can be compared on the
same images, in pairs:

    classification   right or wrong, by the surest label; with one label on either side, F1,
                     precision and recall of an image are all the same
    multi-label      F1, precision or recall of the image's labels
    detection        the same of its boxes; a box is right that overlaps a true box of its label by
                     half or more (shared area by the area of both)

Found and there nothing: 1. Nothing found of something, or something where nothing is: 0.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Literal

from labelloop.domain.annotations import Annotation, Box, ModelType, overlap
from labelloop.domain.answers import Finding

Metric = Literal["f1", "precision", "recall"]
METRICS: tuple[Metric, ...] = ("f1", "precision", "recall")

UNKNOWN_THRESHOLD = 0.5
"""The assumed threshold of a label for which the summary names none."""
_OVERLAP = 0.5


def found(
    findings: Sequence[Finding], model_type: ModelType, thresholds: Mapping[str, float]
) -> tuple[Finding, ...]:
    """What counts as found of all that a version said, which has the surest first.

    A classification model finds the label that it is surest of; the others find what reaches its
    label's assumed threshold.
    """
    if model_type is ModelType.CLASSIFICATION:
        return tuple(findings[:1])
    return tuple(
        finding
        for finding in findings
        if finding.confidence >= thresholds.get(finding.label, UNKNOWN_THRESHOLD)
    )


def score(
    truth: Annotation, what: Sequence[Finding], model_type: ModelType, metric: Metric = "f1"
) -> Fraction:
    """How right the findings are, from 0 to 1."""
    if model_type is ModelType.DETECTION:
        return ratio(sum(are_right(truth.boxes, what)), len(what), len(truth.boxes), metric)
    labels = {finding.label for finding in what}
    right = len(labels.intersection(truth.labels))
    return ratio(right, len(labels), len(truth.labels), metric)


@cache
def ratio(right: int, said: int, there: int, metric: Metric) -> Fraction:
    """How much was right of what was said and what there was.

    There are few different ones, so that each is made once.
    """
    if not said and not there:
        return Fraction(1)
    both = {"f1": said + there, "precision": 2 * said, "recall": 2 * there}[metric]
    return Fraction(2 * right, both) if both else Fraction(0)


def of_label(
    label: str, truth: Annotation, what: Sequence[Finding], model_type: ModelType
) -> Fraction | None:
    """How right the findings are about one label; None where it is neither there nor found.

    Of a classification model only images of the label say something: one that is taken for it is
    wrong about its own label.
    """
    if model_type is ModelType.CLASSIFICATION:
        return score(truth, what, model_type) if label in truth.labels else None
    only = truth.only({label})
    said = [finding for finding in what if finding.label == label]
    if not only.labels and not said:
        return None
    return score(only, said, model_type)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one label: how many labels of images, or boxes, were found rightly, found, and there."""

    right: int
    found: int
    there: int

    def ratio(self, metric: Metric) -> tuple[int, int]:
        """The figure of this name, as a part and a whole."""
        if metric == "f1":
            return 2 * self.right, self.found + self.there
        return self.right, self.found if metric == "precision" else self.there

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.right + other.right, self.found + other.found, self.there + other.there)


_NO_COUNTS = Counts(0, 0, 0)


def together(images: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
    """What images count for together, by label."""
    totals: dict[str, Counts] = {}
    for image in images:
        for label, of_label in image.items():
            totals[label] = totals.get(label, _NO_COUNTS) + of_label
    return totals


def counts(truth: Annotation, what: Sequence[Finding], model_type: ModelType) -> dict[str, Counts]:
    """What one image counts for, by each label that is there or found."""
    if model_type is ModelType.DETECTION:
        is_right = are_right(truth.boxes, what)
        there = Counter(box.label for box in truth.boxes)
    else:
        is_right = [finding.label in truth.labels for finding in what]
        there = Counter(truth.labels)
    found = Counter(finding.label for finding in what)
    right = Counter(finding.label for finding, so in zip(what, is_right, strict=True) if so)
    labels = sorted(there.keys() | found.keys())
    return {label: Counts(right[label], found[label], there[label]) for label in labels}


def are_right(truths: Sequence[Box], what: Sequence[Finding]) -> list[bool]:
    """Which findings overlap a true box of their label by half or more.

    Each true box is found once: the surest finding takes the one that it overlaps most.
    """
    free = list(truths)
    right = []
    for finding in what:
        rivals = [
            (overlap(box, finding.box), -position)
            for position, box in enumerate(free)
            if finding.box and box.label == finding.label
        ]
        shared, position = max(rivals, default=(0.0, 0))
        right.append(shared >= _OVERLAP)
        if right[-1]:
            del free[-position]
    return right
