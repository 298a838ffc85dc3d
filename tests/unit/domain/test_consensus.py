"""labelloop.domain.consensus: what several people's answers mean together."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import consensus
from labelloop.domain.consensus import Agreement, Consensus
from labelloop.domain.human_loops import Answer

answers = st.lists(
    st.builds(
        Answer, st.sampled_from(["ann", "bob", "cho", "dee"]), st.sampled_from(["cat", "dog", None])
    ),
    max_size=6,
)


def _said(*labels: str | None) -> list[Answer]:
    return [Answer(f"worker {i}", label) for i, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("labels", "agreement", "label"),
    [
        ([], Agreement.UNDECIDED, None),
        (["cat"], Agreement.DECIDED, "cat"),
        ([None], Agreement.NONE_OF_THE_ABOVE, None),
        (["cat", "cat"], Agreement.DECIDED, "cat"),
        (["cat", "dog"], Agreement.UNDECIDED, None),
        (["cat", None], Agreement.UNDECIDED, None),
        (["cat", "dog", "cat"], Agreement.DECIDED, "cat"),
        (["cat", None, None], Agreement.NONE_OF_THE_ABOVE, None),
        (["cat", "dog", None], Agreement.UNDECIDED, None),
        (["cat", "cat", "dog", "dog"], Agreement.UNDECIDED, None),
        (["cat", "cat", "cat", "dog"], Agreement.DECIDED, "cat"),
    ],
)
def test_more_than_half_of_the_people_decide(
    labels: list[str | None], agreement: Agreement, label: str | None
) -> None:
    assert consensus.of(_said(*labels)) == Consensus(agreement, label, len(labels))


def test_a_person_who_answered_twice_counts_once_with_the_last_answer() -> None:
    said = [Answer("ann", "cat"), Answer("bob", "dog"), Answer("ann", "dog")]
    assert consensus.of(said) == Consensus(Agreement.DECIDED, "dog", 2)


@given(answers)
def test_the_order_of_different_peoples_answers_does_not_matter(said: list[Answer]) -> None:
    last = list({answer.worker: answer for answer in said}.values())
    assert consensus.of(said) == consensus.of(last) == consensus.of(last[::-1])


@given(answers)
def test_a_decision_has_more_than_half_of_the_people_behind_it(said: list[Answer]) -> None:
    result = consensus.of(said)
    votes = Counter({answer.worker: answer.label for answer in said}.values())
    behind = max(votes.values(), default=0)
    assert (result.agreement is not Agreement.UNDECIDED) == (behind * 2 > result.answers)
    if result.agreement is Agreement.DECIDED:
        assert result.label is not None
        assert votes[result.label] == behind
    else:
        assert result.label is None


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_nobody_is_asked_any_more_when_the_wanted_number_agrees(wanted: int) -> None:
    assert not consensus.is_complete(_said(*["cat"] * (wanted - 1)), wanted)
    assert consensus.is_complete(_said(*["cat"] * wanted), wanted)


def test_a_tie_asks_one_more_and_then_no_more() -> None:
    assert not consensus.is_complete(_said("cat", "dog"), 2)
    assert consensus.is_complete(_said("cat", "dog", "dog"), 2)
    assert consensus.is_complete(_said("cat", "dog", None), 2)


@given(answers, st.integers(1, 3))
def test_at_most_one_person_more_than_wanted_is_asked(said: list[Answer], wanted: int) -> None:
    people = len({answer.worker for answer in said})
    if people > wanted:
        assert consensus.is_complete(said, wanted)
    if people < wanted:
        assert not consensus.is_complete(said, wanted)
