"""labelloop.domain.pacing: additive increase, multiplicative decrease."""

import math
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import pacing
from labelloop.domain.pacing import Pace


def test_turns_come_one_after_the_other_at_the_rate() -> None:
    pace = Pace(rate_per_s=4.0)
    assert pace.wait_s(100.0) == 0.0
    pace.begun(100.0)
    assert pace.wait_s(100.0) == pytest.approx(0.25)
    assert pace.wait_s(100.2) == pytest.approx(0.05)


def test_time_that_nobody_used_is_not_saved_up() -> None:
    pace = Pace(rate_per_s=2.0)
    pace.begun(0.0)
    assert pace.wait_s(60.0) == 0.0
    pace.begun(60.0)
    assert pace.wait_s(60.0) == pytest.approx(0.5)


def test_the_rate_doubles_soon_before_the_first_refusal() -> None:
    pace = Pace(rate_per_s=5.0)
    for _ in range(18):
        pace.succeeded()
    assert pace.rate_per_s == pytest.approx(10.0, rel=0.02)


def test_after_a_refusal_the_rate_grows_by_the_call_and_faster_in_a_long_run() -> None:
    pace = Pace(rate_per_s=10.0)
    pace.throttled(100.0, 100.1)
    before = pace.rate_per_s
    for _ in range(pacing.LONG_RUN):
        pace.succeeded()
    after = pace.rate_per_s
    assert after - before == pytest.approx(pacing.LONG_RUN * pacing.GROWTH_PER_S)
    for _ in range(pacing.LONG_RUN):
        pace.succeeded()
    assert pace.rate_per_s - after > 1.4 * (after - before)


def test_refusals_of_the_same_overload_decrease_the_rate_once() -> None:
    pace = Pace(rate_per_s=8.0)
    pace.throttled(99.0, 100.0)
    pace.throttled(99.5, 100.5)
    assert pace.rate_per_s == 8.0 * pacing.DECREASE
    pace.throttled(100.1, 101.1)
    assert pace.rate_per_s == 8.0 * pacing.DECREASE**2


def test_after_a_refusal_the_next_turn_is_not_at_once() -> None:
    pace = Pace(rate_per_s=4.0)
    pace.throttled(99.9, 100.0)
    assert pace.wait_s(100.0) == pytest.approx(1 / (4.0 * pacing.DECREASE))


@given(st.lists(st.booleans(), max_size=200))
def test_the_rate_never_falls_so_low_that_nothing_goes_on(successes: list[bool]) -> None:
    pace, now_s = Pace(), 0.0
    for succeeded in successes:
        now_s += pace.wait_s(now_s)
        pace.begun(now_s)
        if succeeded:
            pace.succeeded()
        else:
            pace.throttled(now_s, now_s)
        assert pace.rate_per_s >= pacing.LEAST_PER_S


class Model:
    """Takes so many calls a second, and as many at once after a second's rest."""

    def __init__(self, capacity_per_s: float) -> None:
        self.capacity_per_s = capacity_per_s
        self._tokens = capacity_per_s
        self._at_s = 0.0

    def takes(self, now_s: float) -> bool:
        gained = (now_s - self._at_s) * self.capacity_per_s
        self._tokens, self._at_s = min(self.capacity_per_s, self._tokens + gained), now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


REFUSAL_S = 0.1
"""A refusal comes at once; most of this is the way there and back."""


class Container:
    """One process whose calls take some time; a batch ends with the last of its calls."""

    def __init__(self, latency_s: float, batch: float = math.inf) -> None:
        self.pace = Pace()
        self._latency_s = latency_s
        self._batch = self._left = batch
        self._taken: deque[float] = deque()
        self._refused: deque[float] = deque()
        self.done = self.refused = 0

    def step(self, now_s: float, model: Model) -> None:
        while self._taken and self._taken[0] + self._latency_s <= now_s:
            self._taken.popleft()
            if self._left:
                self.pace.succeeded()
        while self._refused and self._refused[0] + REFUSAL_S <= now_s:
            self.pace.throttled(self._refused.popleft(), now_s)
        if not self._left and not self._taken and not self._refused:
            self._left = self._batch
        if self._left and not self.pace.wait_s(now_s):
            self._left -= 1
            self.pace.begun(now_s)
            taken = model.takes(now_s)
            (self._taken if taken else self._refused).append(now_s)
            self.done += taken
            self.refused += not taken


def _run(model: Model, containers: list[Container], from_s: float, until_s: float) -> None:
    step_s = 0.005
    for step in range(int(from_s / step_s), int(until_s / step_s)):
        for container in containers:
            container.step(step * step_s, model)


@pytest.mark.parametrize("units", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("latency_s", [0.05, 0.3, 1.0])
def test_the_model_is_kept_busy_and_few_calls_are_refused(
    units: int, count: int, latency_s: float
) -> None:
    """Whatever its size, whoever shares it, and however long it thinks, with nothing to tune."""
    model, containers = Model(5.0 * units), [Container(latency_s) for _ in range(count)]
    _run(model, containers, 0.0, 300.0)
    done, refused = sum(c.done for c in containers), sum(c.refused for c in containers)
    assert done >= 0.92 * 300 * model.capacity_per_s
    assert refused <= 0.06 * (done + refused)


@pytest.mark.parametrize(("units", "latency_s"), [(1, 2.0), (2, 1.0), (5, 0.5), (5, 0.9)])
def test_two_containers_keep_the_model_busy_though_each_ends_a_batch_of_forty(
    units: int, latency_s: float
) -> None:
    """As the template has it. The longer an answer takes, the longer a container stands idle."""
    model, containers = Model(5.0 * units), [Container(latency_s, 40) for _ in range(2)]
    _run(model, containers, 0.0, 300.0)
    done, refused = sum(c.done for c in containers), sum(c.refused for c in containers)
    assert done >= 0.9 * 300 * model.capacity_per_s
    assert refused <= 0.06 * (done + refused)


def test_a_container_that_begins_slowly_comes_to_its_share() -> None:
    model, containers = Model(10.0), [Container(0.3), Container(0.3)]
    containers[0].pace.rate_per_s, containers[1].pace.rate_per_s = 19.0, 1.0
    _run(model, containers, 0.0, 300.0)
    before = [container.done for container in containers]
    _run(model, containers, 300.0, 400.0)
    shares = [container.done - had for container, had in zip(containers, before, strict=True)]
    assert min(shares) >= 0.5 * max(shares)


def test_a_model_that_was_scaled_is_busy_again_within_a_minute() -> None:
    model, containers = Model(5.0), [Container(0.3), Container(0.3)]
    _run(model, containers, 0.0, 120.0)
    model.capacity_per_s = 25.0
    _run(model, containers, 120.0, 180.0)
    before = sum(container.done for container in containers)
    _run(model, containers, 180.0, 200.0)
    assert sum(container.done for container in containers) - before >= 0.9 * 20 * 25
