"""What a version said of its test images, from the snapshot that the service writes, line by line.

A test set has up to 250,000 images.
https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/im-evaluation-manifest-snapshot-api.html
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Finding
from labelloop.domain.labels import composed
from labelloop.domain.scoring import UNKNOWN_THRESHOLD
from labelloop.errors import UNREADABLE, InconsistentError

Json = dict[str, Any]

MOST_FINDINGS = 60
"""Of an answer, the surest are kept; a model may know 250 labels."""
_EVALUATION_DETAILS = "rekognition-custom-labels-evaluation-details"
# "…-evaluation-0" in one page of the guide, "…-evaluation" in another.
_EVALUATION = re.compile(r"rekognition-custom-labels-evaluation(-\d+)?-metadata")
# The service names what it trained on so; our own attribute may stand beside it.
_TRUTHS = (
    re.compile(r"rekognition-custom-labels-training(-\d+)?-metadata"),
    re.compile(r"(label|bounding-box)(-\d+)?-metadata"),
)


@dataclass(frozen=True, slots=True)
class TestedImage:
    """What a model found in one test image, the surest first."""

    key: str
    truth: Annotation | None
    """What the image shows, by the snapshot itself; None where it does not say so."""
    found: tuple[Finding, ...]
    said: tuple[Finding, ...] = ()
    """All that the snapshot has of it, what is under the assumed thresholds too."""

    @property
    def labels(self) -> frozenset[str]:
        """The labels that it found."""
        return frozenset(finding.label for finding in self.found)


def read_snapshot(
    lines: Iterable[bytes], model_type: ModelType, thresholds: Mapping[str, float]
) -> Iterator[TestedImage]:
    """What a version found in its test images, in either documented form, line by line.

    A classification model found the label that it is surest of; the others found what the service
    calls positive, or, where it does not say, what reaches its label's assumed threshold. A line
    without an evaluation of this type of model is passed over. Raises InconsistentError for a line
    that cannot be read.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            if model_type is ModelType.DETECTION:
                image = _tested_boxes(entry, thresholds)
            else:
                image = _tested_labels(entry, model_type, thresholds)
        except UNREADABLE as error:
            raise InconsistentError(
                f"Line {number} of an evaluation snapshot cannot be read: {error!r}"
            ) from error
        if image:
            yield image


def _tested_labels(
    entry: Json, model_type: ModelType, thresholds: Mapping[str, float]
) -> TestedImage | None:
    told = [metadata for _, metadata in _groups(entry, _EVALUATION) if "class-name" in metadata]
    if not told:
        return None
    told.sort(key=lambda metadata: (-_confidence(metadata), metadata["class-name"]))
    said = [Finding(composed(metadata["class-name"]), _confidence(metadata)) for metadata in told]
    if model_type is ModelType.CLASSIFICATION:
        found = said[:1]
    else:
        found = [
            finding
            for finding, metadata in zip(said, told, strict=True)
            if _is_positive(metadata, thresholds.get(finding.label))
        ]
    truths = (
        {
            composed(metadata["class-name"])
            for _, metadata in _groups(entry, kind)
            if "class-name" in metadata
        }
        for kind in _TRUTHS
    )
    labels = next((labels for labels in truths if labels), None)
    truth = Annotation.of_labels(labels) if labels else None
    return TestedImage(_key(entry["source-ref"]), truth, tuple(found), tuple(said[:MOST_FINDINGS]))


def _tested_boxes(entry: Json, thresholds: Mapping[str, float]) -> TestedImage | None:
    groups = [group for group in _groups(entry, _EVALUATION) if "class-map" in group[1]]
    if not groups:
        return None
    said = [
        (
            Finding(box.label, _confidence(described), box),
            _is_positive(described, thresholds.get(box.label)),
        )
        for name, metadata in groups
        for box, described in zip(_boxes(entry[name], metadata), metadata["objects"], strict=True)
    ]
    said.sort(key=lambda each: (-each[0].confidence, each[0].label))
    return TestedImage(
        _key(entry["source-ref"]),
        _true_boxes(entry),
        tuple(finding for finding, is_positive in said if is_positive),
        tuple(finding for finding, _ in said[:MOST_FINDINGS]),
    )


def _true_boxes(entry: Json) -> Annotation | None:
    for kind in _TRUTHS:
        groups = [group for group in _groups(entry, kind) if "class-map" in group[1]]
        if groups:
            boxes = [box for name, metadata in groups for box in _boxes(entry[name], metadata)]
            size = entry[groups[0][0]]["image_size"][0]
            return Annotation.of_boxes(boxes, (size["width"], size["height"]))
    return None


def _groups(entry: Json, kind: re.Pattern[str]) -> list[tuple[str, Json]]:
    """The names and metadata of the attributes of a kind."""
    return [
        (name.removesuffix("-metadata"), metadata)
        for name, metadata in entry.items()
        if kind.fullmatch(name)
    ]


def _boxes(content: Json, metadata: Json) -> list[Box]:
    labels = metadata["class-map"]
    return [
        Box(
            composed(labels[str(annotation["class_id"])]),
            annotation["left"],
            annotation["top"],
            annotation["width"],
            annotation["height"],
        )
        for annotation in content["annotations"]
    ]


def _is_positive(described: Json, threshold: float | None) -> bool:
    """Whether a label or box counts as found, rightly or wrongly."""
    details = described.get(_EVALUATION_DETAILS) or {}
    flags = [details.get("is-true-positive"), details.get("is-false-positive")]
    if any(flag is not None for flag in flags):
        return any(flags)
    return _confidence(described) >= (UNKNOWN_THRESHOLD if threshold is None else threshold)


def _confidence(described: Json) -> float:
    return float(described.get("confidence", 0.0))


def _key(source_ref: str) -> str:
    """The key in ``s3://bucket/key``: all images of a dataset are in one bucket, ours."""
    return source_ref.removeprefix("s3://").split("/", 1)[1]
