"""DescribeVersion: where a version stands."""

import pytest

from functions.describe_version.app import lambda_handler
from labelloop.aws.rekognition import VersionStatus
from labelloop.errors import NotFoundError, TookTooLongError, UnknownStatusError
from tests.unit.account import Account, Context, Json, event, version

WAITING = event("describe_version.waiting")


def _status(account: Account, *statuses: str) -> None:
    found = [version(WAITING["version"], status) for status in statuses]
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": found
    }


@pytest.mark.parametrize("status", VersionStatus)
def test_every_status_is_given_back_as_the_service_says_it(account: Account, status: str) -> None:
    _status(account, status)
    for _ in range(2):
        assert lambda_handler(WAITING, Context()) == {
            "status": status,
            "message": f"The model is {status}.",
        }


@pytest.mark.parametrize("status", ["TRAINING_IN_PROGRESS", "STARTING"])
def test_waiting_ends_when_nobody_would_wait_any_more(account: Account, status: str) -> None:
    _status(account, status)
    request: Json = {**WAITING, "give_up_after": "2026-11-21T09:15:26.999Z"}
    with pytest.raises(TookTooLongError, match=status):
        lambda_handler(request, Context())


def test_what_has_ended_is_said_however_late(account: Account) -> None:
    _status(account, "TRAINING_COMPLETED")
    request: Json = {**WAITING, "give_up_after": "2026-01-01T00:00:00.000Z"}
    assert lambda_handler(request, Context())["status"] == "TRAINING_COMPLETED"


def test_a_status_that_nobody_knows_is_neither_success_nor_failure(account: Account) -> None:
    _status(account, "HIBERNATING")
    with pytest.raises(UnknownStatusError, match="HIBERNATING"):
        lambda_handler(WAITING, Context())


def test_a_version_that_somebody_deleted_is_not_found(account: Account) -> None:
    with pytest.raises(NotFoundError):
        lambda_handler(WAITING, Context())
