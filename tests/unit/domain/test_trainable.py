"""labelloop.domain.trainable: which images train and test, and which labels can be trained."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from labelloop.domain import splits
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.inventory import Candidate, LeftOut, annotation_of
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.manifests import (
    NONE_IMAGES,
    SplitImage,
    fingerprint,
)
from labelloop.domain.splits import Ledger, Split
from labelloop.domain.trainable import LabelLeftOut, select
from labelloop.errors import UntrainableError
from tests.unit.domain.inventoried import boxes_of, labels_of, line_of, trained

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType
TOO_FEW = "It needs three different images at least: one to test with, and others to train on."
NO_LABEL = "None of its labels can be trained yet."


def _candidates(annotation: Annotation, count: int, start: int = 0) -> list[Candidate]:
    return [
        Candidate(f"{'+'.join(annotation.labels)[:40]}/{n:04d}.jpg", "e", f"c{n}", annotation)
        for n in range(start, start + count)
    ]


TWO_LABELS = _candidates(labels_of("cat"), 5) + _candidates(labels_of("dog"), 5, 10)


def test_a_selection_has_every_usable_image_by_key_with_its_split_and_what_it_shows() -> None:
    decided = splits.assign([(o.annotation.labels, o.content) for o in TWO_LABELS], {}, 20)
    selection = select(reversed(TWO_LABELS), Ledger(decided), CLASSIFICATION)
    assert [image.key for image in selection.images] == [one.key for one in TWO_LABELS]
    for image, one in zip(selection.images, TWO_LABELS, strict=True):
        assert (image.etag, image.content) == (one.etag, one.content)
        assert image.split is decided[image.content]
        assert (image.annotation, image.shown) == (one.annotation, one.shown)
    assert (selection.left_out, selection.labels_left_out) == ([], [])


def test_a_label_with_too_few_images_waits_and_is_named() -> None:
    cows = _candidates(labels_of("cow"), 2, 20)
    selection = trained([*TWO_LABELS, *cows], CLASSIFICATION)
    assert selection.labels_left_out == [LabelLeftOut("cow", 2, TOO_FEW)]
    assert selection.left_out == [LeftOut(one.key, "e", one.shown, NO_LABEL) for one in cows]
    assert len(selection.images) == len(TWO_LABELS)


def test_copies_of_one_picture_do_not_make_a_label() -> None:
    same = [replace(one, content="the same") for one in _candidates(labels_of("cow"), 5, 20)]
    selection = trained([*TWO_LABELS, *same], CLASSIFICATION)
    assert selection.labels_left_out == [LabelLeftOut("cow", 5, TOO_FEW)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 256, "A label's name has up to 255 characters."),
        ("a\u200bb", "A label's name cannot have control characters, or others that show nothing."),
        ("", "A label needs a name."),
    ],
)
def test_a_label_whose_name_the_service_would_not_take_is_left_out(name: str, reason: str) -> None:
    selection = trained([*TWO_LABELS, *_candidates(labels_of(name), 4, 20)], CLASSIFICATION)
    assert selection.labels_left_out == [LabelLeftOut(name, 4, reason)]
    assert [one.reason for one in selection.left_out] == [NO_LABEL] * 4


def test_labels_that_are_left_out_are_named_in_their_order() -> None:
    more = _candidates(labels_of("owl"), 1, 20) + _candidates(labels_of("a\nnt"), 4, 30)
    selection = trained([*TWO_LABELS, *more, *_candidates(labels_of("bee"), 2, 40)], CLASSIFICATION)
    assert [entry.label for entry in selection.labels_left_out] == ["a\nnt", "bee", "owl"]


@pytest.mark.parametrize(("model_type", "made"), [(MULTI_LABEL, labels_of), (DETECTION, boxes_of)])
def test_an_image_keeps_those_of_its_labels_that_can_be_trained(
    model_type: ModelType, made: Callable[..., Annotation]
) -> None:
    usual = _candidates(made("cat", "dog"), 5)
    (partly,) = _candidates(made("cat", "owl"), 1, 20)
    selection = trained([*usual, partly], model_type)
    (image,) = [image for image in selection.images if image.key == partly.key]
    assert image.annotation == made("cat")
    assert image.shown == fingerprint(made("cat", "owl")), (
        "what was not trained is known all the same"
    )
    assert selection.labels_left_out == [LabelLeftOut("owl", 1, TOO_FEW)]


@pytest.mark.parametrize(
    ("model_type", "where"),
    [
        (CLASSIFICATION, "in folders images_labeled_by_folder/<label>/."),
        (MULTI_LABEL, "or in lines under manifests/imported/."),
    ],
)
def test_fewer_than_two_usable_labels_are_refused_with_counts(
    model_type: ModelType, where: str
) -> None:
    few = _candidates(labels_of("cat"), 5) + _candidates(labels_of("dog"), 2, 10)
    with pytest.raises(UntrainableError, match="at least two labels") as refused:
        trained(few, model_type)
    assert where in str(refused.value)
    assert str(refused.value).endswith("Images by label now: cat: 5, dog: 2.")


def test_a_detection_model_needs_one_label() -> None:
    selection = trained(_candidates(boxes_of("cat"), 3), DETECTION)
    assert len(selection.images) == 3
    with pytest.raises(UntrainableError, match=r"at least one label .* as bounding boxes"):
        trained(_candidates(boxes_of("cat"), 2), DETECTION)


def test_where_there_is_nothing_the_refusal_says_so_and_where_there_is_much_it_is_short() -> None:
    with pytest.raises(UntrainableError, match=r"now: none\.$"):
        select([], Ledger(), CLASSIFICATION)
    many = [one for n in range(25) for one in _candidates(labels_of(f"label {n:02d}"), 1, n)]
    with pytest.raises(UntrainableError, match=r"label 19: 1 and 5 more\.$"):
        trained(many, CLASSIFICATION)


def test_a_model_has_up_to_250_labels() -> None:
    many = [one for n in range(251) for one in _candidates(labels_of(f"l{n}"), 3, 3 * n)]
    assert len(trained(many[:750], CLASSIFICATION).images) == 750
    with pytest.raises(UntrainableError, match=r"There are 251 labels; .* trains 250 at most"):
        trained(many, CLASSIFICATION)


def test_a_label_whose_test_images_do_not_fit_in_is_left_out_with_them() -> None:
    # Splits stay: images that all tested elsewhere have come to this label.
    decided = {f"c{n}": Split.TEST for n in range(1001)} | {"c2000": Split.TRAIN}
    decided |= {f"c{n}": Split.TRAIN for n in range(3000, 3003)} | {"c3003": Split.TEST}
    full = _candidates(labels_of("cat"), 1001) + _candidates(labels_of("cat"), 1, 2000)
    everything = [*full, *_candidates(labels_of("dog"), 4, 3000)]
    selection = select(everything, Ledger(decided), CLASSIFICATION)
    (left_out,) = selection.left_out
    assert left_out.reason == "A label of its has 1000 test images already."
    assert left_out.shown == fingerprint(labels_of("cat"))
    assert selection.labels_left_out == []
    assert len(selection.images) == 1005


# --- What is none of the labels -------------------------------------------------------------------


def _nones(count: int, start: int) -> list[Candidate]:
    found = _candidates(labels_of(NONE_OF_THEM), count, start)
    return [replace(one, key=f"{NONE_IMAGES}{one.content}") for one in found]


NONES = _nones(9, 700)


def test_what_is_none_of_the_labels_shows_that_unless_a_line_says_otherwise() -> None:
    key = f"{NONE_IMAGES}1.jpg"
    assert annotation_of(key, {}, CLASSIFICATION) == labels_of(NONE_OF_THEM)
    assert annotation_of(key, {key: line_of(key, labels_of("cat"))}, CLASSIFICATION) == labels_of(
        "cat"
    )
    assert annotation_of(key, {}, ModelType.MULTI_LABEL) is None
    assert annotation_of(key, {}, ModelType.DETECTION) is None


def test_what_is_none_of_the_labels_is_no_second_label() -> None:
    cats = _candidates(labels_of("cat"), 9)
    with pytest.raises(UntrainableError, match="two labels"):
        trained([*cats, *NONES], CLASSIFICATION)


def test_with_250_labels_there_is_no_room_for_what_is_none_of_them() -> None:
    many = [one for n in range(250) for one in _candidates(labels_of(f"{n:03d}"), 3, 1000 + 3 * n)]
    selection = trained([*many, *NONES], CLASSIFICATION)
    assert len({image.annotation.labels for image in selection.images}) == 250
    (left_out,) = selection.labels_left_out
    assert (left_out.label, left_out.images) == (NONE_OF_THEM, 9)


def test_as_many_of_them_train_as_of_the_median_label_the_same_ones_while_others_come() -> None:
    labels = [("cat", 20), ("dog", 10), ("cow", 5)]
    others = [
        one
        for n, (label, count) in enumerate(labels)
        for one in _candidates(labels_of(label), count, 1000 * n)
    ]

    def those_of(nones: list[Candidate]) -> set[str]:
        images = trained([*others, *nones], CLASSIFICATION).images
        return {image.content for image in images if _trains(image, NONE_OF_THEM)}

    of_dogs = sum(_trains(image, "dog") for image in trained(others, CLASSIFICATION).images)
    assert len(those_of(NONES[:4])) < of_dogs
    many = _nones(60, 5000)
    assert len(those_of(many)) == of_dogs
    assert those_of([*many, *_nones(1, 9000)]) - those_of(many) <= {"c9000"}


def _trains(image: SplitImage, label: str) -> bool:
    return image.split is Split.TRAIN and label in image.annotation.labels
