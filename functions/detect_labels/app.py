"""DetectLabels: ask the model what is in an image, and write it into the inference log, once.

Invoked by  statemachine/detection.asl.yaml, state ``DetectLabels``
Raises      ThrottledError       an outcome that the dispatcher sees; nothing hides it by retrying
            ServiceFailedError   retried by the state machine
            InvalidRequestError  caught: the event is none of an image
            ObjectUnreadableError  caught: the image is there, and Rekognition may not read it
Idempotent  yes; the record's key is the object version, and a second call goes on from the first's
            record
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from labelloop import clock
from labelloop.aws import detections, metrics, objects, parameters
from labelloop.aws.wiring import place, wiring
from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import (
    Outcome,
    decide,
    detection_id,
    human_loop_name,
    wants_message,
)
from labelloop.domain.doubt import MOST_UNSURE
from labelloop.domain.image_labels import first_that_fit, surest_that_fit
from labelloop.domain.images import ImageObject, refusal
from labelloop.domain.mails import to_consumer
from labelloop.domain.mails.to_consumer import DetectionResult
from labelloop.domain.messages import event_heading
from labelloop.domain.metrics import CONFIDENCE, DETECTIONS, Metric
from labelloop.domain.parameters import OperatorSettings
from labelloop.errors import (
    UNREADABLE,
    InvalidImageError,
    InvalidRequestError,
    ObjectUnreadableError,
)
from labelloop.services import serving_model
from labelloop.settings import Variable
from labelloop.task import Invocation, task

MOST_BYTES_OF_LABELS = 300_000
"""Of the 400 KB that DynamoDB's items may have."""
MOST_BYTES_OF_UNSURE = 30_000
"""Also of these."""


@dataclass(frozen=True)
class _Detail:
    image: ImageObject
    again: bool
    """Whether the image may have been detected before."""
    sender: str | None
    """The ``sub`` of the person who has sent it, where one has."""


@dataclass(frozen=True)
class Input:
    """The part of S3's "Object Created" event that detection reads. The key is not URL-encoded."""

    detail: _Detail

    @classmethod
    def from_event(cls, event: Any) -> "Input":
        """The event, whatever else is in it. Raises InvalidRequestError."""
        try:
            detail = event["detail"]
            found = detail["object"]
            image = ImageObject(
                bucket=_text(detail["bucket"]["name"]),
                key=_text(found["key"]),
                version_id=_text(found["version-id"]) if found.get("version-id") else None,
                etag=_text(found.get("etag", "")),
                size_bytes=int(found.get("size", 0)),
            )
        except UNREADABLE as error:
            raise InvalidRequestError(f"The event is not about an object: {error!r}") from error
        sender = detail.get("sender")
        known = sender if isinstance(sender, str) and sender else None
        return cls(_Detail(image, detail.get("again") is True, known))

    def image(self) -> ImageObject:
        """The object version that the event is about."""
        return self.detail.image


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


@dataclass(frozen=True)
class Output:
    """What became of the image, and the message about it if there shall be one."""

    detection_id: str
    outcome: Outcome
    asked_model: bool
    """Whether the model answered for it: only that tells the dispatcher how fast the model is."""
    human_loop: str | None
    version: str | None
    notify: bool
    subject: str
    message: str
    filter_label: str
    """This and the next two are what subscribers may filter messages by; never empty."""
    filter_confidence: str
    filter_version: str
    event: str | None
    """What makes an event of the message, in JSON as that is; None where none is wanted."""

    def as_json(self) -> dict[str, Any]:
        """The answer to the state machine."""
        return asdict(self)


@task
def lambda_handler(event: Input, invocation: Invocation) -> Output:
    """Detect, decide, record; the record that counts is the first one."""
    image = event.image()
    detection = detection_id(image)
    settings = parameters.settings()
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    before, asked_model = detections.find(detection) if event.detail.again else None, False
    if before is not None and before.has_result:
        record = before
    else:
        senders = before.senders if before else frozenset()
        if event.detail.sender:
            senders |= {event.detail.sender}
        record, asked_model = _record(image, model_type, settings, invocation, senders)
    result = DetectionResult.of(record, model_type)
    message = to_consumer.detection_result(result, place(Variable.PROJECT_ARN))
    return Output(
        detection_id=detection,
        outcome=result.outcome,
        asked_model=asked_model,
        human_loop=result.human_loop,
        version=result.version,
        notify=wants_message(result.outcome, settings.notifications),
        subject=message.subject,
        message=message.as_json(),
        filter_label=to_consumer.filter_label(result),
        filter_confidence=to_consumer.filter_confidence(result),
        filter_version=to_consumer.filter_version(result),
        event=_event(record),
    )


def _event(record: DetectionRecord) -> str | None:
    if not (wiring.truth(Variable.DETECTION_EVENTS) and record.has_result):
        return None
    event_id = f"detected-{record.detection_id}"
    return json.dumps(event_heading(event_id, wiring[Variable.STACK_NAME]))


def _record(
    image: ImageObject,
    model_type: ModelType,
    settings: OperatorSettings,
    invocation: Invocation,
    senders: frozenset[str],
) -> tuple[DetectionRecord, bool]:
    """Look at the image, and write what came of it: the record that was first, and whether the
    model answered.
    """
    seen = replace(
        _look_at(image, model_type, settings),
        minimum_confidence_pct=float(settings.minimum_confidence_pct),
        review_enabled=settings.review_enabled,
        sampled=False,
        senders=senders,
        request_id=invocation.request_id,
        trace_id=invocation.trace_id,
    )
    if seen.outcome == Outcome.REVIEW:
        seen = replace(seen, human_loop=human_loop_name(seen.detection_id), chance=1.0)
    record, is_news = detections.record_once(seen, clock.now())
    if is_news:
        _count(record)
    return record, seen.labels is not None


def _count(record: DetectionRecord) -> None:
    measured: dict[Metric, float] = {DETECTIONS: 1}
    if record.confidence_pct is not None:
        measured[CONFIDENCE] = record.confidence_pct
    metrics.publish(measured, Outcome=Outcome(record.outcome))


def _look_at(
    image: ImageObject, model_type: ModelType, settings: OperatorSettings
) -> DetectionRecord:
    """The record of what came of it, without what is known before."""
    seen = DetectionRecord.of(image)
    reason = refusal(image.key, image.size_bytes)
    if reason:
        return _rejected(seen, reason)
    try:
        answer = serving_model.ask(image, model_type)
    except InvalidImageError as error:
        return _rejected(seen, f"Rekognition does not take it: {error}")
    except ObjectUnreadableError:
        # The service says the same where it may not read the image: that can be mended.
        if objects.exists(image):
            raise
        return _rejected(seen, "It was deleted meanwhile.")
    version, labels = answer.version, answer.labels
    if version is None or labels is None:
        return replace(seen, outcome=Outcome.WAITING, version=version)
    minimum_pct = settings.minimum_confidence_pct
    decision = decide(
        labels,
        model_type,
        minimum_pct,
        settings.all_doubtful_are_asked,
        unsure=answer.unsure,
        accepts_none=serving_model.accepts_none(version, labels, model_type, minimum_pct),
    )
    deciding = decision.label.kept() if decision.label else None
    kept = surest_that_fit(labels, MOST_BYTES_OF_LABELS)
    left_out = len(labels) - len(kept)
    seen = replace(
        seen,
        outcome=decision.outcome,
        version=version,
        label=deciding.name if deciding else None,
        confidence_pct=deciding.confidence_pct if deciding else None,
        labels=tuple(label.kept() for label in kept),
        labels_left_out=left_out,
    )
    if not answer.complete:
        return seen
    unsure = first_that_fit(answer.unsure[:MOST_UNSURE], MOST_BYTES_OF_UNSURE)
    is_all = not left_out and len(unsure) == len(answer.unsure)
    return replace(seen, unsure=tuple(label.kept() for label in unsure), complete=is_all)


def _rejected(seen: DetectionRecord, reason: str) -> DetectionRecord:
    return replace(seen, outcome=Outcome.REJECTED, reason=reason)
