"""VerifyModel: prove a started version on a few of its own test images before it serves.

Invoked by  statemachine/model_training.asl.yaml, state ``VerifyModel``
Raises      ThrottledError, ModelNotReadyError, ServiceFailedError   retried by the state machine
            InconsistentError   caught: it runs, but does not do what its evaluation says
Idempotent  yes; it only reads
"""

from labelloop import clock
from labelloop.aws import objects, rekognition
from labelloop.domain import manifests
from labelloop.domain.detections import Label
from labelloop.domain.images import ImageObject
from labelloop.domain.manifests import SplitImage, VersionFiles
from labelloop.domain.pacing import Pace
from labelloop.domain.splits import Split
from labelloop.entrypoint import Strict, task
from labelloop.errors import InconsistentError, ObjectUnreadableError, ThrottledError

MOST_IMAGES = 10
MOST_TRIES = 8


class Input(Strict):
    """The version that was started."""

    version: str
    version_arn: str


class Output(Strict):
    """On how many images it was tried."""

    tried: int


@task
def lambda_handler(request: Input) -> Output:
    """Let it look at test images spread over the labels; it must answer on some of them."""
    index = manifests.read_index(objects.read(VersionFiles(request.version).index))
    answered = []
    pace = Pace()
    for image in _spread([image for image in index if image.split is Split.TEST]):
        try:
            labels = _detect(request.version_arn, _object(image), pace)
        except ObjectUnreadableError:
            continue  # Deleted since: it says nothing about the model.
        answered.append(bool(labels))
    if answered and not any(answered):
        raise InconsistentError(
            f"Version {request.version} runs, but found nothing in {len(answered)} of its own test "
            "images."
        )
    return Output(tried=len(answered))


def _detect(version_arn: str, image: ImageObject, pace: Pace) -> list[Label]:
    """The labels of an image, asked for no faster than the model answers."""
    for _ in range(MOST_TRIES):
        clock.pause(pace.reserve(clock.stopwatch_s()))
        try:
            labels = rekognition.detect(version_arn, image)
        except ThrottledError:
            pace.throttled(clock.stopwatch_s())
        else:
            pace.succeeded()
            return labels
    raise ThrottledError(f"The model refused {image.key} {MOST_TRIES} times: too many requests.")


def _spread(images: list[SplitImage]) -> list[SplitImage]:
    ordered = sorted(images, key=lambda image: (image.label, image.key))
    count = min(MOST_IMAGES, len(ordered))
    return [ordered[i * len(ordered) // count] for i in range(count)]


def _object(image: SplitImage) -> ImageObject:
    return ImageObject(objects.bucket(), image.key, None, image.etag, 0)
