"""labelloop.domain.sampling: every n-th, without gaps, over any number of runs."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import sampling
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.origins import Stratum
from labelloop.domain.sampling import START, LogCounts, Position

intervals = st.integers(1, 7)


def _keys(count: int) -> list[str]:
    return [f"2026-11-21T09:15:{i:06d}" for i in range(count)]


def test_every_third_of_ten_is_taken() -> None:
    keys = _keys(10)
    taken, after = sampling.take(keys, START, 3)
    assert taken == [keys[2], keys[5], keys[8]]
    assert after == Position(keys[9], 1)


def test_nothing_new_leaves_the_position_where_it_was() -> None:
    position = Position("2026", 4)
    assert sampling.take([], position, 5) == ([], position)


def test_a_shorter_interval_takes_effect_with_the_next_detection() -> None:
    taken, after = sampling.take(_keys(2), Position("", 900), 10)
    assert taken == _keys(1)
    assert after.since_last == 1


def test_days_without_detections_need_not_be_looked_through_again() -> None:
    assert START.not_before("2026-11-20") == Position("2026-11-20", 0)
    assert Position("2026-11-21T09", 4).not_before("2026-11-20") == Position("2026-11-21T09", 4)


@given(
    st.integers(0, 60),
    st.integers(1, 30),
    st.lists(st.integers(0, 60)),
    st.sets(st.integers(0, 60)),
)
def test_counting_in_one_go_or_in_many_comes_to_the_same(
    count: int, interval: int, cuts: list[int], none_places: set[int]
) -> None:
    keys = _keys(count)
    nones = {keys[place] for place in none_places if place < count}
    at_once = sampling.take(keys, START, interval, nones)
    borders = [0, *sorted(min(cut, count) for cut in cuts), count]
    taken: list[str] = []
    position = START
    for begin, end in pairwise(borders):
        part, position = sampling.take(keys[begin:end], position, interval, nones)
        taken += part
    assert (taken, position) == at_once


@pytest.mark.parametrize(("interval", "of_nones"), [(1000, 100), (25, 2), (9, 1), (1, 1)])
def test_ten_times_as_many_of_what_is_none_of_the_labels_are_taken(
    interval: int, of_nones: int
) -> None:
    keys = _keys(2000)
    nones = set(keys[::2])
    taken, after = sampling.take(keys, START, interval, nones)
    assert sum(key in nones for key in taken) == 1000 // of_nones
    assert sum(key not in nones for key in taken) == 1000 // interval
    assert (after.since_last, after.nones_since_last) == (1000 % interval, 1000 % of_nones)


@given(st.integers(0, 200), intervals)
def test_one_in_n_is_taken(count: int, interval: int) -> None:
    taken, after = sampling.take(_keys(count), START, interval)
    assert len(taken) == count // interval
    assert after.since_last == count % interval


records = st.lists(
    st.builds(
        lambda outcome, version, label: DetectionRecord(
            detection_id="d", outcome=outcome, version=version, label=label
        ),
        st.sampled_from(Outcome),
        st.sampled_from(["v1", "v2", "v3"]),
        st.sampled_from(["cat", NONE_OF_THEM]),
    )
)


@given(records, records)
def test_counts_go_on_from_what_was_kept(
    one: list[DetectionRecord], other: list[DetectionRecord]
) -> None:
    kept = LogCounts.from_json(LogCounts().counting(one).as_json())
    assert kept.counting(other) == LogCounts().counting(one + other)
    looked_at = [each for each in one + other if each.outcome in sampling.COUNTED]
    log = kept.counting(other)
    assert sum(log.shares.values()) == len(looked_at)
    for stratum, count in log.shares.items():
        assert count == sum(
            Stratum(str(each.version), each.outcome == Outcome.CONFIDENT) == stratum
            for each in looked_at
        )
    assert sum(log.nones.values()) == sum(each.label == NONE_OF_THEM for each in looked_at)


def test_nothing_is_known_where_nothing_was_counted_yet() -> None:
    assert LogCounts.from_json({}) == LogCounts()


def test_the_versions_counted_last_are_kept() -> None:
    log = LogCounts()
    for number in [*range(sampling.MOST_VERSIONS), 0, sampling.MOST_VERSIONS]:
        record = DetectionRecord(
            detection_id="d", outcome=Outcome.CONFIDENT, version=f"v{number}", label=NONE_OF_THEM
        )
        log = LogCounts.from_json(log.counting([record]).as_json())
    assert len(log.shares) == len(log.nones) == sampling.MOST_VERSIONS
    assert log.shares[Stratum("v0", accepted=True)] == 2
    assert Stratum("v1", accepted=True) not in log.shares
    assert Stratum(f"v{sampling.MOST_VERSIONS}", accepted=True) in log.shares
