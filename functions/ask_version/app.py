"""AskVersion: ask a version that runs about test images, so that a candidate is compared with it.

Invoked by  statemachine/model_training.asl.yaml, state ``AskChampion``, again and again until it is
            done
Raises      ThrottledError, ModelNotReadyError, ServiceFailedError   retried by the state machine
            TookTooLongError    caught: the candidate is judged by what is known
            NotFoundError       caught: somebody deleted the version, or the list of the images
Idempotent  yes; what was answered is kept, and is not asked again
"""

from labelloop import clock
from labelloop.aws import model_use, objects, queues
from labelloop.domain import answers, manifests
from labelloop.domain.answers import Answer
from labelloop.domain.manifests import SplitImage
from labelloop.domain.pacing import Pace
from labelloop.domain.version_files import VersionFiles
from labelloop.entrypoint import Strict, logger, task
from labelloop.errors import (
    InvalidImageError,
    NotFoundError,
    ObjectUnreadableError,
    ThrottledError,
    TookTooLongError,
)
from labelloop.services import paced_model, version_answers
from labelloop.settings import Variable

SLICE_S = 200.0
"""Then another call goes on: one image may take its time, and the function has 300 s."""
GROUP = 25
"""After so many images the answers are kept, and it is seen anew whether others wait."""
GIVE_WAY_S = 5.0
"""Between two questions while images wait for the model, which may take some three a second."""


class Input(Strict):
    """Which version is asked for which candidate, how far it was, and until when."""

    version: str
    version_arn: str
    candidate: str
    asked: int
    give_up_after: str


class Output(Strict):
    """Whether it was asked about all images, and about how many by now."""

    done: bool
    asked: int


@task
def lambda_handler(request: Input) -> Output:
    """Ask about one image after the other for some minutes, and keep what the version says."""
    images = _images(request)
    if clock.now() > clock.from_iso(request.give_up_after):
        raise TookTooLongError(
            f"{request.version} had not answered about all test images by {request.give_up_after}: "
            "it was busy with images that came in."
        )
    known = version_answers.remembered(request.version)
    asked, end_s, pace = request.asked, clock.stopwatch_s() + SLICE_S, Pace()
    while asked < len(images) and clock.stopwatch_s() < end_s:
        give_way_s = GIVE_WAY_S if queues.any_wait(Variable.DETECTION_QUEUE_URL) else 0.0
        new: list[Answer] = []
        try:
            for image in images[asked : asked + GROUP]:
                if clock.stopwatch_s() >= end_s:
                    break
                if image.content not in known:
                    clock.pause(give_way_s)
                    new += _answers(request.version_arn, image, pace)
                asked += 1
        except ThrottledError:
            # Others ask for more than it can take: as long as it is heard at all, this goes on.
            if asked == request.asked:
                raise
            logger.info("throttled", extra={"asked": asked})
            break
        finally:
            if new:
                version_answers.remember(request.version, new)
    return Output(done=asked == len(images), asked=asked)


def _images(request: Input) -> list[SplitImage]:
    listed = VersionFiles(request.candidate).to_ask(request.version)
    return list(manifests.read_index(objects.lines(listed)))


def _answers(version_arn: str, image: SplitImage, pace: Pace) -> list[Answer]:
    """What it says of the image; nothing where that is not there any more as it was."""
    try:
        there = objects.latest(image.key).image
    except NotFoundError:
        return []
    if there.etag != image.etag:
        return []
    model_use.note_asked_to_compare()
    try:
        labels = paced_model.detect_everything(version_arn, there, pace)
    except (InvalidImageError, ObjectUnreadableError):
        return []
    size_px = image.annotation.size_px
    return [answers.of_labels(image.content, labels, size_px, complete=True)]
