"""labelloop.domain.pacing: additive increase, multiplicative decrease."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import pacing
from labelloop.domain.pacing import Pace


def test_turns_come_one_after_the_other_at_the_rate() -> None:
    pace = Pace(rate_per_s=4.0)
    assert [pace.reserve(100.0) for _ in range(3)] == pytest.approx([0.0, 0.25, 0.5])


def test_time_that_nobody_used_is_not_saved_up() -> None:
    pace = Pace(rate_per_s=2.0)
    pace.reserve(0.0)
    assert pace.reserve(60.0) == 0.0
    assert pace.reserve(60.0) == pytest.approx(0.5)


def test_a_second_of_success_makes_the_rate_grow_by_one() -> None:
    pace = Pace(rate_per_s=10.0)
    for _ in range(10):
        pace.succeeded()
    assert pace.rate_per_s == pytest.approx(11.0, abs=0.1)


def test_refusals_of_the_same_overload_decrease_the_rate_once() -> None:
    pace = Pace(rate_per_s=8.0)
    pace.throttled(100.0)
    pace.throttled(100.5)
    assert pace.rate_per_s == 8.0 * pacing.DECREASE
    pace.throttled(101.1)
    assert pace.rate_per_s == 8.0 * pacing.DECREASE**2


def test_after_a_refusal_the_next_turn_is_not_at_once() -> None:
    pace = Pace(rate_per_s=4.0)
    pace.throttled(100.0)
    assert pace.reserve(100.0) == pytest.approx(1 / 3.0)


@given(st.lists(st.booleans(), max_size=200))
def test_the_rate_never_falls_so_low_that_nothing_goes_on(successes: list[bool]) -> None:
    pace, now_s = Pace(), 0.0
    for succeeded in successes:
        now_s += pace.reserve(now_s)
        if succeeded:
            pace.succeeded()
        else:
            pace.throttled(now_s)
        assert pace.rate_per_s >= pacing.LEAST_PER_S


@given(st.floats(2.0, 40.0))
def test_the_rate_settles_near_what_the_service_bears(capacity_per_s: float) -> None:
    """A service that refuses whatever comes faster than its capacity, for ten minutes."""
    pace, now_s, tokens, done = Pace(), 0.0, 1.0, 0
    while now_s < 600.0:
        wait_s = pace.reserve(now_s)
        now_s += wait_s
        tokens = min(capacity_per_s, tokens + wait_s * capacity_per_s)
        if tokens >= 1.0:
            tokens -= 1.0
            done += 1
            pace.succeeded()
        else:
            pace.throttled(now_s)
    assert done >= 0.7 * 600 * capacity_per_s
