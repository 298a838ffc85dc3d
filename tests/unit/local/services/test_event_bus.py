from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import botocore.exceptions
import pytest
from moto.events.models import EventPattern

from local.services.event_bus import EVENTS
from local.services.event_targets import Origin, target_input
from tests.unit.local.conftest import ACCOUNT, REGION, ROLE

EVENT = {
    "version": "0",
    "id": "1",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "time": "2026-11-21T10:00:00Z",
    "resources": ["arn:aws:s3:::b"],
    "detail": {"bucket": {"name": "b"}, "object": {"key": 'a "quoted" key', "size": 5}},
}
ORIGIN = Origin(EVENTS, "arn:aws:events:us-east-1:123456789012:rule/r", "r")


class Rules:
    """Rules with a queue, a function or a machine behind them; removed after the test."""

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self.events = runtime.client("events")
        self.sqs = runtime.client("sqs")
        self.names: list[str] = []

    def queue(self) -> tuple[str, str]:
        name = f"q{uuid.uuid4()}"
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def add(self, pattern: dict[str, Any], target: dict[str, Any], **rule: Any) -> str:
        name = f"r{uuid.uuid4()}"
        self.events.put_rule(Name=name, EventPattern=json.dumps(pattern), **rule)
        self.names.append(name)
        self.events.put_targets(Rule=name, Targets=[{"Id": "1", **target}])
        return name

    def messages(self, url: str) -> list[Any]:
        answer = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))

    def remove(self) -> None:
        for name in self.names:
            self.events.remove_targets(Rule=name, Ids=["1"])
            self.events.delete_rule(Name=name)


@pytest.fixture
def rules(runtime: Any) -> Iterator[Rules]:
    rules = Rules(runtime)
    yield rules
    rules.remove()


def emit(runtime: Any, source: str, detail: dict[str, Any]) -> None:
    runtime.bus.emit({"source": source, "detail-type": "test", "detail": detail})


def test_an_event_reaches_the_queue_in_eventbridges_envelope(
    runtime: Any, rules: Rules, eventually: Callable[..., Any]
) -> None:
    url, arn = rules.queue()
    rules.add({"source": ["mine.1"]}, {"Arn": arn})
    emit(runtime, "mine.1", {"k": "v"})
    (message,) = eventually(lambda: rules.messages(url))
    event = json.loads(message["Body"])
    assert set(event) == {
        "version", "id", "detail-type", "source", "account", "time", "region", "resources",
        "detail",
    }  # fmt: skip
    assert event["detail"] == {"k": "v"}


def test_an_event_can_come_twice_late_and_not_at_all(
    runtime: Any, rules: Rules, eventually: Callable[..., Any]
) -> None:
    url, arn = rules.queue()
    rules.add({"source": ["mine.3"]}, {"Arn": arn})
    deliver = {"service": "events", "operation": "Deliver", "containing": "mine.3"}
    runtime.faults.replace(
        [{**deliver, **how} for how in ({"late_s": 100}, {"twice": True}, {"lost": True})]
    )
    for number in range(4):
        emit(runtime, "mine.3", {"number": number})
    came: list[int] = []

    def all_came() -> bool:
        for message in rules.messages(url):
            came.append(json.loads(message["Body"])["detail"]["number"])
            rules.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(came) == 4

    eventually(all_came)
    # The first is late, the second comes twice, the third is lost.
    assert sorted(came) == [0, 1, 1, 3]


def test_put_events_reaches_the_rules_too(
    runtime: Any, rules: Rules, eventually: Callable[..., Any]
) -> None:
    url, arn = rules.queue()
    rules.add({"source": ["mine.2"]}, {"Arn": arn})
    entry = {"Source": "mine.2", "DetailType": "test", "Detail": json.dumps({"k": 1})}
    answer = rules.events.put_events(Entries=[entry])
    (message,) = eventually(lambda: rules.messages(url))
    event = json.loads(message["Body"])
    assert event["id"] == answer["Entries"][0]["EventId"]
    assert event["time"].endswith("Z")


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ([{"prefix": "images_for_detection/"}], "images_for_detection/a.png", True),
        ([{"prefix": "images_for_detection/"}], "other/images_for_detection/a.png", False),
        ([{"suffix": ".json"}], "a/output.json", True),
        ([{"wildcard": "a2i/*/output.json"}], "a2i/x/y/output.json", True),
        ([{"wildcard": "a2i/*/output.json"}], "a2i/output.txt", False),
        ([{"anything-but": {"suffix": "/"}}], "folder/", False),
        ([{"anything-but": {"suffix": "/"}}], "folder/a.png", True),
        ([{"anything-but": ["x", "y"]}], "x", False),
        ([{"equals-ignore-case": "A.PNG"}], "a.png", True),
        ([{"exists": True}], "a", True),
        ([{"exists": False}], "a", False),
        (["a", {"prefix": "b"}], "bc", True),
    ],
)
def test_patterns_match_as_documented(pattern: list[Any], key: str, matches: bool) -> None:
    loaded = EventPattern.load(json.dumps({"detail": {"object": {"key": pattern}}}))
    assert loaded.matches_event({"detail": {"object": {"key": key}}}) is matches


def test_an_or_matches_either_of_its_patterns() -> None:
    either = {
        "detail": {"$or": [{"name": [{"prefix": "/stack/"}]}, {"size": [{"numeric": [">", 5]}]}]}
    }
    loaded = EventPattern.load(json.dumps(either))
    assert loaded.matches_event({"detail": {"name": "/stack/A", "size": 1}})
    assert loaded.matches_event({"detail": {"name": "x", "size": 6}})
    assert not loaded.matches_event({"detail": {"name": "x", "size": 5}})


def test_disabled_rules_and_scheduled_rules_match_nothing(
    runtime: Any, rules: Rules, eventually: Callable[..., Any]
) -> None:
    disabled, disabled_arn = rules.queue()
    scheduled, scheduled_arn = rules.queue()
    seen, seen_arn = rules.queue()
    rules.add({"source": ["mine.3"]}, {"Arn": disabled_arn}, State="DISABLED")
    name = f"r{uuid.uuid4()}"
    rules.events.put_rule(Name=name, ScheduleExpression="rate(30 days)")
    rules.names.append(name)
    rules.events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": scheduled_arn}])
    rules.add({"source": ["mine.3"]}, {"Arn": seen_arn})
    emit(runtime, "mine.3", {})
    eventually(lambda: rules.messages(seen))
    assert rules.messages(disabled) == rules.messages(scheduled) == []


def test_a_state_machine_is_started_under_the_targets_role(
    runtime: Any, rules: Rules, eventually: Callable[..., Any]
) -> None:
    sfn = runtime.client("stepfunctions")
    definition = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    machine = sfn.create_state_machine(
        name=f"m{uuid.uuid4()}", definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    rules.add({"source": ["mine.4"]}, {"Arn": machine, "RoleArn": ROLE})
    runtime.seen_keys.clear()
    emit(runtime, "mine.4", {"k": 1})
    (started,) = eventually(lambda: sfn.list_executions(stateMachineArn=machine)["executions"])
    described = sfn.describe_execution(executionArn=started["executionArn"])
    assert json.loads(described["input"])["detail"] == {"k": 1}
    assert any("ROLEKEY/" in key and "/states/" in key for key in runtime.seen_keys)


def test_a_function_is_invoked_with_the_event(
    runtime: Any, rules: Rules, eventually: Callable[..., Any]
) -> None:
    arn = runtime.add_function("sample.echo", name="target")
    rules.add({"source": ["mine.5"]}, {"Arn": arn})
    emit(runtime, "mine.5", {"k": 1})
    eventually(lambda: runtime.functions.counts().get("target"))


def test_an_event_is_under_way_until_its_target_has_it(
    runtime: Any, rules: Rules, eventually: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = threading.Event()
    monkeypatch.setattr(runtime.bus, "_send", lambda _: arrived.wait())
    _, arn = rules.queue()
    rules.add({"source": ["mine.9"]}, {"Arn": arn})
    eventually(lambda: not runtime.bus.underway())
    emit(runtime, "mine.9", {})
    assert runtime.bus.underway() == 1
    arrived.set()
    eventually(lambda: not runtime.bus.underway())


def test_an_event_that_may_not_be_delivered_is_kept_with_the_reason(
    runtime: Any, rules: Rules, eventually: Callable[..., Any]
) -> None:
    dead, dead_arn = rules.queue()
    arn = runtime.add_function("sample.echo", name="forbidden")
    name = rules.add({"source": ["mine.6"]}, {"Arn": arn, "DeadLetterConfig": {"Arn": dead_arn}})
    runtime.authorizer.refused.add("lambda:InvokeFunction")
    emit(runtime, "mine.6", {"k": 1})
    (message,) = eventually(lambda: rules.messages(dead))
    assert json.loads(message["Body"])["detail"] == {"k": 1}
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    assert attributes["RULE_ARN"].endswith(f":rule/{name}")
    assert attributes["TARGET_ARN"] == arn
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "refused by the test" in attributes["ERROR_MESSAGE"]


def test_a_throttled_delivery_is_tried_again(
    runtime: Any, rules: Rules, eventually: Callable[..., Any]
) -> None:
    sfn = runtime.client("stepfunctions")
    definition = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    machine = sfn.create_state_machine(
        name=f"m{uuid.uuid4()}", definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    rules.add({"source": ["mine.7"]}, {"Arn": machine, "RoleArn": ROLE})
    runtime.refusals["StartExecution"] = "ThrottlingException"
    runtime.seen_keys.clear()
    emit(runtime, "mine.7", {})
    eventually(lambda: len(runtime.seen_keys) >= 2)
    runtime.refusals.clear()
    assert eventually(lambda: sfn.list_executions(stateMachineArn=machine)["executions"])


def test_a_delivery_that_keeps_failing_ends_in_the_dead_letter_queue(
    runtime: Any, rules: Rules, eventually: Callable[..., Any]
) -> None:
    dead, dead_arn = rules.queue()
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:any"
    target = {
        "Arn": machine,
        "RoleArn": ROLE,
        "DeadLetterConfig": {"Arn": dead_arn},
        "RetryPolicy": {"MaximumRetryAttempts": 2},
    }
    rules.add({"source": ["mine.8"]}, target)
    runtime.refusals["StartExecution"] = "ThrottlingException"
    emit(runtime, "mine.8", {})
    (message,) = eventually(lambda: rules.messages(dead))
    attributes = message["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "ThrottlingException"
    assert attributes["RETRY_ATTEMPTS"]["StringValue"] == "2"


def test_targets_that_cannot_be_reached_are_refused_at_once(runtime: Any, rules: Rules) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="cannot deliver to"):
        rules.add(
            {"source": ["mine.9"]}, {"Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}
        )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({}, EVENT),
        ({"Input": '{"fixed": 1}'}, {"fixed": 1}),
        ({"InputPath": "$.detail.object"}, EVENT["detail"]["object"]),  # type: ignore[index]
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {
                        "key": "$.detail.object.key",
                        "size": "$.detail.object.size",
                        "none": "$.detail.nothing",
                        "bucket": "$.detail.bucket",
                    },
                    "InputTemplate": '{"key": <key>, "text": "of <size>: <key><none>", '
                    '"size": <size>, "none": <none>, "bucket": <bucket>, '
                    '"rule": <aws.events.rule-name>, '
                    '"at": <aws.events.event.ingestion-time>}',
                }
            },
            {
                "key": 'a "quoted" key',
                "text": 'of 5: a "quoted" key',
                "size": 5,
                "none": None,
                "bucket": {"name": "b"},
                "rule": "r",
                "at": "2026-11-21T11:00:00Z",
            },
        ),
        (
            {"InputTransformer": {"InputTemplate": '{"all": <aws.events.event.json>}'}},
            {"all": EVENT},
        ),
    ],
)
def test_the_target_gets_the_input_it_asked_for(target: dict[str, Any], expected: Any) -> None:
    text = target_input(target, EVENT, ORIGIN, "2026-11-21T11:00:00Z")
    assert json.loads(text) == expected
