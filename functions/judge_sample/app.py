"""JudgeSample: count whether the model was right about a detection that was accepted and sampled.

An image that it took for none of its labels counts by itself, accepted or not: that says when such
images may be accepted.

Invoked by  statemachine/human_review.asl.yaml, state ``JudgeSample``
Raises      NotFoundError    caught: the record is gone
            ThrottledError, ServiceFailedError, ChangedMeanwhileError   retried by the state machine
Idempotent  yes; a detection counts once, with what its record says now
"""

from labelloop.aws import detections, model_versions, none_answers, sampled_answers
from labelloop.aws.wiring import wiring
from labelloop.domain import accuracy, audit
from labelloop.domain.accuracy import Sample
from labelloop.domain.annotations import ModelType
from labelloop.domain.consensus import Agreement
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.rejection import NoneAnswer
from labelloop.entrypoint import Strict, task
from labelloop.settings import Variable


class Input(Strict):
    """The detection, whose record has what people said."""

    detection_id: str


class Output(Strict):
    """What all answers about the version say, and whether the operator is to hear of it."""

    drifted: bool
    """Whether the version is surely worse than it was, and the operator has not been told."""
    version: str
    right: int
    answers: int
    at_most: float
    """The upper limit of its accuracy, with 95 % confidence."""
    f1: float
    """What it had when it was tested; 0 where that is not known."""
    accepted: dict[str, float] | None
    """How right it was then where it was sure, with its interval; None where that is not known."""


@task
def lambda_handler(request: Input) -> Output:
    """Count the answer, and look at all of the version's."""
    record = detections.get(request.detection_id)
    version = record.version or ""
    _note(record, _sample(record))
    of_version = model_versions.read(version) or VersionRecord(name=version)
    f1 = of_version.f1 or 0.0
    accepted = of_version.figures.get("accepted")
    all_answers = accuracy.of(sampled_answers.of_version(version))
    # Like with like: samples are of what it accepts, which it is right about more often.
    before = (accepted.value, accepted.low) if accepted else (f1, f1)
    return Output(
        drifted=all_answers.has_drifted_from(*before) and of_version.drift_told is None,
        version=version,
        right=all_answers.right,
        answers=all_answers.answers,
        at_most=all_answers.interval[1],
        f1=f1,
        accepted=accepted.as_json() if accepted else None,
    )


def _note(record: DetectionRecord, sample: Sample | None) -> None:
    detection, version = record.detection_id, record.version or ""
    completed = record.completed or ""
    if record.label != NONE_OF_THEM:
        sampled_answers.note(version, detection, sample, completed)
        return
    right = sample.right if sample else None
    answer = NoneAnswer(detection, version, record.confidence_pct or 0.0, right, completed)
    none_answers.note(answer)


def _sample(record: DetectionRecord) -> Sample | None:
    """What people's answer says of the model; None where they do not agree, or took it back, or it
    is of who has sent the image.
    """
    if record.agreement == Agreement.UNDECIDED or record.answered_by_sender:
        return None
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    return audit.judged(record.labels or (), record.human_labels or (), model_type)
