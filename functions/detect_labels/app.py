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
from labelloop.domain import messages
from labelloop.domain.detections import (
    Label,
    Outcome,
    decide,
    detection_id,
    human_loop_name,
    wants_message,
)
from labelloop.domain.images import ImageObject, refusal
from labelloop.domain.messages import Message
from labelloop.domain.parameters import OperatorSettings
from labelloop.entrypoint import Strict, Tolerant, task
from labelloop.errors import (
    InvalidImageError,
    ModelNotReadyError,
    NotFoundError,
    ObjectUnreadableError,
)


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


@task
def lambda_handler(event: Input) -> Output:
    """Detect, decide, record; the record that counts is the first one."""
    image = event.image()
    detection = detection_id(image)
    settings = parameters.settings()
    outcome, facts = _look_at(image, settings)
    if outcome is Outcome.REVIEW:
        facts["human_loop"] = human_loop_name(detection)
    record = detections.record_once(
        detection,
        outcome,
        {
            "bucket": image.bucket,
            "key": image.key,
            "version_id": image.version_id,
            "etag": image.etag,
            "size_bytes": image.size_bytes,
            "minimum_confidence_pct": float(settings.minimum_confidence_pct),
            "review_enabled": settings.review_enabled,
            **facts,
        },
        clock.now(),
    )
    outcome = Outcome(record["outcome"])
    message = _message(image, detection, record)
    return Output(
        detection_id=detection,
        outcome=outcome,
        human_loop=record.get("human_loop"),
        version=record.get("version"),
        notify=wants_message(outcome, settings.notifications),
        subject=message.subject,
        message=message.sns_message(),
    )


def _look_at(image: ImageObject, settings: OperatorSettings) -> tuple[Outcome, dict[str, Any]]:
    """The outcome, and the facts that the record has about it."""
    reason = refusal(image.key, image.size_bytes)
    if reason:
        return Outcome.REJECTED, {"reason": reason}
    try:
        version, labels = _detect(image)
    except InvalidImageError as error:
        return Outcome.REJECTED, {"reason": f"Rekognition does not take it: {error}"}
    except ObjectUnreadableError as error:
        return Outcome.REJECTED, {"reason": f"It cannot be read, or was deleted meanwhile: {error}"}
    if labels is None:
        return Outcome.WAITING, {"version": version}
    decision = decide(labels, settings.minimum_confidence_pct, settings.review_enabled)
    return decision.outcome, {
        "version": version,
        "label": decision.label.name if decision.label else None,
        "confidence_pct": decision.label.confidence_pct if decision.label else None,
        "labels": [vars(label) for label in labels],
    }


def _detect(image: ImageObject) -> tuple[str | None, list[Label] | None]:
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
            return version, rekognition.detect(deployed.version_arn, image)
        except (ModelNotReadyError, NotFoundError):
            continue
    return version, None


def _message(image: ImageObject, detection: str, record: detections.Record) -> Message:
    label = record.get("label")
    return messages.detection_result(
        image,
        detection,
        Outcome(record["outcome"]),
        label=Label(label, record["confidence_pct"]) if label else None,
        reason=record.get("reason"),
        human_loop=record.get("human_loop"),
    )
