"""InspectImages: read the beginnings of a batch of images, and remember what they are.

Invoked by  statemachine/model_training.asl.yaml, state ``InspectImages``, once for each batch
Raises      ThrottledError, ServiceFailedError   retried by the state machine
            InconsistentError   caught: the batch cannot be read, the operator is told
Idempotent  yes; a batch that is gone was inspected before
"""

from concurrent.futures import ThreadPoolExecutor

from labelloop.aws import objects, training_data
from labelloop.aws.objects import Beginning
from labelloop.domain import origins, splits
from labelloop.domain.images import MAX_BYTES, dimensions, refusal_for_training
from labelloop.domain.inventory import Inspected, ToInspect
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError, PermissionMissingError

PARALLEL_READS = 32
LONGER_BEGINNINGS = (1024 * 1024, MAX_BYTES)
"""How much is read of an image whose size does not stand at its beginning."""


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
        beginning = objects.read_beginning(image.key, splits.CONTENT_BYTES)
        size_px = _size_px(image.key, beginning)
    except NotFoundError:
        return None
    reason = refusal_for_training(beginning.size_bytes, beginning.first_bytes, size_px)
    if reason:
        return Inspected(image.key, beginning.etag, refusal=reason)
    content = splits.content_id(beginning.first_bytes, beginning.size_bytes)
    provenance = origins.from_metadata(beginning.metadata, objects.bucket())
    return Inspected(image.key, beginning.etag, content, size_px, provenance=provenance)


def _size_px(key: str, beginning: Beginning) -> tuple[int, int] | None:
    """Width and height, read from further into the file where the beginning does not tell."""
    try:
        size_px = dimensions(beginning.first_bytes)
        for length in LONGER_BEGINNINGS:
            if size_px is not None or beginning.size_bytes <= len(beginning.first_bytes):
                break
            beginning = objects.read_beginning(key, length)
            size_px = dimensions(beginning.first_bytes)
    except ValueError:
        return None
    return size_px


def _copy_in(image: ToInspect) -> str:
    """Copy the image to where it is trained from; why that cannot be done, or nothing."""
    source = f"s3://{image.source_bucket}/{image.source_key}"
    try:
        objects.copy(image.source_key, None, image.key, image.source_bucket)
    except NotFoundError:
        return f"An imported line names {source}, which does not exist."
    except PermissionMissingError as error:
        return f"An imported line names {source}, which may not be read: {error}"
    return ""
