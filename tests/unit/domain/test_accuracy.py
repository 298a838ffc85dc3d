"""labelloop.domain.accuracy: what sampled answers say of the detections that nobody doubted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import accuracy
from labelloop.domain.accuracy import LEAST_ANSWERS, Accuracy, Sample


@pytest.mark.parametrize(
    ("right", "answers", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(right: int, answers: int, low: float, high: float) -> None:
    assert Accuracy(right, answers).interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_lies_around_the_share(counts: tuple[int, int]) -> None:
    low, high = Accuracy(*counts).interval
    assert 0 <= low <= Accuracy(*counts).share <= high <= 1


def test_without_answers_nothing_is_known() -> None:
    assert accuracy.of([]).interval == (0.0, 1.0)
    assert not accuracy.of([]).has_drifted_from(1.0, 1.0)


def test_drift_is_an_upper_limit_below_what_it_had_in_the_test() -> None:
    figures = Accuracy(80, 100)
    assert figures.interval[1] == pytest.approx(0.8666, abs=1e-4)
    assert figures.has_drifted_from(0.87, 0.87)
    assert not figures.has_drifted_from(0.86, 0.86)


def test_what_the_test_leaves_open_is_no_drift() -> None:
    """Newcombe's example has 56 of 70 against 48 of 80: a difference from 0.0524 to 0.3339."""
    before, now = Accuracy(56, 70), Accuracy(48, 80)
    assert now.has_drifted_from(before.share, before.interval[0])
    assert now.has_drifted_from(before.share - 0.0524, before.interval[0] - 0.0524)
    assert not now.has_drifted_from(before.share - 0.0525, before.interval[0] - 0.0525)


def test_a_few_answers_are_no_drift_however_bad() -> None:
    assert not Accuracy(0, LEAST_ANSWERS - 1).has_drifted_from(0.9, 0.9)
    assert Accuracy(0, LEAST_ANSWERS).has_drifted_from(0.9, 0.9)


def test_an_answer_counts_for_each_label_that_the_model_had_found() -> None:
    samples = [Sample(("cat", "dog"), True), Sample(("cat",), False), Sample(("dog",), True)]
    assert accuracy.of(samples) == Accuracy(2, 3)
    assert accuracy.by_label(samples) == {"cat": Accuracy(1, 2), "dog": Accuracy(2, 2)}
