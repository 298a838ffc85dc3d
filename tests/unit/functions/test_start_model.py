"""StartModel: begins to start a version, once."""

import pytest

from functions.start_model.app import lambda_handler
from labelloop import clock
from labelloop.aws import deployed_version
from labelloop.domain import ceilings
from labelloop.domain.parameters import MODEL_HOURS
from labelloop.errors import (
    BusyError,
    ConflictError,
    ModelHoursSpentError,
    NotFoundError,
    QuotaExceededError,
)
from tests.unit.account import Account, Context, event, refuses, version, version_arn

CANDIDATE = event("start_model.candidate")


def _version(account: Account, status: str) -> None:
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(CANDIDATE["version"], status)]
    }


@pytest.mark.parametrize(
    ("low", "high", "units"),
    [
        ("2", "1", {"MinInferenceUnits": 2}),
        ("2", "4", {"MinInferenceUnits": 2, "MaxInferenceUnits": 4}),
    ],
)
def test_it_starts_with_as_many_units_as_the_operator_wants_now(
    account: Account, low: str, high: str, units: dict[str, int]
) -> None:
    account.set_parameter("Minimum-Inference-Units", low)
    account.set_parameter("Maximum-Inference-Units", high)
    _version(account, "TRAINING_COMPLETED")
    account.rekognition.answers["StartProjectVersion"] = lambda _: {"Status": "STARTING"}
    assert lambda_handler(CANDIDATE, Context()) == {
        "version": CANDIDATE["version"],
        "version_arn": version_arn(CANDIDATE["version"]),
        "started": "2026-11-21T09:15:27.000Z",
        "give_up_after": "2026-11-21T10:15:27.000Z",
        "ask_until": "2026-11-21T11:15:27.000Z",
    }
    (request,) = account.rekognition.asked("StartProjectVersion")
    assert request == {"ProjectVersionArn": version_arn(CANDIDATE["version"]), **units}


@pytest.mark.parametrize("status", ["STARTING", "RUNNING"])
def test_one_that_starts_or_runs_already_is_left_so(account: Account, status: str) -> None:
    _version(account, status)
    account.rekognition.answers["StartProjectVersion"] = refuses("ResourceInUseException")
    assert lambda_handler(CANDIDATE, Context())["version_arn"]


def test_one_that_is_stopping_is_tried_again_later(account: Account) -> None:
    _version(account, "STOPPING")
    account.rekognition.answers["StartProjectVersion"] = refuses("ResourceInUseException")
    with pytest.raises(BusyError):
        lambda_handler(CANDIDATE, Context())


def test_the_accounts_limit_is_said_at_once(account: Account) -> None:
    """botocore takes LimitExceededException for throttling, and would try for seconds."""
    _version(account, "TRAINING_COMPLETED")
    account.rekognition.answers["StartProjectVersion"] = refuses("LimitExceededException")
    with pytest.raises(QuotaExceededError, match=r"labelloop deploy .* --in-place"):
        lambda_handler(CANDIDATE, Context())
    assert len(account.rekognition.asked("StartProjectVersion")) == 1


def test_none_is_the_version_that_serves(account: Account) -> None:
    with pytest.raises(NotFoundError):
        lambda_handler(event("start_model.serving"), Context())
    deployed_version.switch(CANDIDATE["version"], version_arn(CANDIDATE["version"]), None)
    _version(account, "STOPPED")
    account.rekognition.answers["StartProjectVersion"] = lambda _: {"Status": "STARTING"}
    answer = lambda_handler(event("start_model.serving"), Context())
    assert answer["version"] == CANDIDATE["version"]


def test_what_the_operator_has_stopped_is_not_started_to_be_asked(account: Account) -> None:
    champion = event("start_model.champion")
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(champion["version"], "STOPPED")]
    }
    account.rekognition.answers["StartProjectVersion"] = lambda _: {"Status": "STARTING"}
    assert lambda_handler(champion, Context())["version"] == champion["version"]
    account.pause_hosting()
    with pytest.raises(ConflictError, match="was stopped by hand"):
        lambda_handler(champion, Context())
    assert len(account.rekognition.asked("StartProjectVersion")) == 1


def test_a_quota_that_keeps_it_from_being_asked_is_no_reason_to_replace_what_serves(
    account: Account,
) -> None:
    _version(account, "STOPPED")
    account.rekognition.answers["StartProjectVersion"] = refuses("LimitExceededException")
    with pytest.raises(QuotaExceededError) as raised:
        lambda_handler(event("start_model.champion"), Context())
    assert "--in-place" not in str(raised.value)
    assert "labelloop stop" in str(raised.value)


# --- The day's hours ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["candidate", "champion", "serving"])
def test_when_the_days_model_hours_are_spent_none_is_started_before_the_next_day(
    account: Account, name: str
) -> None:
    deployed_version.switch(CANDIDATE["version"], version_arn(CANDIDATE["version"]), None)
    _version(account, "STOPPED")
    account.rekognition.answers["StartProjectVersion"] = lambda _: {"Status": "STARTING"}
    account.set_parameter(MODEL_HOURS, "2")
    account.models_ran(2)
    with pytest.raises(ModelHoursSpentError, match=f"{MODEL_HOURS} allows"):
        lambda_handler(event(f"start_model.{name}"), Context())
    assert not account.rekognition.asked("StartProjectVersion")
    account.clock.advance(ceilings.until_next_day(clock.now()).total_seconds())
    assert lambda_handler(event(f"start_model.{name}"), Context())["started"]


def test_one_that_runs_already_needs_no_hours(account: Account) -> None:
    """It was started by a try whose answer was lost."""
    account.set_parameter(MODEL_HOURS, "1")
    account.models_ran(1)
    _version(account, "STARTING")
    account.rekognition.answers["StartProjectVersion"] = refuses("ResourceInUseException")
    assert lambda_handler(CANDIDATE, Context())["version_arn"]


@pytest.mark.parametrize("ceiling", ["0", "3"])
def test_a_ceiling_that_is_raised_or_switched_off_lets_it_start_at_once(
    account: Account, ceiling: str
) -> None:
    account.models_ran(2)
    account.set_parameter(MODEL_HOURS, ceiling)
    _version(account, "TRAINING_COMPLETED")
    account.rekognition.answers["StartProjectVersion"] = lambda _: {"Status": "STARTING"}
    assert lambda_handler(CANDIDATE, Context())["started"]
