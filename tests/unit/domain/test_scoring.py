"""labelloop.domain.scoring: how right an answer about one image is."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import scoring
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Finding
from labelloop.domain.scoring import Counts, Metric

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType


def _box(label: str, left: int = 10, top: int = 10, width: int = 20, height: int = 20) -> Box:
    return Box(label, left, top, width, height)


def _findings(*labels: str) -> tuple[Finding, ...]:
    return tuple(Finding(label, 0.8) for label in labels)


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ("a", "a", 1),
        ("a", "b", 0),
        ("a", "", 0),
        ("", "", 1),
        ("", "a", 0),
        ("ab", "a", Fraction(2, 3)),
        ("ab", "abcd", Fraction(2, 3)),
        ("abc", "cd", Fraction(2, 5)),
    ],
)
def test_an_image_scores_by_the_f1_of_its_labels(
    truth: str, found: str, expected: Fraction
) -> None:
    annotation = Annotation.of_labels(truth)
    assert scoring.score(annotation, _findings(*found), MULTI_LABEL) == expected


def _found_boxes(*boxes: Box) -> tuple[Finding, ...]:
    return tuple(Finding(box.label, 0.9 - i / 100, box) for i, box in enumerate(boxes))


@pytest.mark.parametrize(
    ("truths", "found", "expected"),
    [
        ([], [], 1),
        ([_box("nut")], [], 0),
        ([], [_box("nut")], 0),
        ([_box("nut")], [_box("nut")], 1),
        ([_box("nut")], [_box("bolt")], 0),
        # Two thirds of what both cover are in both, then exactly a half, then less.
        ([_box("nut")], [_box("nut", 14)], 1),
        ([_box("nut", 0, 0, 30, 10)], [_box("nut", 10, 0, 30, 10)], 1),
        ([_box("nut", 0, 0, 30, 10)], [_box("nut", 11, 0, 30, 10)], 0),
        # Each true box is found once.
        ([_box("nut")], [_box("nut"), _box("nut", 11)], Fraction(2, 3)),
        ([_box("nut"), _box("nut", 14)], [_box("nut"), _box("nut", 14)], 1),
        ([_box("nut"), _box("bolt", 50)], [_box("bolt", 50)], Fraction(2, 3)),
    ],
)
def test_an_image_scores_by_the_f1_of_its_boxes(
    truths: list[Box], found: list[Box], expected: Fraction
) -> None:
    annotation = Annotation.of_boxes(truths, (100, 80))
    assert scoring.score(annotation, _found_boxes(*found), DETECTION) == expected


_some_boxes = st.lists(
    st.builds(
        Box,
        st.sampled_from(["nut", "bolt"]),
        st.integers(0, 60),
        st.integers(0, 60),
        st.integers(2, 40),
        st.integers(2, 40),
    ),
    max_size=6,
)


@given(_some_boxes, _some_boxes)
def test_a_score_of_boxes_is_between_nothing_and_all(truths: list[Box], found: list[Box]) -> None:
    annotation = Annotation.of_boxes(truths, (100, 100))
    assert 0 <= scoring.score(annotation, _found_boxes(*found), DETECTION) <= 1
    assert scoring.score(annotation, _found_boxes(*annotation.boxes), DETECTION) == 1


@pytest.mark.parametrize(
    ("metric", "truth", "found", "expected"),
    [
        ("precision", "abc", "ad", Fraction(1, 2)),
        ("recall", "abc", "ad", Fraction(1, 3)),
        ("f1", "abc", "ad", Fraction(2, 5)),
        # Nothing was found of something: no precision to speak of, and it is not good.
        ("precision", "abc", "", 0),
        ("recall", "", "a", 0),
        ("precision", "", "", 1),
        ("recall", "", "", 1),
    ],
)
def test_the_metric_is_the_operators(
    metric: Metric, truth: str, found: str, expected: Fraction
) -> None:
    annotation = Annotation.of_labels(truth)
    assert scoring.score(annotation, _findings(*found), MULTI_LABEL, metric) == expected


@pytest.mark.parametrize("metric", ["f1", "precision", "recall"])
def test_with_one_label_on_either_side_every_metric_says_right_or_wrong(metric: Metric) -> None:
    annotation = Annotation.of_labels(["a"])
    assert scoring.score(annotation, _findings("a"), CLASSIFICATION, metric) == 1
    assert scoring.score(annotation, _findings("b"), CLASSIFICATION, metric) == 0


def test_what_reaches_its_labels_threshold_is_found() -> None:
    said = (Finding("a", 0.9), Finding("b", 0.3), Finding("c", 0.3), Finding("d", 0.5))
    found = scoring.found(said, MULTI_LABEL, {"a": 0.95, "b": 0.3, "c": 0.31})
    assert [finding.label for finding in found] == ["b", "d"]
    assert scoring.found(said, CLASSIFICATION, {"a": 0.95}) == said[:1]


def test_a_label_is_judged_where_it_is_there_or_found() -> None:
    truth = Annotation.of_labels("ab")
    said = _findings("a", "c")
    judged = [scoring.of_label(label, truth, said, MULTI_LABEL) for label in "abcd"]
    assert judged == [1, 0, 0, None]
    assert scoring.of_label("a", Annotation.of_labels("a"), said[1:], CLASSIFICATION) == 0
    assert scoring.of_label("c", Annotation.of_labels("a"), said[1:], CLASSIFICATION) is None


def test_what_is_right_found_and_there_is_counted_by_label() -> None:
    truth = Annotation.of_labels(["cat", "dog"])
    what = (Finding("cat", 0.9), Finding("cow", 0.8))
    assert scoring.counts(truth, what, ModelType.MULTI_LABEL) == {
        "cat": Counts(1, 1, 1),
        "cow": Counts(0, 1, 0),
        "dog": Counts(0, 0, 1),
    }


def test_of_boxes_each_one_counts() -> None:
    there = [Box("nut", 0, 0, 10, 10), Box("nut", 50, 50, 10, 10)]
    truth = Annotation.of_boxes(there, (100, 100))
    what = (Finding("nut", 0.9, there[0]), Finding("nut", 0.8, there[0]))
    counts = scoring.counts(truth, what, ModelType.DETECTION)
    assert counts == {"nut": Counts(right=1, found=2, there=2)}
    assert scoring.together([counts, counts]) == {"nut": Counts(2, 4, 4)}
