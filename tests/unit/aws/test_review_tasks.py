"""labelloop.aws.review_tasks: nobody overwrites what somebody else has stored."""

from datetime import timedelta

import pytest

from labelloop import clock
from labelloop.aws import review_tasks
from labelloop.domain.review_tasks import LEASE, ReviewTask
from labelloop.errors import ChangedMeanwhileError, NotFoundError
from tests.unit.account import Account


def _task(number: int = 1, wanted: int = 2) -> ReviewTask:
    return ReviewTask(
        task_id=f"detection-{number}",
        detection_id=str(number),
        bucket="b",
        key="a.jpg",
        version_id=None,
        suggested_label="cat",
        suggested_confidence_pct=12.5,
        wanted=wanted,
        created=clock.now() + timedelta(seconds=number - 100),
        answers={},
        claims={},
    )


def test_a_task_is_read_as_it_was_stored(account: Account) -> None:
    task = _task()
    now = clock.now()
    assert review_tasks.create_once(task, now)
    assert review_tasks.get(task.task_id) == task
    changed = task.claimed("ann", now).answered("ann", None, now).claimed("bob", now)
    stored = review_tasks.replace_with(changed, now)
    assert review_tasks.get(task.task_id) == stored
    assert stored.answers["ann"].label is None
    assert stored.revision == task.revision + 1


def test_a_task_is_created_once(account: Account) -> None:
    assert review_tasks.create_once(_task(), clock.now())
    assert not review_tasks.create_once(_task(wanted=3), clock.now())
    assert review_tasks.get("detection-1").wanted == 2


def test_of_two_who_change_the_same_task_one_is_told_to_read_again(account: Account) -> None:
    review_tasks.create_once(_task(), clock.now())
    task = review_tasks.get("detection-1")
    review_tasks.replace_with(task.claimed("ann", clock.now()), clock.now())
    with pytest.raises(ChangedMeanwhileError):
        review_tasks.replace_with(task.claimed("bob", clock.now()), clock.now())
    assert set(review_tasks.get("detection-1").claims) == {"ann"}


def test_a_task_that_is_gone_is_neither_found_nor_made_again(account: Account) -> None:
    with pytest.raises(NotFoundError):
        review_tasks.get("detection-1")
    with pytest.raises(ChangedMeanwhileError):
        review_tasks.replace_with(_task(), clock.now())


def _available() -> list[str]:
    return [task.task_id for task in review_tasks.available(clock.now())]


def test_tasks_are_available_the_oldest_first_over_all_pages(account: Account) -> None:
    account.hook(
        "dynamodb",
        "provide-client-params.dynamodb.Query",
        lambda params, **_: {**params, "Limit": 2},
    )
    for number in (3, 1, 5, 2, 4):
        review_tasks.create_once(_task(number), clock.now())
    assert _available() == [f"detection-{number}" for number in range(1, 6)]
    assert review_tasks.count_open() == 5


def test_a_claimed_task_is_away_for_a_lease_and_a_finished_one_for_good(account: Account) -> None:
    now = clock.now()
    review_tasks.create_once(_task(wanted=1), now)
    task = review_tasks.replace_with(review_tasks.get("detection-1").claimed("ann", now), now)
    assert _available() == []
    assert review_tasks.count_open() == 1
    account.clock.advance(LEASE.total_seconds())
    assert _available() == ["detection-1"]
    answered = review_tasks.replace_with(task.answered("ann", "cat", clock.now()), clock.now())
    review_tasks.replace_with(answered.handed_on(), clock.now())
    account.clock.advance(86_400)
    assert _available() == []
    assert review_tasks.count_open() == 0
