"""ApplyParameters: the schedules follow the operator's parameters."""

from dataclasses import replace
from typing import Any

import pytest

from functions.apply_parameters.app import lambda_handler
from labelloop.aws import sampling_position
from labelloop.domain.origins import Stratum
from labelloop.domain.parameters import CATALOGUE
from labelloop.domain.sampling import START, LogCounts, Position
from tests.unit.account import Account, Context, Json

TARGET = {
    "Arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:label-loop-model-training",
    "RoleArn": "arn:aws:iam::123456789012:role/schedule",
    "Input": "{}",
    "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-west-1:123456789012:undelivered"},
    "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5},
}

RULES = ("label-loop-detection", "label-loop-answers")


@pytest.fixture
def scheduled(account: Account) -> Account:
    """Both schedules as the template makes them, and the parameters as the setup does."""
    for parameter in CATALOGUE:
        account.set_parameter(parameter.name, parameter.default)
    for rule in RULES:
        account.boto3("events").put_rule(Name=rule, EventPattern='{"source": ["aws.s3"]}')
    for name in ("label-loop-training", "label-loop-sampling"):
        account.boto3("scheduler").create_schedule(
            Name=name,
            Description="As the template has it.",
            ScheduleExpression="rate(600 minutes)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=TARGET,
        )
    return account


def _schedule(account: Account, name: str = "label-loop-training") -> Any:
    return account.boto3("scheduler").get_schedule(Name=name)


def _apply() -> Json:
    return lambda_handler({}, Context())


def _changed() -> Any:
    return _apply()["changed"]


def test_a_schedule_that_is_right_is_left_alone(scheduled: Account) -> None:
    assert _changed() == []


@pytest.mark.parametrize(
    ("minutes", "expression"), [("1", "rate(1 minute)"), ("44640", "rate(44640 minutes)")]
)
def test_a_new_rate_is_applied_once_and_everything_else_stays(
    scheduled: Account, minutes: str, expression: str
) -> None:
    scheduled.set_parameter("Automatic-Training-Poll-Frequency", minutes)
    assert _changed() == ["label-loop-training"]
    schedule = _schedule(scheduled)
    assert schedule["ScheduleExpression"] == expression
    assert schedule["Target"] == TARGET
    assert schedule["Description"] == "As the template has it."
    assert _schedule(scheduled, "label-loop-sampling")["ScheduleExpression"] == "rate(600 minutes)"
    assert _changed() == []


def test_switched_off_and_on_again(scheduled: Account) -> None:
    scheduled.set_parameter("Enable-Automatic-Human-Sampling", "false")
    assert _changed() == ["label-loop-sampling"]
    assert _schedule(scheduled, "label-loop-sampling")["State"] == "DISABLED"
    # At once, though a warm function has read the parameters a moment ago.
    scheduled.boto3("ssm").put_parameter(
        Name="/label-loop/Enable-Automatic-Human-Sampling", Value="true", Overwrite=True
    )
    assert _changed() == ["label-loop-sampling"]
    assert _schedule(scheduled, "label-loop-sampling")["State"] == "ENABLED"


def test_what_came_while_sampling_was_switched_off_is_left_out(scheduled: Account) -> None:
    log = LogCounts({Stratum("v1", accepted=True): 9})
    before = Position("2026-11-20T09:15:27.000Z#1", 7, log=log)
    sampling_position.move(START, before)
    assert _changed() == []
    scheduled.set_parameter("Enable-Automatic-Human-Sampling", "false")
    _apply()
    assert sampling_position.read() == before
    scheduled.clock.advance(3600)
    scheduled.set_parameter("Enable-Automatic-Human-Sampling", "true")
    for _ in range(2):
        _apply()
        after = replace(before, after="2026-11-21T10:15:27.000Z")
        assert sampling_position.read() == after
        scheduled.clock.advance(3600)


def test_a_value_that_cannot_be_used_keeps_no_other_from_being_applied(scheduled: Account) -> None:
    scheduled.set_parameter("Automatic-Training-Poll-Frequency", "5")
    scheduled.set_parameter("Automatic-Human-Sampling-Frequency", "often")
    done = _apply()
    assert done["changed"] == ["label-loop-training"]
    (told,) = done["to_mend"]
    assert told.startswith("Automatic-Human-Sampling-Frequency is 'often', but must be a whole")
    assert _schedule(scheduled, "label-loop-sampling")["ScheduleExpression"] == "rate(600 minutes)"


def test_training_that_was_switched_off_stays_so_when_its_parameter_is_deleted(
    scheduled: Account,
) -> None:
    name = "Enable-Automatic-Training"
    scheduled.set_parameter(name, "false")
    _apply()
    scheduled.boto3("ssm").delete_parameter(Name=f"/label-loop/{name}")
    done = _apply()
    assert done["changed"] == []
    assert done["to_mend"] == [
        "Enable-Automatic-Training is missing. Until that is mended, false counts: "
        "labelloop params set Enable-Automatic-Training VALUE"
    ]
    assert _schedule(scheduled)["State"] == "DISABLED"


def test_a_schedule_that_was_deleted_keeps_the_other_from_nothing(scheduled: Account) -> None:
    scheduled.boto3("scheduler").delete_schedule(Name="label-loop-training")
    scheduled.set_parameter("Automatic-Human-Sampling-Frequency", "7")
    done = _apply()
    assert done["changed"] == ["label-loop-sampling"]
    (told,) = done["to_mend"]
    assert told.startswith("The schedule label-loop-training was deleted: labelled images are not")


def test_rules_that_were_switched_off_or_deleted_are_to_be_mended(scheduled: Account) -> None:
    assert _apply()["to_mend"] == []
    detection, answers = RULES
    scheduled.boto3("events").disable_rule(Name=detection)
    scheduled.boto3("events").delete_rule(Name=answers)
    off, gone = _apply()["to_mend"]
    assert f"The rule {detection} is switched off: new images are not detected" in off
    assert "labelloop missed" in off
    assert f"aws events enable-rule --name {detection}" in off
    assert f"The rule {answers} was deleted: what people answer is not taken in." in gone
