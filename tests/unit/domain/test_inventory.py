"""labelloop.domain.inventory: which images can be used, what each shows, and what is left out."""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import inventory, manifests, splits
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.imports import IMPORTED_IMAGES, ImportedLine
from labelloop.domain.inventory import (
    Candidate,
    Examined,
    Inspected,
    LabelLeftOut,
    LeftOut,
    Selection,
    ToInspect,
    annotation_of,
    examine,
    select,
)
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.listed import Listed
from labelloop.domain.manifests import (
    LABELLED_FOLDER,
    NONE_IMAGES,
    Changes,
    SplitImage,
    fingerprint,
)
from labelloop.domain.splits import Ledger, Split
from labelloop.errors import InconsistentError, UntrainableError

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType
SIZE_PX = (640, 480)
MODIFIED = "2026-11-21T09:15:27.000Z"
TOO_FEW = "It needs three different images at least: one to test with, and others to train on."
NO_LABEL = "None of its labels can be trained yet."

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


def _encoded(lines: Iterable[str]) -> list[bytes]:
    return [line.encode() for line in lines]


def _listed(key: str, etag: str = "e") -> Listed:
    return Listed(key, etag, 100, MODIFIED)


def _inspected(key: str, etag: str = "e", content: str = "") -> Inspected:
    return Inspected(key, etag, content or f"content of {key}", SIZE_PX)


def _line(key: str, annotation: Annotation) -> ImportedLine:
    return ImportedLine("bucket", key, annotation, "2026-11-21T09:15:27.000000")


def _labels(*names: str) -> Annotation:
    return Annotation.of_labels(names)


def _boxes(*names: str, size_px: tuple[int, int] = SIZE_PX) -> Annotation:
    return Annotation.of_boxes([Box(name, 1, 2, 30, 40) for name in names], size_px)


# --- What is remembered ---------------------------------------------------------------------------


@given(
    st.lists(
        st.builds(Inspected, texts, texts, texts, st.none() | sizes)
        | st.builds(Inspected, texts, texts, refusal=texts.filter(bool))
        | st.builds(
            Inspected,
            *(texts, texts, texts, sizes),
            orientation=st.integers(1, 8),
            rules=st.integers(0, 9),
        )
    )
)
def test_what_reading_told_is_remembered(told: list[Inspected]) -> None:
    assert list(inventory.read_inspected(_encoded(one.as_line() for one in told))) == told


def test_what_was_remembered_before_there_were_rules_is_by_none() -> None:
    line = b'{"key": "k", "etag": "e", "content": "c", "size_px": [9, 8]}'
    assert list(inventory.read_inspected([line])) == [Inspected("k", "e", "c", (9, 8), rules=0)]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"7",
        b'{"key": "k"}',
        b'{"key": "k", "etag": "e", "content": "c", "size_px": [1]}',
        b'{"key": "k", "etag": "e", "content": "c", "size_px": 1}',
        b'{"key": "k", "etag": "e", "content": "c", "size_px": ["wide", "high"]}',
    ],
)
def test_a_broken_remembered_line_is_forgotten_and_no_other(line: bytes) -> None:
    one, two = _inspected("1"), _inspected("2")
    lines = [one.as_line().encode(), line, two.as_line().encode()]
    assert list(inventory.read_inspected(lines)) == [one, two]


@given(
    st.lists(
        st.builds(ToInspect, texts, texts)
        | st.builds(ToInspect, texts, texts, texts.filter(bool), texts)
    )
)
def test_a_batch_is_read_as_it_was_written(batch: list[ToInspect]) -> None:
    assert inventory.read_batch(_encoded(one.as_line() for one in batch)) == batch


@given(st.lists(st.builds(LeftOut, texts, texts, texts, texts)))
def test_what_was_left_out_is_read_as_it_was_written(left_out: list[LeftOut]) -> None:
    assert list(inventory.read_left_out(_encoded(one.as_line() for one in left_out))) == left_out


@pytest.mark.parametrize("line", [b"", b"{", b"\xff", b"[]", b"{}", b'{"key": "k", "tag": "e"}'])
def test_a_batch_or_list_that_cannot_be_read_is_said_to_be_so(line: bytes) -> None:
    with pytest.raises(InconsistentError, match="batch of images to inspect"):
        inventory.read_batch([ToInspect("1", "e").as_line().encode(), line])
    with pytest.raises(InconsistentError, match="What a version left out"):
        list(inventory.read_left_out([LeftOut("1", "e", "", "r").as_line().encode(), line]))


@pytest.mark.parametrize(
    ("key", "is_image"),
    [
        (f"{LABELLED_FOLDER}cat/1.jpg", True),
        (f"{LABELLED_FOLDER}cat/deep/down/1", True),
        (f"{LABELLED_FOLDER}beside.jpg", False),
        (LABELLED_FOLDER, False),
        (f"{LABELLED_FOLDER}cat/", False),
        (f"{IMPORTED_IMAGES}archive/a/b.jpg", True),
        (f"{IMPORTED_IMAGES}archive/", False),
    ],
)
def test_a_file_in_a_folder_is_taken_for_an_image_until_it_is_read(
    key: str, is_image: bool
) -> None:
    assert inventory.is_image_object(key) is is_image


# --- Which images can be used ---------------------------------------------------------------------

CAT = f"{LABELLED_FOLDER}cat/1.jpg"
COPY = f"{IMPORTED_IMAGES}archive/1.jpg"


def _examine(
    key: str,
    line: Annotation | None = None,
    model_type: ModelType = CLASSIFICATION,
    told: Inspected | None = None,
) -> Examined:
    """An examination of this one image, which was inspected."""
    lines = {key: _line(key, line)} if line else {}
    return examine([_listed(key)], lines, {key: told or _inspected(key)}, model_type)


def test_an_image_in_a_label_folder_shows_the_label() -> None:
    found = _examine(CAT)
    assert found == Examined([Candidate(CAT, "e", f"content of {CAT}", _labels("cat"))])
    assert found.candidates[0].shown == fingerprint(_labels("cat"))


def test_an_image_that_was_not_inspected_yet_waits() -> None:
    assert examine([_listed(CAT)], {}, {}, CLASSIFICATION) == Examined(uninspected=1)


def test_an_image_that_was_refused_is_left_out_with_what_it_shows() -> None:
    told = Inspected(CAT, "e", refusal="The file is empty.")
    found = _examine(CAT, told=told)
    shown = fingerprint(_labels("cat"))
    assert found == Examined(left_out=[LeftOut(CAT, "e", shown, "The file is empty.")])


@pytest.mark.parametrize(
    ("model_type", "line", "reason", "shown"),
    [
        (CLASSIFICATION, None, "Nobody said what it shows: it has no label.", ""),
        (
            MULTI_LABEL,
            _labels(),
            "Nobody said what it shows: it has no label.",
            fingerprint(_labels()),
        ),
        (
            DETECTION,
            None,
            "It has no bounding boxes, so a detection model cannot learn from it.",
            "",
        ),
        (
            DETECTION,
            _boxes(),
            "It has no bounding boxes, so a detection model cannot learn from it.",
            fingerprint(_boxes()),
        ),
        (
            DETECTION,
            _boxes("cat", size_px=(480, 640)),
            "Its boxes are for an image of 480 x 640 px, but it has 640 x 480 px.",
            fingerprint(_boxes("cat", size_px=(480, 640))),
        ),
    ],
)
def test_an_image_that_cannot_teach_is_left_out_with_the_reason(
    model_type: ModelType, line: Annotation | None, reason: str, shown: str
) -> None:
    found = _examine(COPY, line, model_type)
    assert found == Examined(left_out=[LeftOut(COPY, "e", shown, reason)])


@pytest.mark.parametrize(
    ("model_type", "line", "shows"),
    [
        (CLASSIFICATION, _labels("dog"), _labels("dog")),
        (MULTI_LABEL, _labels("dog", "cow"), _labels("cat", "cow", "dog")),
        (DETECTION, _boxes("dog"), _boxes("dog")),
    ],
)
def test_an_imported_line_wins_over_the_folder_or_adds_to_it(
    model_type: ModelType, line: Annotation, shows: Annotation
) -> None:
    (candidate,) = _examine(CAT, line, model_type).candidates
    assert candidate.annotation == shows


def test_a_detection_model_learns_nothing_from_a_folder() -> None:
    found = _examine(CAT, model_type=DETECTION)
    assert not found.candidates
    assert found.left_out[0].reason.startswith("It has no bounding boxes")


@pytest.mark.parametrize(
    ("named", "refusal", "reason", "missing"),
    [
        (COPY, "", "An imported line names the image, but it is not in the bucket.", 0),
        # Copies are tried again.
        ("1.jpg", "It may not be read.", "It may not be read.", 1),
        ("1.jpg", "", "An imported line names s3://bucket/1.jpg. Images of other buckets", 0),
    ],
)
def test_a_line_without_an_image_is_left_out(
    named: str, refusal: str, reason: str, missing: int
) -> None:
    told = {COPY: Inspected(COPY, "", refusal=refusal)} if refusal else {}
    found = examine([], {COPY: _line(named, _labels("cat"))}, told, CLASSIFICATION)
    (left_out,) = found.left_out
    assert (left_out.key, left_out.etag, left_out.shown) == (COPY, "", fingerprint(_labels("cat")))
    assert left_out.reason.startswith(reason)
    assert (found.missing, found.uninspected, found.candidates) == (missing, 0, [])


# --- What a look sees -----------------------------------------------------------------------------

labelled_keys = st.builds(
    lambda label, number: f"{LABELLED_FOLDER}{label}/{number}.jpg",
    st.sampled_from(["cat", "dog", "cow", "bad\u200bname"]),
    st.integers(0, 9),
)
imported_keys = st.integers(0, 9).map(lambda number: f"{IMPORTED_IMAGES}archive/{number}.jpg")
keys = labelled_keys | imported_keys
etags = st.sampled_from(["e1", "e2", "e3"])
names = st.lists(st.sampled_from(["cat", "dog", "owl", "x" * 300]), max_size=3)


@given(
    st.sampled_from(ModelType),
    st.dictionaries(keys, etags),
    st.dictionaries(keys, names, max_size=12),
    st.sets(keys, max_size=5),
)
def test_after_a_training_nothing_is_new_until_something_changes(
    model_type: ModelType,
    objects: dict[str, str],
    labels_by_key: dict[str, list[str]],
    refused: set[str],
) -> None:
    lines = {
        f"{IMPORTED_IMAGES}base/{label}{n}.jpg": [label] for label in ("cat", "dog") for n in "123"
    }
    objects |= dict.fromkeys(lines, "e1")
    listed = [_listed(key, etag) for key, etag in objects.items()]
    imported = {
        key: _line(key, _boxes(*given) if model_type is DETECTION else _labels(*given[:1]))
        for key, given in (lines | labels_by_key).items()
    }
    told = {
        key: Inspected(key, etag, refusal="It is of no use.")
        if key in refused
        else _inspected(key, etag)
        for key, etag in objects.items()
    }
    examined = examine(listed, imported, told, model_type)
    selection = _trained(examined.candidates, model_type)
    left_out = examined.left_out + selection.left_out
    assert len(selection.images) + len(left_out) == len(objects.keys() | imported.keys())

    index = list(manifests.read_index(_encoded(manifests.index_lines(selection.images))))
    remembered = list(inventory.read_left_out(_encoded(one.as_line() for one in left_out)))
    before = inventory.seen_in(index, remembered)
    now = inventory.seen_now(listed, imported, model_type)
    assert manifests.changes(now, before.items()) == Changes()
    more = inventory.seen_now([*listed, _listed(f"{LABELLED_FOLDER}cat/new")], imported, model_type)
    assert manifests.changes(more, before.items()) == Changes(added=1)


def test_an_image_that_came_while_others_were_inspected_is_new_to_the_next_look() -> None:
    listed = [_listed(CAT)]
    found = examine(listed, {}, {}, CLASSIFICATION)
    before = inventory.seen_in([], found.left_out)
    now = inventory.seen_now(listed, {}, CLASSIFICATION)
    assert manifests.changes(now, before.items()) == Changes(added=1)


def test_a_line_counts_before_its_image_is_copied_in() -> None:
    lines = {COPY: _line(COPY, _labels("cat"))}
    now = inventory.seen_now([_listed(CAT)], lines, CLASSIFICATION)
    assert now == {
        CAT: ("e", fingerprint(_labels("cat"))),
        COPY: ("", fingerprint(_labels("cat"))),
    }


listings = st.lists(st.builds(_listed, keys, etags), unique_by=lambda entry: entry.key)


@given(listings, st.lists(texts), st.randoms())
def test_a_digest_does_not_hang_on_the_order(
    listed: list[Listed], others: list[str], rng: random.Random
) -> None:
    expected = inventory.digest(listed, others)
    rng.shuffle(listed)
    rng.shuffle(others)
    assert inventory.digest(listed, others) == expected
    assert len(expected) == 64


@given(listings.filter(bool), st.lists(texts, max_size=3))
def test_a_digest_tells_what_is_there_from_all_else(
    listed: list[Listed], others: list[str]
) -> None:
    first, *rest = listed
    found = [
        inventory.digest(listed, others),
        inventory.digest(rest, others),
        inventory.digest([*listed, _listed("another")], others),
        inventory.digest([replace(first, etag="another"), *rest], others),
        inventory.digest([replace(first, key="another"), *rest], others),
        inventory.digest(listed, [*others, "another"]),
    ]
    assert len(set(found)) == len(found)
    # When it was written, and how long it is, says nothing that its ETag does not.
    touched = [replace(entry, modified="later", size_bytes=0) for entry in listed]
    assert inventory.digest(touched, others) == found[0]


# --- Which of them train and test -----------------------------------------------------------------


def _candidates(annotation: Annotation, count: int, start: int = 0) -> list[Candidate]:
    return [
        Candidate(f"{'+'.join(annotation.labels)[:40]}/{n:04d}.jpg", "e", f"c{n}", annotation)
        for n in range(start, start + count)
    ]


def _trained(candidates: list[Candidate], model_type: ModelType) -> Selection:
    labelled = [(one.annotation.labels, one.content) for one in candidates]
    return select(candidates, Ledger(splits.assign(labelled, {}, 20)), model_type)


TWO_LABELS = _candidates(_labels("cat"), 5) + _candidates(_labels("dog"), 5, 10)


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
    cows = _candidates(_labels("cow"), 2, 20)
    selection = _trained([*TWO_LABELS, *cows], CLASSIFICATION)
    assert selection.labels_left_out == [LabelLeftOut("cow", 2, TOO_FEW)]
    assert selection.left_out == [LeftOut(one.key, "e", one.shown, NO_LABEL) for one in cows]
    assert len(selection.images) == len(TWO_LABELS)


def test_copies_of_one_picture_do_not_make_a_label() -> None:
    same = [replace(one, content="the same") for one in _candidates(_labels("cow"), 5, 20)]
    selection = _trained([*TWO_LABELS, *same], CLASSIFICATION)
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
    selection = _trained([*TWO_LABELS, *_candidates(_labels(name), 4, 20)], CLASSIFICATION)
    assert selection.labels_left_out == [LabelLeftOut(name, 4, reason)]
    assert [one.reason for one in selection.left_out] == [NO_LABEL] * 4


def test_labels_that_are_left_out_are_named_in_their_order() -> None:
    more = _candidates(_labels("owl"), 1, 20) + _candidates(_labels("a\nnt"), 4, 30)
    selection = _trained([*TWO_LABELS, *more, *_candidates(_labels("bee"), 2, 40)], CLASSIFICATION)
    assert [entry.label for entry in selection.labels_left_out] == ["a\nnt", "bee", "owl"]


@pytest.mark.parametrize(("model_type", "made"), [(MULTI_LABEL, _labels), (DETECTION, _boxes)])
def test_an_image_keeps_those_of_its_labels_that_can_be_trained(
    model_type: ModelType, made: Callable[..., Annotation]
) -> None:
    usual = _candidates(made("cat", "dog"), 5)
    (partly,) = _candidates(made("cat", "owl"), 1, 20)
    selection = _trained([*usual, partly], model_type)
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
    few = _candidates(_labels("cat"), 5) + _candidates(_labels("dog"), 2, 10)
    with pytest.raises(UntrainableError, match="at least two labels") as refused:
        _trained(few, model_type)
    assert where in str(refused.value)
    assert str(refused.value).endswith("Images by label now: cat: 5, dog: 2.")


def test_a_detection_model_needs_one_label() -> None:
    selection = _trained(_candidates(_boxes("cat"), 3), DETECTION)
    assert len(selection.images) == 3
    with pytest.raises(UntrainableError, match=r"at least one label .* as bounding boxes"):
        _trained(_candidates(_boxes("cat"), 2), DETECTION)


def test_where_there_is_nothing_the_refusal_says_so_and_where_there_is_much_it_is_short() -> None:
    with pytest.raises(UntrainableError, match=r"now: none\.$"):
        select([], Ledger(), CLASSIFICATION)
    many = [one for n in range(25) for one in _candidates(_labels(f"label {n:02d}"), 1, n)]
    with pytest.raises(UntrainableError, match=r"label 19: 1 and 5 more\.$"):
        _trained(many, CLASSIFICATION)


def test_a_model_has_up_to_250_labels() -> None:
    many = [one for n in range(251) for one in _candidates(_labels(f"l{n}"), 3, 3 * n)]
    assert len(_trained(many[:750], CLASSIFICATION).images) == 750
    with pytest.raises(UntrainableError, match=r"There are 251 labels; .* trains 250 at most"):
        _trained(many, CLASSIFICATION)


def test_a_label_whose_test_images_do_not_fit_in_is_left_out_with_them() -> None:
    # Splits stay: images that all tested elsewhere have come to this label.
    decided = {f"c{n}": Split.TEST for n in range(1001)} | {"c2000": Split.TRAIN}
    decided |= {f"c{n}": Split.TRAIN for n in range(3000, 3003)} | {"c3003": Split.TEST}
    full = _candidates(_labels("cat"), 1001) + _candidates(_labels("cat"), 1, 2000)
    everything = [*full, *_candidates(_labels("dog"), 4, 3000)]
    selection = select(everything, Ledger(decided), CLASSIFICATION)
    (left_out,) = selection.left_out
    assert left_out.reason == "A label of its has 1000 test images already."
    assert left_out.shown == fingerprint(_labels("cat"))
    assert selection.labels_left_out == []
    assert len(selection.images) == 1005


# --- What is none of the labels -------------------------------------------------------------------


def _nones(count: int, start: int) -> list[Candidate]:
    found = _candidates(_labels(NONE_OF_THEM), count, start)
    return [replace(one, key=f"{NONE_IMAGES}{one.content}") for one in found]


NONES = _nones(9, 700)


def test_what_is_none_of_the_labels_shows_that_unless_a_line_says_otherwise() -> None:
    key = f"{NONE_IMAGES}1.jpg"
    assert annotation_of(key, {}, CLASSIFICATION) == _labels(NONE_OF_THEM)
    assert annotation_of(key, {key: _line(key, _labels("cat"))}, CLASSIFICATION) == _labels("cat")
    assert annotation_of(key, {}, ModelType.MULTI_LABEL) is None
    assert annotation_of(key, {}, ModelType.DETECTION) is None


def test_what_is_none_of_the_labels_is_no_second_label() -> None:
    cats = _candidates(_labels("cat"), 9)
    with pytest.raises(UntrainableError, match="two labels"):
        _trained([*cats, *NONES], CLASSIFICATION)


def test_with_250_labels_there_is_no_room_for_what_is_none_of_them() -> None:
    many = [one for n in range(250) for one in _candidates(_labels(f"{n:03d}"), 3, 1000 + 3 * n)]
    selection = _trained([*many, *NONES], CLASSIFICATION)
    assert len({image.annotation.labels for image in selection.images}) == 250
    (left_out,) = selection.labels_left_out
    assert (left_out.label, left_out.images) == (NONE_OF_THEM, 9)


def test_as_many_of_them_train_as_of_the_median_label_the_same_ones_while_others_come() -> None:
    labels = [("cat", 20), ("dog", 10), ("cow", 5)]
    others = [
        one
        for n, (label, count) in enumerate(labels)
        for one in _candidates(_labels(label), count, 1000 * n)
    ]

    def trained(nones: list[Candidate]) -> set[str]:
        images = _trained([*others, *nones], CLASSIFICATION).images
        return {image.content for image in images if _trains(image, NONE_OF_THEM)}

    of_dogs = sum(_trains(image, "dog") for image in _trained(others, CLASSIFICATION).images)
    assert len(trained(NONES[:4])) < of_dogs
    many = _nones(60, 5000)
    assert len(trained(many)) == of_dogs
    assert trained([*many, *_nones(1, 9000)]) - trained(many) <= {"c9000"}


def _trains(image: SplitImage, label: str) -> bool:
    return image.split is Split.TRAIN and label in image.annotation.labels
