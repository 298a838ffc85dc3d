"""labelloop.domain.review_tasks: leases, several reviewers, ties, second thoughts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from labelloop.domain.review_tasks import LEASE, ReviewTask
from labelloop.errors import InvalidRequestError

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PEOPLE = ["ann", "bob", "cho", "dee", "eve"]


def _task(wanted: int = 1) -> ReviewTask:
    return ReviewTask(
        task_id="detection-1",
        detection_id="1",
        bucket="bucket",
        key="a.jpg",
        version_id="v1",
        suggested_label="cat",
        suggested_confidence_pct=12.0,
        wanted=wanted,
        created=NOW - timedelta(hours=1),
        answers={},
        claims={},
    )


def _answered(task: ReviewTask, *given: tuple[str, str | None]) -> ReviewTask:
    for person, label in given:
        task = task.claimed(person, NOW).answered(person, label, NOW + SECOND)
    return task


def test_a_claimed_task_is_nobody_elses_until_the_lease_ends() -> None:
    task = _task().claimed("ann", NOW)
    assert not task.claimable_by("bob", NOW + LEASE - SECOND)
    assert task.claimable_by("bob", NOW + LEASE)
    assert task.available_from(NOW) == NOW + LEASE


def test_who_has_claimed_it_may_claim_it_again_and_keeps_the_time_it_took() -> None:
    task = _task().claimed("ann", NOW)
    again = task.claimed("ann", NOW + timedelta(minutes=4))
    assert again.claims["ann"].since == NOW
    assert again.claims["ann"].until == NOW + timedelta(minutes=4) + LEASE


def test_an_answer_notes_when_it_was_begun_and_when_it_was_given() -> None:
    task = _answered(_task(), ("ann", "dog"))
    assert task.complete
    given = task.answers["ann"]
    assert (given.label, given.accepted, given.submitted) == ("dog", NOW, NOW + SECOND)
    assert not task.claims


def test_a_task_that_was_not_claimed_cannot_be_answered() -> None:
    with pytest.raises(InvalidRequestError, match="not claimed"):
        _task().answered("ann", "cat", NOW)


def test_a_late_answer_counts_while_nobody_else_has_the_task() -> None:
    task = _task().claimed("ann", NOW)
    assert task.answered("ann", "cat", NOW + 2 * LEASE).complete


def test_a_late_answer_does_not_push_away_somebody_elses_claim() -> None:
    task = _task().claimed("ann", NOW)
    later = NOW + 2 * LEASE
    taken = replace(
        task.claimed("bob", later), claims={**task.claims, **task.claimed("bob", later).claims}
    )
    with pytest.raises(InvalidRequestError, match="ran out"):
        taken.answered("ann", "cat", later)


def test_a_released_task_is_available_at_once() -> None:
    task = _task().claimed("ann", NOW).released("ann", NOW + SECOND)
    assert task.claimable_by("bob", NOW + SECOND)
    assert task.available_from(NOW + SECOND) == task.created


def test_two_people_may_look_at_once_when_two_are_wanted() -> None:
    task = _task(2).claimed("ann", NOW)
    assert task.claimable_by("bob", NOW)
    both = task.claimed("bob", NOW)
    assert not both.claimable_by("cho", NOW)


def test_nobody_answers_the_same_task_twice() -> None:
    task = _answered(_task(2), ("ann", "cat"))
    assert not task.complete
    assert not task.claimable_by("ann", NOW)
    assert task.claimable_by("bob", NOW)


def test_a_tie_asks_one_more_and_then_no_more() -> None:
    tie = _answered(_task(2), ("ann", "cat"), ("bob", "dog"))
    assert not tie.complete
    assert tie.claimable_by("cho", NOW + SECOND)
    settled = _answered(tie, ("cho", None))
    assert settled.complete
    assert not settled.claimable_by("dee", NOW + SECOND)


def test_a_complete_task_comes_back_after_a_lease_should_nobody_hand_it_on() -> None:
    assert _answered(_task(), ("ann", "cat")).available_from(NOW) == NOW + LEASE


def test_an_answer_taken_back_is_asked_again_of_the_same_person() -> None:
    task = _answered(_task(), ("ann", "cat")).handed_on()
    undone = task.undone("ann", NOW + SECOND)
    assert not undone.finished
    assert not undone.complete
    again = undone.answered("ann", "dog", NOW + 2 * SECOND)
    assert again.answers["ann"].label == "dog"
    assert again.complete


def test_only_who_has_answered_can_take_an_answer_back() -> None:
    with pytest.raises(InvalidRequestError, match="not answered"):
        _answered(_task(2), ("ann", "cat")).undone("bob", NOW)


class Review(RuleBasedStateMachine):
    """People do what the queue lets them, while time goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.task = _task()
        self.now = NOW

    @initialize(wanted=st.integers(1, 3))
    def begin(self, wanted: int) -> None:
        self.task = _task(wanted)

    @rule(person=st.sampled_from(PEOPLE))
    def claim(self, person: str) -> None:
        if self.task.claimable_by(person, self.now):
            self.task = self.task.claimed(person, self.now)

    @rule(person=st.sampled_from(PEOPLE), label=st.sampled_from(["cat", "dog", None]))
    def answer(self, person: str, label: str | None) -> None:
        try:
            self.task = self.task.answered(person, label, self.now)
        except InvalidRequestError:
            return

    @rule(person=st.sampled_from(PEOPLE))
    def release(self, person: str) -> None:
        self.task = self.task.released(person, self.now)

    @rule(person=st.sampled_from(PEOPLE))
    def undo(self, person: str) -> None:
        if person in self.task.answers:
            self.task = self.task.undone(person, self.now)

    @precondition(lambda self: self.task.complete)
    @rule()
    def hand_on(self) -> None:
        self.task = self.task.handed_on()

    @rule(minutes=st.integers(1, 7))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @invariant()
    def at_most_one_more_than_wanted_is_asked(self) -> None:
        assert len(self.task.answers) <= self.task.wanted + 1

    @invariant()
    def nobody_both_has_answered_and_looks_at_it(self) -> None:
        assert not self.task.answers.keys() & self.task.claims.keys()

    @invariant()
    def an_open_task_can_be_taken_by_somebody_after_a_lease_at_the_latest(self) -> None:
        later = self.now + LEASE
        if not self.task.complete:
            assert any(self.task.claimable_by(person, later) for person in PEOPLE)
            assert self.task.available_from(self.now) <= later


TestReview = Review.TestCase
TestReview.settings = settings(max_examples=80, stateful_step_count=25)
