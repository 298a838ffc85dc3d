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
def test_a_throttled_message_goes_to_the_end_of_its_queue_and_slows_the_next_ones(
    account: Account, error: str, case: str, queue: Variable
) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended("FAILED", error=error)
    assert _run(account, case) == []
    bodies = [json.loads(record["body"]) for record in event(f"dispatch_events.{case}")["Records"]]
    if error == "ThrottledOnceDetectedError":  # What it came to stands in the log.
        for body in bodies:
            body["detail"]["again"] = True
    assert sorted(_sent(account, queue), key=str) == sorted(bodies, key=str)
    assert app._paces[queue].rate_per_s < 1000.0


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
    assert _run(account) == []
    assert len(_sent(account)) == 2


def test_what_cannot_be_put_into_the_queue_anew_stays_in_it(account: Account) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended(
        "FAILED", error="ThrottledError"
    )
    boto3.client("sqs").delete_queue(QueueUrl=wiring[Variable.DETECTION_QUEUE_URL])
    with pytest.raises(Exception, match="exist"):
        _run(account)


def test_what_could_not_begin_in_time_goes_to_the_end_of_the_queue(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended("SUCCEEDED")
    pace = Pace(rate_per_s=1 / (app.LAST_START_S + 1))
    monkeypatch.setitem(app._paces, Variable.DETECTION_QUEUE_URL, pace)
    monkeypatch.setattr(clock, "pause", lambda _: None)
    times = iter(range(0, 1000, 20))
    monkeypatch.setattr(clock, "stopwatch_s", lambda: float(next(times)))
    assert _run(account) == []
    assert len(_inputs(account)) == len(_sent(account)) == 1


def test_a_message_that_came_before_is_marked(account: Account) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended("SUCCEEDED")
    batch = _batch(account)
    batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    lambda_handler(batch, Context())
    assert sorted(given["detail"].get("again", False) for given in _inputs(account)) == [
        False,
        True,
    ]


def test_a_mark_stays_on_a_message_that_is_throttled(account: Account) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended(
        "FAILED", error="ThrottledError"
    )
    batch = _batch(account)
    batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    lambda_handler(batch, Context())
    assert sorted(sent["detail"].get("again", False) for sent in _sent(account)) == [False, True]


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
