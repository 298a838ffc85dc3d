"""AddToTraining: put an image that people agreed on among those that train, what they said into
the inference log, and then tell it to the consumer and to programs.

Invoked by  statemachine/human_review.asl.yaml, state ``AddToTraining``
Raises      NotFoundError   caught: the record is gone, the operator is told
            MalformedAnswerError   caught: the boxes are not for this image, the operator is told
            ConflictError   caught: the answers were read again meanwhile; the execution fails, and
                            the message's next delivery reads what they are then
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the keys come from the detection, where the image goes is noted before it does, and
            a changed answer takes the former one's place; whoever is told may hear of it twice,
            with one revision
"""

from dataclasses import replace
from typing import Any

from labelloop.aws import detections
from labelloop.domain.annotations import Annotation
from labelloop.domain.consensus import Agreement
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.image_labels import HumanLabel
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError
from labelloop.services import consumer_news, reviewed_images


class Input(Strict):
    """The detection, and what people said of it that trains; no labels take it out again."""

    detection_id: str
    said: dict[str, Any]
    agreement: Agreement
    answers: int
    label: str
    human_labels: list[dict[str, Any]]
    """What the log is to have of it."""
    read: str
    """When the answers were read."""
    answered_by_sender: bool = False
    """Whether somebody answered who has sent the image."""


class Output(Strict):
    """Where the image is in the training data; empty where it is not."""

    copied_key: str
    gone: str
    """That its version is gone for good, in words: then it cannot train, and what people said of it
    counts all the same. Empty where it is there, or need not be."""


@task
def lambda_handler(request: Input) -> Output:
    """Remove what former answers had put there, add what this one says, then write and tell it."""
    detection, said = request.detection_id, Annotation.from_json(request.said)
    former = detections.get(detection)
    record = replace(
        former,
        agreement=request.agreement,
        answers=request.answers,
        human_label=request.label,
        human_labels=tuple(map(HumanLabel.from_json, request.human_labels)),
        completed=request.read,
        answered_by_sender=request.answered_by_sender,
    )
    key = reviewed_images.key_of(record, said)
    before = detections.begin_to_copy(record, key, request.read)
    for other in before.copy_keys - {key}:
        reviewed_images.remove(detection, other)
    gone: NotFoundError | None = None
    if key:
        try:
            reviewed_images.add(record, said, key, request.read.removesuffix("Z"))
        except NotFoundError as error:
            gone = None if _trains_already(former, record, key) else error
    answered = replace(record, copied_key="" if gone else key).revised(before)
    detections.record_answer(answered)
    if gone:
        # Only now: what a later run has copied meanwhile stays.
        reviewed_images.remove(detection, key)
    # Never before: what the log has not, nobody may act on.
    consumer_news.tell_decision(answered)
    return Output(copied_key=answered.copied_key or "", gone=str(gone or ""))


def _trains_already(former: DetectionRecord, record: DetectionRecord, key: str) -> bool:
    """Whether the image was copied there for the same labels, and no run has begun since."""
    is_same = (former.copied_key, former.human_labels) == (key, record.human_labels)
    return is_same and former.answers_read == former.completed
