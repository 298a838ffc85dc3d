"""labelloop.domain.examination: a snapshot by the labels as they are now."""

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import evaluation_snapshot, examination
from labelloop.domain.annotations import Annotation
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparing import MOST_COMPARED
from labelloop.domain.comparison import Case
from labelloop.domain.manifests import SplitImage
from labelloop.domain.origins import GIVEN, Origin, Provenance
from labelloop.domain.splits import Split
from tests.unit.domain.evaluated import (
    CLASSIFICATION,
    DETECTION,
    MULTI_LABEL,
    a_box,
    examine,
    indexed,
    looked_at,
    read,
    snapshot_line,
)


def test_the_confusion_counts_what_was_taken_for_what() -> None:
    found = ["cat", "cat", "dog", None]
    examined = examine([looked_at(str(number), label) for number, label in enumerate(found)])
    assert examined.confusion == {("cat", "cat"): 2, ("cat", "dog"): 1, ("cat", None): 1}
    assert examine([looked_at("1", "cat")], model_type=MULTI_LABEL).confusion == {}


def test_labels_as_they_are_now_count_not_as_the_snapshot_has_them() -> None:
    index = [indexed("1", "c1", "dog")]
    examined = examine([looked_at("1", "dog", truth="cat")], index)
    assert examined.cases == (Case("c1", Annotation.of_labels(["dog"]), GIVEN),)
    assert examined.confusion == {("dog", "dog"): 1}
    assert examined.suspected == ()


def test_a_picture_that_is_there_twice_counts_once() -> None:
    index = [indexed("1", "same", "cat"), indexed("2", "same", "dog")]
    examined = examine([looked_at("1", "cat"), looked_at("2", "cat")], index)
    assert examined.cases == (Case("same", Annotation.of_labels(["cat"]), GIVEN),)
    assert examined.answers == {"same": Answer("same", (Finding("cat", 0.8),), complete=False)}


def test_how_an_image_came_is_known_from_the_index() -> None:
    came = Provenance(Origin.SAMPLED, "d" * 32, "v1", True, 0.01)
    image = SplitImage("1", "e", "c1", Split.TEST, Annotation.of_labels(["cat"]), "", came)
    (case,) = examine([looked_at("1", "cat")], [image]).cases
    assert case.provenance == came


def test_of_a_large_test_set_so_many_are_compared_as_tell_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(examination, "MOST_COMPARED", 2)
    index = [indexed(str(number), f"{9 - number}", "cat") for number in range(4)]
    images = [looked_at(str(number), "cat") for number in range(4)]
    assert {case.content for case in examine(images, index).cases} == {"6", "7"}
    assert len(examine(images).cases) == 2


def test_answers_are_complete_where_a_snapshot_has_what_is_under_the_thresholds() -> None:
    lines = [
        snapshot_line("s3://b/1.jpg", ["cat"], [("cat", 0.9, "true-positive"), ("dog", 0.1)]),
        snapshot_line("s3://b/2.jpg", ["cat"], [("cat", 0.9, "true-positive")]),
    ]
    said = examination.answers(read(lines, MULTI_LABEL), {}, {"1.jpg", "2.jpg"})
    assert [answer.complete for answer in said.values()] == [True, True]
    assert said["1.jpg"].findings == (Finding("cat", 0.9), Finding("dog", 0.1))
    only = examination.answers(read(lines[1:], MULTI_LABEL), {"2.jpg": "c2"}, {"c2"})
    assert only == {"c2": Answer("c2", (Finding("cat", 0.9),), complete=False)}


def test_a_sure_model_that_contradicts_the_label_makes_the_label_suspect() -> None:
    images = [
        looked_at("right", "cat", confidence=0.99),
        looked_at("unsure", "dog", confidence=0.899),
        looked_at("sure", "dog", confidence=0.9),
        looked_at("surer", "dog", confidence=0.95),
        looked_at("nothing", None),
    ]
    assert examine(images).suspected == (
        examination.SuspectedLabelError("surer", ("cat",), ("dog",), 95.0),
        examination.SuspectedLabelError("sure", ("cat",), ("dog",), 90.0),
    )


@given(st.lists(st.integers(0, 100), max_size=400))
def test_the_hundred_surest_suspects_are_named(confidences: list[int]) -> None:
    images = [
        looked_at(str(number), "dog", confidence=pct / 100)
        for number, pct in enumerate(confidences)
    ]
    sure = [(-pct, number) for number, pct in enumerate(confidences) if pct >= 90]
    named = [suspect.key for suspect in examine(images).suspected]
    assert named == [str(number) for _, number in sorted(sure)[:100]]


def test_a_large_test_set_is_judged_without_holding_it() -> None:
    """A quarter of a million test images have to fit into a function of 1,024 MB, twice."""
    count = 20_000
    keys = [f"images_labeled_by_folder/cat/{number:08}.jpg" for number in range(count)]
    line = snapshot_line("s3://bucket/KEY", ["cat"], [("dog", 0.95)])

    def lines() -> Iterator[bytes]:
        return (line.replace(b"KEY", key.encode()) for key in keys)

    def index() -> Iterator[SplitImage]:
        for number, key in enumerate(keys):
            yield indexed("".join(key), f"{number:064x}-204800", "cat")

    tracemalloc.start()
    try:
        snapshot = evaluation_snapshot.read_snapshot(lines(), CLASSIFICATION, {})
        examined = examine(snapshot, index())
        champion = evaluation_snapshot.read_snapshot(lines(), CLASSIFICATION, {})
        contents = examination.test_contents(index())
        answers = examination.answers(champion, contents, examined.answers)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(answers) == len(examined.cases) == MOST_COMPARED
    assert len(examined.suspected) == 100
    assert peak_bytes / count < 1000


def test_an_image_of_which_nobody_knows_what_it_shows_is_passed_over() -> None:
    unknown = evaluation_snapshot.TestedImage("1", None, (Finding("cat", 0.8),))
    assert examine([unknown]).cases == ()
    assert len(examine([unknown], [indexed("1", "c1", "cat")]).cases) == 1


def test_a_label_that_is_missing_is_suspect_and_so_is_a_box() -> None:
    found = (Finding("cow", 0.97), Finding("cat", 0.96), Finding("dog", 0.5))
    image = evaluation_snapshot.TestedImage("1", Annotation.of_labels(["cat", "hen"]), found)
    (suspect,) = examine([image], model_type=MULTI_LABEL).suspected
    assert (suspect.labels, suspect.predicted) == (("cat", "hen"), ("cow",))
    assert suspect.confidence_pct == 97.0
    boxes = (Finding("nut", 0.98, a_box("nut")), Finding("nut", 0.95, a_box("nut", 60)))
    image = evaluation_snapshot.TestedImage(
        "1", Annotation.of_boxes([a_box("nut")], (100, 80)), boxes
    )
    (suspect,) = examine([image], model_type=DETECTION).suspected
    assert (suspect.labels, suspect.predicted, suspect.confidence_pct) == (("nut",), ("nut",), 95.0)
