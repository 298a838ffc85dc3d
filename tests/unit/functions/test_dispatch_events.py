"""DispatchEvents: one execution a message, at a pace that the model bears."""

import json

import boto3
import pytest

from functions.dispatch_events import app
from functions.dispatch_events.app import lambda_handler
from labelloop import clock
from labelloop.aws.wiring import wiring
from labelloop.domain.pacing import Pace
from labelloop.settings import Variable
from tests.unit.account import Account, Context, Json, event, refuses

IMAGES = event("dispatch_events.images")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that has found a high rate."""
    for queue in app._paces:
        monkeypatch.setitem(app._paces, queue, Pace(rate_per_s=1000.0))


def _batch(account: Account, case: str = "images") -> Json:
    """A sample batch, from this account's queue."""
    batch = event(f"dispatch_events.{case}")
    queue = "answers" if case == "answers" else "detection"
    for record in batch["Records"]:
        record["eventSourceARN"] = record["eventSourceARN"].rsplit(":", 1)[0] + f":{queue}"
    return batch


def _received(account: Account, case: str = "images") -> Json:
    """A sample batch whose messages lie in the queue, and were received from there."""
    batch = _batch(account, case)
    queue = Variable.ANSWERS_QUEUE_URL if case == "answers" else Variable.DETECTION_QUEUE_URL
    sqs = boto3.client("sqs")
    for record in batch["Records"]:
        sqs.send_message(QueueUrl=wiring[queue], MessageBody=record["body"])
    received = sqs.receive_message(QueueUrl=wiring[queue], MaxNumberOfMessages=10)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=wiring[queue], MaxNumberOfMessages=10)
    for record, message in zip(batch["Records"], received, strict=True):
        record["messageId"], record["body"] = message["MessageId"], message["Body"]
        record["receiptHandle"] = message["ReceiptHandle"]
    return batch


def _shown(account: Account, queue: Variable = Variable.DETECTION_QUEUE_URL) -> list[str]:
    """The messages that can be received at once."""
    sqs = boto3.client("sqs")
    answer = sqs.receive_message(QueueUrl=wiring[queue], MaxNumberOfMessages=10)
    return sorted(message["MessageId"] for message in answer.get("Messages", []))


def _ended(status: str, **how: str) -> Json:
    base = "arn:aws:states:eu-west-1:123456789012:express:label-loop-detection:a:b"
    return {"executionArn": base, "status": status, "startDate": 1, "stopDate": 2, **how}


def _run(account: Account, case: str = "images") -> list[str]:
    """The messages that go back."""
    output = lambda_handler(_batch(account, case), Context())
    return [failure["itemIdentifier"] for failure in output["batchItemFailures"]]


def _sent(account: Account, queue: Variable = Variable.DETECTION_QUEUE_URL) -> list[Json]:
    """What was put into the queue."""
    sqs = boto3.client("sqs")
    answer = sqs.receive_message(QueueUrl=wiring[queue], MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def _inputs(account: Account) -> list[Json]:
    asked = account.stepfunctions.asked("StartSyncExecution")
    return [json.loads(request["input"]) for request in asked]


def test_each_message_starts_the_execution_of_its_queue(account: Account) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended("SUCCEEDED")
    assert _run(account) == []
    assert _run(account, "answers") == []
    machines = [r["stateMachineArn"] for r in account.stepfunctions.asked("StartSyncExecution")]
    assert sorted(machine.rsplit(":", 1)[1] for machine in machines) == [
        "label-loop-detection",
        "label-loop-detection",
        "label-loop-human-review",
    ]
    bodies = [json.loads(record["body"]) for record in IMAGES["Records"]]
    assert all(body in _inputs(account) for body in bodies)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_an_execution_that_failed_sends_its_message_back_alone(
    account: Account, status: str
) -> None:
    """StartSyncExecution answers 200 for a failed execution too."""

    def answer(request: Json) -> Json:
        bad = ".tiff" in request["input"]
        return _ended(status, error="States.Runtime", cause="x") if bad else _ended("SUCCEEDED")

    account.stepfunctions.answers["StartSyncExecution"] = answer
    assert _run(account) == [IMAGES["Records"][1]["messageId"]]


@pytest.mark.parametrize(
    ("case", "queue"),
    [("images", Variable.DETECTION_QUEUE_URL), ("answers", Variable.ANSWERS_QUEUE_URL)],
)
@pytest.mark.parametrize("error", ["ThrottledError", "ThrottledOnceDetectedError"])
def test_a_throttled_message_waits_in_its_queue_for_another_turn_and_slows_the_next_ones(
    account: Account, error: str, case: str, queue: Variable
) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended("FAILED", error=error)
    batch = _received(account, case)
    output = lambda_handler(batch, Context())
    assert sorted(failure["itemIdentifier"] for failure in output["batchItemFailures"]) == sorted(
        record["messageId"] for record in batch["Records"]
    )
    assert _shown(account, queue) == sorted(record["messageId"] for record in batch["Records"])
    assert app._paces[queue].rate_per_s < 1000.0


@pytest.mark.parametrize("error", ["ThrottledError", "ThrottledOnceDetectedError"])
def test_a_message_that_was_throttled_often_enough_is_sent_anew_before_its_queue_gives_it_up(
    account: Account, error: str
) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended("FAILED", error=error)
    batch = _batch(account)
    for record, count in zip(batch["Records"], (app.TURNS - 1, app.TURNS), strict=True):
        record["attributes"]["ApproximateReceiveCount"] = str(count)
    output = lambda_handler(batch, Context())
    stays, anew = batch["Records"]
    assert [failure["itemIdentifier"] for failure in output["batchItemFailures"]] == [
        stays["messageId"]
    ]
    body = json.loads(anew["body"])
    body["detail"]["again"] = True
    assert _sent(account) == [body]


def test_what_cannot_be_shown_again_stays_in_its_queue_for_as_long_as_that_hides_it(
    account: Account,
) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended(
        "FAILED", error="ThrottledError"
    )
    batch = _batch(account)  # Its receipt handles are none.
    output = lambda_handler(batch, Context())
    assert len(output["batchItemFailures"]) == len(batch["Records"])


@pytest.mark.parametrize(("asked_model", "grows"), [(True, True), (False, False)])
def test_only_what_the_model_answered_tells_how_fast_it_is(
    account: Account, asked_model: bool, grows: bool
) -> None:
    """What waits for a model, or is no image, is soon done with."""
    output = json.dumps({"detected": {"outcome": "x", "asked_model": asked_model}})
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended(
        "SUCCEEDED", output=output
    )
    pace = app._paces[Variable.DETECTION_QUEUE_URL]
    pace.rate_per_s = 5.0
    batch = _batch(account)
    batch["Records"] = [{**batch["Records"][0], "messageId": str(number)} for number in range(4)]
    assert lambda_handler(batch, Context()) == {"batchItemFailures": []}
    assert (pace.rate_per_s > 5.0) is grows


def test_an_execution_that_cannot_even_start_for_throttling_is_begun_later(
    account: Account,
) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = refuses("ThrottlingException")
    batch = _received(account)
    assert len(lambda_handler(batch, Context())["batchItemFailures"]) == 2
    assert len(_shown(account)) == 2


def test_what_cannot_be_put_into_the_queue_anew_stays_in_it(account: Account) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended(
        "FAILED", error="ThrottledError"
    )
    batch = _batch(account)
    for record in batch["Records"]:
        record["attributes"]["ApproximateReceiveCount"] = str(app.TURNS)
    boto3.client("sqs").delete_queue(QueueUrl=wiring[Variable.DETECTION_QUEUE_URL])
    with pytest.raises(Exception, match="exist"):
        lambda_handler(batch, Context())


def test_what_could_not_begin_in_time_waits_for_another_turn(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended("SUCCEEDED")
    pace = Pace(rate_per_s=1 / (app.LAST_START_S + 1))
    monkeypatch.setitem(app._paces, Variable.DETECTION_QUEUE_URL, pace)
    monkeypatch.setattr(clock, "pause", lambda _: None)
    times = iter(range(0, 1000, 20))
    monkeypatch.setattr(clock, "stopwatch_s", lambda: float(next(times)))
    batch = _received(account)
    output = lambda_handler(batch, Context())
    assert len(_inputs(account)) == 1
    assert [failure["itemIdentifier"] for failure in output["batchItemFailures"]] == _shown(account)


def test_a_message_that_came_before_is_marked(account: Account) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended("SUCCEEDED")
    batch = _batch(account)
    batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    lambda_handler(batch, Context())
    assert sorted(given["detail"].get("again", False) for given in _inputs(account)) == [
        False,
        True,
    ]


def test_a_detection_that_nobody_was_told_of_comes_again(account: Account) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended(
        "SUCCEEDED", output=json.dumps({"told": False})
    )
    assert len(_run(account)) == 2


def test_a_call_that_is_refused_sends_the_message_back_and_is_not_repeated(
    account: Account,
) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = refuses(
        "ServiceUnavailable", "Later.", 503
    )
    assert len(_run(account)) == 2
    assert len(_inputs(account)) == 2


def test_a_folder_that_somebody_made_is_no_work(account: Account) -> None:
    assert _run(account, "folder_marker") == []
    assert account.stepfunctions.requests == []


def test_a_body_that_is_no_event_is_left_to_the_workflow(account: Account) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = refuses("InvalidExecutionInput")
    batch = _batch(account)
    batch["Records"] = [{**batch["Records"][0], "body": "not json"}]
    try:
        output = lambda_handler(batch, Context())
    except Exception as error:
        pytest.fail(f"one bad message fails the whole batch: {error!r}")
    assert len(output["batchItemFailures"]) == 1
