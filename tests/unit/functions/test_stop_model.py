"""StopModel: stops what is billed for nothing, and never what serves."""

import pytest

from functions.stop_model.app import lambda_handler
from labelloop.aws import deployed_version
from labelloop.errors import BusyError
from tests.unit.account import Account, Context, event, refuses, version, version_arn

PREVIOUS = event("stop_model.previous")
NAME = PREVIOUS["version"]


def _status(account: Account, status: str) -> None:
    account.rekognition.answers |= {
        "StopProjectVersion": refuses("ResourceInUseException"),
        "DescribeProjectVersions": lambda _: {
            "ProjectVersionDescriptions": [version(NAME, status)]
        },
    }


def test_a_running_version_is_stopped(account: Account) -> None:
    _status(account, "RUNNING")
    account.rekognition.answers["StopProjectVersion"] = lambda _: {"Status": "STOPPING"}
    for _ in range(2):
        assert lambda_handler(PREVIOUS, Context()) == {"stopped": True}


def test_the_version_that_serves_is_left_running(account: Account) -> None:
    deployed_version.switch(NAME, version_arn(NAME), None)
    assert lambda_handler(PREVIOUS, Context()) == {"stopped": False}
    assert account.rekognition.requests == []


@pytest.mark.parametrize("status", ["STOPPED", "STOPPING", "FAILED", "TRAINING_COMPLETED"])
def test_a_version_that_is_not_billed_any_more_is_left_so(account: Account, status: str) -> None:
    _status(account, status)
    assert lambda_handler(PREVIOUS, Context()) == {"stopped": True}


def test_a_version_that_somebody_deleted_needs_no_stopping(account: Account) -> None:
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": []
    }
    assert lambda_handler(PREVIOUS, Context()) == {"stopped": True}


def test_a_version_that_starts_cannot_be_stopped_yet(account: Account) -> None:
    _status(account, "STARTING")
    with pytest.raises(BusyError):
        lambda_handler(PREVIOUS, Context())
