from __future__ import annotations

import time
from pathlib import Path

import pytest

from local.clock import Clock


def test_at_scale_one_the_virtual_time_is_the_real_time() -> None:
    clock, before = Clock(), time.time()
    assert before - 0.001 <= clock.now() <= time.time() + 0.001


def test_virtual_time_starts_at_the_real_time_and_runs_faster() -> None:
    clock = Clock(100, origin=1_000.0)
    assert clock.at(1_000.0) == 1_000.0
    assert clock.at(1_001.5) == 1_150.0


def test_a_virtual_wait_takes_its_scaled_part_of_real_time() -> None:
    clock = Clock(200)
    assert clock.real(20) == 0.1
    began = time.monotonic()
    clock.sleep(20)
    assert 0.1 <= time.monotonic() - began < 20


def test_a_clock_carried_over_in_the_environment_shows_the_same_time() -> None:
    clock = Clock(33.3)
    copy = Clock.from_env(clock.to_env())
    moment = time.time()
    assert copy.at(moment) == clock.at(moment)
    assert copy.scale == 33.3


def test_the_time_is_written_as_eventbridge_writes_it() -> None:
    clock = Clock(1, origin=time.time())
    assert clock.iso() == clock.datetime().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert clock.datetime().utcoffset() is not None


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Clock(0)


def test_a_leap_is_seen_by_every_clock_of_the_same_file(tmp_path: Path) -> None:
    clock = Clock(10, leaps=tmp_path / "leaps")
    copy = Clock.from_env(clock.to_env())
    before = copy.at(clock.origin)
    clock.leap(3600)
    clock.leap(60.5)
    assert copy.at(clock.origin) == clock.at(clock.origin) == before + 3660.5


def test_time_neither_goes_back_nor_leaps_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="go back"):
        Clock(leaps=tmp_path / "leaps").leap(-1)
    with pytest.raises(ValueError, match="no file"):
        Clock().leap(1)
