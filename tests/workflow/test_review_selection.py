"""Which doubtful images people are asked about where a day has a budget: SelectionSchedule.

The tests share a day and build on each other: they run in the order in which they stand here.
"""

from collections.abc import Iterator

import pytest

from local.launch import wait_for
from tests.stack import Stack, Uploaded

BUDGET, IMAGES = 3, 10
SETTLED_S = 310
"""The youngest five minutes are left to the next look."""


@pytest.fixture(scope="module")
def budgeted(serving_stack: Stack) -> Iterator[Stack]:
    """The stack with three questions a day, of which none has been asked."""
    with serving_stack.review_budget(BUDGET):
        yield serving_stack


@pytest.fixture(scope="module")
def uploads(budgeted: Stack) -> list[Uploaded]:
    """Ten doubtful images that wait."""
    found = [budgeted.detect() for _ in range(IMAGES)]
    for upload in found:
        assert budgeted.wait_for_record(upload)["outcome"] in {"deferred", "review"}
    budgeted.leap(SETTLED_S)
    return found


def _reviewed(stack: Stack, uploads: list[Uploaded]) -> list[Uploaded]:
    """Those that people are asked about."""
    return [upload for upload in uploads if stack.task(upload)]


def _fire_until(stack: Stack, uploads: list[Uploaded], count: int) -> None:
    """Let the schedule run until so many have a task, and then some."""

    def enough() -> bool:
        stack.fire("SelectionSchedule")
        return len(_reviewed(stack, uploads)) >= count

    wait_for(enough, f"{count} tasks")
    for _ in range(3):
        stack.select_reviews()


def test_of_ten_doubtful_images_three_go_to_people_and_the_others_wait(
    budgeted: Stack, uploads: list[Uploaded]
) -> None:
    _fire_until(budgeted, uploads, BUDGET)
    asked = _reviewed(budgeted, uploads)
    assert len(asked) == BUDGET
    for upload in uploads:
        record = budgeted.record(upload)
        assert record["outcome"] == ("review" if upload in asked else "deferred")
        assert record.get("human_loop") == (upload.task_id if upload in asked else None)


def test_the_consumer_hears_that_a_doubtful_image_waits(
    budgeted: Stack, uploads: list[Uploaded]
) -> None:
    budgeted.wait_until_idle()
    (mail,) = budgeted.consumer_mails(uploads[0])
    assert "It waits: a person is asked if" in mail["message"]


def test_an_answer_to_a_chosen_image_trains_and_is_told_as_any_other(
    budgeted: Stack, uploads: list[Uploaded]
) -> None:
    chosen = _reviewed(budgeted, uploads)[0]
    budgeted.add_reviewer().review(chosen, "circle")
    record = budgeted.wait_for_record(chosen, has="agreement")
    assert record["copied_key"].startswith("images_labeled_by_folder/circle/")
    outcomes = {"deferred", "decided"}
    wait_for(
        lambda: outcomes == {m["attributes"]["outcome"] for m in budgeted.consumer_mails(chosen)},
        "the message about the answer",
    )


def test_the_next_day_three_more_go_to_people(budgeted: Stack, uploads: list[Uploaded]) -> None:
    budgeted.begin_review_day("2999-01-02")
    _fire_until(budgeted, uploads, 2 * BUDGET)
    assert len(_reviewed(budgeted, uploads)) == 2 * BUDGET


def test_with_review_switched_off_nobody_is_asked_and_later_only_about_what_waited_before(
    budgeted: Stack, uploads: list[Uploaded]
) -> None:
    with budgeted.parameters({"Enable-A2I-Workflow": "false"}):
        budgeted.begin_review_day("2999-01-03")
        never = budgeted.detect()
        budgeted.wait_for_record(never, "deferred")
        budgeted.select_reviews()
        assert len(_reviewed(budgeted, uploads)) == 2 * BUDGET
    _fire_until(budgeted, uploads, 3 * BUDGET)
    budgeted.begin_review_day("2999-01-04")
    _fire_until(budgeted, uploads, IMAGES)
    assert not budgeted.task(never)
