"""MakeRoom: the model that serves stops, and stays the deployed one."""

import pytest

from functions.make_room.app import lambda_handler
from labelloop.aws import deployed_version
from labelloop.errors import BusyError
from tests.unit.account import Account, Context, event, refuses, version, version_arn

REQUEST = event("make_room.in_place")
SERVING = "v11-ffffffff"


def _serving(account: Account, status: str) -> None:
    deployed_version.switch(SERVING, version_arn(SERVING), deployed_version.now())
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(SERVING, status)]
    }


def test_there_is_room_where_nothing_serves(account: Account) -> None:
    assert lambda_handler(REQUEST, Context()) == {"done": True}


def test_the_version_that_is_to_be_started_is_not_in_its_own_way(account: Account) -> None:
    deployed_version.switch(REQUEST["version"], version_arn(REQUEST["version"]), None)
    assert lambda_handler(REQUEST, Context()) == {"done": True}


def test_what_serves_is_stopped_and_waited_for(account: Account) -> None:
    account.rekognition.answers["StopProjectVersion"] = lambda _: {"Status": "STOPPING"}
    _serving(account, "STOPPING")
    assert lambda_handler(REQUEST, Context()) == {"done": False}
    assert account.rekognition.asked("StopProjectVersion") == [
        {"ProjectVersionArn": version_arn(SERVING)}
    ]
    account.rekognition.answers["StopProjectVersion"] = refuses("ResourceInUseException")
    _serving(account, "STOPPED")
    assert lambda_handler(REQUEST, Context()) == {"done": True}
    deployed = deployed_version.now()
    assert deployed is not None
    assert deployed.version == SERVING


def test_one_that_is_starting_is_stopped_later(account: Account) -> None:
    account.rekognition.answers["StopProjectVersion"] = refuses("ResourceInUseException")
    _serving(account, "STARTING")
    with pytest.raises(BusyError):
        lambda_handler(REQUEST, Context())


def test_one_that_was_deleted_is_not_in_the_way(account: Account) -> None:
    account.rekognition.answers["StopProjectVersion"] = refuses("ResourceNotFoundException")
    _serving(account, "STOPPED")
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": []
    }
    assert lambda_handler(REQUEST, Context()) == {"done": True}
