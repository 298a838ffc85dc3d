"""DetectLabels: ask the model what is in an image, and write it into the inference log, once.

Invoked by  statemachine/detection.asl.yaml, state ``DetectLabels``
Raises      ThrottledError       an outcome that the dispatcher sees; nothing hides it by retrying
            ServiceFailedError   retried by the state machine
            InvalidRequestError  caught: the event is none of an image
Idempotent  yes; the record's key is the object version, and a second call goes on from the first's
            record
"""

from typing import Any

from pydantic import Field

from labelloop import clock
from labelloop.aws import detections, model_registry, parameters, rekognition
from labelloop.aws.wiring import wiring
from labelloop.domain import messages
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import (
    Label,
    Outcome,
    decide,
    detection_id,
    human_loop_name,
    surest_that_fit,
    wants_message,
)
from labelloop.domain.images import ImageObject, refusal
from labelloop.domain.messages import DetectionResult
from labelloop.domain.parameters import OperatorSettings
from labelloop.entrypoint import Invocation, Strict, Tolerant, task
from labelloop.errors import (
    InvalidImageError,
    ModelNotReadyError,
    NotFoundError,
    ObjectUnreadableError,
)
from labelloop.settings import Variable

MOST_BYTES_OF_LABELS = 300_000
"""Of the 400 KB that DynamoDB's items may have."""


class _Bucket(Tolerant):
    name: str


class _Object(Tolerant):
    key: str
    size: int = 0
    etag: str = ""
    version_id: str | None = Field(None, alias="version-id")


class _Detail(Tolerant):
    bucket: _Bucket
    object: _Object
    again: bool = False
    """Whether the image may have been detected before."""


class Input(Tolerant):
    """The part of S3's "Object Created" event that detection reads. The key is not URL-encoded."""

    detail: _Detail

    def image(self) -> ImageObject:
        """The object version that the event is about."""
        found = self.detail.object
        return ImageObject(
            self.detail.bucket.name, found.key, found.version_id, found.etag, found.size
        )


class Output(Strict):
    """What became of the image, and the message about it if there shall be one."""

    detection_id: str
    outcome: Outcome
    human_loop: str | None
    version: str | None
    notify: bool
    subject: str
    message: str
    filter_label: str
    """This and the next two are what subscribers may filter messages by; never empty."""
    filter_confidence: str
    filter_version: str


@task
def lambda_handler(event: Input, invocation: Invocation) -> Output:
    """Detect, decide, record; the record that counts is the first one."""
    image = event.image()
    detection = detection_id(image)
    settings = parameters.settings()
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    record = _recorded(detection) if event.detail.again else None
    if record is None:
        record = _record(image, model_type, settings, invocation)
    result = _result(image, model_type, record)
    message = messages.detection_result(result)
    return Output(
        detection_id=detection,
        outcome=result.outcome,
        human_loop=result.human_loop,
        version=result.version,
        notify=wants_message(result.outcome, settings.notifications),
        subject=message.subject,
        message=message.as_json(),
        filter_label=messages.filter_label(result),
        filter_confidence=messages.filter_confidence(result),
        filter_version=messages.filter_version(result),
    )


def _recorded(detection: str) -> detections.Record | None:
    """What is in the log of an image that has its result; nothing, and it is looked at."""
    try:
        record = detections.get(detection)
    except NotFoundError:
        return None
    return None if record["outcome"] == Outcome.WAITING else record


def _record(
    image: ImageObject, model_type: ModelType, settings: OperatorSettings, invocation: Invocation
) -> detections.Record:
    """Look at the image, and write what came of it; the record that was first."""
    detection = detection_id(image)
    outcome, facts = _look_at(image, model_type, settings)
    context = {
        "bucket": image.bucket,
        "key": image.key,
        "version_id": image.version_id,
        "etag": image.etag,
        "size_bytes": image.size_bytes,
        "minimum_confidence_pct": float(settings.minimum_confidence_pct),
        "review_enabled": settings.review_enabled,
        "sampled": False,
        "human_loop": human_loop_name(detection) if outcome is Outcome.REVIEW else None,
        "request_id": invocation.request_id,
        "trace_id": invocation.trace_id,
    }
    return detections.record_once(detection, outcome, {**context, **facts}, clock.now())


def _look_at(
    image: ImageObject, model_type: ModelType, settings: OperatorSettings
) -> tuple[Outcome, dict[str, Any]]:
    """The outcome, and the facts that the record has about it."""
    reason = refusal(image.key, image.size_bytes)
    if reason:
        return Outcome.REJECTED, {"reason": reason}
    try:
        version, labels = _detect(image, model_type)
    except InvalidImageError as error:
        return Outcome.REJECTED, {"reason": f"Rekognition does not take it: {error}"}
    except ObjectUnreadableError as error:
        return Outcome.REJECTED, {"reason": f"It cannot be read, or was deleted meanwhile: {error}"}
    if labels is None:
        return Outcome.WAITING, {"version": version}
    decision = decide(
        labels, model_type, settings.minimum_confidence_pct, settings.all_doubtful_are_asked
    )
    deciding = decision.label.as_json() if decision.label else {}
    kept = surest_that_fit(labels, MOST_BYTES_OF_LABELS)
    return decision.outcome, {
        "version": version,
        "label": deciding.get("name"),
        "confidence_pct": deciding.get("confidence_pct"),
        "labels": [label.as_json() for label in kept],
        "labels_left_out": (len(labels) - len(kept)) or None,
    }


def _detect(image: ImageObject, model_type: ModelType) -> tuple[str | None, list[Label] | None]:
    """The version that serves, and its labels; None for them where it does not answer."""
    version: str | None = None
    # What was read lately may have been replaced and stopped: then what serves now is asked.
    for read_anew in (False, True):
        if read_anew:
            model_registry.forget_deployed()
        deployed = model_registry.deployed_lately()
        if deployed is None:
            continue
        version = deployed.version
        try:
            return version, rekognition.detect(deployed.version_arn, image, model_type)
        except (ModelNotReadyError, NotFoundError):
            continue
    return version, None


def _result(
    image: ImageObject, model_type: ModelType, record: detections.Record
) -> DetectionResult:
    label = record.get("label")
    return DetectionResult(
        image=image,
        detection_id=record["detection_id"],
        outcome=Outcome(record["outcome"]),
        model_type=model_type,
        version=record.get("version"),
        label=Label(label, float(record["confidence_pct"])) if label else None,
        labels=[Label.from_json(entry) for entry in record.get("labels", [])],
        labels_left_out=record.get("labels_left_out", 0),
        reason=record.get("reason"),
        human_loop=record.get("human_loop"),
        review_enabled=record["review_enabled"],
    )
