"""labelloop.aws.review_tasks: nobody overwrites what somebody else has stored, all is counted."""

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from labelloop import clock
from labelloop.aws import review_tasks
from labelloop.aws.review_tasks import Person
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.review_tasks import LEASE, NO_FIGURES, Figures, ReviewTask
from labelloop.errors import BusyError, ChangedMeanwhileError, NotFoundError
from tests.unit.account import Account

ANN, BOB = Person("ann", "ann@example.com"), Person("bob", "bob@example.com")
CAT, NONE = Annotation.of_labels(["cat"]), Annotation.of_labels([])


def _task(number: int = 1, wanted: int = 2) -> ReviewTask:
    return ReviewTask(
        task_id=f"detection-{number}",
        detection_id=str(number),
        bucket="b",
        key="a.jpg",
        version_id=None,
        model_type=ModelType.CLASSIFICATION,
        suggestion=(Label("cat", 12.5),),
        wanted=wanted,
        created=clock.now() + timedelta(seconds=number - 100),
    )


def _store(before: ReviewTask, after: ReviewTask, person: Person = ANN) -> ReviewTask:
    return review_tasks.change(before, after, person, clock.now())


def test_a_task_is_read_as_it_was_stored(account: Account) -> None:
    task = _task()
    now = clock.now()
    assert review_tasks.create_once(task, now)
    assert review_tasks.get(task.task_id) == task
    changed = task.claimed("ann", now).answered("ann", NONE, now).claimed("bob", now)
    stored = _store(task, changed.released("cho", now, skip=True))
    assert review_tasks.get(task.task_id) == stored
    assert (stored.answers["ann"].said, stored.revision) == (NONE, task.revision + 1)


def test_boxes_are_read_as_they_were_stored(account: Account) -> None:
    task = replace(
        _task(),
        model_type=ModelType.DETECTION,
        suggestion=(Label("cat", 50.0, LabelBox(-0.01, 0, 0.5, 1)),),
    )
    now = clock.now()
    review_tasks.create_once(task, now)
    said = Annotation.of_boxes([Box("cat", 1, 2, 30, 40), Box("dog", 5, 6, 7, 8)], (100, 80))
    stored = _store(task, task.claimed("ann", now).answered("ann", said, now))
    assert review_tasks.get(task.task_id) == stored


def test_a_task_is_created_once(account: Account) -> None:
    assert review_tasks.create_once(_task(), clock.now())
    assert not review_tasks.create_once(_task(wanted=3), clock.now())
    assert review_tasks.get("detection-1").wanted == 2


def test_of_two_who_change_the_same_task_one_is_told_to_read_again(account: Account) -> None:
    review_tasks.create_once(_task(), clock.now())
    task = review_tasks.get("detection-1")
    _store(task, task.claimed("ann", clock.now()))
    with pytest.raises(ChangedMeanwhileError):
        _store(task, task.claimed("bob", clock.now()), BOB)
    assert set(review_tasks.get("detection-1").claims) == {"ann"}


def test_a_task_that_is_gone_is_neither_found_nor_made_again(account: Account) -> None:
    with pytest.raises(NotFoundError):
        review_tasks.get("detection-1")
    with pytest.raises(ChangedMeanwhileError):
        _store(_task(), _task().claimed("ann", clock.now()))


def _available(sub: str = "zoe") -> list[str]:
    return [task.task_id for task in review_tasks.available(sub, clock.now())]


def test_tasks_are_available_the_oldest_first_over_all_pages(account: Account) -> None:
    account.hook(
        "dynamodb",
        "provide-client-params.dynamodb.Query",
        lambda params, **_: {**params, "Limit": 2},
    )
    for number in (3, 1, 5, 2, 4):
        review_tasks.create_once(_task(number), clock.now())
    assert _available() == [f"detection-{number}" for number in range(1, 6)]
    assert review_tasks.count_waiting() == 5


def test_a_claimed_task_is_away_for_a_lease_and_a_finished_one_for_good(account: Account) -> None:
    now = clock.now()
    review_tasks.create_once(_task(wanted=1), now)
    task = _store(_task(wanted=1), _task(wanted=1).claimed("ann", now))
    assert _available() == []
    assert _available("ann") == ["detection-1"]
    assert review_tasks.count_waiting() == 1
    account.clock.advance(LEASE.total_seconds())
    assert _available() == ["detection-1"]
    answered = _store(task, task.answered("ann", CAT, clock.now()))
    _store(answered, answered.handed_on())
    account.clock.advance(86_400)
    assert _available() == []
    assert review_tasks.count_waiting() == 0


def test_a_task_whose_lease_ran_out_is_again_before_those_that_are_younger(
    account: Account,
) -> None:
    for number in (1, 2, 3):
        review_tasks.create_once(_task(number, wanted=1), clock.now())
    second = review_tasks.get("detection-2")
    _store(second, second.claimed("ann", clock.now()))
    assert _available() == ["detection-1", "detection-3"]
    assert _available("ann") == ["detection-2", "detection-1", "detection-3"]
    account.clock.advance(LEASE.total_seconds())
    assert _available() == ["detection-1", "detection-2", "detection-3"]


def _finished(number: int, bob: Annotation) -> tuple[ReviewTask, ReviewTask]:
    """A task that Ann and Bob have answered, before and after it was handed on."""
    task = _task(number)
    review_tasks.create_once(task, clock.now())
    for person, said in ((ANN, CAT), (BOB, bob)):
        claimed = _store(task, task.claimed(person.sub, clock.now()), person)
        task = _store(claimed, claimed.answered(person.sub, said, clock.now()), person)
    return task, _store(task, task.handed_on(), BOB)


def test_what_answers_were_compared_to_is_counted_once(account: Account) -> None:
    assert review_tasks.figures_of("ann") == NO_FIGURES
    task, _ = _finished(1, CAT)
    _finished(2, NONE)
    with pytest.raises(ChangedMeanwhileError):
        _store(task, task.handed_on(), BOB)
    assert review_tasks.figures_of("ann") == Figures(1, 1)
    assert review_tasks.everybodys_figures() == {ANN: Figures(1, 1), BOB: Figures(1, 1)}


def test_figures_are_whose_they_are_whatever_people_are_called(account: Account) -> None:
    _finished(1, CAT)
    both = Person(BOB.sub, ANN.name)
    task = review_tasks.get("detection-1")
    undone = _store(task, task.undone("bob", clock.now()), both)
    again = _store(undone, undone.answered("bob", NONE, clock.now()), both)
    _store(again, again.handed_on(), both)
    figures = review_tasks.everybodys_figures()
    assert {who.sub for who in figures} == {"ann", "bob"}
    assert {who.name for who in figures} == {ANN.name}


def test_who_was_removed_is_called_nothing_again_by_a_token_that_is_still_out(
    account: Account,
) -> None:
    """As `labelloop reviewers remove` leaves it."""
    account.boto3("dynamodb").update_item(
        TableName=os.environ["REVIEW_TASKS_TABLE"],
        Key={"task_id": {"S": "reviewer#ann"}},
        UpdateExpression="SET forgotten = :sub",
        ExpressionAttributeValues={":sub": {"S": "ann"}},
    )
    now = clock.now()
    task = _task()
    review_tasks.create_once(task, now)
    task = _store(task, task.claimed("ann", now).answered("ann", CAT, now))
    task = _store(task, task.claimed("bob", now).answered("bob", CAT, now), BOB)
    _store(task, task.handed_on(), BOB)

    assert set(review_tasks.everybodys_figures()) == {Person("ann", "ann"), BOB}


@pytest.mark.parametrize(("days", "expires"), [("0", False), ("7", True)])
def test_a_finished_task_expires_with_its_detection_unless_it_is_opened_again(
    account: Account, monkeypatch: pytest.MonkeyPatch, days: str, expires: bool
) -> None:
    monkeypatch.setenv("DETECTION_RETENTION_DAYS", days)
    now, task = clock.now(), _task(wanted=1)
    review_tasks.create_once(task, now)
    task = _store(task, task.claimed("ann", now).answered("ann", CAT, now))
    assert "expires" not in _item(account, task)

    finished = _store(task, task.handed_on())
    item = _item(account, task)
    assert ("expires" in item) == expires
    if expires:
        later = int(item["expires"]["N"]) - now.timestamp()
        assert timedelta(days=7) <= timedelta(seconds=later) < timedelta(days=7, hours=1)

    _store(finished, finished.undone("ann", clock.now()))
    assert "expires" not in _item(account, task)


def _item(account: Account, task: ReviewTask) -> dict[str, Any]:
    key = {"task_id": {"S": task.task_id}}
    table = os.environ["REVIEW_TASKS_TABLE"]
    item: dict[str, Any] = account.boto3("dynamodb").get_item(TableName=table, Key=key)["Item"]
    return item


def test_what_a_later_release_has_written_is_kept(account: Account) -> None:
    task = _task()
    review_tasks.create_once(task, clock.now())
    taken = _store(task, task.claimed("ann", clock.now()), ANN)
    account.boto3("dynamodb").update_item(
        TableName=os.environ["REVIEW_TASKS_TABLE"],
        Key={"task_id": {"S": task.task_id}},
        UpdateExpression="SET mood = :mood, claims.ann.mood = :mood",
        ExpressionAttributeValues={":mood": {"S": "good"}},
    )
    read = review_tasks.get(task.task_id)
    assert (read.unknown, read.claims["ann"].unknown) == ({"mood": "good"}, {"mood": "good"})
    _store(taken, read.extended("ann", clock.now()), ANN)
    item = _item(account, task)
    assert item["mood"] == item["claims"]["M"]["ann"]["M"]["mood"] == {"S": "good"}


def test_figures_of_an_item_without_a_name_are_told_by_sub(account: Account) -> None:
    """As earlier releases wrote them of people whose own answer came before others'."""
    _finished(1, CAT)
    account.boto3("dynamodb").update_item(
        TableName="label-loop-ReviewTasksTable",
        Key={"task_id": {"S": "reviewer#bob"}},
        UpdateExpression="REMOVE #name",
        ExpressionAttributeNames={"#name": "name"},
    )
    assert Person("bob", "bob") in review_tasks.everybodys_figures()


def test_an_answer_that_is_taken_back_is_compared_no_more(account: Account) -> None:
    _, done = _finished(1, CAT)
    _store(done, done.undone("bob", clock.now()), BOB)
    assert review_tasks.figures_of("bob") == review_tasks.figures_of("ann") == NO_FIGURES


def test_what_else_is_in_the_table_is_no_task(account: Account) -> None:
    _finished(1, CAT)
    keys = [item["task_id"]["S"] for item in account.items("ReviewTasksTable")]
    others = [key for key in keys if key != "detection-1"]
    assert len(others) == 2
    for key in others:
        with pytest.raises(NotFoundError):
            review_tasks.get(key)


def test_figures_that_somebody_else_is_changing_are_said_to_be_busy(account: Account) -> None:
    task = _task()
    review_tasks.create_once(task, clock.now())

    def conflict(**_: Any) -> tuple[AWSResponse, Any]:
        response = AWSResponse("", 400, HTTPHeaders(), None)
        error = {"Code": "TransactionCanceledException", "Message": "…"}
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        return response, {
            "Error": error,
            "CancellationReasons": reasons,
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }

    account.hook("dynamodb", "before-call.dynamodb.TransactWriteItems", conflict)
    claimed = task.claimed("ann", clock.now())
    with pytest.raises(BusyError):
        _store(task, claimed.answered("ann", CAT, clock.now()))
    assert review_tasks.get(task.task_id) == task
