"""ReleaseModel: a model that was started to be asked is stopped, unless it has work by now."""

import pytest

from functions.release_model.app import lambda_handler
from labelloop import clock
from labelloop.aws import model_use
from labelloop.clock import from_iso
from labelloop.domain.detections import Outcome
from labelloop.errors import BusyError, NotFoundError
from tests.unit import inference_log
from tests.unit.account import Account, Context, Json, event, refuses, version, version_arn

ASKED = event("release_model.asked")
VERSION = ASKED["version"]


@pytest.fixture(autouse=True)
def running(account: Account) -> Account:
    """A version that runs, and was started a while ago."""
    _status(account, "RUNNING")
    account.rekognition.answers["StopProjectVersion"] = lambda _: {"Status": "STOPPING"}
    return account


def _status(account: Account, status: str) -> None:
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(VERSION, status)]
    }


def _release() -> Json:
    return lambda_handler(ASKED, Context())


def _stopped(account: Account) -> list[str]:
    return [
        request["ProjectVersionArn"] for request in account.rekognition.asked("StopProjectVersion")
    ]


def test_without_work_it_is_stopped_at_once(account: Account) -> None:
    model_use.note_asked_to_compare()
    assert _release() == {"stopped": True}
    assert _stopped(account) == [version_arn(VERSION)]


def test_what_came_before_it_was_started_keeps_it_from_nothing(account: Account) -> None:
    begun = account.clock.now_s
    account.clock.now_s = from_iso(ASKED["started"]).timestamp() - 3600
    inference_log.record("a" * 32, Outcome.CONFIDENT, {"label": "cat"}, clock.now())
    model_use.note_asked_directly()
    account.clock.now_s = begun
    assert _release() == {"stopped": True}


@pytest.mark.parametrize("work", ["detected", "waiting", "queued", "asked directly", "always on"])
def test_with_work_it_runs_on(account: Account, work: str) -> None:
    if work == "detected":
        inference_log.record("a" * 32, Outcome.CONFIDENT, {"label": "cat"}, clock.now())
    elif work == "waiting":
        account.clock.advance(-7200)
        inference_log.record("a" * 32, Outcome.WAITING, {}, clock.now())
        account.clock.advance(7200)
    elif work == "queued":
        url = account.boto3("sqs").get_queue_url(QueueName="detection")["QueueUrl"]
        account.boto3("sqs").send_message(QueueUrl=url, MessageBody="{}")
    elif work == "asked directly":
        model_use.note_asked_directly()
    else:
        account.set_parameter("Model-Hosting", "always-on")
    assert _release() == {"stopped": False}
    assert not _stopped(account)


@pytest.mark.parametrize("status", ["STARTING", "STOPPING", "STOPPED", "FAILED"])
def test_what_does_not_run_is_left_so(account: Account, status: str) -> None:
    _status(account, status)
    assert _release() == {"stopped": False}
    assert not _stopped(account)


def test_twice_does_no_harm(account: Account) -> None:
    assert _release() == _release()
    account.rekognition.answers["StopProjectVersion"] = refuses("ResourceInUseException")
    with pytest.raises(BusyError):
        _release()


def test_one_that_somebody_deleted_is_not_found(account: Account) -> None:
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": []
    }
    with pytest.raises(NotFoundError):
        _release()
