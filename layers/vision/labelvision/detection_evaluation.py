"""Judges a detection model by its test images.

A finding is right when it has its label and overlaps a true box of that label by half or more,
each true box being found once: by its surest finding. Called by ``localization``.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from labelvision.boxes import Finding, LabelledRegion, corners, overlaps
from labelvision.evaluation import Evaluation, Verdict, judge_label

RIGHT_OVERLAP = 0.5
# The confidence of a true box that was not found: under every threshold.
MISSED = 0.0

Truths = Sequence[LabelledRegion]


def are_right(findings: Sequence[Finding], truths: Truths) -> list[bool]:
    """Which of an image's findings are right; they must come with the surest first."""
    right, _ = _match(findings, truths)
    return right


def verdicts(
    findings: Sequence[Finding], truths: Truths, thresholds: dict[str, float]
) -> list[Verdict]:
    """On each finding of an image, and then on each true box that was not found."""
    right, missed = _match(findings, truths)
    judged = [
        Verdict(
            finding.label,
            finding.confidence,
            is_right,
            finding.confidence >= thresholds[finding.label],
            finding.box,
        )
        for finding, is_right in zip(findings, right, strict=True)
    ]
    unseen = [Verdict(truth.label, MISSED, True, False, truth.box) for truth in missed]
    return judged + unseen


def evaluate(
    labels: Sequence[str], findings: Sequence[Sequence[Finding]], truths: Sequence[Truths]
) -> Evaluation:
    """The results on test images; a model's candidates and what is true, image by image."""
    cases: dict[str, list[tuple[float, bool]]] = {label: [] for label in labels}
    for of_image, true_of_image in zip(findings, truths, strict=True):
        right, missed = _match(of_image, true_of_image)
        for finding, is_right in zip(of_image, right, strict=True):
            cases[finding.label].append((finding.confidence, is_right))
        for truth in missed:
            cases.setdefault(truth.label, []).append((MISSED, True))
    results, precisions, recalls = [], [], []
    for label in labels:
        shown = sum(any(truth.label == label for truth in of_image) for of_image in truths)
        confidences = np.array([confidence for confidence, _ in cases[label]], dtype=np.float64)
        is_label = np.array([is_right for _, is_right in cases[label]], dtype=bool)
        results.append(judge_label(label, is_label, confidences, shown))
        if shown:
            precisions.append(_average_precision(is_label, confidences))
            recalls.append(float((confidences[is_label] > MISSED).mean()))
    return Evaluation(
        tuple(labels),
        tuple(results),
        average_precision=float(np.mean(precisions)),
        average_recall=float(np.mean(recalls)),
    )


def _match(findings: Sequence[Finding], truths: Truths) -> tuple[list[bool], list[LabelledRegion]]:
    """Which findings are right, and the truths that none of them found."""
    free = list(truths)
    right = []
    for finding in findings:
        rivals = [truth for truth in free if truth.label == finding.label]
        is_right = False
        if rivals and finding.box:
            overlap = overlaps(corners([finding.box])[0], corners([truth.box for truth in rivals]))
            best = int(overlap.argmax())
            is_right = bool(overlap[best] >= RIGHT_OVERLAP)
            if is_right:
                free.remove(rivals[best])
        right.append(is_right)
    return right, free


def _average_precision(
    is_label: npt.NDArray[np.bool_], confidences: npt.NDArray[np.float64]
) -> float:
    """The area under the curve of precision over recall, at an overlap of a half.

    Truths that were not found are among the cases, with no confidence.
    """
    found = confidences > MISSED
    order = np.argsort(-confidences[found], kind="stable")
    right = is_label[found][order].cumsum()
    precision = right / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    gained = np.diff(right, prepend=0)
    return float((envelope * gained).sum() / is_label.sum())
