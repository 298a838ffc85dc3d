"""The queues before the workflows: what waits there, and sending messages round again."""

from collections.abc import Callable, Sequence

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.errors import ServiceFailedError
from labelloop.settings import Variable

_MOST_AT_ONCE = 10
_HIDDEN_S = 600
"""While others are looked at, and at most where who looks dies."""


def send(queue: Variable, bodies: Sequence[str]) -> None:
    """Put messages into the queue whose address that variable has.

    Raises ServiceFailedError when the queue took only some: sending all again does no harm.
    """
    for start in range(0, len(bodies), _MOST_AT_ONCE):
        part = bodies[start : start + _MOST_AT_ONCE]
        with translated():
            answer = client("sqs").send_message_batch(
                QueueUrl=wiring[queue],
                Entries=[{"Id": str(i), "MessageBody": body} for i, body in enumerate(part)],
            )
        if answer.get("Failed"):
            raise ServiceFailedError(f"The queue refused messages: {answer['Failed']}")


def show(queue: Variable, receipt_handles: Sequence[str]) -> None:
    """Let messages that were received be received again at once.

    Raises ServiceFailedError when that was done for some only: the others wait for as long as the
    queue hides what it hands out.
    """
    failed = []
    for start in range(0, len(receipt_handles), _MOST_AT_ONCE):
        part = receipt_handles[start : start + _MOST_AT_ONCE]
        with translated():
            answer = client("sqs").change_message_visibility_batch(
                QueueUrl=wiring[queue],
                Entries=[
                    {"Id": str(i), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for i, handle in enumerate(part)
                ],
            )
        failed += answer.get("Failed", [])
    if failed:
        raise ServiceFailedError(f"The queue did not show all messages again: {failed}")


def any_wait(queue: Variable) -> bool:
    """Whether there are messages in the queue, about: those that somebody works on count too."""
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    with translated():
        answer = client("sqs").get_queue_attributes(
            QueueUrl=wiring[queue], AttributeNames=list(counts)
        )
    return any(int(answer["Attributes"][count]) for count in counts)


def take_out(url: str, unwanted: Callable[[str], bool]) -> int:
    """Delete the unwanted ones of a queue's messages, by their bodies; how many there were.

    All others are seen again at once: each has been received one time more.
    """
    sqs, others, count = client("sqs"), [], 0
    with translated():
        # Waiting asks all of SQS's servers: without, a few messages may seem to be none.
        while messages := sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_MOST_AT_ONCE,
            VisibilityTimeout=_HIDDEN_S,
            WaitTimeSeconds=1,
        ).get("Messages"):
            for message in messages:
                handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
                if unwanted(message["Body"]):
                    sqs.delete_message(**handle)
                    count += 1
                else:
                    others.append(handle)
        for handle in others:
            sqs.change_message_visibility(**handle, VisibilityTimeout=0)
    return count
