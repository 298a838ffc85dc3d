"""InspectImages: read the images of a batch, and remember what they are.

Invoked by  statemachine/model_training.asl.yaml, state ``InspectImages``, once for each batch
Raises      ThrottledError, ServiceFailedError   retried by the state machine
            InconsistentError   caught: the batch cannot be read, the operator is told
Idempotent  yes; a batch that is gone was inspected before
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from labelloop.aws import objects
from labelloop.domain import fitness, orientation
from labelloop.domain.annotations import ModelType
from labelloop.domain.images import media_type
from labelloop.domain.imports import IMPORTED_IMAGES
from labelloop.domain.inspections import Inspected, ToInspect
from labelloop.domain.manifests import LABELLING_IMAGES, REVIEWED_IMAGES
from labelloop.entrypoint import Strict, task
from labelloop.errors import (
    NotFoundError,
    ObjectUnreadableError,
    PermissionMissingError,
)
from labelloop.services import image_inspection, training_data
from labelloop.services.image_inspection import CONTENT, TURNED

PARALLEL_READS = 32
_one_at_a_time = Lock()
"""Whole images are held, and a function has little memory."""


class Input(Strict):
    """Where the batch is."""

    batch: str


class Output(Strict):
    """How many images it had."""

    images: int


@task
def lambda_handler(request: Input) -> Output:
    """Copy in what lies elsewhere, and look at every image once."""
    try:
        batch = training_data.read_batch(request.batch)
    except NotFoundError:
        return Output(images=0)
    with ThreadPoolExecutor(PARALLEL_READS) as threads:
        found = [one for one in threads.map(_inspect, batch) if one is not None]
    training_data.finish_batch(request.batch, found)
    return Output(images=len(found))


def _inspect(image: ToInspect) -> Inspected | None:
    """What the image is; None where it was deleted meanwhile."""
    if image.source_bucket:
        refusal = _copy_in(image)
        if refusal:
            return Inspected(image.key, "", refusal=refusal)
    try:
        found = image_inspection.read(image.key)
        if _is_to_be_turned(found):
            with _one_at_a_time:
                _turn(found)
            found = image_inspection.read(image.key)
        return found
    except NotFoundError:
        return None
    except (PermissionMissingError, ObjectUnreadableError) as error:
        # By no rules, so that the next training tries again: this can be mended.
        return Inspected(image.key, image.etag, refusal=f"It may not be read: {error}", rules=0)


# --- Cameras that were turned ---------------------------------------------------------------------


def _is_to_be_turned(image: Inspected) -> bool:
    """Whether it is a copy of ours whose boxes a training could take for those of another image.

    Copies that people are shown stay as they are.
    """
    return (
        image.orientation != fitness.UPRIGHT
        and not image.refusal
        and training_data.model_type() is ModelType.DETECTION
        and image.key.startswith(IMPORTED_IMAGES)
        and not image.key.startswith((REVIEWED_IMAGES, LABELLING_IMAGES))
    )


def _turn(image: Inspected) -> None:
    """Let the copy say nothing of turning, and beside it how the image is shown, unless it does."""
    with objects.opened(image.key) as found:
        if TURNED in found.metadata or found.etag != image.etag:
            return
        content = b"".join(found.pieces)
        metadata = {TURNED: str(image.orientation), CONTENT: image.content}
        objects.write(
            image.key,
            orientation.as_stored(content),
            media_type(content),
            {**found.metadata, **metadata},
        )


def _copy_in(image: ToInspect) -> str:
    """Copy the image to where it is trained from; why that cannot be done, or nothing."""
    source = f"s3://{image.source_bucket}/{image.source_key}"
    try:
        objects.copy(image.source_key, None, image.key, image.source_bucket)
    except NotFoundError:
        return f"An imported line names {source}, which does not exist."
    except (PermissionMissingError, ObjectUnreadableError) as error:
        return f"An imported line names {source}, which may not be read: {error}"
    return ""
