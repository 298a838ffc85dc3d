"""ReadAnswers: find out what people said about an image.

Invoked by  statemachine/human_review.asl.yaml, state ``ReadAnswers``
Raises      MalformedAnswerError   caught: recorded, and the operator is told
            NotFoundError          caught: no such detection, the operator is told
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; it changes nothing that the object holds, and always reads what that is now, so
            that events that arrive late or twice lead to the same end
"""

from typing import Any

from labelloop import clock
from labelloop.aws import detections, objects
from labelloop.aws.items import expires_from
from labelloop.aws.wiring import wiring
from labelloop.domain import consensus, human_loops, senders
from labelloop.domain.annotations import ModelType
from labelloop.domain.consensus import Agreement
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome, detection_of_loop
from labelloop.domain.image_labels import human_labels
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.entrypoint import Strict, Tolerant, task
from labelloop.errors import MalformedAnswerError
from labelloop.services import review_labels
from labelloop.settings import Variable


class _Object(Tolerant):
    key: str


class _Detail(Tolerant):
    object: _Object


class Input(Tolerant):
    """The part of S3's "Object Created" event that says where the answers are."""

    detail: _Detail


class Output(Strict):
    """What people said together, and about what."""

    detection_id: str
    agreement: Agreement
    answers: int
    """How many people it is from."""
    label: str
    """The labels in short; empty where none was agreed on."""
    human_labels: list[dict[str, Any]]
    """Each of them, with its box where there is one."""
    audits: bool
    """Whether it says how good the model is: of a detection that was accepted, and sampled, or
    that the model took for none of its labels."""
    answered_by_sender: bool
    """Whether somebody answered who has sent the image: then it says nothing of the model."""
    training: dict[str, Any]
    """What the image teaches or tests; without labels where it does neither."""
    completed: str
    """When they began to be read."""


@task
def lambda_handler(event: Input) -> Output:
    """Read the answers and weigh them."""
    # Before they are read: whatever is put afterwards is read by a run with a later time.
    began = clock.now()
    key = event.detail.object.key
    detection = detection_of_loop(human_loops.loop_of_key(key))
    if detection is None:
        raise MalformedAnswerError(f"{key} names no loop that Label Loop has begun.")
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    content = objects.read(key)
    answers = human_loops.read(content)
    human_loops.check(answers, model_type)
    together = consensus.of(answers, model_type)
    review_labels.check(*together.said.labels)
    record = detections.get(detection)
    if expires_from(began):
        # S3 bills each call, and each tag for as long as it is there.
        objects.mark_as_read(key)
    return Output(
        detection_id=detection,
        agreement=together.agreement,
        answers=together.answers,
        label=together.said.in_short(),
        human_labels=[label.as_json() for label in human_labels(together.said)],
        audits=_audits(record),
        answered_by_sender=senders.have_answered(record, human_loops.people(content)),
        training=together.teaches(model_type).as_json(),
        completed=clock.iso(began),
    )


def _audits(record: DetectionRecord) -> bool:
    accepted = bool(record.sampled) and record.outcome == Outcome.CONFIDENT
    return accepted or record.label == NONE_OF_THEM
