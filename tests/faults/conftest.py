"""What the tests of failures share."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests import images
from tests.stack import Stack, Uploaded


class Intake:
    """The way of images into detection, with events that the test sends itself.

    An image's names are known before anything happens to it only while the rule that reports it
    is off.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._events = stack.client("events")
        self._rule = stack.physical_id("DetectionRule")

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Uploads make no events for the length of a block."""
        self._events.disable_rule(Name=self._rule)
        try:
            yield
        finally:
            self._events.enable_rule(Name=self._rule)

    def upload(self, count: int, name: str = "fault") -> list[Uploaded]:
        """New doubtful images that nobody has heard of yet."""

        def draw(number: int) -> Uploaded:
            key = f"images_for_detection/{name}-{number}.jpg"
            return self._stack.upload(key, images.draw_doubtful(number))

        with self.closed(), ThreadPoolExecutor(4) as threads:
            return list(threads.map(draw, self._stack.numbers(count)))

    def report(self, uploads: Iterable[Uploaded]) -> None:
        """Tell detection about uploads, as the rule would have."""
        self.send(json.dumps(self._stack.event(upload)) for upload in uploads)

    def send(self, bodies: Iterable[str], queue: str = "DetectionQueue") -> None:
        """Put messages into a queue, whatever they say."""
        for body in bodies:
            self._stack.client("sqs").send_message(
                QueueUrl=self._stack.physical_id(queue), MessageBody=body
            )

    @contextmanager
    def patience(self, seconds: int) -> Iterator[None]:
        """Messages that failed come again after so many of the stack's seconds, in both queues."""
        sqs = self._stack.client("sqs")
        urls = [self._stack.physical_id(name) for name in ("DetectionQueue", "AnswersQueue")]
        name = "VisibilityTimeout"
        before = sqs.get_queue_attributes(QueueUrl=urls[0], AttributeNames=[name])["Attributes"]
        for url in urls:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={name: str(seconds)})
        try:
            yield
        finally:
            for url in urls:
                sqs.set_queue_attributes(QueueUrl=url, Attributes=before)

    def dead(self, queue: str = "DetectionDeadLetterQueue") -> int:
        """How many messages were given up."""
        answer = self._stack.client("sqs").get_queue_attributes(
            QueueUrl=self._stack.physical_id(queue), AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])


@pytest.fixture
def intake(serving_stack: Stack) -> Intake:
    """The way of images into the serving stack."""
    return Intake(serving_stack)
