"""labelloop.domain.rejection: when an image may be taken for none of the labels, unseen."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain.accuracy import LEAST_ANSWERS, Accuracy
from labelloop.domain.annotations import ModelType
from labelloop.domain.image_labels import Label
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.rejection import (
    LEAST_ANSWERS_OF_VERSION,
    NEWEST_ANSWERS,
    NoneAnswer,
    figures,
    is_none,
    may_be_accepted,
    with_answer,
)

MINIMUM = Decimal("70.0")


def _answers(
    right: int, wrong: int = 0, version: str = "v1", pct: float = 90.0, since: int = 0
) -> tuple[NoneAnswer, ...]:
    """Answers a second apart."""
    said = [True] * right + [False] * wrong
    return tuple(
        NoneAnswer(f"{version}-{number}", version, pct, is_right, _at(since + number))
        for number, is_right in enumerate(said)
    )


def _at(second: int) -> str:
    return f"2026-11-21T09:{second // 60:02}:{second % 60:02}.000Z"


@pytest.mark.parametrize(
    ("labels", "model_type", "none"),
    [
        ([Label("cat", 20.0), Label(NONE_OF_THEM, 80.0)], ModelType.CLASSIFICATION, True),
        ([Label(NONE_OF_THEM, 20.0), Label("cat", 80.0)], ModelType.CLASSIFICATION, False),
        ([], ModelType.CLASSIFICATION, False),
        ([Label("cat", 80.0)], ModelType.MULTI_LABEL, False),
    ],
)
def test_an_image_is_none_where_that_is_what_the_model_finds(
    labels: list[Label], model_type: ModelType, none: bool
) -> None:
    assert is_none(labels, model_type) is none


@pytest.mark.parametrize(
    ("answers", "accepted"),
    [
        ((), False),
        (_answers(LEAST_ANSWERS - 1), False),
        (_answers(LEAST_ANSWERS), True),
        # 26 of 30 are at least 70.3 %, 25 of 30 at least 66.4 %, with 95 % confidence.
        (_answers(26, 4), True),
        (_answers(25, 5), False),
        # What it was less sure of than the minimum would not be accepted: it says nothing here.
        (_answers(LEAST_ANSWERS, pct=69.9), False),
        (_answers(LEAST_ANSWERS, pct=70.0), True),
        (_answers(LEAST_ANSWERS) + _answers(0, 90, "v0", pct=50.0), True),
    ],
)
def test_thirty_answers_say_surely_that_it_is_right_as_often_as_the_minimum(
    answers: tuple[NoneAnswer, ...], accepted: bool
) -> None:
    assert may_be_accepted(answers, "v1", MINIMUM) is accepted


@pytest.mark.parametrize(
    ("of_version", "accepted"),
    [
        (_answers(LEAST_ANSWERS_OF_VERSION - 1), False),
        (_answers(LEAST_ANSWERS_OF_VERSION), True),
        # 4 of 10 are at most 68.7 %, though 104 of 110 altogether are at least 88.6 %.
        (_answers(4, 6), False),
        (_answers(5, 5), True),
    ],
)
def test_ten_of_them_are_about_the_version_that_serves_and_do_not_contradict(
    of_version: tuple[NoneAnswer, ...], accepted: bool
) -> None:
    answers = _answers(100, version="v0") + of_version
    assert may_be_accepted(answers, "v1", MINIMUM) is accepted


def test_a_minimum_that_no_answers_can_reach_accepts_none() -> None:
    surely_right = _answers(NEWEST_ANSWERS, pct=100.0)
    assert may_be_accepted(surely_right, "v1", Decimal(98))
    assert not may_be_accepted(surely_right, "v1", Decimal("98.2"))
    assert not may_be_accepted(surely_right, "v1", Decimal(100))


def test_a_new_kind_of_thing_among_the_newest_answers_ends_it() -> None:
    answers = _answers(NEWEST_ANSWERS)
    assert may_be_accepted(answers, "v1", MINIMUM)
    for number in range(60):
        late = NoneAnswer(f"new-{number}", "v1", 99.0, False, _at(1000 + number))
        answers = with_answer(answers, late)
    assert not may_be_accepted(answers, "v1", MINIMUM)


def test_an_answer_that_was_taken_back_counts_no_more() -> None:
    answers = _answers(LEAST_ANSWERS)
    taken_back = replace(answers[0], right=None, completed=_at(100))
    answers = with_answer(answers, taken_back)
    assert figures(answers, MINIMUM) == Accuracy(LEAST_ANSWERS - 1, LEAST_ANSWERS - 1)
    late = replace(taken_back, right=True, completed=_at(0))
    assert with_answer(answers, late) == answers, "what was said before comes late"


@given(st.permutations(range(12)), st.randoms())
def test_answers_come_to_the_same_in_any_order_and_however_often(
    order: list[int], rng: random.Random
) -> None:
    everything = [*_answers(5, 3), *_answers(2, 2, since=50)]
    answers: tuple[NoneAnswer, ...] = ()
    for place in [*order, *rng.choices(range(12), k=5)]:
        answers = with_answer(answers, everything[place])
    expected = {each.detection_id: each for each in everything}.values()
    assert sorted(answers, key=lambda each: each.detection_id) == sorted(
        expected, key=lambda each: each.detection_id
    )


def test_the_oldest_answers_are_forgotten() -> None:
    answers = with_answer(_answers(NEWEST_ANSWERS), NoneAnswer("x", "v1", 90.0, True, _at(999)))
    assert len(answers) == NEWEST_ANSWERS
    assert answers[-1].detection_id == "x"
    assert "v1-0" not in {each.detection_id for each in answers}
