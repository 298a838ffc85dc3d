"""SampleDetections: every n-th detection goes to a person, counted without gaps."""

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.sample_detections import app
from functions.sample_detections.app import lambda_handler
from labelloop import clock
from labelloop.aws import detections, review_day, review_tasks, sampling_position
from labelloop.domain.detections import Outcome, human_loop_name
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.origins import Stratum
from labelloop.domain.selection import Day
from labelloop.errors import ChangedMeanwhileError
from tests.unit import inference_log
from tests.unit.account import Account, Context, Json

ACCEPTED, DOUBTED = Stratum("v1", accepted=True), Stratum("v1", accepted=False)


@pytest.fixture
def sampled(account: Account) -> Account:
    """An account in which every third detection is sampled."""
    account.set_parameter("Human-Sampling-Interval", "3")
    return account


IMAGE = {
    "bucket": "label-loop-bucket",
    "key": "a.jpg",
    "version_id": "v",
    "label": "cat",
    "version": "v1",
    "sampled": False,
}


def _record(
    account: Account, count: int, outcome: Outcome = Outcome.CONFIDENT, **facts: object
) -> list[str]:
    """Detections a minute apart; the last one is settled."""
    made = []
    for _ in range(count):
        account.clock.advance(60)
        detection = f"{len(account.items('DetectionsTable')):032x}"
        inference_log.record(detection, outcome, {**IMAGE, **facts}, clock.now())
        made.append(detection)
    account.clock.advance(301)
    return made


def _sample() -> Json:
    return lambda_handler({}, Context())


def _tasks(account: Account) -> set[str]:
    return {item["task_id"]["S"] for item in account.items("ReviewTasksTable")}


def test_every_third_detection_becomes_a_task_and_its_record_says_so(sampled: Account) -> None:
    made = _record(sampled, 7)
    assert _sample() == {"counted": 7, "sampled": 2}
    assert _tasks(sampled) == {human_loop_name(made[2]), human_loop_name(made[5])}
    record = inference_log.recorded(made[2])
    assert record["sampled"] is True
    assert record["chance"] == 1 / 3
    assert record["human_loop"] == human_loop_name(made[2])


def test_a_second_run_goes_on_where_the_first_one_ended(sampled: Account) -> None:
    made = _record(sampled, 4)
    _sample()
    assert _sample() == {"counted": 0, "sampled": 0}
    made += _record(sampled, 2)
    assert _sample() == {"counted": 2, "sampled": 1}
    assert _tasks(sampled) == {human_loop_name(made[2]), human_loop_name(made[5])}


def test_a_run_that_died_before_its_position_was_kept_is_repeated_without_harm(
    sampled: Account,
) -> None:
    _record(sampled, 4)
    first = _sample()
    tasks = sampled.items("ReviewTasksTable")
    sampled.boto3("dynamodb").delete_item(
        TableName="label-loop-ModelVersionsTable",
        Key={"kind": {"S": "state"}, "name": {"S": "sampling"}},
    )
    assert _sample() == first
    assert sampled.items("ReviewTasksTable") == tasks


def test_a_backlog_is_counted_in_portions_and_each_is_counted_once(
    sampled: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "PORTION", 4)
    made = _record(sampled, 10)
    tasks: list[object] = []

    def die(**_: object) -> None:
        tasks.append(1)
        if len(tasks) == 2:
            raise RuntimeError("The function dies with the second task.")

    sampled.hook("dynamodb", "before-call.dynamodb.UpdateItem", die)
    with pytest.raises(RuntimeError):
        _sample()
    assert sampling_position.read().after.endswith(made[3])
    assert sampling_position.log_shares() == {ACCEPTED: 4}
    assert _sample() == {"counted": 6, "sampled": 2}
    assert _tasks(sampled) == {human_loop_name(made[n]) for n in (2, 5, 8)}
    assert sampling_position.log_shares() == {ACCEPTED: 10}


def test_what_the_images_of_the_log_were_is_counted_once_each(sampled: Account) -> None:
    assert sampling_position.log_shares() == {}
    _record(sampled, 4)
    _record(sampled, 2, label=NONE_OF_THEM)
    _record(sampled, 2, Outcome.REVIEW)
    _record(sampled, 1, Outcome.DEFERRED)
    _record(sampled, 5, Outcome.REJECTED, version=None)
    _record(sampled, 3, Outcome.WAITING)
    for _ in range(2):
        _sample()
        log = sampling_position.read().log
        assert log.shares == {ACCEPTED: 6, DOUBTED: 3}
        assert (log.nones, log.refused) == ({"v1": 2}, 5)
    _record(sampled, 2, version="v2")
    _sample()
    assert sampling_position.log_shares() == {**log.shares, Stratum("v2", accepted=True): 2}


def test_an_image_that_waits_under_a_budget_could_have_been_drawn_too(sampled: Account) -> None:
    sampled.set_parameter("Daily-Review-Budget", "10")
    before = review_day.read()
    review_day.keep(before, Day("2026-11-21", revision=1, rate=0.25))
    made = _record(sampled, 3, Outcome.DEFERRED) + _record(sampled, 3)
    assert _sample()["sampled"] == 2
    assert inference_log.recorded(made[2])["chance"] == pytest.approx(1 / 3 + 2 / 3 * 0.25)
    assert inference_log.recorded(made[5])["chance"] == 1 / 3


def test_images_that_were_refused_do_not_hold_the_position_up(sampled: Account) -> None:
    made = _record(sampled, 3, Outcome.REJECTED)
    _sample()
    assert made[2] in sampling_position.read().after
    _record(sampled, 3)
    assert _sample() == {"counted": 3, "sampled": 1}


def test_no_run_looks_back_further_than_the_longest_time_between_two(sampled: Account) -> None:
    _record(sampled, 2)
    _sample()
    _record(sampled, 9)
    sampled.clock.advance(timedelta(days=31).total_seconds())
    assert _sample() == {"counted": 0, "sampled": 0}
    _record(sampled, 1)
    assert _sample() == {"counted": 1, "sampled": 1}


def test_what_came_in_the_last_minutes_is_left_for_the_next_run(sampled: Account) -> None:
    _record(sampled, 3)
    sampled.clock.advance(-301)
    assert _sample()["counted"] < 3


def test_days_without_detections_are_looked_through_once(sampled: Account) -> None:
    queries: list[object] = []
    sampled.hook("dynamodb", "before-call.dynamodb.Query", lambda **_: queries.append(1))
    assert _sample()["counted"] == 0
    first = len(queries)
    sampled.clock.advance(timedelta(hours=10).total_seconds())
    assert _sample()["counted"] == 0
    assert first > 400
    assert len(queries) - first <= 2 * 16
    _record(sampled, 3)
    assert _sample() == {"counted": 3, "sampled": 1}


def test_detections_of_the_same_millisecond_are_counted_in_the_order_of_their_ids(
    sampled: Account,
) -> None:
    for number in (5, 1, 4, 2, 3, 0):
        inference_log.record(f"{number:032x}", Outcome.CONFIDENT, IMAGE, clock.now())
    sampled.clock.advance(301)
    assert _sample() == {"counted": 6, "sampled": 2}
    assert _tasks(sampled) == {human_loop_name(f"{number:032x}") for number in (2, 5)}


def test_a_detection_that_has_expired_meanwhile_is_passed_over(sampled: Account) -> None:
    made = _record(sampled, 6)
    gone = {"detection_id": {"S": made[2]}}
    dynamodb = sampled.boto3("dynamodb")

    def expire(**_: object) -> None:
        dynamodb.delete_item(TableName="label-loop-DetectionsTable", Key=gone)

    sampled.hook("dynamodb", "before-call.dynamodb.UpdateItem", expire)
    assert _sample() == {"counted": 6, "sampled": 2}
    assert _tasks(sampled) == {human_loop_name(made[5])}


def test_what_was_chosen_for_review_meanwhile_is_no_sample(sampled: Account) -> None:
    made = _record(sampled, 3, Outcome.DEFERRED)
    detections.turn_to_review(made[2])
    assert _sample()["sampled"] == 1
    record = inference_log.recorded(made[2])
    assert (record["outcome"], record["sampled"]) == (Outcome.REVIEW, False)


def test_what_was_rejected_or_waits_is_not_counted(sampled: Account) -> None:
    _record(sampled, 3, Outcome.REJECTED)
    _record(sampled, 3, Outcome.WAITING)
    _record(sampled, 2, Outcome.REVIEW)
    assert _sample() == {"counted": 2, "sampled": 0}


def test_counting_goes_on_over_days_without_detections(sampled: Account) -> None:
    _record(sampled, 2)
    _sample()
    sampled.clock.advance(timedelta(days=9).total_seconds())
    _record(sampled, 1)
    assert _sample() == {"counted": 1, "sampled": 1}


def test_a_detection_that_was_doubtful_keeps_its_loop_and_is_no_sample(sampled: Account) -> None:
    made = _record(sampled, 3, Outcome.REVIEW)
    inference_log.note(made[2], {"human_loop": human_loop_name(made[2])})
    assert _sample()["sampled"] == 1
    assert inference_log.recorded(made[2])["sampled"] is False


def test_of_what_is_none_of_the_labels_more_is_sampled_with_the_chance_that_it_had(
    account: Account,
) -> None:
    """It is counted by itself, and not while people are asked about each."""
    account.set_parameter("Human-Sampling-Interval", "30")
    asked_about = _record(account, 3, Outcome.REVIEW, label=NONE_OF_THEM)
    made = _record(account, 2, label=NONE_OF_THEM) + _record(account, 27)
    made += _record(account, 3, label=NONE_OF_THEM)
    assert _sample() == {"counted": 35, "sampled": 2}
    assert _tasks(account) == {human_loop_name(made[-3]), human_loop_name(made[28])}
    assert inference_log.recorded(made[-3])["chance"] == pytest.approx(1 / 3)
    assert inference_log.recorded(made[28])["chance"] == pytest.approx(1 / 30)
    assert not any("human_loop" in inference_log.recorded(detection) for detection in asked_about)
    assert sampling_position.read().nones_since_last == 2


def test_switched_off_it_does_nothing(sampled: Account) -> None:
    sampled.set_parameter("Enable-Automatic-Human-Sampling", "false")
    _record(sampled, 4)
    assert _sample() == {"counted": 0, "sampled": 0}
    assert _tasks(sampled) == set()


def test_of_two_runs_at_once_one_keeps_its_position(sampled: Account) -> None:
    _record(sampled, 4)
    before = sampling_position.read()
    _sample()
    after = sampling_position.read()
    with pytest.raises(ChangedMeanwhileError):
        sampling_position.move(before, after)
    task = review_tasks.get(next(iter(_tasks(sampled))))
    assert task.wanted == 1


def test_a_position_of_a_clock_that_was_ahead_holds_nothing_up(sampled: Account) -> None:
    before = sampling_position.read()
    tomorrow = clock.iso(clock.now() + timedelta(days=1))
    sampling_position.move(before, replace(before, after=tomorrow))
    sampled.clock.advance(600)
    assert _sample() == {"counted": 0, "sampled": 0}
    _record(sampled, 3)
    assert _sample() == {"counted": 3, "sampled": 1}
