"""labelloop.domain.manifests: what has changed, and what the service trains on."""

import json
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import labels, manifests
from labelloop.domain.annotations import Annotation, Box
from labelloop.domain.manifests import Changes, Seen, SplitImage, folder_label
from labelloop.domain.splits import Split
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import InconsistentError, InvalidRequestError

FOLDER = manifests.LABELLED_FOLDER
DETECTION = "0123456789abcdef0123456789abcdef"
CREATED = "2026-11-21T09:15:27"


def _is_label(text: str) -> bool:
    try:
        return labels.check(text) == text
    except InvalidRequestError:
        return False


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
names = texts.filter(_is_label)
long_names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf"], exclude_characters="/ "),
    min_size=1,
    max_size=255,
).filter(_is_label)
boxes = st.builds(Box, names, *[st.integers(0, 4096)] * 4)
annotations = st.builds(Annotation.of_labels, st.lists(names, min_size=1, max_size=4)) | st.builds(
    Annotation.of_boxes,
    st.lists(boxes, min_size=1, max_size=4),
    st.tuples(st.integers(64, 4096), st.integers(64, 4096)),
)
images = st.lists(
    st.builds(
        SplitImage,
        st.builds(lambda label, name: f"{FOLDER}{label}/{name}.jpg", names, texts),
        st.uuids().map(str),
        st.uuids().map(str),
        st.sampled_from(Split),
        annotations,
        st.sampled_from(["", "0123456789abcdef"]),
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("key", "label"),
    [
        (f"{FOLDER}cat/1.jpg", "cat"),
        (f"{FOLDER}cat/from line 3/2.JPEG", "cat"),
        (f"{FOLDER}a dog/", "a dog"),
        (f"{FOLDER}//1.jpg", ""),
        (f"{FOLDER}beside.jpg", None),
        (FOLDER, None),
        ("images_imported/archive/cat/1.jpg", None),
        (f"elsewhere/{FOLDER}cat/1.jpg", None),
    ],
)
def test_the_first_folder_is_the_label(key: str, label: str | None) -> None:
    assert folder_label(key) == label


# --- What is new ----------------------------------------------------------------------------------

BEFORE: dict[str, Seen] = {"cat/1.jpg": ("e1", "cat"), "cat/2.jpg": ("e2", "cat")}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (BEFORE, Changes()),
        ({}, Changes(removed=2)),
        ({**BEFORE, "dog/1.jpg": ("e3", "dog")}, Changes(added=1)),
        ({**BEFORE, "cat/2.jpg": ("other", "cat")}, Changes(replaced=1)),
        ({**BEFORE, "cat/2.jpg": ("e2", "a manifest says dog")}, Changes(replaced=1)),
        ({"cat/1.jpg": ("e1", "cat"), "dog/2.jpg": ("e2", "dog")}, Changes(moved=1)),
        ({"cat/1.jpg": ("e1", "cat"), "cat/renamed.jpg": ("e2", "cat")}, Changes(moved=1)),
        ({**BEFORE, "dog/2.jpg": ("e2", "dog")}, Changes(added=1)),
        (
            {"cat/1.jpg": ("e1", "cat"), "dog/2.jpg": ("e2", "dog"), "cow/2.jpg": ("e2", "cow")},
            Changes(added=1, moved=1),
        ),
        ({"cat/1.jpg": ("e2", "cat"), "cat/2.jpg": ("e1", "cat")}, Changes(replaced=2)),
        ({"cat/2.jpg": ("e1", "cat")}, Changes(replaced=1, removed=1)),
    ],
)
def test_every_changed_image_counts_once(now: dict[str, Seen], expected: Changes) -> None:
    assert manifests.changes(now, BEFORE.items()) == expected
    parts = (expected.added, expected.replaced, expected.removed, expected.moved)
    assert expected.total == sum(parts)


seen = st.dictionaries(
    st.sampled_from("abcdefgh"), st.tuples(st.sampled_from("123"), st.sampled_from("xy"))
)


@given(seen, seen)
def test_nothing_has_changed_only_where_all_is_the_same(
    now: dict[str, Seen], before: dict[str, Seen]
) -> None:
    found = manifests.changes(now, before.items())
    assert (found.total == 0) is (now == before)


@given(seen, seen)
def test_changes_account_for_every_image_before_and_now(
    now: dict[str, Seen], before: dict[str, Seen]
) -> None:
    found = manifests.changes(now, before.items())
    both = now.keys() & before.keys()
    assert found.replaced == sum(now[key] != before[key] for key in both)
    assert found.added + found.moved == len(now) - len(both)
    assert found.removed + found.moved == len(before) - len(both)
    back = manifests.changes(before, now.items())
    assert back == Changes(found.removed, found.replaced, found.added, found.moved)


# --- Identities -----------------------------------------------------------------------------------


@given(annotations, annotations)
def test_a_fingerprint_is_of_what_an_image_shows(one: Annotation, other: Annotation) -> None:
    found = manifests.fingerprint(one)
    assert len(found) == 16
    assert int(found, 16) >= 0
    assert (manifests.fingerprint(other) == found) is (one == other)


def test_of_an_image_of_which_nobody_said_anything_the_fingerprint_is_empty() -> None:
    assert manifests.fingerprint(None) == ""
    assert manifests.fingerprint(Annotation(())) != ""


@given(images, st.randoms())
def test_the_identity_of_the_data_does_not_hang_on_order_or_names(
    trained: list[SplitImage], rng: random.Random
) -> None:
    renamed = [replace(image, key=f"{i}.jpg", etag="e") for i, image in enumerate(trained)]
    rng.shuffle(renamed)
    assert manifests.data_hash(renamed) == manifests.data_hash(trained)


@given(images.filter(bool), names)
def test_other_images_labels_or_splits_are_other_data(
    trained: list[SplitImage], label: str
) -> None:
    first, *rest = trained
    shown = Annotation.of_labels([*first.annotation.labels, f"{label} too"])
    split = Split.TEST if first.split is Split.TRAIN else Split.TRAIN
    others: list[list[SplitImage]] = [
        rest,
        [*trained, first],
        [replace(first, content="other"), *rest],
        [replace(first, annotation=shown), *rest],
        [replace(first, split=split), *rest],
    ]
    found = {manifests.data_hash(other) for other in [trained, *others]}
    assert len(found) == 6


def test_a_versions_name_has_its_number_its_data_and_a_further_attempt() -> None:
    data = "0a1b2c3d4e5f6071"
    assert manifests.version_name(12, data) == "v12-0a1b2c3d"
    assert manifests.version_name(12, data, 1) == "v12-0a1b2c3d"
    assert manifests.version_name(13, data, 2) == "v13-0a1b2c3d-2"


def test_a_versions_files_are_under_its_name() -> None:
    files = VersionFiles(manifests.version_name(12, "0a1b2c3d4e5f6071"))
    assert files.train_manifest == "manifests/training/v12-0a1b2c3d/train.manifest"
    assert files.test_manifest == "manifests/training/v12-0a1b2c3d/test.manifest"
    assert files.index == "manifests/training/v12-0a1b2c3d/index.jsonl"
    assert files.left_out == "manifests/training/v12-0a1b2c3d/left_out.jsonl"
    assert files.data_report == "manifests/training/v12-0a1b2c3d/data.json"
    assert files.report == "evaluation/v12-0a1b2c3d/report.json"


# --- The files ------------------------------------------------------------------------------------


def _encoded(lines: Iterable[str]) -> list[bytes]:
    return [line.encode() for line in lines]


@given(images)
def test_an_index_is_read_as_it_was_written(trained: list[SplitImage]) -> None:
    written = _encoded(manifests.index_lines(trained))
    assert all(line.splitlines() == [line] for line in written), "a line is one line"
    assert list(manifests.read_index(written)) == trained


def test_an_index_from_before_images_had_fingerprints_is_read() -> None:
    line = b'{"key": "k", "etag": "e", "content": "c", "split": "test", "labels": ["cat"]}'
    (image,) = manifests.read_index([line])
    assert image == SplitImage("k", "e", "c", Split.TEST, Annotation(("cat",)), "")


GOOD_INDEX_LINE = (
    b'{"key":"k","etag":"e","content":"c","split":"test","labels":["cat"],'
    b'"boxes":[{"label":"cat","left":1,"top":1,"width":9,"height":9}],"size_px":[640,480]}'
)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"\xff",
        GOOD_INDEX_LINE.replace(b'"test"', b'"both"'),
        GOOD_INDEX_LINE.replace(b'"content":"c",', b""),
        GOOD_INDEX_LINE.replace(b'"labels":["cat"],', b""),
        GOOD_INDEX_LINE.replace(b'["cat"]', b'"cat"'),
        GOOD_INDEX_LINE.replace(b'"top":1,', b""),
        GOOD_INDEX_LINE.replace(b'"boxes"', b'"buckets"'),
        GOOD_INDEX_LINE.replace(b"[640,480]", b"[640]"),
        GOOD_INDEX_LINE.replace(b"[640,480]", b"null"),
    ],
)
def test_an_index_that_cannot_be_read_is_said_to_be_so(line: bytes) -> None:
    read = manifests.read_index([GOOD_INDEX_LINE, line])
    assert next(read).annotation.size_px == (640, 480)
    with pytest.raises(InconsistentError, match="Line 2 of a version's index"):
        next(read)


def _image(number: int, annotation: Annotation, split: Split = Split.TRAIN) -> SplitImage:
    return SplitImage(f"images/{number} ü.jpg", "e", f"c{number}", split, annotation)


def _metadata(label: str) -> dict[str, object]:
    return {
        "confidence": 1.0,
        "class-name": label,
        "human-annotated": "yes",
        "creation-date": CREATED,
        "type": "groundtruth/image-classification",
    }


def test_a_classification_model_gets_one_label() -> None:
    (line,) = manifests.manifest_lines(
        "bucket", [_image(1, Annotation.of_labels(["傷"]))], Split.TRAIN, CREATED
    )
    assert json.loads(line) == {
        "source-ref": "s3://bucket/images/1 ü.jpg",
        "label": 1,
        "label-metadata": _metadata("傷"),
    }


def test_a_multi_label_model_gets_each_label_as_an_attribute_of_its_own() -> None:
    image = _image(1, Annotation.of_labels(["dog", "cat"]))
    (line,) = manifests.manifest_lines("bucket", [image], Split.TRAIN, CREATED)
    assert json.loads(line) == {
        "source-ref": "s3://bucket/images/1 ü.jpg",
        "label-0": 1,
        "label-0-metadata": _metadata("cat"),
        "label-1": 1,
        "label-1-metadata": _metadata("dog"),
    }


def test_a_detection_model_gets_boxes() -> None:
    drawn = [Box("dog", 1, 2, 30, 40), Box("cat", 5, 6, 70, 80), Box("dog", 9, 9, 9, 9)]
    image = _image(1, Annotation.of_boxes(drawn, (640, 480)))
    (line,) = manifests.manifest_lines("bucket", [image], Split.TRAIN, CREATED)
    assert json.loads(line) == {
        "source-ref": "s3://bucket/images/1 ü.jpg",
        "bounding-box": {
            "image_size": [{"width": 640, "height": 480, "depth": 3}],
            "annotations": [
                {"class_id": 0, "left": 5, "top": 6, "width": 70, "height": 80},
                {"class_id": 1, "left": 1, "top": 2, "width": 30, "height": 40},
                {"class_id": 1, "left": 9, "top": 9, "width": 9, "height": 9},
            ],
        },
        "bounding-box-metadata": {
            "objects": [{"confidence": 1.0}] * 3,
            "class-map": {"0": "cat", "1": "dog"},
            "human-annotated": "yes",
            "creation-date": CREATED,
            "type": "groundtruth/object-detection",
        },
    }


@given(images)
def test_the_manifests_have_each_image_once_in_its_split(trained: list[SplitImage]) -> None:
    for split in Split:
        written = _encoded(manifests.manifest_lines("bucket", trained, split, CREATED))
        assert all(line.splitlines() == [line] for line in written), "a line is one line"
        assert [json.loads(line)["source-ref"] for line in written] == [
            f"s3://bucket/{image.key}" for image in trained if image.split is split
        ]


# --- The key of an answer's image -----------------------------------------------------------------


@given(long_names, st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_an_answers_image_gets_a_key_that_s3_takes(label: str, name: str) -> None:
    key = manifests.labelled_key(label, DETECTION, f"images_for_detection/{name}.jpg")
    assert len(key.encode()) <= 1024
    assert key.endswith(".jpg")
    assert folder_label(key) == labels.composed(label)


@pytest.mark.parametrize("label", ["x" * 255, "傷" * 255, "🙂" * 225])
def test_the_longest_labels_leave_room_for_the_images_name(label: str) -> None:
    key = manifests.labelled_key(labels.check(label), DETECTION, "f/" + "ü" * 600 + ".jpeg")
    assert 1000 < len(key.encode()) <= 1024
    assert key.endswith("ü.jpeg")


@pytest.mark.parametrize("sampled", [False, True])
def test_a_copys_name_tells_its_detection_wherever_it_is_moved(sampled: bool) -> None:
    for key in (
        manifests.labelled_key("cat", DETECTION, "a.jpg", sampled=sampled),
        manifests.reviewed_key(DETECTION, "a.jpg", sampled=sampled),
    ):
        moved = f"{FOLDER}dog/by hand/{key.rsplit('/', 1)[-1]}"
        for name in (key, moved):
            assert manifests.detection_of_key(name) == DETECTION
            assert manifests.is_sampled(name) is sampled


@pytest.mark.parametrize(
    "name", ["a.jpg", "sampled-a.jpg", f"{DETECTION}.jpg", DETECTION[:31] + "-"]
)
def test_other_names_tell_nothing(name: str) -> None:
    assert manifests.detection_of_key(f"{FOLDER}cat/{name}") is None
    assert not manifests.is_sampled(f"{FOLDER}cat/{name}")


def test_an_answers_image_keeps_its_own_name_and_is_told_apart_by_the_detection() -> None:
    key = manifests.labelled_key("cat", DETECTION, "images_for_detection/a b/c.jpg")
    assert key == f"{FOLDER}cat/{DETECTION}-c.jpg"
