"""RequeueReview: ask on the console about an image that A2I's workers did not answer.

Invoked by  UnansweredLoopsRule, when a human loop has failed or was stopped
Raises      NotFoundError   no such detection: after Lambda's own retries the event lies in the
                            queue of events that reached nothing
            ThrottledError, ServiceFailedError   retried by Lambda
Idempotent  yes; the task's name is the human loop's, and the operator is told once a day
"""

from labelloop import clock
from labelloop.aws import detections
from labelloop.domain.detections import detection_of_loop
from labelloop.entrypoint import Strict, Tolerant, task
from labelloop.services import operator_news, review_requests


class _Detail(Tolerant):
    humanLoopName: str  # noqa: N815  # as A2I spells it
    humanLoopStatus: str  # noqa: N815
    failureReason: str | None = None  # noqa: N815


class Input(Tolerant):
    """The part of A2I's "HumanLoop Status Change" event that says what has ended, and how."""

    detail: _Detail


class Output(Strict):
    """Whether there is a new task in the review queue."""

    created: bool


@task
def lambda_handler(event: Input) -> Output:
    """Put the image into the review queue, unless it was answered meanwhile."""
    loop, status = event.detail.humanLoopName, event.detail.humanLoopStatus
    detection = detection_of_loop(loop)
    if detection is None:
        return Output(created=False)  # Somebody else has begun it.
    record = detections.get(detection)
    if record.agreement is not None:
        return Output(created=False)
    now = clock.now()
    created = review_requests.on_console(record, now)
    operator_news.tell(
        "loops_unanswered",
        f"loops-unanswered-{status}-{now:%Y-%m-%d}",
        loop,
        {"loop": loop, "status": status, "cause": event.detail.failureReason},
    )
    return Output(created=created)
