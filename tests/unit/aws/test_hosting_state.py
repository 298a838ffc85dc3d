"""labelloop.aws.hosting_state: known for the version that is hosted, and one look at a time."""

from dataclasses import replace
from datetime import timedelta

from labelloop.aws import hosting_state
from labelloop.aws import model_versions_table as table
from labelloop.domain.hosting import Hosting
from tests.unit.account import Account


def test_hosting_is_known_for_the_version_that_is_hosted(account: Account) -> None:
    assert hosting_state.of("v1") == Hosting("v1")
    now = Hosting("v1", "2026-11-21T09:00:00.000Z", "2026-11-21T09:15:00.000Z")
    hosting_state.note(now)
    assert hosting_state.of("v1") == now
    assert hosting_state.of("v2") == Hosting("v2")
    hosting_state.note(Hosting("v1"))
    assert hosting_state.of("v1") == Hosting("v1")


def test_what_a_later_release_has_written_is_kept(account: Account) -> None:
    table.overwrite("hosting", {"version": "v1", "mood": "good"})
    now = hosting_state.of("v1")
    assert (now.inference_units, now.runs) == (1, False)
    hosting_state.note(replace(now, asked="2026-11-21T09:00:00.000Z"))
    kept = table.get("state", "hosting")
    assert kept == {
        "version": "v1",
        "mood": "good",
        "asked": "2026-11-21T09:00:00.000Z",
        "inference_units": 1,
    }


def test_one_looks_at_a_time(account: Account) -> None:
    assert hosting_state.begin_to_look(timedelta(seconds=60))
    assert not hosting_state.begin_to_look(timedelta(seconds=60))
    account.clock.advance(61)
    assert hosting_state.begin_to_look(timedelta(seconds=60))
