"""labelloop.domain.selection: the most useful doubtful images, as many as a day allows."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import selection
from labelloop.domain.annotations import ModelType
from labelloop.domain.image_labels import Label
from labelloop.domain.selection import LOOK_EVERY, MOST_AT_ONCE, Candidate, Day

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
candidates = st.lists(
    st.builds(
        Candidate, st.uuids().map(str), st.sampled_from(["", "cat", "dog"]), st.floats(0, 70)
    ),
    unique_by=lambda each: each.detection_id,
)


def _order(*given: tuple[str, float], asked: dict[str, int] | None = None) -> list[str]:
    made = [Candidate(str(place), name, margin) for place, (name, margin) in enumerate(given)]
    return [each.detection_id for each in selection.most_useful_first(made, asked or {})]


@pytest.mark.parametrize(
    ("model_type", "margin_pct"),
    [(ModelType.CLASSIFICATION, 15.0), (ModelType.MULTI_LABEL, 5.0), (ModelType.DETECTION, 5.0)],
)
def test_the_margin_is_to_the_second_surest_label_or_what_is_left_of_the_least_sure(
    model_type: ModelType, margin_pct: float
) -> None:
    labels = [Label("dog", 40.0), Label("cat", 55.0), Label("emu", 5.0)]
    assert selection.candidate("1", "cat", labels, model_type).margin_pct == margin_pct


@pytest.mark.parametrize("model_type", ModelType)
def test_nothing_found_is_as_doubtful_as_can_be(model_type: ModelType) -> None:
    assert selection.candidate("1", None, [], model_type) == Candidate("1", "", 0.0)


def test_the_least_sure_decision_counts_on_whichever_side_of_a_threshold() -> None:
    kind = ModelType.MULTI_LABEL
    found = [Label("dog", 2.0, chance_pct=95.0), Label("cat", 99.0, chance_pct=80.0)]
    near = [Label("emu", 0.9, chance_pct=45.0), Label("owl", 0.1, chance_pct=2.0)]
    far = [Label("emu", 0.2, chance_pct=11.0)]
    assert selection.candidate("1", "cat", found, kind, near) == Candidate("1", "emu", 55.0)
    assert selection.candidate("1", "cat", found, kind, far) == Candidate("1", "cat", 80.0)
    assert selection.candidate("1", None, [], kind, near) == Candidate("1", "", 0.0)


def test_of_a_label_the_image_comes_first_that_the_model_can_least_decide_about() -> None:
    assert _order(("cat", 30.0), ("cat", 2.0), ("cat", 11.0)) == ["1", "2", "0"]


def test_labels_take_turns_so_that_none_uses_the_day_up() -> None:
    assert _order(("cat", 1.0), ("cat", 2.0), ("cat", 3.0), ("dog", 60.0)) == ["0", "3", "1", "2"]


def test_it_is_the_turn_of_the_label_that_people_were_asked_about_least_today() -> None:
    asked = {"cat": 2, "emu": 9}
    assert _order(("cat", 1.0), ("dog", 50.0), ("dog", 60.0), asked=asked) == ["1", "2", "0"]


@given(candidates)
def test_all_come_once_and_no_label_is_ahead_while_another_still_has_images(
    given_ones: list[Candidate],
) -> None:
    order = list(selection.most_useful_first(given_ones, {}))
    assert sorted(order, key=str) == sorted(given_ones, key=str)
    turns: dict[str, int] = {}
    for place, each in enumerate(order):
        turns[each.taken_for] = turns.get(each.taken_for, 0) + 1
        left = {other.taken_for for other in order[place + 1 :]}
        assert all(turns[each.taken_for] - turns.get(label, 0) <= 1 for label in left)


@given(candidates, st.integers(0, 9))
def test_choosing_in_two_goes_comes_to_the_same_as_in_one(
    given_ones: list[Candidate], first: int
) -> None:
    at_once = list(selection.most_useful_first(given_ones, {}))
    some = list(islice(selection.most_useful_first(given_ones, {}), first))
    rest = [each for each in given_ones if each not in some]
    asked = Day("2026-11-21").choosing(some).asked
    assert some + list(selection.most_useful_first(rest, asked)) == at_once


# --- The day --------------------------------------------------------------------------------------


def _take(day: Day, count: int) -> Day:
    return day.choosing([Candidate(str(number), "cat", 1.0) for number in range(count)])


@given(st.integers(0, 100_000))
def test_the_looks_of_a_day_spend_its_budget_and_no_more(budget: int) -> None:
    day, now = Day("2026-11-21"), NOON.replace(hour=0)
    shares = []
    while now.day == NOON.day:
        shares.append(day.share(budget, now))
        day = Day(day.date, {"cat": sum(shares)})
        now += LOOK_EVERY
    assert sum(shares) == budget
    assert max(shares) - min(shares) <= 1


def test_a_small_budget_is_spent_early() -> None:
    day = Day("2026-11-21")
    shares = []
    for look in range(5):
        shares.append(day.share(3, NOON + look * LOOK_EVERY))
        day = _take(day, shares[-1])
    assert shares == [1, 1, 1, 0, 0]


def test_what_was_not_spent_in_the_morning_is_spread_over_the_rest_of_the_day() -> None:
    assert Day("2026-11-21").share(960, NOON) == 20
    assert Day("2026-11-21", {"cat": 480}).share(960, NOON) == 10


def test_the_last_look_of_a_day_has_all_that_is_left_as_far_as_one_can_ask() -> None:
    late = NOON.replace(hour=23, minute=59)
    assert Day("2026-11-21").share(50, late) == 50
    assert Day("2026-11-21").share(100_000, late) == MOST_AT_ONCE


def test_a_budget_that_was_made_smaller_than_what_was_asked_asks_nothing_more() -> None:
    assert Day("2026-11-21", {"cat": 5, "": 5}).share(3, NOON) == 0


def test_a_new_day_begins_with_nothing_asked() -> None:
    day = _take(Day("2026-11-21"), 3)
    assert day.at(NOON) == day
    assert day.at(NOON + timedelta(days=1)) == Day("2026-11-22", revision=1)


def test_a_clock_that_is_behind_goes_on_with_the_later_day() -> None:
    day = _take(Day("2026-11-21"), 3)
    assert day.at(NOON - timedelta(days=1)).share(3, NOON - timedelta(days=1)) == 0


def test_what_was_chosen_is_counted_by_label_until_all_are_asked() -> None:
    day = Day("2026-11-21", {"cat": 1}).choosing([Candidate("a", "cat", 1), Candidate("b", "", 2)])
    assert day == Day("2026-11-21", {"cat": 2, "": 1}, ("a", "b"), revision=1)
    assert day.all_asked() == Day("2026-11-21", {"cat": 2, "": 1}, revision=2)


def test_a_share_of_the_budget_is_drawn_of_what_comes_in_a_day() -> None:
    assert selection.rate(100, 1000) == 0.02
    assert (selection.rate(100, 10), selection.rate(1, 0)) == (1.0, 0.2)
    assert selection.either(0.5, 0.5) == 0.75
    assert selection.either(0.2, 0.0) == 0.2


def test_with_a_chance_that_many_are_drawn_and_with_a_greater_one_the_same_and_more() -> None:
    names = [f"{number:032x}" for number in range(5000)]
    few, more = ({one for one in names if selection.is_drawn(one, rate)} for rate in (0.1, 0.3))
    assert 415 < len(few) < 585, "500 are expected; 4 standard deviations are 85"
    assert few < more
    assert all(selection.is_drawn(one, 1.0) for one in names)
    assert not any(selection.is_drawn(one, 0.0) for one in names)
