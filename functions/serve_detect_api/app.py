"""ServeDetectApi: say at once what is in an image, and log it where that is wished.

Invoked by  the HTTP API, route ``POST /detect``, behind its JWT authoriser
Raises      nothing that is the caller's fault or will pass: that becomes
            {"error": {"code", "message"}}
Idempotent  yes; what is logged is known by its content for a day, or by its object version, and
            asking again is answered from the log
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from pydantic import ValidationError

from labelloop import clock, http_api
from labelloop.aws import (
    detections,
    executions,
    functions,
    hosting_state,
    model_use,
    objects,
    parameters,
    queues,
    review_tasks,
)
from labelloop.aws.wiring import wiring
from labelloop.detect_contract import FOLDER, Detected, DetectedLabel, ObjectToDetect, Waiting
from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome, decide, detection_id
from labelloop.domain.doubt import MOST_UNSURE
from labelloop.domain.fitness import refusal_of_limits
from labelloop.domain.image_labels import Label, surest_first
from labelloop.domain.images import (
    API_FOLDER,
    MAX_REQUEST_BYTES,
    ImageObject,
    api_key,
    media_type,
    refusal,
)
from labelloop.domain.mails import about_ceilings
from labelloop.domain.manifests import MAX_KEY_BYTES
from labelloop.entrypoint import logger
from labelloop.errors import (
    ApiImagesSpentError,
    ChangedMeanwhileError,
    InvalidImageError,
    InvalidRequestError,
    ModelHoursSpentError,
    ModelNotReadyError,
    NotAllowedError,
    NotFoundError,
    ServiceFailedError,
    ThrottledError,
    TooLargeError,
)
from labelloop.services import model_hours, serving_model
from labelloop.services.api_images import this_container
from labelloop.settings import Variable

NEW = timedelta(minutes=1)
"""An object that is younger may be on its way through the detection queue."""
PATIENCE = timedelta(seconds=5)
"""How long its record is waited for."""
LOOK_EVERY_S = 0.25
NO_KEY = (
    f"The key must be that of an image under {FOLDER}, and S3's have up to {MAX_KEY_BYTES} bytes."
)
NO_FORM = (
    "The body is a form (multipart/form-data). Send the bytes of the image themselves as the body, "
    "with its own type, as image/jpeg: in curl that is --data-binary @image.jpg, not -F."
)
TOO_FAST = "More images come in than the model takes. Ask again, more slowly."

api = APIGatewayHttpResolver()
http_api.answer_refusals(api)


@api.post("/detect")
def detect() -> Detected | Response[Waiting]:
    """Say what the model finds in an image: the request's body, or an object of the bucket."""
    caller = http_api.caller(api)
    if not caller.may_detect:
        raise NotAllowedError(
            f"Only members of the groups {http_api.groups_in_words()}, and machines whose token is "
            f"for {wiring[Variable.DETECT_SCOPE]}, may detect."
        )
    logged = _wants_log()
    if logged and not (caller.may_review or wiring[Variable.LOG_SCOPE] in caller.scopes):
        raise NotAllowedError(
            f"The token is not for {wiring[Variable.LOG_SCOPE]}: this program may have images "
            "detected, and none logged. labelloop clients add changes what it may."
        )
    # Who may review must not come to judge it. Programs are asked nothing.
    sender = caller.sub if caller.may_review else None
    if _media_type() == "multipart/form-data":
        raise InvalidRequestError(NO_FORM)
    if _media_type() == "application/json":
        latest = objects.latest(_key())
        _check_object(latest.image)
        if not logged:
            return _ask(latest.image)
        return _from_log(latest.image, sender, is_new=clock.now() - latest.written < NEW)
    content = _content()
    if not logged:
        return _ask(content)
    return _from_log(_kept(content), sender, is_new=False)


# --- The request ----------------------------------------------------------------------------------


def _wants_log() -> bool:
    text = api.current_event.get_query_string_value("log", "false")
    if text not in {"true", "false"}:
        raise InvalidRequestError("log can be true or false.")
    return text == "true"


def _media_type() -> str:
    named = api.current_event.headers.get("content-type", "")
    return named.partition(";")[0].strip().lower()


def _key() -> str:
    """The key in the request's body."""
    try:
        key = ObjectToDetect.model_validate_json(http_api.body(api)).key
    except ValidationError as error:
        if error.errors()[0]["type"] in {"string_pattern_mismatch", "string_too_long"}:
            raise InvalidRequestError(NO_KEY) from error
        raise InvalidRequestError(
            f'A body of the type application/json is {{"key": "{FOLDER}..."}}. Send an image '
            "itself with its own type, as image/jpeg."
        ) from error
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidRequestError(NO_KEY)
    return key


def _check_object(image: ImageObject) -> None:
    reason = refusal(image.key, image.size_bytes)
    if reason:
        raise InvalidImageError(reason)


def _content() -> bytes:
    """The image in the request's body."""
    content = http_api.body(api)
    if not content:
        raise InvalidRequestError(f'The body is an image, or {{"key": "{FOLDER}..."}} as JSON.')
    if len(content) > MAX_REQUEST_BYTES:
        raise TooLargeError(
            f"The image has {len(content):,} bytes, and a request takes {MAX_REQUEST_BYTES:,}. "
            f"Upload it to {FOLDER} in the bucket, which takes 15 MB, and send its key."
        )
    reason = refusal_of_limits(content)
    if reason:
        raise InvalidImageError(reason)
    return content


# --- Without the log ------------------------------------------------------------------------------


def _ask(image: ImageObject | bytes) -> Detected:
    """Ask the model, and nobody else: what is doubtful is so, and no person hears of it."""
    this_container.take()
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    try:
        answer = serving_model.ask(image, model_type)
    except ThrottledError as error:
        raise ThrottledError(TOO_FAST) from error
    version, labels = answer.version, answer.labels
    if version is None or labels is None:
        raise _no_model(version)
    model_use.note_asked_directly()
    minimum_pct = parameters.settings().minimum_confidence_pct
    decision = decide(
        labels,
        model_type,
        minimum_pct,
        asked_at_once=False,
        unsure=answer.unsure,
        accepts_none=serving_model.accepts_none(version, labels, model_type, minimum_pct),
    )
    detected = _detected(
        decision.outcome, version, decision.label, surest_first(labels), float(minimum_pct)
    )
    if answer.complete:
        detected["unsure"] = _told(answer.unsure[:MOST_UNSURE])
    return detected


def _no_model(version: str | None) -> ModelNotReadyError | ModelHoursSpentError:
    """Why no model answers; one that may run is asked to start."""
    if version is None:
        return ModelNotReadyError("No model has been deployed yet.")
    if hosting_state.is_paused():
        return ModelNotReadyError(
            "The model was stopped by hand, and starts when the operator lets it."
        )
    settings = parameters.settings()
    if model_hours.are_spent(settings):
        words = about_ceilings.model_hours_spent(settings.maximum_daily_model_hours)
        return ModelHoursSpentError(words)
    functions.start(wiring[Variable.HOST_MODEL_FUNCTION], b'{"images_wait": true}')
    return ModelNotReadyError(
        "The model does not run. It has been asked to start, which takes ten to twenty minutes."
    )


def _detected(
    outcome: Outcome,
    version: str,
    label: Label | None,
    labels: Iterable[Label],
    minimum_pct: float,
) -> Detected:
    deciding = label.shown().as_json() if label else {}
    return {
        "outcome": outcome.value,  # type: ignore[typeddict-item]
        "version": version,
        "label": deciding.get("name"),
        "confidence_pct": deciding.get("confidence_pct"),
        "minimum_confidence_pct": minimum_pct,
        "labels": _told(labels),
    }


def _told(labels: Iterable[Label]) -> list[DetectedLabel]:
    return [label.shown().as_json() for label in labels]  # type: ignore[misc]


# --- With the log ---------------------------------------------------------------------------------


def _kept(content: bytes) -> ImageObject:
    """The object of an image that was sent; that of the first time, where it came before today."""
    key = api_key(content, clock.now())
    try:
        this_container.take()
    except ApiImagesSpentError:
        # What came before is answered all the same.
        try:
            return objects.latest(key).image
        except NotFoundError:
            pass
        raise
    try:
        return objects.write_new(key, content, media_type(content))
    except ChangedMeanwhileError:
        this_container.give_back()
        return objects.latest(key).image


def _from_log(
    image: ImageObject, sender: str | None, *, is_new: bool
) -> Detected | Response[Waiting]:
    """What the log says of an image; where it says nothing yet, the workflow is run first."""
    detection = detection_id(image)
    until = clock.now() + (PATIENCE if is_new else timedelta())
    while not _has_result(found := detections.find(detection)) and clock.now() < until:
        clock.sleep(LOOK_EVERY_S)
    if found is None or not found.has_result or _is_nobodys(found):
        record = _detect_and_log(image, detection, sender)
    else:
        record = found
    # Who answered before has not judged what they have sent.
    if sender is not None and record.agreement is None:
        _note_sender(record, sender)
    outcome = Outcome(record.outcome)
    if outcome is Outcome.REJECTED:
        raise InvalidImageError(record.reason or "")
    if outcome is Outcome.WAITING:
        waiting: Waiting = {"outcome": "waiting", "detection_id": detection}
        return Response(202, content_types.APPLICATION_JSON, waiting)
    return _logged(record)


def _has_result(record: DetectionRecord | None) -> bool:
    return record is not None and record.has_result


def _is_nobodys(record: DetectionRecord) -> bool:
    """Whether a person should be asked and is not: who began to see to that has died.

    The image of an upload comes again by its queue; what was sent here comes with whoever asks.
    """
    return (
        record.outcome == Outcome.REVIEW
        and record.key.startswith(API_FOLDER)
        and not (record.human_loop and review_tasks.exists(record.human_loop))
    )


def _note_sender(record: DetectionRecord, sender: str) -> None:
    """Keep that somebody has sent an image, too, wherever it is kept who has.

    The record says last that it is: who died before does it all when asked again.
    """
    if sender in record.senders:
        return
    human_loop = record.human_loop
    noted = human_loop is not None and review_tasks.note_sender(human_loop, sender)
    human_loop = detections.note_sender(record.detection_id, sender).human_loop
    if human_loop and not noted:  # Somebody may have been asked just now.
        review_tasks.note_sender(human_loop, sender)


def _detect_and_log(image: ImageObject, detection: str, sender: str | None) -> DetectionRecord:
    """The record that the workflow has written."""
    event = image.event("Image Sent", sender)
    try:
        execution = executions.run(
            wiring[Variable.DETECTION_STATE_MACHINE_ARN], event, hurried=True
        )
        failure = None if execution.succeeded else (execution.error or execution.status)
        if execution.output.get("told") is False:
            failure = "consumer or programs not told"
    except (ServiceFailedError, ThrottledError) as error:
        failure = type(error).__name__
    if failure:
        # By way of the queue it is done to its end, whatever was done of it.
        queues.send(Variable.DETECTION_QUEUE_URL, [event])
        logger.warning("left to the queue", extra={"error": failure, "detection_id": detection})
    try:
        return detections.get(detection)
    except NotFoundError as error:
        later = "It is logged as soon as it can be, and asking again is answered from the log."
        if failure == ThrottledError.__name__:
            raise ThrottledError(f"More images come in than the model takes. {later}") from error
        raise ServiceFailedError(f"The detection did not come to its end. {later}") from error


def _logged(record: DetectionRecord) -> Detected:
    answer = _detected(
        Outcome(record.outcome),
        record.version or "",
        record.deciding,
        record.labels or (),
        record.minimum_confidence_pct or 0.0,
    )
    if record.unsure is not None:
        answer["unsure"] = _told(record.unsure)
    answer["detection_id"] = record.detection_id
    answer["decided_by"] = record.decided_by
    final = record.final_labels(ModelType(wiring[Variable.MODEL_TYPE]))
    answer["final_labels"] = [label.as_json() for label in final]  # type: ignore[misc]
    if record.agreement:
        answer["agreement"] = record.agreement
    if record.human_loop:
        answer["human_loop"] = record.human_loop
    if record.labels_left_out:
        answer["labels_left_out"] = record.labels_left_out
    return answer


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request."""
    logger.append_keys(request_id=context.aws_request_id)
    return http_api.resolve(api, event, context)
