"""SwitchModel: one conditional write, and a copy for people."""

import json

from functions.switch_model.app import lambda_handler
from labelloop import clock
from labelloop.aws import deployed_version, hosting_state, training_lock
from labelloop.aws.training_lock import Lock
from labelloop.clock import iso
from labelloop.domain.hosting import Hosting
from tests.unit import version_records
from tests.unit.account import PREFIX, Account, Context, Json, event, version_arn

PROVEN = event("switch_model.proven")


def _shown(account: Account) -> Json:
    answer = account.boto3("ssm").get_parameter(Name=f"{PREFIX}For-System-Use-Only")
    shown: Json = json.loads(answer["Parameter"]["Value"])
    return shown


def test_the_first_version_serves_from_now_on(account: Account) -> None:
    version_records.add(PROVEN["version"], {"number": 12, "train_images": 90})
    for _ in range(2):
        answer = lambda_handler(PROVEN, Context())
        assert answer["previous"] is None
        serving = deployed_version.now()
        assert serving
        assert serving.version == PROVEN["version"]
    assert _shown(account)["deployed"] == PROVEN["version"]
    assert _shown(account)["images_trained"] == 90


def test_the_version_before_is_named_however_often_the_switch_is_asked_for(
    account: Account,
) -> None:
    deployed_version.switch("v11", version_arn("v11"), None)
    for _ in range(2):
        answer = lambda_handler(PROVEN, Context())
        assert answer["previous"] == "v11"
    assert _shown(account)["previous"] == "v11"


def _ran(account: Account, hours: float, stopped: bool = False) -> Json | None:
    """What is told of the run of v11, which served for so long with two inference units."""
    deployed_version.switch("v11", version_arn("v11"), None)
    since = iso(clock.now())
    account.clock.advance(hours * 3600)
    end = iso(clock.now()) if stopped else None
    hosting_state.note(Hosting("v11", None, since, end, 2))
    account.clock.advance(600 if stopped else 0)
    told: Json | None = lambda_handler(PROVEN, Context())["previous_run"]
    return told


def test_the_run_of_the_version_before_is_told_in_hours_and_costs(account: Account) -> None:
    assert _ran(account, 2.5) == {"hours": 2.5, "usd": 20.0, "usd_per_hour": 8.0}


def test_a_run_that_was_over_before_the_deployment_is_not_told_again(account: Account) -> None:
    assert _ran(account, 2.5, stopped=True) is None


def test_in_place_the_run_ended_when_it_made_room(account: Account) -> None:
    training_lock.take(Lock("execution", None, in_place=True))
    assert _ran(account, 2.5, stopped=True) == {"hours": 2.5, "usd": 20.0, "usd_per_hour": 8.0}


def test_a_run_that_nobody_saw_begin_is_not_told(account: Account) -> None:
    deployed_version.switch("v11", version_arn("v11"), None)
    assert lambda_handler(PROVEN, Context())["previous_run"] is None


def test_costs_that_cannot_be_told_do_not_undo_the_switch(account: Account) -> None:
    hosting_state.note(Hosting("v11", None, "no moment"))
    deployed_version.switch("v11", version_arn("v11"), None)
    assert lambda_handler(PROVEN, Context())["previous_run"] is None
    assert (serving := deployed_version.now()) and serving.version == PROVEN["version"]


def test_the_first_version_started_again_is_told_apart_from_one_that_takes_over(
    account: Account,
) -> None:
    training_lock.take(Lock("first", None, in_place=False))
    assert not lambda_handler(PROVEN, Context())["again"]
    assert not lambda_handler(PROVEN, Context())["again"], "a second try of the same execution"
    training_lock.take(Lock("second", None, in_place=False), "first")
    told = lambda_handler(PROVEN, Context())
    assert told["again"]
    assert told["previous"] is None


def test_what_served_before_has_no_run_to_tell_of_when_a_later_version_is_started_again(
    account: Account,
) -> None:
    assert _ran(account, 2.5)
    training_lock.take(Lock("second", None, in_place=False))
    told = lambda_handler(PROVEN, Context())
    assert told["again"]
    assert told["previous_run"] is None
