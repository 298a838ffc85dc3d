"""labelloop.domain.inventory: which images can be used, what each shows, and what is left out."""

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import inspections, inventory, manifests
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.imports import IMPORTED_IMAGES
from labelloop.domain.inspections import Inspected, ToInspect
from labelloop.domain.inventory import Candidate, Examined, LeftOut, examine
from labelloop.domain.listed import Listed
from labelloop.domain.manifests import (
    LABELLED_FOLDER,
    Changes,
    fingerprint,
)
from labelloop.errors import InconsistentError
from tests.unit.domain.inventoried import (
    MODIFIED,
    boxes_of,
    inspected_image,
    labels_of,
    line_of,
    listed_image,
    trained,
)

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


def _encoded(lines: Iterable[str]) -> list[bytes]:
    return [line.encode() for line in lines]


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
    assert list(inspections.read_inspected(_encoded(one.as_line() for one in told))) == told


def test_what_was_remembered_before_there_were_rules_is_by_none() -> None:
    line = b'{"key": "k", "etag": "e", "content": "c", "size_px": [9, 8]}'
    assert list(inspections.read_inspected([line])) == [Inspected("k", "e", "c", (9, 8), rules=0)]


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
    one, two = inspected_image("1"), inspected_image("2")
    lines = [one.as_line().encode(), line, two.as_line().encode()]
    assert list(inspections.read_inspected(lines)) == [one, two]


@given(
    st.lists(
        st.builds(ToInspect, texts, texts)
        | st.builds(ToInspect, texts, texts, texts.filter(bool), texts)
    )
)
def test_a_batch_is_read_as_it_was_written(batch: list[ToInspect]) -> None:
    assert inspections.read_batch(_encoded(one.as_line() for one in batch)) == batch


@given(st.lists(st.builds(LeftOut, texts, texts, texts, texts)))
def test_what_was_left_out_is_read_as_it_was_written(left_out: list[LeftOut]) -> None:
    assert list(inventory.read_left_out(_encoded(one.as_line() for one in left_out))) == left_out


@pytest.mark.parametrize("line", [b"", b"{", b"\xff", b"[]", b"{}", b'{"key": "k", "tag": "e"}'])
def test_a_batch_or_list_that_cannot_be_read_is_said_to_be_so(line: bytes) -> None:
    with pytest.raises(InconsistentError, match="batch of images to inspect"):
        inspections.read_batch([ToInspect("1", "e").as_line().encode(), line])
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
    lines = {key: line_of(key, line)} if line else {}
    return examine([listed_image(key)], lines, {key: told or inspected_image(key)}, model_type)


def test_an_image_in_a_label_folder_shows_the_label() -> None:
    found = _examine(CAT)
    cat = Candidate(CAT, "e", f"content of {CAT}", labels_of("cat"), said_at=MODIFIED)
    assert found == Examined([cat])
    assert found.candidates[0].shown == fingerprint(labels_of("cat"))


def test_an_image_that_was_not_inspected_yet_waits() -> None:
    assert examine([listed_image(CAT)], {}, {}, CLASSIFICATION) == Examined(uninspected=1)


def test_an_image_that_was_refused_is_left_out_with_what_it_shows() -> None:
    told = Inspected(CAT, "e", refusal="The file is empty.")
    found = _examine(CAT, told=told)
    shown = fingerprint(labels_of("cat"))
    assert found == Examined(left_out=[LeftOut(CAT, "e", shown, "The file is empty.")])


@pytest.mark.parametrize(
    ("model_type", "line", "reason", "shown"),
    [
        (CLASSIFICATION, None, "Nobody said what it shows: it has no label.", ""),
        (
            MULTI_LABEL,
            labels_of(),
            "Nobody said what it shows: it has no label.",
            fingerprint(labels_of()),
        ),
        (
            DETECTION,
            None,
            "It has no bounding boxes, so a detection model cannot learn from it.",
            "",
        ),
        (
            DETECTION,
            boxes_of(),
            "It has no bounding boxes, so a detection model cannot learn from it.",
            fingerprint(boxes_of()),
        ),
        (
            DETECTION,
            boxes_of("cat", size_px=(480, 640)),
            "Its boxes are for an image of 480 x 640 px, but it has 640 x 480 px.",
            fingerprint(boxes_of("cat", size_px=(480, 640))),
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
        (CLASSIFICATION, labels_of("dog"), labels_of("dog")),
        (MULTI_LABEL, labels_of("dog", "cow"), labels_of("cat", "cow", "dog")),
        (DETECTION, boxes_of("dog"), boxes_of("dog")),
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
    found = examine([], {COPY: line_of(named, labels_of("cat"))}, told, CLASSIFICATION)
    (left_out,) = found.left_out
    assert (left_out.key, left_out.etag, left_out.shown) == (
        COPY,
        "",
        fingerprint(labels_of("cat")),
    )
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
    listed = [listed_image(key, etag) for key, etag in objects.items()]
    imported = {
        key: line_of(key, boxes_of(*given) if model_type is DETECTION else labels_of(*given[:1]))
        for key, given in (lines | labels_by_key).items()
    }
    told = {
        key: Inspected(key, etag, refusal="It is of no use.")
        if key in refused
        else inspected_image(key, etag)
        for key, etag in objects.items()
    }
    examined = examine(listed, imported, told, model_type)
    selection = trained(examined.candidates, model_type)
    left_out = examined.left_out + selection.left_out
    assert len(selection.images) + len(left_out) == len(objects.keys() | imported.keys())

    index = list(manifests.read_index(_encoded(manifests.index_lines(selection.images))))
    remembered = list(inventory.read_left_out(_encoded(one.as_line() for one in left_out)))
    before = inventory.seen_in(index, remembered)
    now = inventory.seen_now(listed, imported, model_type)
    assert manifests.changes(now, before.items()) == Changes()
    more = inventory.seen_now(
        [*listed, listed_image(f"{LABELLED_FOLDER}cat/new")], imported, model_type
    )
    assert manifests.changes(more, before.items()) == Changes(added=1)


def test_an_image_that_came_while_others_were_inspected_is_new_to_the_next_look() -> None:
    listed = [listed_image(CAT)]
    found = examine(listed, {}, {}, CLASSIFICATION)
    before = inventory.seen_in([], found.left_out)
    now = inventory.seen_now(listed, {}, CLASSIFICATION)
    assert manifests.changes(now, before.items()) == Changes(added=1)


def test_a_line_counts_before_its_image_is_copied_in() -> None:
    lines = {COPY: line_of(COPY, labels_of("cat"))}
    now = inventory.seen_now([listed_image(CAT)], lines, CLASSIFICATION)
    assert now == {
        CAT: ("e", fingerprint(labels_of("cat"))),
        COPY: ("", fingerprint(labels_of("cat"))),
    }


listings = st.lists(st.builds(listed_image, keys, etags), unique_by=lambda entry: entry.key)


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
        inventory.digest([*listed, listed_image("another")], others),
        inventory.digest([replace(first, etag="another"), *rest], others),
        inventory.digest([replace(first, key="another"), *rest], others),
        inventory.digest(listed, [*others, "another"]),
    ]
    assert len(set(found)) == len(found)
    # When it was written, and how long it is, says nothing that its ETag does not.
    touched = [replace(entry, modified="later", size_bytes=0) for entry in listed]
    assert inventory.digest(touched, others) == found[0]
