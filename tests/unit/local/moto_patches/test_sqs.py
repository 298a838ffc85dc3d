"""Queues as moto has them patched."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.exceptions
import pytest
from moto.sqs.models import sqs_backends

from local.launch import PATIENCE_S
from tests.unit.local.conftest import ACCOUNT, REGION


@pytest.fixture
def queue(runtime: Any) -> Callable[..., str]:
    def create(**attributes: str) -> str:
        answer = runtime.client("sqs").create_queue(
            QueueName=f"q{uuid.uuid4()}", Attributes=attributes
        )
        return str(answer["QueueUrl"])

    return create


def test_visibility_and_delay_run_on_the_virtual_clock(
    runtime: Any, queue: Any, eventually: Any
) -> None:
    sqs, url = runtime.client("sqs"), queue(VisibilityTimeout="400")
    sent = runtime.clock.now()
    sqs.send_message(QueueUrl=url, MessageBody="m", DelaySeconds=400)

    def receive() -> Any:
        return sqs.receive_message(QueueUrl=url, AttributeNames=["All"]).get("Messages")

    (first,) = eventually(receive)
    received = runtime.clock.now()
    assert received - sent >= 400
    (second,) = eventually(receive)
    assert runtime.clock.now() - received > 100
    assert first["MessageId"] == second["MessageId"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_message_received_too_often_goes_to_the_dead_letter_queue(
    runtime: Any, queue: Any, eventually: Any
) -> None:
    sqs, dead = runtime.client("sqs"), queue()
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    redrive = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 2}
    url = queue(VisibilityTimeout="0", RedrivePolicy=json.dumps(redrive))
    sqs.send_message(QueueUrl=url, MessageBody="m")
    for _ in range(2):
        assert "Messages" in sqs.receive_message(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    (message,) = sqs.receive_message(QueueUrl=dead)["Messages"]
    assert message["Body"] == "m"


def test_two_receivers_never_get_the_same_message(runtime: Any, queue: Any) -> None:
    sqs, url = runtime.client("sqs"), queue(VisibilityTimeout="3600")
    for number in range(200):
        runtime.bus._put_on_queue(
            f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rsplit('/', 1)[1]}", str(number), {}
        )

    def receive(_: int) -> list[str]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    with ThreadPoolExecutor(8) as threads:
        bodies = [body for batch in threads.map(receive, range(30)) for body in batch]
    assert sorted(bodies, key=int) == [str(number) for number in range(200)]


def test_a_deep_queue_is_as_fast_as_a_shallow_one(runtime: Any, queue: Any) -> None:
    backend = sqs_backends[ACCOUNT][REGION]
    name = queue(VisibilityTimeout="3600").rsplit("/", 1)[1]
    began = time.monotonic()
    for number in range(5000):
        backend.send_message(name, str(number))
    taken = 0
    while batch := backend.receive_message(name, 10, 0, 3600):
        for message in batch:
            backend.delete_message(name, message.receipt_handle)
        taken += len(batch)
    assert taken == 5000
    assert time.monotonic() - began < 60  # unpatched: minutes


def test_a_long_poll_ends_when_a_message_arrives(runtime: Any, queue: Any, eventually: Any) -> None:
    sqs, url = runtime.client("sqs"), queue(VisibilityTimeout="3600")

    def polled_while_sending() -> Any:
        with ThreadPoolExecutor(1) as threads:
            polled = threads.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
            sqs.send_message(QueueUrl=url, MessageBody="m")
            return polled.result(timeout=PATIENCE_S).get("Messages")

    # A poll ends after a fifth of a second here, which a busy machine may need to send.
    assert eventually(polled_while_sending)[0]["Body"] == "m"


def test_fifo_queues_are_refused(runtime: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="no FIFO queues"):
        runtime.client("sqs").create_queue(QueueName="a.fifo", Attributes={"FifoQueue": "true"})
