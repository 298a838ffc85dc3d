"""Thresholds that are fitted to other images than those that they are tried on."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from labelloop.domain import scoring
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.answers import Finding

FOLDS = 5
FEWEST_TO_FIT = 10
"""Of a label with fewer true ones, thresholds stay as they are."""


def folds(contents: Iterable[str]) -> dict[str, int]:
    """The fold of each image, by content: the same one for any order of the images."""
    return {content: at % FOLDS for at, content in enumerate(sorted(contents))}


def fitted(
    answered: Iterable[tuple[int, Annotation, Sequence[Finding]]],
    assumed: Mapping[str, float],
    model_type: ModelType,
) -> list[dict[str, float]]:
    """For each fold, the thresholds with the best F1 of each label on the images of the others.

    ``answered`` has each image's fold, its truth, and all that the version said of it.
    """
    said: defaultdict[str, list[tuple[float, bool, int]]] = defaultdict(list)
    there: defaultdict[str, list[int]] = defaultdict(lambda: [0] * FOLDS)
    for fold, truth, findings in answered:
        if model_type is ModelType.DETECTION:
            right = scoring.are_right(truth.boxes, findings)
            shown = Counter(box.label for box in truth.boxes)
        else:
            right = [finding.label in truth.labels for finding in findings]
            shown = Counter(truth.labels)
        for label, count in shown.items():
            there[label][fold] += count
        for finding, is_right in zip(findings, right, strict=True):
            said[finding.label].append((finding.confidence, is_right, fold))
    for of_label in said.values():
        of_label.sort(key=lambda entry: -entry[0])
    thresholds = []
    for fold in range(FOLDS):
        fitted = dict(assumed)
        for label, of_label in said.items():
            true = sum(there[label]) - there[label][fold]
            if true >= FEWEST_TO_FIT:
                others = [(confidence, right) for confidence, right, at in of_label if at != fold]
                fitted[label] = _best_threshold(others, true, assumed.get(label))
        thresholds.append(fitted)
    return thresholds


def _best_threshold(said: Sequence[tuple[float, bool]], true: int, assumed: float | None) -> float:
    """The confidence from which on F1 is best, of what was said in falling order of confidence.

    Of equally good ones the nearest to the assumed threshold. Between two confidences it is their
    middle: on other images neither is met exactly.
    """
    best, middle_of_best = -1.0, scoring.UNKNOWN_THRESHOLD
    near = scoring.UNKNOWN_THRESHOLD if assumed is None else assumed
    right = 0
    for count, (confidence, is_right) in enumerate(said, start=1):
        right += is_right
        following = said[count][0] if count < len(said) else 0.0
        if following == confidence:
            continue
        f1 = 2 * right / (count + true)
        middle = (confidence + following) / 2
        if f1 > best or (f1 == best and abs(middle - near) < abs(middle_of_best - near)):
            best, middle_of_best = f1, middle
    return middle_of_best
