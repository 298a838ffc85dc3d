"""The lines of the evaluation manifest snapshots: each image, its truth, and the model's verdicts.

Called by ``classification`` and ``localization`` once a model is trained and tested.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from labelvision.boxes import Box
from labelvision.evaluation import Verdict
from local.rekognition.annotations import CLASSIFICATION_TYPE, DETECTION_TYPE

Json = dict[str, Any]

TRAINING_JOB = "rekognition-custom-labels-training-job"
EVALUATION_JOB = "rekognition-custom-labels-evaluation-job"
TRAINING_ATTRIBUTE = "rekognition-custom-labels-training"
EVALUATION_ATTRIBUTE = "rekognition-custom-labels-evaluation"
EVALUATION_DETAILS = "rekognition-custom-labels-evaluation-details"


def labels_line(source_ref: str, labels: Iterable[str], written_at: float) -> Json:
    """An image and the labels it was trained, or tested, with."""
    line: Json = {"source-ref": source_ref}
    for number, label in enumerate(labels):
        line[f"{TRAINING_ATTRIBUTE}-{number}"] = 1
        line[f"{TRAINING_ATTRIBUTE}-{number}-metadata"] = {
            "confidence": 1.0,
            "job-name": TRAINING_JOB,
            "class-name": label,
            "human-annotated": "yes",
            "creation-date": iso_time(written_at),
            "type": CLASSIFICATION_TYPE,
        }
    return line


def judged_labels_line(
    source_ref: str, labels: Iterable[str], verdicts: Iterable[Verdict], written_at: float
) -> Json:
    """A test image with the verdict on every label.

    The labels are numbered from the most confident, as ``-evaluation-0``, ``-evaluation-1``, ...
    """
    line = labels_line(source_ref, labels, written_at)
    ranked = sorted(verdicts, key=lambda verdict: -verdict.confidence)
    for rank, verdict in enumerate(ranked):
        line[f"{EVALUATION_ATTRIBUTE}-{rank}"] = 1
        line[f"{EVALUATION_ATTRIBUTE}-{rank}-metadata"] = {
            "confidence": verdict.confidence,
            "job-name": EVALUATION_JOB,
            "class-name": verdict.label,
            "human-annotated": "no",
            "creation-date": iso_time(written_at),
            "type": CLASSIFICATION_TYPE,
            EVALUATION_DETAILS: _details(verdict),
        }
    return line


def boxes_line(
    source_ref: str,
    boxes: Sequence[tuple[str, Box]],
    size_px: tuple[int, int],
    labels: Sequence[str],
    written_at: float,
) -> Json:
    """An image and the boxes it was trained, or tested, with."""
    attribute = f"{TRAINING_ATTRIBUTE}-0"
    objects = [{"confidence": 1.0} for _ in boxes]
    return {
        "source-ref": source_ref,
        attribute: _annotations(boxes, size_px, labels),
        f"{attribute}-metadata": {
            "job-name": TRAINING_JOB,
            "class-map": _class_map(labels),
            "human-annotated": "yes",
            "objects": objects,
            "creation-date": iso_time(written_at),
            "type": DETECTION_TYPE,
        },
    }


def judged_boxes_line(
    source_ref: str,
    boxes: Sequence[tuple[str, Box]],
    size_px: tuple[int, int],
    labels: Sequence[str],
    *,
    verdicts: Sequence[Verdict],
    written_at: float,
) -> Json:
    """A test image with all boxes that were found or missed, the surest first.

    The guide's example of a detection model has no number at the evaluation's name.
    """
    line = boxes_line(source_ref, boxes, size_px, labels, written_at)
    ranked = sorted(verdicts, key=lambda verdict: -verdict.confidence)
    found = [(verdict.label, verdict.box) for verdict in ranked if verdict.box]
    line[EVALUATION_ATTRIBUTE] = _annotations(found, size_px, labels)
    line[f"{EVALUATION_ATTRIBUTE}-metadata"] = {
        # In the guide's example it is that of the surest box.
        "confidence": ranked[0].confidence if ranked else 0.0,
        "job-name": EVALUATION_JOB,
        "class-map": _class_map(labels),
        "human-annotated": "no",
        "objects": [
            {"confidence": verdict.confidence, EVALUATION_DETAILS: _details(verdict)}
            for verdict in ranked
        ],
        "creation-date": iso_time(written_at),
        "type": DETECTION_TYPE,
    }
    return line


def iso_time(epoch_s: float) -> str:
    """The time in UTC, without a zone, as the service's files have it."""
    return datetime.fromtimestamp(epoch_s, UTC).replace(tzinfo=None).isoformat("T", "microseconds")


def _annotations(
    boxes: Sequence[tuple[str, Box]], size_px: tuple[int, int], labels: Sequence[str]
) -> Json:
    width_px, height_px = size_px
    return {
        "image_size": [{"width": width_px, "height": height_px, "depth": 3}],
        "annotations": [
            {
                "class_id": labels.index(label),
                "left": round(box.left * width_px),
                "top": round(box.top * height_px),
                "width": round(box.width * width_px),
                "height": round(box.height * height_px),
            }
            for label, box in boxes
        ],
    }


def _class_map(labels: Sequence[str]) -> Mapping[str, str]:
    return {str(number): label for number, label in enumerate(labels)}


def _details(verdict: Verdict) -> Json:
    present, predicted = verdict.is_present, verdict.is_predicted
    return {
        "version": 1,
        "ground-truth-labelling-jobs": [TRAINING_JOB],
        "is-true-positive": present and predicted,
        "is-true-negative": not present and not predicted,
        "is-false-positive": not present and predicted,
        "is-false-negative": present and not predicted,
        "is-present-in-ground-truth": present,
    }
