"""labelloop.aws.deployed_version: one winner of two switches, which others hear of."""

import pytest

from labelloop.aws import deployed_version
from labelloop.errors import ChangedMeanwhileError
from tests.unit.account import Account


def test_of_two_switches_from_the_same_model_one_wins(account: Account) -> None:
    first = deployed_version.switch("v1", "arn:v1", None)
    deployed_version.switch("v2", "arn:v2", first)
    with pytest.raises(ChangedMeanwhileError):
        deployed_version.switch("v3", "arn:v3", first)
    with pytest.raises(ChangedMeanwhileError):
        deployed_version.switch("v4", "arn:v4", None)
    now = deployed_version.now()
    assert now == deployed_version.Deployed("v2", "arn:v2", "v1")


def test_a_switch_to_what_serves_changes_nothing(account: Account) -> None:
    first = deployed_version.switch("v1", "arn:v1", None)
    second = deployed_version.switch("v2", "arn:v2", first)
    assert deployed_version.switch("v2", "arn:v2", second) == second


def test_work_that_cannot_ask_every_time_hears_of_a_switch_after_a_minute(
    account: Account,
) -> None:
    assert deployed_version.lately() is None
    first = deployed_version.switch("v1", "arn:v1", None)
    assert deployed_version.lately() is None
    account.clock.advance(60)
    assert deployed_version.lately() == first
    deployed_version.switch("v2", "arn:v2", first)
    lately = deployed_version.lately(at_once=True)
    assert lately
    assert lately.version == "v2"
