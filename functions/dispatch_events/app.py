"""DispatchEvents: run one synchronous execution for each message of a queue, at a bearable pace.

Invoked by  the detection queue and the answers queue, in batches
Raises      nothing for a message that fails: it alone goes back to its queue
Idempotent  yes, as far as the workflows are: a message may start its execution again

How fast the model takes images, nobody publishes. Each container finds it out: a throttled
execution slows the next ones down and is tried again, while there is time.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

from pydantic import Field, ValidationError

from labelloop import clock
from labelloop.aws import executions
from labelloop.aws.wiring import wiring
from labelloop.domain.images import is_folder_marker
from labelloop.domain.pacing import Pace
from labelloop.entrypoint import Strict, Tolerant, logger, task
from labelloop.settings import Variable

LAST_START_S = 45.0
"""No execution begins later in a batch than this: what has begun must have time to end."""

_STATE_MACHINES = {
    Variable.DETECTION_QUEUE_ARN: Variable.DETECTION_STATE_MACHINE_ARN,
    Variable.ANSWERS_QUEUE_ARN: Variable.HUMAN_REVIEW_STATE_MACHINE_ARN,
}
_paces = {queue: Pace() for queue in _STATE_MACHINES}
_paces_lock = threading.Lock()


class Message(Tolerant):
    """One message of a queue."""

    message_id: str = Field(alias="messageId")
    body: str
    queue_arn: str = Field(alias="eventSourceARN")


class Input(Tolerant):
    """A batch of one queue."""

    messages: list[Message] = Field(alias="Records")


class Failure(Strict):
    """A message that goes back to its queue; SQS wants this spelling."""

    itemIdentifier: str  # noqa: N815


class Output(Strict):
    """The messages that go back to their queue."""

    batchItemFailures: list[Failure]  # noqa: N815


class _Object(Tolerant):
    key: str


class _Detail(Tolerant):
    object: _Object


class _S3Event(Tolerant):
    detail: _Detail


@task
def lambda_handler(batch: Input) -> Output:
    """Run the executions side by side; give back what did not succeed."""
    begun_s = clock.stopwatch_s()
    with ThreadPoolExecutor(max(1, len(batch.messages))) as threads:
        done = list(threads.map(lambda message: _dispatch(message, begun_s), batch.messages))
    return Output(
        batchItemFailures=[
            Failure(itemIdentifier=message.message_id)
            for message, succeeded in zip(batch.messages, done, strict=True)
            if not succeeded
        ]
    )


def _dispatch(message: Message, begun_s: float) -> bool:
    """Whether the message is dealt with."""
    if _is_about_folder_marker(message.body):
        return True
    queue = next(queue for queue in _STATE_MACHINES if wiring[queue] == message.queue_arn)
    pace = _paces[queue]
    while _wait_for_turn(pace, begun_s):
        try:
            execution = executions.run(wiring[_STATE_MACHINES[queue]], message.body)
        except Exception as error:
            # Whatever it is, as for a body that is no JSON: it fails this message and no other.
            logger.warning(
                "execution not started",
                extra={"error": repr(error), "message_id": message.message_id},
            )
            return False
        if execution.succeeded:
            with _paces_lock:
                pace.succeeded()
            return True
        if execution.error != "ThrottledError":
            logger.error(
                "execution failed",
                extra={
                    "status": execution.status,
                    "error": execution.error,
                    "cause": execution.cause,
                    "message_id": message.message_id,
                },
            )
            return False
        with _paces_lock:
            pace.throttled(clock.stopwatch_s())
    return False


def _wait_for_turn(pace: Pace, begun_s: float) -> bool:
    """Wait until the pace allows the next execution; False when it is too late for one."""
    with _paces_lock:
        now_s = clock.stopwatch_s()
        wait_s = pace.reserve(now_s)
    if now_s + wait_s - begun_s > LAST_START_S:
        return False
    clock.pause(wait_s)
    return True


def _is_about_folder_marker(body: str) -> bool:
    """Whether the event tells of a folder that somebody made in the console: no image, no work."""
    try:
        return is_folder_marker(_S3Event.model_validate_json(body).detail.object.key)
    except ValidationError:
        return False
