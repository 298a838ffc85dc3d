"""Queues: what waits for its turn is shown again, and what could not be is said."""

import boto3
import pytest

from labelloop.aws import queues
from labelloop.aws.wiring import wiring
from labelloop.errors import ServiceFailedError
from labelloop.settings import Variable
from tests.unit.account import Account

QUEUE = Variable.DETECTION_QUEUE_URL


def _receive() -> list[str]:
    """The receipt handles of everything that can be received now."""
    handles: list[str] = []
    while (
        received := boto3.client("sqs")
        .receive_message(QueueUrl=wiring[QUEUE], MaxNumberOfMessages=10)
        .get("Messages")
    ):
        handles += [message["ReceiptHandle"] for message in received]
    return handles


def test_more_messages_than_a_call_takes_are_shown_again(account: Account) -> None:
    queues.send(QUEUE, [str(number) for number in range(23)])
    handles = _receive()
    assert not _receive()
    queues.show(QUEUE, handles)
    assert len(_receive()) == 23


def test_those_after_one_that_cannot_be_shown_are_shown_all_the_same(account: Account) -> None:
    queues.send(QUEUE, [str(number) for number in range(20)])
    handles = _receive()
    with pytest.raises(ServiceFailedError, match="ReceiptHandleIsInvalid"):
        queues.show(QUEUE, ["none", *handles])
    assert len(_receive()) == 20
