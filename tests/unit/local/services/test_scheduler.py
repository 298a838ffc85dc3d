from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import botocore.exceptions
import pytest

from local.services.event_bus import DeliveryError
from local.services.scheduler import InvalidScheduleError, UnknownScheduleError, parse_expression
from tests.unit.local.conftest import ACCOUNT, REGION, ROLE, TIME_SCALE


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("rate(1 minute)", "2026-11-21T10:00:30", "2026-11-21T10:01:30"),
        ("rate(600 minutes)", "2026-11-21T10:00:00", "2026-11-21T20:00:00"),
        ("rate(2 days)", "2026-11-30T10:00:00", "2026-12-02T10:00:00"),
        ("cron(0 12 * * ? *)", "2026-11-21T12:00:00", "2026-11-22T12:00:00"),
        ("cron(0/15 * * * ? *)", "2026-11-21T10:16:00", "2026-11-21T10:30:00"),
        ("cron(30 8 1 * ? *)", "2026-11-21T10:00:00", "2026-12-01T08:30:00"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-20T18:00:00", "2026-11-23T18:00:00"),
        ("cron(0 0 ? * SUN *)", "2026-11-21T10:00:00", "2026-11-22T00:00:00"),
        ("cron(0 0 29 2 ? *)", "2026-11-21T10:00:00", "2028-02-29T00:00:00"),
        ("cron(0 9,17 31 JAN,DEC ? 2027)", "2026-11-21T10:00:00", "2027-01-31T09:00:00"),
        ("at(2027-01-01T00:00:00)", "2026-11-21T10:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_the_next_time_is_computed(expression: str, after: str, expected: str) -> None:
    assert parse_expression(expression)(at(after)) == at(expected)


def test_what_lies_in_the_past_never_comes() -> None:
    assert parse_expression("at(2020-01-01T00:00:00)")(at("2026-01-01T00:00:00")) is None
    assert parse_expression("cron(0 0 1 1 ? 2020)")(at("2026-01-01T00:00:00")) is None


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(5 weeks)",
        "cron(0 12 * * * *)",
        "cron(0 12 L * ? *)",
        "cron(60 12 * * ? *)",
        "cron(0 12 * * ?)",
        "every day",
    ],
)
def test_expressions_that_aws_refuses_or_that_are_not_supported_are_refused(
    expression: str,
) -> None:
    with pytest.raises(InvalidScheduleError):
        parse_expression(expression)


class Board:
    """Schedules that start a machine; deleted after the test."""

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self.client = runtime.client("scheduler")
        self.sfn = runtime.client("stepfunctions")
        self.names: list[str] = []
        definition = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
        self.machine = self.sfn.create_state_machine(
            name=f"m{uuid.uuid4()}", definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]

    def target(self, **fields: Any) -> dict[str, Any]:
        return {"Arn": self.machine, "RoleArn": ROLE, **fields}

    def add(self, expression: str, state: str = "ENABLED", **target: Any) -> str:
        name = f"s{uuid.uuid4()}"
        self.client.create_schedule(
            Name=name,
            ScheduleExpression=expression,
            State=state,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=self.target(**target),
        )
        self.names.append(name)
        return name

    def change(self, name: str, expression: str, state: str = "ENABLED") -> None:
        self.client.update_schedule(
            Name=name,
            ScheduleExpression=expression,
            State=state,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=self.target(),
        )

    def inputs(self) -> list[Any]:
        executions = self.sfn.list_executions(stateMachineArn=self.machine)["executions"]
        return [
            json.loads(self.sfn.describe_execution(executionArn=e["executionArn"])["input"])
            for e in reversed(executions)
        ]


@pytest.fixture
def board(runtime: Any) -> Iterator[Board]:
    board = Board(runtime)
    yield board
    for name in board.names:
        board.client.delete_schedule(Name=name)


def test_a_rate_fires_one_virtual_interval_after_its_creation_and_again(
    board: Board, eventually: Callable[..., Any]
) -> None:
    began = time.monotonic()
    board.add("rate(1 minute)", Input='{"k": 1}')
    eventually(lambda: len(board.inputs()) >= 1)
    assert (time.monotonic() - began) * TIME_SCALE >= 60
    eventually(lambda: len(board.inputs()) >= 2)
    assert (time.monotonic() - began) * TIME_SCALE >= 120
    assert board.inputs()[0] == {"k": 1}


def test_of_all_runs_that_a_leap_of_the_clock_skips_one_is_made_up_for(
    board: Board, runtime: Any, eventually: Callable[..., Any]
) -> None:
    board.add("rate(10 hours)")
    runtime.clock.leap(100 * 3600)
    runtime.schedules.changed()
    eventually(board.inputs)
    assert len(board.inputs()) == 1


def test_a_changed_schedule_starts_its_interval_anew(
    board: Board, eventually: Callable[..., Any]
) -> None:
    name = board.add("rate(1 day)")
    time.sleep(0.2)
    board.change(name, "rate(1 minute)")
    eventually(board.inputs)


def test_a_disabled_schedule_fires_only_when_asked(board: Board) -> None:
    name = board.add("rate(1 minute)", state="DISABLED")
    time.sleep(1.0)
    assert board.inputs() == []
    answer = board.runtime.schedules.fire(name)
    assert len(board.inputs()) == 1
    assert answer["executionArns"][0].startswith("arn:aws:states:")


def test_the_context_is_put_into_the_input(board: Board) -> None:
    text = '{"at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"}'
    name = board.add("rate(1 day)", Input=text)
    before = board.runtime.clock.datetime().replace(microsecond=0)
    board.runtime.schedules.fire(name)
    after = board.runtime.clock.datetime()
    (given,) = board.inputs()
    assert given["by"] == f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}"
    assert before <= datetime.fromisoformat(given["at"]) <= after


def test_firing_says_when_the_target_refuses(board: Board, runtime: Any) -> None:
    name = board.add("rate(1 day)")
    runtime.refusals["StartExecution"] = "AccessDeniedException"
    with pytest.raises(DeliveryError, match="AccessDeniedException"):
        runtime.schedules.fire(name)


def test_what_cannot_be_delivered_is_kept_under_the_schedules_role(
    board: Board, runtime: Any, eventually: Callable[..., Any]
) -> None:
    sqs = runtime.client("sqs")
    queue = f"q{uuid.uuid4()}"
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
    runtime.refusals["StartExecution"] = "AccessDeniedException"
    board.add("rate(1 minute)", Input='{"k": 1}', DeadLetterConfig={"Arn": arn})

    def received() -> Any:
        return sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")

    (message,) = eventually(received)
    assert json.loads(message["Body"]) == {"k": 1}
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"


def test_a_scheduled_rule_sends_a_scheduled_event(
    runtime: Any, eventually: Callable[..., Any]
) -> None:
    sqs, events, name = runtime.client("sqs"), runtime.client("events"), f"r{uuid.uuid4()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"]
    events.remove_targets(Rule=name, Ids=["1"])
    events.delete_rule(Name=name)


def test_an_unknown_schedule_is_said_to_be_unknown(runtime: Any) -> None:
    with pytest.raises(UnknownScheduleError):
        runtime.schedules.fire("nothing")


def test_a_wrong_expression_is_refused_where_it_is_written(board: Board) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match=r"Invalid Schedule Expression") as e:
        board.add("rate(1 minutes)")
    assert e.value.response["Error"]["Code"] == "ValidationException"
