"""Jobs of SageMaker Ground Truth: what goes in, and what comes out to train on.

Formats: https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.domain.annotations import ModelType
from labelloop.domain.human_loops import NONE_OF_THE_ABOVE
from labelloop.errors import InvalidRequestError

FOLDER = "manifests/labeling/"
IMPORTED_FOLDER = "manifests/imported/labeling/"
ATTRIBUTE = "label"
DETECTION = "label-loop-detection"
"""In a line, the name of the image's record: a job copies what it does not know."""
MOST_LABELS = 50
_SURE = 0.5
"""Of several labels, those stand whose confidence is above it."""

_TASKS = {
    ModelType.CLASSIFICATION: "ImageMultiClass",
    ModelType.MULTI_LABEL: "ImageMultiClassMultiLabel",
    ModelType.DETECTION: "BoundingBox",
}
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HumanTaskConfig.html
_ACCOUNTS = {
    "ap-northeast-1": "477331159723",
    "ap-northeast-2": "845288260483",
    "ap-south-1": "565803892007",
    "ap-southeast-1": "377565633583",
    "ap-southeast-2": "454466003867",
    "ca-central-1": "918755190332",
    "eu-central-1": "203001061592",
    "eu-west-1": "568282634449",
    "eu-west-2": "487402164563",
    "us-east-1": "432418664414",
    "us-east-2": "266458841044",
    "us-west-2": "081040173940",
}


@dataclass(frozen=True)
class Job:
    """A labelling job and its files."""

    name: str

    @property
    def folder(self) -> str:
        """Where all of it is."""
        return f"{FOLDER}{self.name}/"

    @property
    def input_manifest(self) -> str:
        """One line an image."""
        return f"{self.folder}input.manifest"

    @property
    def labels(self) -> str:
        """What workers may choose."""
        return f"{self.folder}labels.json"

    @property
    def page(self) -> str:
        """What workers see."""
        return f"{self.folder}page.liquid.html"

    @property
    def imported(self) -> str:
        """Where the next training finds what the workers said."""
        return f"{IMPORTED_FOLDER}{self.name}.manifest"


def job(prefix: str, detections: Sequence[str]) -> Job:
    """The job about these images: always the same for the same ones."""
    digest = hashlib.sha256("\n".join(sorted(detections)).encode()).hexdigest()
    return Job(f"{prefix}-{digest[:16]}")


def prefix_of(flow_definition_arn: str) -> str:
    """What the names of all that the stack has in SageMaker begin with."""
    return flow_definition_arn.rsplit("/", 1)[-1].rsplit("-", 1)[0]


def lambda_arns(region: str, model_type: ModelType) -> tuple[str, str]:
    """Ground Truth's own functions before and after a worker's task.

    Raises InvalidRequestError for a Region that has none.
    """
    if region not in _ACCOUNTS:
        raise InvalidRequestError(f"Ground Truth has no functions for images in {region}.")
    arn = f"arn:aws:lambda:{region}:{_ACCOUNTS[region]}:function"
    return f"{arn}:PRE-{_TASKS[model_type]}", f"{arn}:ACS-{_TASKS[model_type]}"


def categories(labels: Sequence[str], model_type: ModelType) -> dict[str, Any]:
    """The label category file: who draws boxes draws none where there is nothing, others say so.

    Raises InvalidRequestError where there are none or too many.
    """
    none = [] if model_type is ModelType.DETECTION else [NONE_OF_THE_ABOVE]
    if not 0 < len(labels) <= MOST_LABELS - len(none):
        raise InvalidRequestError(
            f"A labelling job takes 1 to {MOST_LABELS - len(none)} labels, and there are "
            f"{len(labels)}."
        )
    return {
        "document-version": "2018-11-28",
        "labels": [{"label": label} for label in [*labels, *none]],
    }


def input_line(uri: str, detection: str) -> str:
    """The line of an input manifest about an image."""
    return json.dumps({"source-ref": uri, DETECTION: detection}, ensure_ascii=False)


def detections_in(lines: Iterable[bytes]) -> list[str]:
    """The records that the lines of a manifest are about."""
    return [str(json.loads(line)[DETECTION]) for line in lines if line.strip()]


@dataclass(frozen=True)
class Labelled:
    """What has come out of a job."""

    lines: list[str]
    """What trains."""
    detections: list[str]
    """The images that workers have said something about, nothing that trains included."""


def labelled(output: Iterable[bytes]) -> Labelled:
    """What workers said, by the lines of a job's output manifest."""
    lines, detections = [], []
    for line in output:
        if not line.strip():
            continue
        content = _weighed(json.loads(line))
        metadata = content.get(f"{ATTRIBUTE}-metadata", {})
        if ATTRIBUTE not in content or "failure-reason" in metadata:
            continue
        detections.append(str(content[DETECTION]))
        if content[ATTRIBUTE] != [] and NONE_OF_THE_ABOVE not in _labels(metadata):
            kept = {name: value for name, value in content.items() if name != DETECTION}
            lines.append(json.dumps(kept, ensure_ascii=False))
    return Labelled(lines, detections)


def _weighed(content: dict[str, Any]) -> dict[str, Any]:
    """A line without the labels that Ground Truth doubts.

    Of several labels it gives all that any worker chose, and weighs them in the confidences alone.
    Those are all 0 where one worker was asked.
    """
    metadata = content.get(f"{ATTRIBUTE}-metadata", {})
    confidences: Mapping[str, float] = metadata.get("confidence-map", {})
    if not any(confidences.values()):
        return content
    sure = {number for number, confidence in confidences.items() if confidence > _SURE}
    names = {number: name for number, name in metadata["class-map"].items() if number in sure}
    return {
        **content,
        ATTRIBUTE: [number for number in content[ATTRIBUTE] if str(number) in sure],
        f"{ATTRIBUTE}-metadata": {
            **metadata,
            "class-map": names,
            "confidence-map": {number: confidences[number] for number in names},
        },
    }


def _labels(metadata: Mapping[str, Any]) -> set[str]:
    return {str(metadata.get("class-name", "")), *metadata.get("class-map", {}).values()}
