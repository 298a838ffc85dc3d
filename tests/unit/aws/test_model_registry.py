"""labelloop.aws.model_registry: conditional writes, one winner each."""

from dataclasses import replace
from datetime import timedelta

import pytest

from labelloop.aws import model_registry
from labelloop.aws.model_registry import Hosting, Lock
from labelloop.domain.manifests import Changes
from labelloop.domain.origins import Stratum
from labelloop.domain.sampling import START, LogCounts, Position
from labelloop.domain.selection import Day
from labelloop.errors import ChangedMeanwhileError, TrainingInProgressError
from tests.unit.account import Account


def test_of_two_switches_from_the_same_model_one_wins(account: Account) -> None:
    first = model_registry.switch("v1", "arn:v1", None)
    model_registry.switch("v2", "arn:v2", first)
    with pytest.raises(ChangedMeanwhileError):
        model_registry.switch("v3", "arn:v3", first)
    with pytest.raises(ChangedMeanwhileError):
        model_registry.switch("v4", "arn:v4", None)
    now = model_registry.deployed()
    assert now == model_registry.Deployed("v2", "arn:v2", "v1")


def test_a_switch_to_what_serves_changes_nothing(account: Account) -> None:
    first = model_registry.switch("v1", "arn:v1", None)
    second = model_registry.switch("v2", "arn:v2", first)
    assert model_registry.switch("v2", "arn:v2", second) == second


def test_work_that_cannot_ask_every_time_hears_of_a_switch_after_a_minute(
    account: Account,
) -> None:
    assert model_registry.deployed_lately() is None
    first = model_registry.switch("v1", "arn:v1", None)
    assert model_registry.deployed_lately() is None
    account.clock.advance(60)
    assert model_registry.deployed_lately() == first
    model_registry.switch("v2", "arn:v2", first)
    lately = model_registry.deployed_lately(at_once=True)
    assert lately
    assert lately.version == "v2"


def test_the_lock_is_one_executions_until_it_is_known_to_be_dead(account: Account) -> None:
    assert model_registry.lock() is None
    one, two = Lock("one", None, in_place=False), Lock("two", "one", in_place=True)
    model_registry.take_lock(one)
    model_registry.take_lock(one)
    with pytest.raises(TrainingInProgressError):
        model_registry.take_lock(two)
    model_registry.take_lock(two, from_owner="one")
    assert model_registry.lock() == two
    with pytest.raises(TrainingInProgressError):
        model_registry.take_lock(one)


def test_hosting_is_known_for_the_version_that_is_hosted(account: Account) -> None:
    assert model_registry.hosting("v1") == Hosting("v1")
    now = Hosting("v1", "2026-11-21T09:00:00.000Z", "2026-11-21T09:15:00.000Z")
    model_registry.note_hosting(now)
    assert model_registry.hosting("v1") == now
    assert model_registry.hosting("v2") == Hosting("v2")
    model_registry.note_hosting(Hosting("v1"))
    assert model_registry.hosting("v1") == Hosting("v1")


def test_one_looks_at_a_time(account: Account) -> None:
    assert model_registry.begin_to_look(timedelta(seconds=60))
    assert not model_registry.begin_to_look(timedelta(seconds=60))
    account.clock.advance(61)
    assert model_registry.begin_to_look(timedelta(seconds=60))


def test_a_version_is_added_once_and_learns_facts(account: Account) -> None:
    model_registry.add_version("v2", {"number": 2})
    model_registry.add_version("v10", {"number": 10})
    model_registry.note_version("v2", {"ended": "now", "reasons": ["a", "b"]})
    model_registry.add_version("v2", {"number": 99})
    found = model_registry.versions()
    assert [version["name"] for version in found] == ["v2", "v10"]
    assert found[0]["reasons"] == ["a", "b"]
    assert found[0]["number"] == 2


def test_the_newest_trained_version_counts() -> None:
    assert model_registry.last_trained([]) is None
    known = [{"name": "v1", "trained": "t"}, {"name": "v2", "trained": "t"}, {"name": "v3"}]
    assert model_registry.last_trained(known) == "v2"


def test_a_look_is_remembered_and_settled_while_it_is_the_last(account: Account) -> None:
    assert model_registry.last_look() is None
    model_registry.settle_look("one")
    assert model_registry.last_look() is None
    one = model_registry.Look("one", None, Changes(4, 3, 2, 1), 4)
    two = model_registry.Look("two", "v1", Changes(0, 1, 0, 0), 5)
    model_registry.note_look(one)
    assert model_registry.last_look() == one
    model_registry.note_look(two)
    model_registry.settle_look("one")
    assert model_registry.last_look() == two
    model_registry.settle_look("two")
    assert model_registry.last_look() == replace(two, settled=True)
    model_registry.note_look(one)
    assert model_registry.last_look() == one


def test_the_sampling_position_moves_from_where_it_was_read(account: Account) -> None:
    assert model_registry.sampling_position() == START
    log = LogCounts({Stratum("v1", accepted=True): 7}, {"v1": 2}, 1)
    one, two = Position("2026#a", 3), Position("2026#b", 1, 5, log)
    model_registry.move_sampling_position(START, one)
    model_registry.move_sampling_position(one, two)
    for before in (START, one):
        with pytest.raises(ChangedMeanwhileError):
            model_registry.move_sampling_position(before, one)
    assert model_registry.sampling_position() == two
    assert model_registry.log_shares() == log.shares


def test_a_message_is_one_tellers_until_it_is_told_or_given_up(account: Account) -> None:
    assert model_registry.begin_to_tell("x", "one", {})
    assert not model_registry.begin_to_tell("x", "two", {})
    assert model_registry.begin_to_tell("x", "one", {}), "its own next try goes on"
    account.clock.advance(301)
    assert model_registry.begin_to_tell("x", "two", {})
    model_registry.told("x")
    account.clock.advance(86_400)
    assert not model_registry.begin_to_tell("x", "two", {})
    model_registry.forget_telling("x")
    assert model_registry.begin_to_tell("x", "three", {})


def test_a_review_day_is_read_as_it_was_kept(account: Account) -> None:
    before = model_registry.review_day()
    day = Day("2026-11-21", {"cat": 2, "": 1}, ("a",), 1, {"a": 0.25}, "2026-11-21T09~", 0.25)
    model_registry.keep_review_day(before, day)
    assert model_registry.review_day() == day
