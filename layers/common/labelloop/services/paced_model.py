"""A version that is asked about one image after the other, no faster than it answers."""

from labelloop import clock
from labelloop.aws import rekognition
from labelloop.domain.image_labels import Label
from labelloop.domain.images import ImageObject
from labelloop.domain.pacing import Pace
from labelloop.errors import ThrottledError

MOST_TRIES = 8


def detect_everything(version_arn: str, image: ImageObject, pace: Pace) -> list[Label]:
    """Every label that the model knows, and every box that it considers, however unsure.

    Raises what ``rekognition.detect`` raises; ThrottledError where it was refused time and again.
    """
    for _ in range(MOST_TRIES):
        clock.pause(pace.wait_s(clock.stopwatch_s()))
        begun_s = clock.stopwatch_s()
        pace.begun(begun_s)
        try:
            labels = rekognition.detect_everything(version_arn, image)
        except ThrottledError:
            pace.throttled(begun_s, clock.stopwatch_s())
        else:
            pace.succeeded()
            return labels
    raise ThrottledError(f"The model refused {image.key} {MOST_TRIES} times: too many requests.")
