"""SelectReviews: the most useful doubtful images go to people, as many as a day allows."""

from datetime import timedelta

import pytest

from functions.select_reviews.app import lambda_handler
from labelloop import clock
from labelloop.aws import detections, detections_by_time, review_day, review_tasks
from labelloop.domain import selection
from labelloop.domain.detections import Outcome, human_loop_name
from labelloop.domain.image_labels import Label
from labelloop.domain.selection import LOOK_EVERY, Day
from labelloop.errors import ChangedMeanwhileError
from labelloop.settings import Variable
from tests.unit import inference_log
from tests.unit.account import Account, Context, Json

PARTITIONS = 8
LOOKS_A_DAY = timedelta(days=1) // LOOK_EVERY


class Died(BaseException):
    """The process is no more; nothing catches it."""


@pytest.fixture
def budgeted(account: Account) -> Account:
    """An account in which people are asked about three images a day, early in the day."""
    account.set_parameter("Daily-Review-Budget", "3")
    account.clock.advance(-9 * 3600)
    return account


def _defer(
    account: Account, margins: dict[str, float], label: str = "cat", **facts: object
) -> None:
    """Deferred detections of these names, a second apart; each name ends in a digit."""
    for name, margin_pct in margins.items():
        account.clock.advance(1)
        labels = [
            {"name": label, "confidence_pct": 30.0 + margin_pct},
            {"name": "emu", "confidence_pct": 30.0},
        ]
        known = {"bucket": account.bucket, "key": f"{name}.jpg", "version_id": "v"}
        decided = {"label": label, "confidence_pct": 30.0 + margin_pct, "labels": labels}
        inference_log.record(
            _id(name),
            Outcome.DEFERRED,
            {**known, **decided, "review_enabled": True, **facts},
            clock.now(),
        )
    account.clock.advance(301)


def _id(name: str) -> str:
    return f"{int(name, 36):032x}"


def _select() -> int:
    answer: Json = lambda_handler({}, Context())
    return int(answer["asked"])


def _look(account: Account, times: int) -> list[int]:
    """About how many each of so many looks asks people."""
    asked = []
    for _ in range(times):
        asked.append(_select())
        account.clock.advance(LOOK_EVERY.total_seconds())
    return asked


def _tasks(account: Account) -> set[str]:
    return {item["task_id"]["S"] for item in account.items("ReviewTasksTable")}


def _loops(*names: str) -> set[str]:
    return {human_loop_name(_id(name)) for name in names}


TEN = {f"a{number}": 20.0 - number for number in range(10)}


def test_the_three_most_doubtful_of_ten_go_to_people_and_three_more_the_next_day(
    budgeted: Account,
) -> None:
    _defer(budgeted, TEN)
    assert sum(_look(budgeted, LOOKS_A_DAY - 1)) == 3
    assert _tasks(budgeted) == _loops("a9", "a8", "a7")
    budgeted.clock.advance(LOOK_EVERY.total_seconds())
    assert sum(_look(budgeted, 6)) == 3
    assert _tasks(budgeted) == _loops("a9", "a8", "a7", "a6", "a5", "a4")


def test_what_goes_to_people_is_recorded_as_any_other_review(budgeted: Account) -> None:
    _defer(budgeted, {"a1": 5.0})
    assert _select() == 1
    record = inference_log.recorded(_id("a1"))
    assert record["outcome"] == Outcome.REVIEW
    assert record["drawn"] is False
    assert record["human_loop"] == human_loop_name(_id("a1"))
    assert record["outcome_shard"].startswith("review#")
    assert review_tasks.get(record["human_loop"]).key == "a1.jpg"
    assert list(detections_by_time.deferred(clock.now() - timedelta(days=1))) == []


def test_what_was_not_found_counts_as_what_was(
    budgeted: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index has nothing of it, so the table is asked where something may be chosen."""
    monkeypatch.setenv(Variable.MODEL_TYPE, "multi-label")
    reads: list[object] = []
    budgeted.hook("dynamodb", "before-call.dynamodb.BatchGetItem", lambda **_: reads.append(1))

    def defer(name: str, found: list[Label], unsure: list[Label] | None = None) -> None:
        told = [label.as_json() for label in found]
        under = {"unsure": [label.as_json() for label in unsure]} if unsure is not None else {}
        facts: Json = {"labels": told, **under}
        _defer(budgeted, {name: 1.0}, **facts)

    budgeted.set_parameter("Daily-Review-Budget", "1")
    defer("b1", [Label("cat", 2.0, chance_pct=65.0)], [Label("dog", 1.0, chance_pct=20.0)])
    defer("c1", [Label("cat", 99.0, chance_pct=97.0)], [Label("dog", 1.0, chance_pct=45.0)])
    defer("d1", [Label("cat", 90.0, chance_pct=60.0)], [])
    assert (_select(), len(reads)) == (1, 1)
    assert _tasks(budgeted) == _loops("c1")
    budgeted.clock.advance(LOOK_EVERY.total_seconds())
    assert (_select(), len(reads)) == (0, 1), "nothing is left of the day"


def test_where_no_chances_are_known_the_table_is_not_asked_for_them(budgeted: Account) -> None:
    reads: list[object] = []
    budgeted.hook("dynamodb", "before-call.dynamodb.BatchGetItem", lambda **_: reads.append(1))
    _defer(budgeted, TEN)
    assert (_select(), reads) == (1, [])


def test_labels_take_turns_over_all_the_looks_of_a_day(budgeted: Account) -> None:
    _defer(budgeted, TEN)
    _defer(budgeted, {"b1": 35.0})
    _defer(budgeted, {"c1": 36.0}, label="dog")
    _look(budgeted, 4)
    assert _tasks(budgeted) == _loops("a9", "c1", "a8")


def test_a_run_that_finds_less_than_its_share_asks_about_that(budgeted: Account) -> None:
    budgeted.set_parameter("Daily-Review-Budget", "960")
    _defer(budgeted, {"a1": 5.0, "a2": 6.0})
    assert _look(budgeted, 2) == [2, 0]


@pytest.mark.parametrize(
    "setting", [("Daily-Review-Budget", "0"), ("Enable-A2I-Workflow", "false")]
)
def test_without_a_budget_or_with_review_switched_off_nobody_is_asked(
    budgeted: Account, setting: tuple[str, str]
) -> None:
    _defer(budgeted, TEN)
    budgeted.set_parameter(*setting)
    assert _look(budgeted, 3) == [0, 0, 0]
    assert _tasks(budgeted) == set()


def test_nobody_is_asked_about_what_came_while_review_was_switched_off(budgeted: Account) -> None:
    _defer(budgeted, TEN, review_enabled=False)
    assert _select() == 0


def test_nobody_is_asked_about_what_has_waited_for_more_than_a_week(budgeted: Account) -> None:
    _defer(budgeted, {"a1": 1.0})
    budgeted.clock.advance(timedelta(days=6).total_seconds())
    _defer(budgeted, {"a2": 9.0})
    budgeted.clock.advance(timedelta(days=1).total_seconds())
    _look(budgeted, 3)
    assert _tasks(budgeted) == _loops("a2")


def test_a_sampled_image_is_not_chosen_since_people_look_at_it_anyway(budgeted: Account) -> None:
    _defer(budgeted, {"a1": 1.0}, human_loop=human_loop_name(_id("a1")), sampled=True)
    assert _select() == 0
    assert inference_log.recorded(_id("a1"))["outcome"] == Outcome.DEFERRED


def test_what_an_index_that_lags_still_shows_is_not_chosen_twice(budgeted: Account) -> None:
    _defer(budgeted, {"a1": 1.0, "a2": 2.0})
    shown: list[list[Json]] = []

    def lag(parsed: Json, **_: object) -> None:
        """What the first run's queries found, the second run's find again."""
        if len(shown) < PARTITIONS:
            shown.append(list(parsed["Items"]))
        else:
            parsed["Items"] = shown.pop(0)
            shown.append(parsed["Items"])

    budgeted.hook("dynamodb", "after-call.dynamodb.Query", lag)
    assert _look(budgeted, 2) == [1, 1]
    assert _tasks(budgeted) == _loops("a1", "a2")
    assert review_day.read().asked == {"cat": 2}


def test_an_image_whose_record_is_gone_is_passed_over(budgeted: Account) -> None:
    before = review_day.read()
    gone = Day(f"{clock.now():%Y-%m-%d}", {"cat": 1}, (_id("a1"),), 1)
    review_day.keep(before, gone)
    _defer(budgeted, {"a2": 1.0})
    _select()
    assert _tasks(budgeted) == _loops("a2")


CALLS = 17
"""Of DynamoDB: the day, eight partitions, two records; what is chosen; twice two; and the day."""


@pytest.mark.parametrize("moment", ["before-call", "after-call"])
@pytest.mark.parametrize("call", range(CALLS))
def test_the_budget_is_kept_wherever_a_run_dies(budgeted: Account, call: int, moment: str) -> None:
    budgeted.set_parameter("Daily-Review-Budget", "190")  # two at a look
    _defer(budgeted, TEN)
    seen = iter(range(100))
    armed = [True]

    def die(**_: object) -> None:
        if armed[0] and next(seen) == call:
            raise Died

    budgeted.hook("dynamodb", f"{moment}.dynamodb.*", die)
    with pytest.raises(Died):
        _select()
    armed[0] = False
    assert _tasks(budgeted) <= _loops("a9", "a8")
    # What was chosen is asked about now, and the rest of the day has what is left of the budget.
    _select()
    chosen = sum(review_day.read().asked.values())
    assert len(_tasks(budgeted)) == chosen
    assert chosen in {2, 4}
    assert review_day.read().chosen == ()
    reviewed = [
        item
        for item in budgeted.items("DetectionsTable")
        if item["outcome"]["S"] == Outcome.REVIEW.value
    ]
    assert len(reviewed) == chosen


@pytest.mark.parametrize(
    "setting", [("Daily-Review-Budget", "0"), ("Enable-A2I-Workflow", "false")]
)
def test_what_a_run_that_died_has_chosen_is_finished_whatever_was_switched_off_since(
    budgeted: Account, setting: tuple[str, str]
) -> None:
    _defer(budgeted, TEN)
    day = review_day.read()
    chosen = Day(f"{clock.now():%Y-%m-%d}", {"cat": 1}, (_id("a5"),), 1)
    review_day.keep(day, chosen)
    detections.turn_to_review(_id("a5"))
    budgeted.set_parameter(*setting)
    assert _look(budgeted, 2) == [0, 0]
    assert _tasks(budgeted) == _loops("a5")


def test_of_two_runs_at_once_one_chooses(budgeted: Account) -> None:
    _defer(budgeted, TEN)
    before = review_day.read()
    _select()
    with pytest.raises(ChangedMeanwhileError):
        review_day.keep(before, before.at(clock.now()))


def test_a_clock_that_is_behind_does_not_spend_the_day_before_again(budgeted: Account) -> None:
    _defer(budgeted, TEN)
    assert sum(_look(budgeted, 4)) == 3
    budgeted.clock.advance(-timedelta(days=1).total_seconds())
    assert _select() == 0


# --- Drawn at random ------------------------------------------------------------------------------


def _drawing(account: Account, count: int) -> list[str]:
    """Many images that come after the first look; their names."""
    account.set_parameter("Daily-Review-Budget", "96000")
    _select()
    names = [f"{number:x}0" for number in range(0x100, 0x100 + count)]
    _defer(account, dict.fromkeys(names, 20.0))
    account.set_parameter("Daily-Review-Budget", "100")
    return names


def _drawn(names: list[str]) -> dict[str, float]:
    records = {name: inference_log.recorded(_id(name)) for name in names}
    return {name: float(one["chance"]) for name, one in records.items() if one.get("drawn")}


def test_a_share_is_drawn_at_random_with_a_chance_that_its_record_has(budgeted: Account) -> None:
    names = _drawing(budgeted, 100)
    _look(budgeted, 60)
    drawn = _drawn(names)
    rate = 0.2 * 100 / 100
    assert 5 <= len(drawn) <= 40, "20 are expected"
    assert set(drawn.values()) == {rate + (1 - rate) / 1000}
    assert set(drawn) == {name for name in names if selection.is_drawn(_id(name), rate)}
    others = [inference_log.recorded(_id(name)) for name in names if name not in drawn]
    assert not any("chance" in record for record in others)
    assert review_day.read().drawn == {}


def test_what_was_not_drawn_at_first_is_never_drawn(budgeted: Account) -> None:
    names = _drawing(budgeted, 40)
    _select()
    first = {*review_day.read().drawn, *map(_id, _drawn(names))}
    budgeted.set_parameter("Daily-Review-Budget", "96000")
    _look(budgeted, 3)
    assert {_id(name) for name in _drawn(names)} == first


def test_what_has_just_come_is_neither_drawn_nor_chosen(budgeted: Account) -> None:
    _select()
    _defer(budgeted, {"a1": 1.0})
    budgeted.clock.advance(-200)
    assert _select() == 0
    assert review_day.read().drawn == {}


def test_what_was_drawn_and_waits_no_more_is_forgotten(budgeted: Account) -> None:
    _defer(budgeted, {"a1": 1.0}, human_loop=human_loop_name(_id("a1")))
    before = review_day.read()
    day = Day(f"{clock.now():%Y-%m-%d}", drawn={_id("a1"): 0.5, _id("b2"): 0.5}, revision=1)
    review_day.keep(before, day)
    assert _select() == 0
    assert review_day.read().drawn == {}


def test_a_new_day_goes_on_with_what_was_drawn(budgeted: Account) -> None:
    _defer(budgeted, {"a1": 30.0, "a2": 1.0})
    day = Day("2026-11-20", drawn={_id("a1"): 0.5}, drawn_to="2026-11-22", revision=1)
    review_day.keep(review_day.read(), day)
    assert _select() == 1
    assert _drawn(["a1"]) == {"a1": 0.5}
