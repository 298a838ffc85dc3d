"""labelloop.domain.review_tasks: leases, several reviewers, ties, second thoughts."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.review_tasks import (
    LEASE,
    NO_FIGURES,
    SKIPPED_FOR,
    Figures,
    Given,
    ReviewTask,
    changed_figures,
    figures,
    suggestion,
)
from labelloop.errors import ConflictError

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PEOPLE = ["ann", "bob", "cho", "dee", "eve"]


def _task(wanted: int = 1, model_type: ModelType = ModelType.CLASSIFICATION) -> ReviewTask:
    return ReviewTask(
        task_id="detection-1",
        detection_id="1",
        bucket="bucket",
        key="a.jpg",
        version_id="v1",
        model_type=model_type,
        suggestion=(Label("cat", 12.0),),
        wanted=wanted,
        created=NOW - timedelta(hours=1),
    )


def _says(label: str | None) -> Annotation:
    return Annotation.of_labels([label] if label else [])


def _answered(task: ReviewTask, *given: tuple[str, str | None]) -> ReviewTask:
    for person, label in given:
        task = task.claimed(person, NOW).answered(person, _says(label), NOW + SECOND)
    return task


def test_a_claimed_task_is_nobody_elses_until_the_lease_ends() -> None:
    task = _task().claimed("ann", NOW)
    assert not task.claimable_by("bob", NOW + LEASE - SECOND)
    assert task.claimable_by("bob", NOW + LEASE)
    assert task.held_until(NOW) == NOW + LEASE


def test_who_has_claimed_it_may_claim_it_again_and_keeps_the_time_it_took() -> None:
    task = _task().claimed("ann", NOW)
    again = task.claimed("ann", NOW + timedelta(minutes=4))
    assert again.claims["ann"].since == NOW
    assert again.claims["ann"].until == NOW + timedelta(minutes=4) + LEASE


def test_an_answer_notes_when_it_was_begun_and_when_it_was_given() -> None:
    task = _answered(_task(), ("ann", "dog"))
    assert task.complete
    given = task.answers["ann"]
    assert (given.said.labels, given.accepted, given.submitted) == (("dog",), NOW, NOW + SECOND)
    assert not task.claims


def test_a_task_that_was_not_claimed_cannot_be_answered() -> None:
    with pytest.raises(ConflictError, match="not claimed"):
        _task().answered("ann", _says("cat"), NOW)


def test_a_late_answer_counts_while_nobody_else_has_the_task() -> None:
    task = _task().claimed("ann", NOW)
    assert task.answered("ann", _says("cat"), NOW + 2 * LEASE).complete


def test_a_late_answer_does_not_push_away_somebody_elses_claim() -> None:
    task = _task().claimed("ann", NOW)
    later = NOW + 2 * LEASE
    taken = replace(
        task.claimed("bob", later), claims={**task.claims, **task.claimed("bob", later).claims}
    )
    with pytest.raises(ConflictError, match="ran out"):
        taken.answered("ann", _says("cat"), later)


def test_a_released_task_is_available_at_once() -> None:
    task = _task().claimed("ann", NOW).released("ann", NOW + SECOND)
    assert task.claimable_by("bob", NOW + SECOND)
    assert task.held_until(NOW + SECOND) is None


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
    assert _answered(_task(), ("ann", "cat")).held_until(NOW) == NOW + LEASE


def test_an_answer_taken_back_is_asked_again_of_the_same_person() -> None:
    task = _answered(_task(), ("ann", "cat")).handed_on()
    undone = task.undone("ann", NOW + SECOND)
    assert not undone.finished
    assert not undone.complete
    again = undone.answered("ann", _says("dog"), NOW + 2 * SECOND)
    assert again.answers["ann"].said == _says("dog")
    assert again.complete


def test_an_answer_that_may_train_is_withdrawn_and_no_other() -> None:
    lacking = _answered(_task(2), ("ann", "cat"))
    assert not lacking.undone("ann", NOW + SECOND).owes
    complete = _answered(_task(2), ("ann", "cat"), ("bob", "cat"))
    for task in (complete, complete.handed_on()):
        undone = task.undone("ann", NOW + SECOND)
        assert undone.owes
        assert undone.decided() == {}
        settled = undone.handed_on()
        assert not settled.owes
        assert not settled.finished
        assert settled.held_by("ann", NOW + SECOND)
        again = undone.answered("ann", _says("cat"), NOW + SECOND).handed_on()
        assert (again.finished, again.owes) == (True, False)


def test_only_who_has_answered_can_take_an_answer_back() -> None:
    with pytest.raises(ConflictError, match="not answered"):
        _answered(_task(2), ("ann", "cat")).undone("bob", NOW)


def test_an_answer_stays_while_somebody_looks_who_was_asked_because_of_it() -> None:
    tie = _answered(_task(2), ("ann", "cat"), ("bob", "dog")).claimed("cho", NOW)
    with pytest.raises(ConflictError, match="Somebody else"):
        tie.undone("ann", NOW + SECOND)
    assert tie.undone("ann", NOW + LEASE).held_by("ann", NOW + LEASE)
    settled = tie.answered("cho", _says("dog"), NOW).handed_on()
    assert settled.undone("cho", NOW + SECOND).held_by("cho", NOW + SECOND)


def test_an_answer_can_be_taken_back_beside_one_who_looks_anyway() -> None:
    task = _answered(_task(2), ("ann", "cat")).claimed("bob", NOW)
    undone = task.undone("ann", NOW + SECOND)
    assert {person for person in PEOPLE if undone.held_by(person, NOW + SECOND)} == {"ann", "bob"}


def test_who_needs_longer_gets_a_new_lease_and_keeps_the_time_it_took() -> None:
    later = NOW + timedelta(minutes=4)
    task = _task().claimed("ann", NOW).extended("ann", later)
    assert (task.claims["ann"].since, task.claims["ann"].until) == (NOW, later + LEASE)


def test_a_lease_that_ran_out_is_renewed_only_while_nobody_else_has_the_task() -> None:
    task = _task().claimed("ann", NOW)
    later = NOW + 2 * LEASE
    assert task.extended("ann", later).held_by("ann", later)
    with pytest.raises(ConflictError):
        task.claimed("bob", later).extended("ann", later)
    with pytest.raises(ConflictError):
        task.extended("bob", later)


def test_who_passes_a_task_by_is_not_asked_about_it_for_an_hour_and_others_are() -> None:
    task = _task().claimed("ann", NOW).released("ann", NOW, skip=True)
    assert not task.claimable_by("ann", NOW + SKIPPED_FOR - SECOND)
    assert task.claimable_by("bob", NOW)
    assert task.claimable_by("ann", NOW + SKIPPED_FOR)
    assert not task.released("bob", NOW + SKIPPED_FOR).skipped


def test_reviewers_begin_with_what_the_model_found() -> None:
    labels = [Label("cat", 5.0), Label("dog", 90.0), Label("eel", 5.0)]
    assert suggestion(labels, ModelType.CLASSIFICATION) == (Label("dog", 90.0),)
    boxes = [Label("cat", float(n), LabelBox(0, 0, 1, 1)) for n in range(60)]
    assert suggestion(boxes, ModelType.DETECTION)[0] == boxes[59]
    assert len(suggestion(boxes, ModelType.DETECTION)) == 50


def test_an_answer_counts_at_once_and_is_compared_when_the_task_is_finished() -> None:
    task = _answered(_task(3), ("ann", "cat"), ("bob", "cat"), ("cho", "dog"))
    assert figures(task) == {}
    done = task.handed_on()
    assert figures(done) == {
        "ann": Figures(1, 1),
        "bob": Figures(1, 1),
        "cho": Figures(1, 0),
    }
    assert changed_figures(task, done)["cho"] == Figures(1, 0)


@pytest.mark.parametrize("labels", [("cat",), ("cat", "dog", None)])
def test_an_answer_is_compared_with_nothing_where_nothing_was_decided_or_nobody_else_asked(
    labels: tuple[str | None, ...],
) -> None:
    task = _answered(_task(len(labels)), *zip(PEOPLE, labels, strict=False)).handed_on()
    assert figures(task) == {}


def test_an_answer_that_is_taken_back_is_taken_off_with_what_it_was_compared_to() -> None:
    task = _answered(_task(2), ("ann", "cat"), ("bob", "cat")).handed_on()
    undone = task.undone("ann", NOW + SECOND)
    assert changed_figures(task, undone) == {
        "ann": Figures(-1, -1),
        "bob": Figures(-1, -1),
    }


def test_boxes_around_the_same_things_complete_a_task_and_a_missed_thing_asks_one_more() -> None:
    def drawn(*lefts: int) -> Annotation:
        return Annotation.of_boxes([Box("cat", left, 0, 40, 40) for left in lefts], (200, 100))

    task = _task(2, ModelType.DETECTION).claimed("ann", NOW).claimed("bob", NOW)
    task = task.answered("ann", drawn(0, 100), NOW)
    assert task.answered("bob", drawn(2, 98), NOW).complete
    missed = task.answered("bob", drawn(2), NOW)
    assert not missed.complete
    assert missed.claimed("cho", NOW).answered("cho", drawn(1, 99), NOW).complete


class Review(RuleBasedStateMachine):
    """People do what the queue lets them, while time goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.task = self.counted = _task()
        self.now = NOW
        self.figures: dict[str, Figures] = {}

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
            self.task = self.task.answered(person, _says(label), self.now)
        except ConflictError:
            return

    @rule(person=st.sampled_from(PEOPLE))
    def release(self, person: str) -> None:
        self.task = self.task.released(person, self.now)

    @rule(person=st.sampled_from(PEOPLE))
    def extend(self, person: str) -> None:
        held = self.task.held_by(person, self.now)
        try:
            self.task = self.task.extended(person, self.now)
        except ConflictError:
            assert not held

    @rule(person=st.sampled_from(PEOPLE))
    def undo(self, person: str) -> None:
        if person in self.task.answers:
            with suppress(ConflictError):
                self.task = self.task.undone(person, self.now)

    @precondition(lambda self: self.task.owes)
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
    def nobody_looks_at_it_whose_answer_is_not_wanted(self) -> None:
        looking = sum(self.task.held_by(person, self.now) for person in PEOPLE)
        answers = len(self.task.answers)
        assert looking <= max(self.task.wanted, answers + 1) - answers

    @invariant()
    def figures_that_are_added_up_change_by_change_are_those_of_the_task(self) -> None:
        changes = changed_figures(self.counted, self.task)
        for person, change in changes.items():
            before = self.figures.get(person, NO_FIGURES)
            self.figures[person] = Figures(
                before.compared + change.compared, before.agreed + change.agreed
            )
        self.counted = self.task
        counted = {person: one for person, one in self.figures.items() if one != NO_FIGURES}
        assert counted == figures(self.task)

    @invariant()
    def nobody_both_has_answered_and_looks_at_it(self) -> None:
        assert not self.task.answers.keys() & self.task.claims.keys()

    @invariant()
    def an_open_task_can_be_taken_by_somebody_after_a_lease_at_the_latest(self) -> None:
        later = self.now + LEASE
        if not self.task.complete:
            assert any(self.task.claimable_by(person, later) for person in PEOPLE)
            assert (self.task.held_until(self.now) or self.now) <= later


TestReview = Review.TestCase
TestReview.settings = settings(max_examples=80, stateful_step_count=25)


# --- Who supplies does not judge ------------------------------------------------------------------


def _sent_by(*senders: str, wanted: int = 1, answered: tuple[str, ...] = ()) -> ReviewTask:
    given = Given(Annotation.of_labels(["dent"]), NOW, NOW)
    return replace(
        _task(wanted), senders=frozenset(senders), answers=dict.fromkeys(answered, given)
    )


@pytest.mark.parametrize(
    ("senders", "answered", "people", "may"),
    [
        ((), (), {"ann", "bob"}, True),
        (("bob",), (), {"ann", "bob"}, True),
        (("ann",), (), {"ann", "bob"}, False),
        (("ann",), (), {"ann"}, True),
        (("ann",), (), set(), True),
        (("ann", "bob"), (), {"ann", "bob"}, True),
        (("ann", "bob"), (), {"ann", "bob", "cho"}, False),
        (("ann",), ("bob",), {"ann", "bob"}, True),
        (("ann",), ("bob",), {"ann", "bob", "cho"}, False),
    ],
)
def test_who_has_sent_an_image_judges_it_only_where_nobody_else_may(
    senders: tuple[str, ...], answered: tuple[str, ...], people: set[str], may: bool
) -> None:
    task = _sent_by(*senders, wanted=2, answered=answered)
    assert task.may_be_judged_by("ann", lambda: people) is may


def test_who_has_not_sent_it_is_not_looked_up() -> None:
    def never() -> set[str]:
        raise AssertionError

    assert _sent_by("bob").may_be_judged_by("ann", never)
    assert _sent_by().may_be_judged_by("ann", never)


def test_a_sender_is_compared_with_nobody_and_nobody_with_a_sender() -> None:
    everybody = _sent_by(wanted=3, answered=("ann", "bob", "cho")).handed_on()
    assert set(figures(everybody)) == {"ann", "bob", "cho"}
    assert set(figures(replace(everybody, senders=frozenset({"ann"})))) == {"bob", "cho"}
    assert figures(replace(everybody, senders=frozenset({"ann", "bob"}))) == {}


def test_giving_a_task_back_takes_nothing_from_others() -> None:
    """A lease that ran out is good for an answer while nobody has taken the place."""
    held = _task().claimed("ann", NOW)
    late = NOW + LEASE + SECOND
    for skip in (False, True):
        left = held.released("bob", late, skip)
        assert left.claims == held.claims
        assert left.answered("ann", Annotation.of_labels(["dent"]), late).complete
    assert held.released("bob", late) == held
