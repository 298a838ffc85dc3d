from __future__ import annotations

import json
import resource
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.launch import PATIENCE_S
from local.services.queue_pollers import MappingRefusedError, QueuePollers
from tests.unit.local.conftest import ACCOUNT, REGION, ROLE

VISIBILITY_S = 20


class Line:
    """A queue, its dead-letter queue, and a function behind it."""

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self.sqs = runtime.client("sqs")
        self.name = f"q{uuid.uuid4()}"
        self.dead_url = self.sqs.create_queue(QueueName=f"{self.name}-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": f"{self.arn}-dead", "maxReceiveCount": 3}
        self.url = self.sqs.create_queue(
            QueueName=self.name,
            Attributes={
                "VisibilityTimeout": str(VISIBILITY_S),
                "RedrivePolicy": json.dumps(redrive),
            },
        )["QueueUrl"]
        self.mappings: list[str] = []

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"

    def function(self, handler: str = "sample.batch", **changes: Any) -> str:
        arn: str = self.runtime.add_function(handler, name=self.name[:20], **changes)
        return arn

    def map(self, function: str, **options: Any) -> None:
        values = {"report_batch_item_failures": True, "role_arn": ROLE, **options}
        self.mappings.append(self.runtime.queues.add(function, self.arn, **values))

    def send(self, *bodies: Any, **attributes: Any) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps(body), **attributes)

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def dead(self) -> list[Any]:
        answer = self.sqs.receive_message(QueueUrl=self.dead_url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def log(self) -> str:
        file: Path = self.runtime.functions._log_dir / f"{self.name[:20]}.log"
        return file.read_text()


@pytest.fixture
def line(runtime: Any) -> Iterator[Line]:
    line = Line(runtime)
    yield line
    for mapping in line.mappings:
        runtime.queues.remove(mapping)


def test_messages_reach_the_function_as_lambda_shapes_them(
    line: Line, eventually: Callable[..., Any]
) -> None:
    line.map(line.function("sample.echo"))
    kind = {"kind": {"DataType": "String", "StringValue": "s"}}
    line.send({"key": "a"}, MessageAttributes=kind)
    eventually(lambda: line.left() == 0 and "saw" in line.log())
    (record,) = json.loads(line.log().splitlines()[0])["saw"]["Records"]
    assert set(record) == {
        "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody",
        "eventSource", "eventSourceARN", "awsRegion",
    }  # fmt: skip
    assert json.loads(record["body"]) == {"key": "a"}
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == line.arn
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    sent_s = int(record["attributes"]["SentTimestamp"]) / 1000
    assert abs(sent_s - line.runtime.clock.now()) < 3000
    assert record["messageAttributes"]["kind"] == {
        "dataType": "String",
        "stringValue": "s",
        "stringListValues": [],
        "binaryListValues": [],
    }


def test_a_message_that_was_worked_up_can_come_once_more(
    line: Line, eventually: Callable[..., Any]
) -> None:
    again = {"service": "sqs", "operation": "Deliver", "containing": "once more", "twice": True}
    line.runtime.faults.replace([again])
    line.map(line.function("sample.echo"))
    line.send("once more", "once")
    eventually(lambda: line.left() == 0 and line.log().count("once more") == 2)
    assert line.log().count('\\"once\\"') == 1


def test_only_the_reported_messages_come_back_and_end_in_the_dead_letter_queue(
    line: Line, eventually: Callable[..., Any]
) -> None:
    line.send({"n": 1}, {"n": 2, "fail": True}, {"n": 3})
    line.map(line.function())
    began = time.monotonic()
    assert eventually(line.dead) == [{"n": 2, "fail": True}]
    # three receipts, and each time the visibility timeout
    assert (time.monotonic() - began) * line.runtime.clock.scale >= 3 * VISIBILITY_S * 0.95
    assert line.left() == 0


@pytest.mark.parametrize("body", [{"raise": True}, {"nonsense": True}])
def test_a_failed_or_senseless_answer_returns_the_whole_batch(
    line: Line, eventually: Callable[..., Any], body: dict[str, Any]
) -> None:
    line.send({"n": 1}, body)
    line.map(line.function())
    dead: list[Any] = []

    def both_are_dead() -> bool:
        dead.extend(line.dead())
        return len(dead) == 2

    eventually(both_are_dead)


def test_without_reporting_a_failure_list_means_nothing(
    line: Line, eventually: Callable[..., Any]
) -> None:
    line.send({"fail": True})
    line.map(line.function(), report_batch_item_failures=False)
    eventually(lambda: line.left() == 0)
    time.sleep(0.1)
    assert line.dead() == []


def test_no_message_comes_back_while_its_function_works(
    line: Line, eventually: Callable[..., Any]
) -> None:
    assert line.runtime.clock.real(VISIBILITY_S) < 0.5
    line.map(line.function("sample.slow", timeout_s=VISIBILITY_S))
    line.send({})
    eventually(line.runtime.functions.busy)
    line.runtime.clock.leap(7 * 86400)
    eventually(lambda: line.left() == 0)
    time.sleep(0.6)  # a second delivery would have begun before the first one ended
    assert line.log().count("worked") == 1


def test_two_batches_are_worked_on_at_once(line: Line, eventually: Callable[..., Any]) -> None:
    line.map(line.function("sample.sleep", timeout_s=5), batch_size=1)
    line.send({}, {})
    function = line.runtime.functions._function(line.name[:20])
    eventually(lambda: len(function.workers) == 2)


def test_a_window_gathers_a_batch(line: Line, eventually: Callable[..., Any]) -> None:
    # One poller, and a window that no machine is too slow for: three messages end it.
    function = line.function("sample.echo", reserved_concurrency=1)
    line.map(function, max_batching_window_s=100 * PATIENCE_S, batch_size=3)
    line.send({"n": 1}, {"n": 2}, {"n": 3})
    eventually(lambda: line.left() == 0 and "saw" in line.log())
    sizes = [len(json.loads(entry)["saw"]["Records"]) for entry in line.log().splitlines()]
    assert sizes == [3]


def test_a_mapping_that_is_off_leaves_the_messages_alone(line: Line) -> None:
    line.map(line.function(), enabled=False)
    line.send({})
    time.sleep(0.3)
    assert line.left() == 1


def test_a_removed_mapping_polls_no_more(line: Line) -> None:
    line.map(line.function())
    line.runtime.queues.remove(line.mappings.pop())
    line.send({})
    time.sleep(0.3)
    assert line.left() == 1


@pytest.mark.parametrize(
    "action", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
)
def test_a_role_that_may_not_poll_is_refused(line: Line, action: str) -> None:
    line.runtime.authorizer.refused.add(action)
    with pytest.raises(MappingRefusedError, match=action.removeprefix("sqs:")):
        line.map(line.function())


def test_a_queue_that_shows_messages_again_too_early_is_refused(line: Line) -> None:
    with pytest.raises(MappingRefusedError, match="20 seconds is less than Function timeout: 30"):
        line.map(line.function(timeout_s=30))


def test_what_cannot_be_mapped_is_refused(line: Line) -> None:
    function = line.function()
    with pytest.raises(MappingRefusedError, match="does not exist"):
        line.runtime.queues.add(function, f"{line.arn}-none", role_arn=ROLE)
    with pytest.raises(MappingRefusedError, match="MaximumConcurrency"):
        line.map(function, maximum_concurrency=1)
    with pytest.raises(MappingRefusedError, match="BatchSize"):
        line.map(function, batch_size=0)


def test_waiting_for_messages_costs_nothing(line: Line, eventually: Callable[..., Any]) -> None:
    line.map(line.function())

    def used_s() -> float:
        before = resource.getrusage(resource.RUSAGE_SELF)
        time.sleep(1)
        after = resource.getrusage(resource.RUSAGE_SELF)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    eventually(lambda: used_s() < 0.1)  # What other tests have begun may go on for a while.


def test_closing_ends_every_poller(line: Line, eventually: Callable[..., Any]) -> None:
    runtime = line.runtime
    pollers = QueuePollers(runtime.clock, runtime.authorizer, runtime.faults, runtime.functions)
    identifier = pollers.add(line.function(), line.arn, role_arn=ROLE)
    threads = pollers._mappings[identifier].threads
    pollers.close()
    eventually(lambda: not any(thread.is_alive() for thread in threads))
