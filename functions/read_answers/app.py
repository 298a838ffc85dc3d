"""ReadAnswers: find out what people said about an image.

Invoked by  statemachine/human_review.asl.yaml, state ``ReadAnswers``
Raises      MalformedAnswerError   caught: recorded, and the operator is told
            NotFoundError          caught: no such detection, the operator is told
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; it only reads, and always what the object holds now, so that events that arrive
            late or twice lead to the same end
"""

from labelloop import clock
from labelloop.aws import detections, objects, parameters, review_labels
from labelloop.domain import consensus, human_loops
from labelloop.domain.consensus import Agreement
from labelloop.domain.detections import detection_of_loop
from labelloop.entrypoint import Strict, Tolerant, task
from labelloop.errors import MalformedAnswerError


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
    label: str
    """Empty where no label was agreed on."""
    training_label: str
    """The label that the image trains under; empty where it does not train."""
    completed: str


@task
def lambda_handler(event: Input) -> Output:
    """Read the answers and weigh them."""
    key = event.detail.object.key
    detection = detection_of_loop(human_loops.loop_of_key(key))
    if detection is None:
        raise MalformedAnswerError(f"{key} names no loop that Label Loop has begun.")
    answers = human_loops.read(objects.read(key))
    said = consensus.of(answers)
    if said.label is not None:
        review_labels.check(said.label)
    record = detections.get(detection)
    trains = not record.get("sampled") or parameters.settings().train_on_sampled_answers
    return Output(
        detection_id=detection,
        agreement=said.agreement,
        label=said.label or "",
        training_label=(said.label or "") if trains else "",
        completed=clock.iso(clock.now()),
    )
