"""labelloop.domain.manifests: what is listed, what is new, and what the service trains on."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import labels, manifests
from labelloop.domain.manifests import LabelledImage, SplitImage, VersionFiles
from labelloop.domain.splits import Split
from labelloop.errors import InconsistentError, InvalidRequestError

FOLDER = manifests.LABELLED_FOLDER
DETECTION = "0123456789abcdef0123456789abcdef"


def _is_label(text: str) -> bool:
    try:
        labels.check(text)
    except InvalidRequestError:
        return False
    return True


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
names = texts.filter(_is_label)
long_names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf"], exclude_characters="/ "),
    min_size=1,
    max_size=255,
).filter(_is_label)
images = st.lists(
    st.builds(
        SplitImage,
        st.builds(lambda label, name: f"{FOLDER}{label}/{name}.jpg", names, names),
        st.uuids().map(str),
        names,
        st.uuids().map(str),
        st.sampled_from(Split),
    ),
    max_size=8,
)


def test_only_images_in_label_folders_count() -> None:
    listing = [
        (f"{FOLDER}", "e", 0),
        (f"{FOLDER}cat/", "e", 0),
        (f"{FOLDER}cat/1.jpg", "e1", 10),
        (f"{FOLDER}cat/from line 3/2.JPEG", "e2", 10),
        (f"{FOLDER}cat/from line 3/", "e", 0),
        (f"{FOLDER}cat/readme.txt", "e", 10),
        (f"{FOLDER}cat/empty.jpg", "e", 0),
        (f"{FOLDER}cat/huge.jpg", "e", 15 * 1024 * 1024 + 1),
        (f"{FOLDER}beside.jpg", "e", 10),
        (f"{FOLDER}a dog/3.png", "e3", 10),
    ]
    found = manifests.labelled_images(listing)
    assert [(image.label, image.etag) for image in found] == [
        ("a dog", "e3"),
        ("cat", "e1"),
        ("cat", "e2"),
    ]


def test_what_is_new_is_known_by_key_and_etag() -> None:
    trained = [SplitImage(f"{FOLDER}cat/{i}.jpg", "e", "cat", f"c{i}", Split.TRAIN) for i in (1, 2)]
    now = [
        LabelledImage(f"{FOLDER}cat/1.jpg", "e", 10),
        LabelledImage(f"{FOLDER}cat/2.jpg", "replaced", 10),
        LabelledImage(f"{FOLDER}dog/1.jpg", "e", 10),
    ]
    assert manifests.count_new(now, trained) == 2
    assert manifests.count_new([], trained) == 0


@given(images, st.randoms())
def test_the_identity_of_the_data_does_not_hang_on_order_or_names(
    trained: list[SplitImage], rng: random.Random
) -> None:
    renamed = [SplitImage(f"{i}.jpg", "e", *_rest(image)) for i, image in enumerate(trained)]
    rng.shuffle(renamed)
    assert manifests.data_hash(renamed) == manifests.data_hash(trained)


def _rest(image: SplitImage) -> tuple[str, str, Split]:
    return image.label, image.content, image.split


@given(images.filter(bool))
def test_one_image_less_is_other_data(trained: list[SplitImage]) -> None:
    assert manifests.data_hash(trained[1:]) != manifests.data_hash(trained)


@given(images)
def test_an_index_is_read_as_it_was_written(trained: list[SplitImage]) -> None:
    assert manifests.read_index(manifests.index(trained)) == sorted(trained)


@pytest.mark.parametrize("body", [b"{", b"{}\n", b"[]\n", b"\xff\n", b'{"key": 1, "split": "x"}'])
def test_an_index_that_cannot_be_read_is_said_to_be_so(body: bytes) -> None:
    with pytest.raises(InconsistentError):
        manifests.read_index(body)


@given(images)
def test_the_manifests_have_each_image_once_as_the_service_wants_it(
    trained: list[SplitImage],
) -> None:
    lines = {
        split: manifests.manifest("bucket", trained, split, "2026-11-21T09:15:27").split(b"\n")[:-1]
        for split in Split
    }
    assert sum(map(len, lines.values())) == len(trained)
    for split, written in lines.items():
        wanted = sorted(image for image in trained if image.split is split)
        for line, image in zip(written, wanted, strict=True):
            assert json.loads(line) == {
                "source-ref": f"s3://bucket/{image.key}",
                "label": 1,
                "label-metadata": {
                    "confidence": 1.0,
                    "class-name": image.label,
                    "human-annotated": "yes",
                    "creation-date": "2026-11-21T09:15:27",
                    "type": "groundtruth/image-classification",
                },
            }


@given(long_names, st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_an_answers_image_gets_a_key_that_s3_takes(label: str, name: str) -> None:
    key = manifests.labelled_key(label, DETECTION, f"images_for_detection/{name}.jpg")
    assert len(key.encode()) <= 1024
    assert key.endswith(".jpg")
    (image,) = manifests.labelled_images([(key, "e", 10)])
    assert image.label == label


@pytest.mark.parametrize("label", ["x" * 255, "傷" * 255, "🙂" * 225])
def test_the_longest_labels_leave_room_for_the_images_name(label: str) -> None:
    key = manifests.labelled_key(labels.check(label), DETECTION, "f/" + "ü" * 600 + ".jpeg")
    assert 1000 < len(key.encode()) <= 1024
    assert key.endswith("ü.jpeg")


def test_an_answers_image_keeps_its_own_name_and_is_told_apart_by_the_detection() -> None:
    key = manifests.labelled_key("cat", DETECTION, "images_for_detection/a b/c.jpg")
    assert key == f"{FOLDER}cat/{DETECTION}-c.jpg"


def test_a_versions_files_are_under_its_name() -> None:
    files = VersionFiles(manifests.version_name(12, "0a1b2c3d4e5f6071"))
    assert files.train_manifest == "manifests/training/v12-0a1b2c3d/train.manifest"
    assert files.test_manifest == "manifests/training/v12-0a1b2c3d/test.manifest"
    assert files.index == "manifests/training/v12-0a1b2c3d/index.jsonl"
    assert files.report == "evaluation/v12-0a1b2c3d/report.json"
