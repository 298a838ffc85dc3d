"""RequestReview: put a doubtful image into the review queue.

Invoked by  statemachine/detection.asl.yaml, state ``RequestReview``
Raises      NotFoundError    caught: the record is gone
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the task's name is the human loop's, and a second call finds the first's task
"""

from labelloop import clock
from labelloop.aws import detections
from labelloop.entrypoint import Strict, task
from labelloop.services import review_requests


class Input(Strict):
    """The detection that a person shall look at."""

    detection_id: str


class Output(Strict):
    """The human loop, and whether it is new."""

    human_loop: str
    created: bool


@task
def lambda_handler(request: Input) -> Output:
    """Make the task from the record."""
    record = detections.get(request.detection_id)
    created = review_requests.request(record, clock.now())
    return Output(human_loop=record.human_loop or "", created=created)
