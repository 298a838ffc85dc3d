"""labelloop.domain.ceilings: hours of models and images of a day, counted late, twice or never."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain.ceilings import (
    LOOK_EVERY,
    Allowance,
    ModelTime,
    block_of,
    day_of,
    model_hours_are_spent,
    until_next_day,
    with_look,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = "2026-11-21"


def _after(*looks: tuple[float, int], begin: datetime = NOON) -> ModelTime:
    """What looks come to that see so many models, so many minutes after the beginning."""
    time: ModelTime | None = None
    for minutes, models in looks:
        time = with_look(time, begin + timedelta(minutes=minutes), models)
    assert time is not None
    return time


# --- Model hours ----------------------------------------------------------------------------------


def test_what_ran_at_two_looks_ran_in_between_and_each_model_counts() -> None:
    time = _after((0, 2), (2, 2), (4, 1))
    assert time.seconds == (2 + 2) * 2 * 60
    assert time.hours_on(NOON) == pytest.approx(8 / 60)


def test_a_model_that_is_new_has_run_for_the_time_between_two_looks_at_the_most() -> None:
    assert _after((0, 0), (300, 1)).seconds == LOOK_EVERY.total_seconds()
    assert _after((0, 1), (300, 2)).seconds == 300 * 60 + LOOK_EVERY.total_seconds()


def test_looks_that_were_missed_leave_no_time_out() -> None:
    assert _after((0, 1), (90, 1)).seconds == 90 * 60


def test_the_last_stretch_of_a_model_counts_and_then_nothing_does() -> None:
    assert _after((0, 1), (2, 0), (60, 0)).seconds == 120


def test_at_midnight_a_day_begins_at_nothing_with_what_runs_since_then() -> None:
    before = datetime(2026, 11, 21, 23, 59, tzinfo=UTC)
    time = _after((0, 1), (3, 1), begin=before)
    assert (time.day, time.seconds) == ("2026-11-22", 120)
    assert time.hours_on(before) == 0
    late = with_look(ModelTime(DAY, 80_000, before, 2), before + timedelta(hours=10), 2)
    assert late.seconds == 2 * (10 * 60 - 1) * 60


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    time = _after((0, 1), (10, 1))
    assert with_look(time, NOON, 1).seconds == time.seconds


@given(st.lists(st.tuples(st.floats(0.1, 300), st.integers(0, 3)), max_size=30))
def test_never_more_is_counted_than_has_gone_by_nor_a_day_forgotten(
    looks: list[tuple[float, int]],
) -> None:
    time, now = with_look(None, NOON, 3), NOON
    for minutes, models in looks:
        now += timedelta(minutes=minutes)
        time = with_look(time, now, models)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        assert 0 <= time.seconds <= 3 * (now - max(midnight, NOON)).total_seconds() + 1e-6
        assert time.day == day_of(now)


def test_the_ceiling_is_met_when_it_is_reached_and_not_on_another_day() -> None:
    time = ModelTime(DAY, 48 * 3600, NOON, 2)
    assert model_hours_are_spent(time, NOON, 48)
    assert not model_hours_are_spent(replace(time, seconds=48 * 3600 - 1), NOON, 48)
    assert not model_hours_are_spent(time, NOON + timedelta(days=1), 48)
    assert not model_hours_are_spent(time, NOON, 0), "0 is no limit"
    assert not model_hours_are_spent(None, NOON, 1)


def test_a_day_ends_at_midnight() -> None:
    assert until_next_day(NOON) == timedelta(hours=12)
    midnight = NOON + timedelta(hours=12)
    assert until_next_day(midnight - timedelta(seconds=1)) == timedelta(seconds=1)
    assert until_next_day(midnight) == timedelta(days=1)


# --- Images by the API ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ceiling", "block"), [(1, 1), (999, 1), (20_000, 20), (100_000, 100), (10**6, 100)]
)
def test_a_block_is_a_small_part_of_the_ceiling(ceiling: int, block: int) -> None:
    assert block_of(ceiling) == block


def test_of_the_block_that_passes_the_ceiling_only_what_is_under_it_is_taken() -> None:
    assert Allowance(DAY).with_block(100, 20, 95).left == 15
    assert Allowance(DAY).with_block(95, 20, 95).left == 20
    assert Allowance(DAY).with_block(200, 20, 95).left == 0, "counted by others meanwhile"


def test_nothing_is_left_of_another_days_allowance() -> None:
    allowance = Allowance(DAY, 7)
    assert allowance.on(DAY) == allowance
    assert allowance.on("2026-11-22") == Allowance("2026-11-22", 0)


@given(
    st.integers(1, 60),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["take", "die", "twice"])), max_size=200),
)
def test_containers_take_no_more_than_the_ceiling_whatever_dies_or_is_counted_twice(
    ceiling: int, block: int, happenings: list[tuple[int, str]]
) -> None:
    counted, taken = 0, 0
    containers = [Allowance(DAY)] * 4
    for number, what in happenings:
        if what == "die":
            containers[number] = Allowance(DAY)
            continue
        if not containers[number].left:
            if counted >= ceiling:
                continue
            counted += block * (2 if what == "twice" else 1)
            containers[number] = containers[number].with_block(counted, block, ceiling)
        if containers[number].left:
            containers[number] = containers[number].changed_by(-1)
            taken += 1
    assert taken <= ceiling
