"""RecordAnswerProblem: note in the inference log that an image's answers cannot be used.

Invoked by  statemachine/human_review.asl.yaml, state ``RecordProblem``
Raises      ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the note is the same each time
"""

import hashlib

from labelloop.aws import detections
from labelloop.domain import human_loops
from labelloop.domain.detections import detection_of_loop
from labelloop.domain.wording import cause_in_words
from labelloop.entrypoint import Strict, task
from labelloop.errors import MalformedAnswerError, NotFoundError


class Input(Strict):
    """The object that holds the answers, and why they cannot be used."""

    key: str
    error: str
    cause: str


class Output(Strict):
    """What is wrong in words, and the name under which the operator is told once."""

    reason: str
    once: str


@task
def lambda_handler(problem: Input) -> Output:
    """Note it where there is a record; an object that names no detection has none."""
    reason = cause_in_words(problem.model_dump())
    try:
        detection = detection_of_loop(human_loops.loop_of_key(problem.key))
        if detection:
            detections.note_review_problem(detection, reason)
    except (MalformedAnswerError, NotFoundError):
        pass
    digest = hashlib.sha256(f"{problem.key}\n{reason}".encode()).hexdigest()[:32]
    return Output(reason=reason, once=f"answer-problem-{digest}")
