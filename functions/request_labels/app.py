"""RequestLabels: ask people what images show of which nobody has said anything yet.

Invoked by  statemachine/image_labeling.asl.yaml, state ``RequestLabels``
Raises      ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; an image version's task has the name of its record, and the record says last that
            people were asked

The answers go the way of those about detections: what reads them finds a record in the inference
log, whose outcome is ``labeling``.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from labelloop import clock
from labelloop.aws import detections, objects, review_labels, review_requests
from labelloop.domain.detections import detection_id, human_loop_name
from labelloop.domain.images import ImageObject, is_folder_marker, refusal
from labelloop.domain.manifests import UNLABELLED_FOLDER
from labelloop.entrypoint import Strict, task

LOOKED_UP_AT_ONCE = 100
MOST_ASKED = 2000
"""In one run, so that it ends in time; the next one goes on."""


class Input(Strict):
    """Nothing: the bucket says what there is to do."""


class Output(Strict):
    """How many images people are asked about now, and why about none of the new ones, if so."""

    asked: int
    refused: int
    """Files that are no images, or too large."""
    problem: str


@task
def lambda_handler(_: Input) -> Output:
    """Make a task of each image that has none."""
    images = [
        image
        for image in objects.latest_versions(UNLABELLED_FOLDER)
        if not is_folder_marker(image.key)
    ]
    fitting = [image for image in images if refusal(image.key, image.size_bytes) is None]
    new = list(islice(_not_asked_about(fitting), MOST_ASKED))
    refused = len(images) - len(fitting)
    if new and not review_labels.choices() and not review_labels.may_be_new():
        problem = (
            "There are no labels that people could choose. Deploy with ReviewLabels, or with "
            "AllowNewLabels=true, or label some images yourself."
        )
        return Output(asked=0, refused=refused, problem=problem)
    for image in new:
        _ask(image)
    return Output(asked=len(new), refused=refused, problem="")


def _not_asked_about(images: Iterable[ImageObject]) -> Iterator[ImageObject]:
    remaining = iter(images)
    while group := list(islice(remaining, LOOKED_UP_AT_ONCE)):
        known = detections.asked_about([detection_id(image) for image in group])
        yield from (image for image in group if detection_id(image) not in known)


def _ask(image: ImageObject) -> None:
    detection, now = detection_id(image), clock.now()
    facts = {
        "bucket": image.bucket,
        "key": image.key,
        "version_id": image.version_id,
        "etag": image.etag,
        "size_bytes": image.size_bytes,
    }
    record = detections.record_labeling_once(detection, facts, now)
    review_requests.on_console(record, now)
    detections.note(detection, {"human_loop": human_loop_name(detection)})
