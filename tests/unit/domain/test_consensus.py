"""labelloop.domain.consensus: what several people's answers mean together."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import consensus
from labelloop.domain.annotations import Annotation, Box, ModelType, overlap
from labelloop.domain.consensus import Agreement, Consensus
from labelloop.domain.human_loops import Answer

ONE, SEVERAL, BOXES = ModelType.CLASSIFICATION, ModelType.MULTI_LABEL, ModelType.DETECTION
SIZE_PX = (400, 300)
NOTHING = Annotation.of_labels(())


def _label(label: str | None) -> Annotation:
    return Annotation.of_labels([label] if label else [])


def _answer(worker: str, label: str | None) -> Answer:
    return Answer(worker, _label(label))


answers = st.lists(
    st.builds(
        _answer,
        st.sampled_from(["ann", "bob", "cho", "dee"]),
        st.sampled_from(["cat", "dog", None]),
    ),
    max_size=6,
)


def _said(*labels: str | None) -> list[Answer]:
    return [_answer(f"worker {i}", label) for i, label in enumerate(labels)]


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
    assert consensus.of(_said(*labels), ONE) == Consensus(agreement, _label(label), len(labels))


def test_a_person_who_answered_twice_counts_once_with_the_last_answer() -> None:
    said = [_answer("ann", "cat"), _answer("bob", "dog"), _answer("ann", "dog")]
    assert consensus.of(said, ONE) == Consensus(Agreement.DECIDED, _label("dog"), 2)


@given(answers)
def test_the_order_of_different_peoples_answers_does_not_matter(said: list[Answer]) -> None:
    last = list({answer.worker: answer for answer in said}.values())
    assert consensus.of(said, ONE) == consensus.of(last, ONE) == consensus.of(last[::-1], ONE)


@given(answers)
def test_a_decision_has_more_than_half_of_the_people_behind_it(said: list[Answer]) -> None:
    result = consensus.of(said, ONE)
    votes = Counter({answer.worker: answer.said for answer in said}.values())
    behind = max(votes.values(), default=0)
    assert (result.agreement is not Agreement.UNDECIDED) == (behind * 2 > result.answers)
    if result.agreement is Agreement.DECIDED:
        assert result.said.labels
        assert votes[result.said] == behind
    else:
        assert result.said == NOTHING


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_nobody_is_asked_any_more_when_the_wanted_number_agrees(wanted: int) -> None:
    assert not consensus.is_complete(_said(*["cat"] * (wanted - 1)), wanted, ONE)
    assert consensus.is_complete(_said(*["cat"] * wanted), wanted, ONE)


def test_a_tie_asks_one_more_and_then_no_more() -> None:
    assert not consensus.is_complete(_said("cat", "dog"), 2, ONE)
    assert consensus.is_complete(_said("cat", "dog", "dog"), 2, ONE)
    assert consensus.is_complete(_said("cat", "dog", None), 2, ONE)


@given(answers, st.integers(1, 3))
def test_at_most_one_person_more_than_wanted_is_asked(said: list[Answer], wanted: int) -> None:
    people = len({answer.worker for answer in said})
    if people > wanted:
        assert consensus.is_complete(said, wanted, ONE)
    if people < wanted:
        assert not consensus.is_complete(said, wanted, ONE)


# --- Several labels -------------------------------------------------------------------------------


def _several(*people: str) -> list[Answer]:
    """The answers of people who each chose the labels in a text of words."""
    return [
        Answer(f"worker {i}", Annotation.of_labels(one.split())) for i, one in enumerate(people)
    ]


@pytest.mark.parametrize(
    ("people", "agreement", "labels"),
    [
        ([], Agreement.UNDECIDED, ""),
        (["cat dog"], Agreement.DECIDED, "cat dog"),
        ([""], Agreement.NONE_OF_THE_ABOVE, ""),
        (["cat dog", "cat dog"], Agreement.DECIDED, "cat dog"),
        (["cat dog", "cat"], Agreement.UNDECIDED, ""),
        (["cat dog", "cat", "cat"], Agreement.DECIDED, "cat"),
        (["cat dog", "cat", "dog"], Agreement.DECIDED, "cat dog"),
        (["cat", "dog", "eel"], Agreement.UNDECIDED, ""),
        (["cat", "", ""], Agreement.NONE_OF_THE_ABOVE, ""),
        (["cat", "cat", "dog", "dog"], Agreement.UNDECIDED, ""),
        (["cat", "cat", "cat dog", "dog"], Agreement.UNDECIDED, ""),
        (["cat", "cat", "cat dog", ""], Agreement.DECIDED, "cat"),
    ],
)
def test_each_label_is_decided_by_itself(
    people: list[str], agreement: Agreement, labels: str
) -> None:
    expected = Consensus(agreement, Annotation.of_labels(labels.split()), len(people))
    assert consensus.of(_several(*people), SEVERAL) == expected


def test_a_label_that_one_of_two_chose_asks_one_more_who_decides() -> None:
    assert not consensus.is_complete(_several("cat dog", "cat"), 2, SEVERAL)
    assert consensus.is_complete(_several("cat dog", "cat", "cat"), 2, SEVERAL)
    assert consensus.is_complete(_several("cat dog", "cat dog"), 2, SEVERAL)


several = st.lists(
    st.lists(st.sampled_from(["cat", "dog", "eel"]), max_size=3).map(" ".join), max_size=5
)


@given(several)
def test_a_decided_label_has_more_than_half_behind_it_and_any_other_less(people: list[str]) -> None:
    result = consensus.of(_several(*people), SEVERAL)
    if result.agreement is Agreement.DECIDED:
        for label in ("cat", "dog", "eel"):
            votes = sum(label in one.split() for one in people)
            assert votes * 2 != len(people)
            assert (label in result.said.labels) == (votes * 2 > len(people))


# --- Boxes ----------------------------------------------------------------------------------------


def _drawn(*people: Sequence[Box], size_px: tuple[int, int] = SIZE_PX) -> list[Answer]:
    return [
        Answer(f"worker {i}", Annotation.of_boxes(boxes, size_px)) for i, boxes in enumerate(people)
    ]


def _box(left: int, top: int, label: str = "cat", side: int = 40) -> Box:
    return Box(label, left, top, side, side)


def test_boxes_around_the_same_thing_come_to_the_one_in_their_middle() -> None:
    said = _drawn([_box(10, 10), _box(200, 100)], [_box(204, 98), _box(12, 8)], [_box(17, 9)])
    result = consensus.of(said, BOXES)
    assert result.agreement is Agreement.DECIDED
    assert result.said == Annotation.of_boxes([_box(12, 9), _box(202, 99)], SIZE_PX)


def test_who_is_not_like_the_others_moves_the_box_little() -> None:
    said = _drawn([_box(10, 10)], [_box(10, 10)], [_box(18, 10)])
    assert consensus.of(said, BOXES).said.boxes == (_box(10, 10),)


@pytest.mark.parametrize(
    ("people", "boxes"),
    [
        ([[_box(10, 10)], [_box(10, 10, "dog")]], None),
        ([[_box(10, 10)], [_box(40, 10)]], None),
        ([[_box(10, 10)], []], None),
        ([[_box(10, 10)], [], []], ()),
        ([[_box(10, 10)], [_box(12, 10)], [_box(12, 10), _box(200, 10)]], 1),
        ([[_box(10, 10)], [_box(100, 10)], [_box(200, 10)]], None),
        ([[_box(10, 10)]] * 2 + [[_box(200, 10)]] * 2, None),
        # One person's two boxes around the same thing are two boxes.
        ([[_box(10, 10), _box(11, 10)], [_box(10, 10)]], None),
        ([[_box(10, 10), _box(11, 10)], [_box(10, 10), _box(11, 11)]], 2),
    ],
)
def test_a_box_stands_that_more_than_half_of_the_people_drew(
    people: list[list[Box]], boxes: int | tuple[()] | None
) -> None:
    result = consensus.of(_drawn(*people), BOXES)
    if boxes is None:
        assert result.agreement is Agreement.UNDECIDED
    elif boxes == ():
        assert result.agreement is Agreement.NONE_OF_THE_ABOVE
    else:
        assert result.agreement is Agreement.DECIDED
        assert len(result.said.boxes) == boxes


def test_boxes_in_images_of_different_sizes_are_not_compared() -> None:
    other = Answer("other", Annotation.of_boxes([_box(10, 10)], (300, 400)))
    said = [*_drawn([_box(10, 10)]), other]
    assert consensus.of(said, BOXES).agreement is Agreement.UNDECIDED


def test_more_boxes_than_train_are_not_decided() -> None:
    def row(top: int, count: int) -> list[Box]:
        return [Box("cat", 8 * n, top, 6, 6) for n in range(count)]

    said = _drawn(row(0, 30) + row(20, 20), row(0, 30) + row(40, 20), row(20, 20) + row(40, 20))
    assert consensus.of(said, BOXES).agreement is Agreement.UNDECIDED


def test_a_box_that_two_of_three_did_not_draw_asks_one_more() -> None:
    missed = _drawn([_box(10, 10), _box(200, 10)], [_box(10, 10)], [_box(10, 10)])
    assert not consensus.is_complete(missed, 3, BOXES)
    fourth = Answer("fourth", Annotation.of_boxes([_box(10, 10), _box(200, 10)], SIZE_PX))
    assert consensus.is_complete([*missed, fourth], 3, BOXES)
    assert consensus.of([*missed, fourth], BOXES).agreement is Agreement.UNDECIDED
    assert consensus.is_complete(_drawn([_box(10, 10)], [_box(12, 10)], [_box(9, 9)]), 3, BOXES)


drawings = st.lists(
    st.lists(
        st.builds(
            Box,
            st.sampled_from(["cat", "dog"]),
            st.integers(0, 60),
            st.integers(0, 60),
            st.integers(2, 40),
            st.integers(2, 40),
        ),
        max_size=4,
    ),
    max_size=4,
)


@given(drawings, st.randoms())
def test_boxes_of_any_people_in_any_order_come_to_the_same_inside_the_image(
    people: list[list[Box]], random: Random
) -> None:
    said = _drawn(*people)
    result = consensus.of(said, BOXES)
    shuffled = random.sample(said, len(said))
    assert consensus.of(shuffled, BOXES) == result
    for box in result.said.boxes:
        assert not box.problem(SIZE_PX)
        behind = sum(
            any(overlap(box, one) > 0 and one.label == box.label for one in boxes)
            for boxes in people
        )
        assert behind * 2 > len(people)


def test_people_say_the_same_who_choose_the_same_labels_or_draw_around_the_same_things() -> None:
    one = Annotation.of_boxes([_box(10, 10), _box(200, 10)], SIZE_PX)
    near = Annotation.of_boxes([_box(12, 11), _box(198, 12)], SIZE_PX)
    less = Annotation.of_boxes([_box(12, 11)], SIZE_PX)
    assert consensus.agree(one, near)
    assert not consensus.agree(one, less)
    assert not consensus.agree(one, NOTHING)
    assert consensus.agree(Annotation.of_boxes([], SIZE_PX), NOTHING)
    assert consensus.agree(_label("cat"), _label("cat"))
    assert not consensus.agree(_label("cat"), _label("dog"))
