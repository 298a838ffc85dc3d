"""DispatchEvents: run one synchronous execution for each message of a queue, at a bearable pace.

Invoked by  the detection queue and the answers queue, in batches
Raises      nothing for a message that fails: it alone goes back to its queue
Idempotent  yes, as far as the workflows are: a message may start its execution again

How fast the model takes images, nobody publishes. Each container finds it out: a throttled
execution slows the next ones down. Its message waits for another turn in the queue. The queue
counts how often it hands a message out, and being throttled is no failure to be counted: after a
few turns the message is sent anew. Seldom, since Lambda counts that as a loop: it stops one after
about 16 rounds, where that is not allowed.
"""

import json
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import Enum, auto
from typing import Any

from pydantic import Field, ValidationError

from labelloop import clock
from labelloop.aws import executions, queues
from labelloop.aws.wiring import wiring
from labelloop.domain.images import is_folder_marker
from labelloop.domain.pacing import Pace
from labelloop.entrypoint import Strict, Tolerant, logger, task
from labelloop.errors import UNREADABLE, LabelLoopError, ThrottledError
from labelloop.settings import Variable

LAST_START_S = 45.0
"""No execution begins later in a batch than this: what has begun must have time to end."""
TURNS = 5
"""So often a message is handed out before it is sent anew, of the ten times after which its queue
gives up on it: the others are for executions that fail."""

_STATE_MACHINES = {
    Variable.DETECTION_QUEUE_URL: Variable.DETECTION_STATE_MACHINE_ARN,
    Variable.ANSWERS_QUEUE_URL: Variable.HUMAN_REVIEW_STATE_MACHINE_ARN,
}
_paces = {queue: Pace() for queue in _STATE_MACHINES}


class Message(Tolerant):
    """One message of a queue."""

    class Attributes(Tolerant):
        """What the queue says of it."""

        receive_count: int = Field(alias="ApproximateReceiveCount")

    message_id: str = Field(alias="messageId")
    receipt_handle: str = Field(alias="receiptHandle")
    body: str
    queue_arn: str = Field(alias="eventSourceARN")
    attributes: Attributes


class Input(Tolerant):
    """A batch of one queue."""

    messages: list[Message] = Field(alias="Records")


class Failure(Strict):
    """A message that goes back to its queue; SQS wants this spelling."""

    itemIdentifier: str  # noqa: N815


class Output(Strict):
    """The messages that go back to their queue."""

    batchItemFailures: list[Failure]  # noqa: N815


class _End(Enum):
    """What becomes of a message."""

    DONE = auto()
    PASSED = auto()
    """The same, but the model was not asked: it says nothing of how fast that is."""
    BACK = auto()
    """It stays in its queue, which counts that."""
    WAITS = auto()
    """It has to wait for its turn, or for another one."""


_THROTTLED = {"ThrottledError", "ThrottledOnceDetectedError"}
"""The errors of executions that were refused because there were too many."""


@task
def lambda_handler(batch: Input) -> Output:
    """Run the executions side by side; give back what did not succeed."""
    queue = _queue(batch.messages[0].queue_arn)
    # A folder that somebody made in the console: no image, no work.
    messages = [message for message in batch.messages if not _is_about_folder_marker(message.body)]
    ends = _dispatch(queue, messages)
    waiting = [message for message in messages if ends[message.message_id] is _End.WAITS]
    anew = [message for message in waiting if message.attributes.receive_count >= TURNS]
    stay = [message for message in waiting if message.attributes.receive_count < TURNS]
    _show(queue, stay)
    queues.send(queue, [_execution_input(message) for message in anew])
    back = [message for message in messages if ends[message.message_id] is _End.BACK]
    return Output(
        batchItemFailures=[Failure(itemIdentifier=message.message_id) for message in back + stay]
    )


def _show(queue: Variable, messages: list[Message]) -> None:
    """Let messages that wait for their turn be received again at once."""
    try:
        queues.show(queue, [message.receipt_handle for message in messages])
    except LabelLoopError as error:
        # Nothing is lost: they come again when the queue's own time is over.
        logger.warning("messages not shown again", extra={"error": repr(error)})


def _queue(arn: str) -> Variable:
    """The variable with the address of the queue that has this ARN."""
    name = arn.rsplit(":", 1)[-1]
    return next(queue for queue in _STATE_MACHINES if wiring[queue].rsplit("/", 1)[-1] == name)


def _dispatch(queue: Variable, messages: list[Message]) -> dict[str, _End]:
    """What became of each message, by its id."""
    pace, begun_s = _paces[queue], clock.stopwatch_s()
    ends = {message.message_id: _End.WAITS for message in messages}
    to_begin = deque(messages)
    running: dict[Future[_End], tuple[Message, float]] = {}
    with ThreadPoolExecutor(max(1, len(messages))) as threads:
        while to_begin or running:
            now_s = clock.stopwatch_s()
            if now_s - begun_s > LAST_START_S:
                to_begin.clear()
            wait_s = pace.wait_s(now_s)
            if to_begin and not wait_s:
                pace.begun(now_s)
                message = to_begin.popleft()
                running[threads.submit(_run, queue, message)] = message, now_s
            elif not running:
                clock.pause(wait_s)
            else:
                wait(running, wait_s if to_begin else None, FIRST_COMPLETED)
            for future in [future for future in running if future.done()]:
                message, message_begun_s = running.pop(future)
                ends[message.message_id] = end = future.result()
                if end is _End.WAITS:
                    pace.throttled(message_begun_s, clock.stopwatch_s())
                elif end is _End.DONE and to_begin:
                    # Where none waits for its turn, something else than the pace is the limit.
                    pace.succeeded()
    return ends


def _run(queue: Variable, message: Message) -> _End:
    """Run a message's execution to its end."""
    facts: dict[str, Any] = {"message_id": message.message_id}
    try:
        execution = executions.run(wiring[_STATE_MACHINES[queue]], _execution_input(message))
    except ThrottledError:
        return _End.WAITS
    except Exception as error:
        # Whatever it is, as for a body that is no JSON: it fails this message and no other.
        logger.warning("execution not started", extra={"error": repr(error), **facts})
        return _End.BACK
    if execution.succeeded:
        if execution.output.get("told") is False:
            logger.warning("consumer or programs not told, tried again later", extra=facts)
            return _End.BACK
        asked_model = execution.output.get("detected", {}).get("asked_model", True)
        return _End.DONE if asked_model else _End.PASSED
    if execution.error in _THROTTLED:
        return _End.WAITS
    facts |= {
        "status": execution.status,
        "error": execution.error,
        "cause": execution.cause,
    }
    logger.error("execution failed", extra=facts)
    return _End.BACK


class _Object(Tolerant):
    key: str


class _Detail(Tolerant):
    object: _Object


class _S3Event(Tolerant):
    detail: _Detail


def _is_about_folder_marker(body: str) -> bool:
    try:
        return is_folder_marker(_S3Event.model_validate_json(body).detail.object.key)
    except ValidationError:
        return False


def _execution_input(message: Message) -> str:
    """The message's body, marked where an execution of it may have begun before."""
    return message.body if message.attributes.receive_count == 1 else _marked(message.body)


def _marked(body: str) -> str:
    """The same, saying that an execution of it may have begun before."""
    try:
        event = json.loads(body)
        event["detail"]["again"] = True
    except UNREADABLE:
        return body
    return json.dumps(event)
