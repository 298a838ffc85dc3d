"""DispatchEvents: one execution a message, at a pace that the model bears."""

import json

import pytest

from functions.dispatch_events import app
from functions.dispatch_events.app import lambda_handler
from labelloop.domain.pacing import Pace
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


def test_a_throttled_execution_is_tried_again_and_slows_the_next_ones(account: Account) -> None:
    throttled = [_ended("FAILED", error="ThrottledError")] * 2
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: (
        throttled.pop() if throttled else _ended("SUCCEEDED")
    )
    assert _run(account) == []
    assert len(_inputs(account)) == 4
    (pace,) = (pace for queue, pace in app._paces.items() if queue == "DETECTION_QUEUE_ARN")
    assert pace.rate_per_s < 1000.0


def test_no_execution_begins_when_it_could_not_end_in_time(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.stepfunctions.answers["StartSyncExecution"] = lambda _: _ended("SUCCEEDED")
    for queue in app._paces:
        monkeypatch.setitem(app._paces, queue, Pace(rate_per_s=1 / (app.LAST_START_S + 1)))
    assert len(_run(account)) == 1
    assert len(_inputs(account)) == 1


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
