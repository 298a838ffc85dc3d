"""Asking people about a detection, by whichever review backend the deployment has.

What A2I does not take goes to the review queue of our own: nothing is lost, and the operator hears
of it, once for each kind of refusal.
"""

from datetime import datetime

from labelloop.aws import human_loops, objects, review_tasks
from labelloop.aws.wiring import wiring
from labelloop.domain import human_tasks, orientation
from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import human_loop_name
from labelloop.domain.fitness import shape_of
from labelloop.domain.image_labels import Label
from labelloop.domain.images import NO_VERSION
from labelloop.domain.manifests import shown_key
from labelloop.domain.review_tasks import ReviewTask, suggestion
from labelloop.errors import InvalidRequestError, NotFoundError, RefusedError
from labelloop.services import operator_news, review_labels
from labelloop.settings import Variable

_BEGINNING_BYTES = 256 * 1024
"""Of an image, so much is read to find its size."""


def request(record: DetectionRecord, now: datetime) -> bool:
    """Ask people about the image of a record; False where they have been asked already."""
    if record.agreement is not None:
        return False  # A2I would begin a loop of the same name again once the first has ended.
    flow_definition_arn = wiring[Variable.FLOW_DEFINITION_ARN]
    if not flow_definition_arn:
        return on_console(record, now)
    # Refused the last time, it is not asked about in two places.
    if review_tasks.exists(human_loop_name(record.detection_id)):
        return False
    try:
        return _in_a2i(record, flow_definition_arn, now)
    except RefusedError as error:
        operator_news.tell(
            "a2i_refused",
            f"a2i-refused-{type(error).__name__}",
            record.detection_id,
            {"cause": str(error)},
        )
        return on_console(record, now)


def on_console(record: DetectionRecord, now: datetime) -> bool:
    """Put the image of a record into the review queue; False where it is there already."""
    model_type = _model_type()
    return review_tasks.create_once(
        ReviewTask(
            task_id=human_loop_name(record.detection_id),
            detection_id=record.detection_id,
            bucket=record.bucket,
            key=record.key,
            version_id=record.version_id,
            model_type=model_type,
            suggestion=_suggestion(record, model_type),
            wanted=wiring.whole_number(Variable.REVIEWERS_PER_IMAGE),
            created=now,
            senders=record.senders,
        ),
        now,
    )


def _model_type() -> ModelType:
    return ModelType(wiring[Variable.MODEL_TYPE])


def _suggestion(record: DetectionRecord, model_type: ModelType) -> tuple[Label, ...]:
    return suggestion(record.labels or (), model_type)


def _in_a2i(record: DetectionRecord, flow_definition_arn: str, now: datetime) -> bool:
    """Start a human loop. Raises a RefusedError where A2I does not take it."""
    if flow_definition_arn == human_tasks.UNAVAILABLE:
        raise InvalidRequestError(
            "When the stack was deployed, A2I took no new customers; the log of SetUpHumanReview "
            "has its words."
        )
    model_type, name = _model_type(), human_loop_name(record.detection_id)
    choices = human_tasks.categories(review_labels.choices(), model_type)
    found = _suggestion(record, model_type)
    # Workers are shown an object, never a version: what they see must stay what was detected.
    shown = shown_key(name, record.key)
    try:
        # With no metadata of its own: nobody's upload is shown as a page.
        version_id = record.version_id or NO_VERSION
        objects.copy(record.key, version_id, shown, metadata={})
    except NotFoundError:
        return on_console(record, now)  # The image is gone: that is not A2I's doing.
    content = human_tasks.input_content(
        record,
        f"s3://{objects.bucket()}/{shown}",
        choices,
        found,
        _initial_boxes(record, found) if model_type is ModelType.DETECTION else (),
    )
    return human_loops.start_once(flow_definition_arn, name, content)


def _initial_boxes(record: DetectionRecord, found: tuple[Label, ...]) -> list[dict[str, object]]:
    """What the model found, in pixels; nothing where the image's beginning says no size."""
    version_id = record.version_id or NO_VERSION
    first_bytes = objects.read(record.key, version_id, _BEGINNING_BYTES)
    shape = shape_of(first_bytes)
    if shape.size_px is None:
        return []
    shown_px = orientation.shown_size(shape.size_px, shape.orientation)
    return human_tasks.initial_boxes(found, shown_px)
