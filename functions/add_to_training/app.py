"""AddToTraining: copy an image that people agreed on into the folder of its label.

Invoked by  statemachine/human_review.asl.yaml, state ``AddToTraining``
Raises      NotFoundError   caught: the image's version is gone for good, the operator is told
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the copy's key comes from the detection, and a changed answer takes the former
            copy's place
"""

from labelloop.aws import detections, objects
from labelloop.domain.manifests import labelled_key
from labelloop.entrypoint import Strict, task


class Input(Strict):
    """The detection, and the label that people gave it; an empty one removes a former copy."""

    detection_id: str
    label: str


class Output(Strict):
    """Where the image is in the training data; empty where it is not."""

    copied_key: str


@task
def lambda_handler(request: Input) -> Output:
    """Copy the version that was detected, then remove what a former answer had copied."""
    record = detections.get(request.detection_id)
    key = ""
    if request.label:
        key = labelled_key(request.label, request.detection_id, record["key"])
        objects.copy(record["key"], record.get("version_id"), key)
    former = record.get("copied_key")
    if former and former != key:
        objects.delete(former)
    return Output(copied_key=key)
