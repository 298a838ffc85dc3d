"""Files of the service's evaluation, and what is read of them, that several tests look at."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labelloop.domain import evaluation_snapshot, examination, version_figures
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import Case
from labelloop.domain.manifests import SplitImage
from labelloop.domain.origins import LogShares
from labelloop.domain.splits import Split

Json = dict[str, Any]
CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType
EVALUATION = "rekognition-custom-labels-evaluation"
TRAINING = "rekognition-custom-labels-training"


def snapshot_line(
    source: str,
    truths: Sequence[str],
    said: Sequence[tuple[Any, ...]],
    suffix: str = "-0",
) -> bytes:
    """A line of a snapshot; what was said may have the name of the flag that is true for it."""
    entry: Json = {"source-ref": source}
    for number, label in enumerate(truths):
        entry[f"{TRAINING}-{number}"] = 1
        entry[f"{TRAINING}-{number}-metadata"] = {"class-name": label, "confidence": 1.0}
    for position, (label, confidence, *flags) in enumerate(said):
        name = EVALUATION + (suffix if position == 0 else f"-{position}")
        details = {f"is-{flag}": flag in flags for flag in ("true-positive", "false-positive")}
        entry[name] = 1
        entry[f"{name}-metadata"] = {"class-name": label, "confidence": confidence} | (
            {f"{EVALUATION}-details": details} if flags else {}
        )
    return json.dumps(entry).encode()


def read(
    lines: Iterable[bytes],
    model_type: ModelType = CLASSIFICATION,
    thresholds: Mapping[str, float] | None = None,
) -> list[evaluation_snapshot.TestedImage]:
    return list(evaluation_snapshot.read_snapshot(lines, model_type, thresholds or {}))


def indexed(
    key: str, content: str, labels: str | list[str], split: Split = Split.TEST
) -> SplitImage:
    names = [labels] if isinstance(labels, str) else labels
    return SplitImage(key, "etag", content, split, Annotation.of_labels(names))


def looked_at(
    key: str, found: str | None, truth: str = "cat", confidence: float = 0.8
) -> evaluation_snapshot.TestedImage:
    findings = (Finding(found, confidence),) if found else ()
    return evaluation_snapshot.TestedImage(key, Annotation.of_labels([truth]), findings, findings)


def examine(
    images: Iterable[evaluation_snapshot.TestedImage],
    index: Iterable[SplitImage] = (),
    model_type: ModelType = CLASSIFICATION,
) -> examination.Examined:
    return examination.examine(images, model_type, examination.test_images(index))


def figures(cases: Sequence[Case], found: str, shares: LogShares) -> version_figures.Figures:
    """Of a model that found these letters' labels, c for cat and d for dog."""
    names = {"c": "cat", "d": "dog"}
    said = {
        case.content: Answer(case.content, (Finding(names[letter], 0.8),), complete=True)
        for case, letter in zip(cases, found, strict=True)
    }
    return version_figures.figures(
        cases,
        said,
        {},
        model_type=CLASSIFICATION,
        metric="f1",
        shares=shares,
        is_accepted=lambda answer: answer.findings[0].label == "cat",
    )


def a_box(label: str, left: int = 10, top: int = 10, width: int = 20, height: int = 20) -> Box:
    return Box(label, left, top, width, height)
