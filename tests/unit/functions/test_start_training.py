"""StartTraining: begins a training, once, whatever answers get lost."""

import pytest

from functions.start_training.app import lambda_handler
from labelloop.errors import BusyError
from tests.unit import version_records
from tests.unit.account import Account, Context, event, refuses, version, version_arn

VERSION = event("start_training.version")
NAME = VERSION["version"]


@pytest.fixture
def noted(account: Account) -> Account:
    """A version that is noted, as PrepareTraining does."""
    version_records.add(NAME, {"number": 12, "data": "x"})
    return account


def test_the_arn_that_the_service_made_is_noted(noted: Account) -> None:
    noted.rekognition.answers["CreateProjectVersion"] = lambda _: {
        "ProjectVersionArn": version_arn(NAME)
    }
    answer = lambda_handler(VERSION, Context())
    assert answer == {
        "version_arn": version_arn(NAME),
        "give_up_after": "2026-11-22T15:15:27.000Z",
    }
    (request,) = noted.rekognition.asked("CreateProjectVersion")
    assert request["OutputConfig"] == {
        "S3Bucket": noted.bucket,
        "S3KeyPrefix": VERSION["evaluation_folder"],
    }
    assert request["Tags"] == {"labelloop:stack": "label-loop"}
    found = version_records.read(NAME)
    assert found
    assert found["arn"] == version_arn(NAME)


def test_a_second_call_finds_the_training_that_the_first_one_began(noted: Account) -> None:
    noted.rekognition.answers |= {
        "CreateProjectVersion": refuses("ResourceInUseException"),
        "DescribeProjectVersions": lambda _: {
            "ProjectVersionDescriptions": [version(NAME, "TRAINING_IN_PROGRESS")]
        },
    }
    assert lambda_handler(VERSION, Context())["version_arn"] == version_arn(NAME)


def test_a_dataset_that_is_being_changed_is_waited_for(noted: Account) -> None:
    noted.rekognition.answers |= {
        "CreateProjectVersion": refuses("ResourceInUseException"),
        "DescribeProjectVersions": lambda _: {"ProjectVersionDescriptions": []},
    }
    with pytest.raises(BusyError):
        lambda_handler(VERSION, Context())
