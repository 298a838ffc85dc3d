"""labelloop.domain.verification: which images are asked about, and what is made of the answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import verification
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.image_labels import Label
from labelloop.domain.manifests import SplitImage
from labelloop.domain.splits import Split
from labelloop.domain.verification import Answer

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType
CAT, DOG, NOTHING = frozenset(["cat"]), frozenset(["dog"]), frozenset[str]()


def _image(key: str, *labels: str, split: Split = Split.TEST) -> SplitImage:
    return SplitImage(key, "e", key, split, Annotation.of_labels(labels))


# --- Which images ---------------------------------------------------------------------------------


def test_up_to_twenty_test_images_are_chosen_from_all_labels() -> None:
    index = [_image(f"cat/{number}", "cat") for number in range(400)]
    index += [_image(f"dog/{number}", "dog") for number in range(3)]
    index += [_image("train", "dog", split=Split.TRAIN)]
    keys = [image.key for image in verification.choose(index)]
    assert len(keys) == 20
    assert sum(key.startswith("dog/") for key in keys) == 3
    assert "train" not in keys


def test_of_many_labels_twenty_are_chosen_evenly() -> None:
    index = [_image(f"{label:03}", f"{label:03}") for label in range(250)]
    keys = [image.key for image in verification.choose(index)]
    assert keys == [f"{label * 250 // 20:03}" for label in range(20)]


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=60))
def test_no_image_is_asked_about_twice_and_all_are_where_there_are_few(
    labels: list[set[str]],
) -> None:
    index = [_image(str(number), *each) for number, each in enumerate(labels)]
    keys = [image.key for image in verification.choose(index)]
    assert len(keys) == len(set(keys)) <= 20
    if len(index) <= 20:
        assert len(keys) == len(index)


# --- What counts as found -------------------------------------------------------------------------


LABELS = [Label("cat", 40.0), Label("dog", 60.0), Label("cow", 49.0)]


@pytest.mark.parametrize(
    ("model_type", "thresholds", "found"),
    [
        (CLASSIFICATION, {"dog": 0.9}, "dog"),
        (MULTI_LABEL, {"cat": 0.4, "dog": 0.61}, "cat"),
        (MULTI_LABEL, {}, "dog"),
        (DETECTION, {"cat": 0.3}, "cat dog"),
        (CLASSIFICATION, None, "cat cow dog"),
    ],
)
def test_labels_are_found_as_in_evaluations(
    model_type: ModelType, thresholds: dict[str, float] | None, found: str
) -> None:
    assert verification.found_labels(LABELS, model_type, thresholds) == set(found.split())
    assert verification.found_labels([], model_type, thresholds) == set()


# --- What is wrong --------------------------------------------------------------------------------


def _answers(right: int, wrong: int) -> list[Answer]:
    return [Answer(CAT, CAT)] * right + [Answer(DOG, CAT)] * wrong


@pytest.mark.parametrize(
    ("right", "wrong"), [(0, 0), (0, 4), (1, 3), (4, 1), (8, 2), (16, 4), (20, 0)]
)
def test_a_few_differences_are_none(right: int, wrong: int) -> None:
    assert verification.complaint(_answers(right, wrong)) is None


@pytest.mark.parametrize(("right", "wrong"), [(3, 2), (0, 5), (15, 5), (7, 2)])
def test_many_differences_are_told_with_their_number(right: int, wrong: int) -> None:
    assert verification.complaint(_answers(right, wrong)) == (
        f"said something else than in its evaluation on {wrong} of {right + wrong} of its own test "
        "images."
    )


def test_an_image_that_is_refused_is_told_with_the_reason() -> None:
    answers = [*_answers(9, 0), Answer(NOTHING, CAT, refusal="Invalid image.")]
    assert verification.complaint(answers) == (
        "refused 1 of 10 of its own test images: Invalid image."
    )


def test_finding_nothing_is_wrong_only_where_something_was_found_before() -> None:
    assert verification.complaint([Answer(NOTHING, NOTHING)] * 20) is None
    answers = [Answer(NOTHING, NOTHING), Answer(NOTHING, CAT), Answer(NOTHING, DOG)]
    assert verification.complaint(answers) == (
        "found nothing in any of 2 of its own test images that show something."
    )
    assert verification.complaint([*answers, Answer(CAT, CAT)]) is None


def test_without_an_evaluation_it_must_find_something_somewhere() -> None:
    assert verification.complaint([Answer(NOTHING, None)] * 3) is not None
    assert verification.complaint([*[Answer(NOTHING, None)] * 19, Answer(DOG, None)]) is None
