"""Layouts of data sets: which folders are parts of one, and which are labels."""

import re

import pytest

from labelloop.domain import layouts
from labelloop.domain.layouts import Part


@pytest.mark.parametrize(
    ("paths", "parts"),
    [
        ("train/cool/1 train/warm/1 test/cool/2", "test train"),
        ("train/1 test/1", "test train"),
        ("train2017/1 val2017/1", "train2017 val2017"),
        ("training_set/cats/1 test_set/cats/1", "test_set training_set"),
        ("Train/1 Valid/1 TEST/1", "TEST Train Valid"),
        ("cool/1 warm/1 train/cool/1 test/cool/1", "test train"),
        ("cool/1 warm/1 train/cool/2 train/warm/2", "train"),
        ("train/cool/1 train/warm/1", "train"),
        ("images/1 cool/1 warm/1", "images"),
        ("images/train/1 images/val/1 labels/train/1", "images labels"),
        ("JPEGImages/1 SegmentationClass/1", "JPEGImages SegmentationClass"),
        ("archive/train/cool/1 archive/test/cool/1", "archive"),
        ("archive/train/cool/1 cool/1 warm/1", "archive"),
        ("set/images/1", "set"),
        ("archive/set/train/cool/1 archive/set/test/cool/1", "archive"),
        ("archive/cool/1 archive/warm/1", "archive"),
        ("cats-and-dogs-main/cool/1 cats-and-dogs-main/warm/1 cats/1", "cats-and-dogs-main"),
        ("Dataset (1)/cool/1 Dataset (1)/warm/1", "Dataset,(1)"),
        ("train/images/1 valid/images/1 test/images/1", "test train valid"),
        ("seg_train/seg_train/cool/1 seg_test/seg_test/cool/1 cool/1", "seg_test seg_train"),
        ("seg_train/cool/1 seg_pred/1 cool/1", "seg_pred seg_train"),
        ("train/cool/1 holdout/cool/1 cool/1", "holdout train"),
        ("fold1/cool/1 fold_2/cool/1", "fold1 fold_2"),
    ],
)
def test_the_parts_of_a_data_set_are_told(paths: str, parts: str) -> None:
    found = layouts.parts(path.split("/") for path in re.split(r" (?!\()", paths))
    assert " ".join(sorted(found)) == parts.replace(",", " ")


@pytest.mark.parametrize(
    "paths",
    [
        "",
        "1 2",
        "cool/1 warm/1",
        "cool/new/1 warm/old/1",
        "train/1 car/1 bus/1",
        "train/steam/1 car/1",
        "cool/train/1 cool/test/1 warm/train/1 warm/test/1",
        "masks/1 no_masks/1",
        "tester/1 strain/1",
        "steam-train/1 freight-train/1 Train-set-a/1 train-set-a/1",
        "pets/cool/1 pets/warm/1",
        "cool/new/1 cool/old/1",
        "data/1 data/more/2",
        "archive/cool/1",
        "master/a/1 master/b/1",
    ],
)
def test_labels_are_no_parts_of_a_data_set(paths: str) -> None:
    assert layouts.parts(path.split("/") for path in paths.split()) == {}


def test_what_lies_in_an_outer_folder_is_told_with_the_way_to_it() -> None:
    paths = ["archive/set/train/cool/1", "archive/set/images/1"]
    found = layouts.parts(path.split("/") for path in paths)
    assert found == {"archive": Part(("archive", "set"), frozenset({"train", "images"}))}


@pytest.mark.parametrize(
    ("paths", "way"),
    [
        ("pets/cool/1 pets/warm/1", "pets"),
        ("flowers/flowers/cool/1 flowers/flowers/warm/1", "flowers flowers"),
        ("cool/1", ""),
        ("cool/new/1", ""),
        ("cool/new/1 cool/2 cool/old/1", ""),
        ("cool/new/1 cool/old/1 warm/1", ""),
    ],
)
def test_one_folder_around_all_that_somebody_brings_is_no_label(paths: str, way: str) -> None:
    found = layouts.parts((path.split("/") for path in paths.split()), whole=True)
    assert [" ".join(part.way) for part in found.values()] == [way] * bool(way)


@pytest.mark.parametrize(
    ("paths", "homes"),
    [
        ("cool/1 warm/1", ":"),
        ("train/cool/1 valid/cool/1 test/cool/1", "train:train valid:valid test:test"),
        ("train/cool/1 test/cool/1 docs/1 1", "train:train test:test"),
        ("archive/train/cool/1 archive/train/warm/1", "archive/train:train"),
        ("archive/cool/1 archive/warm/1", "archive:"),
        (
            "seg_train/seg_train/cool/1 seg_train/seg_train/warm/1 seg_test/seg_test/cool/1"
            " seg_test/seg_test/warm/1",
            "seg_train/seg_train:train seg_test/seg_test:test",
        ),
    ],
)
def test_where_the_folders_of_labels_are_is_told_with_their_splits(paths: str, homes: str) -> None:
    expected = {}
    for home in homes.split(" "):
        way, _, split = home.partition(":")
        expected[tuple(filter(None, way.split("/")))] = split
    assert layouts.homes(path.split("/") for path in paths.split()) == expected


@pytest.mark.parametrize(
    "paths",
    [
        "images/1 labels/1",
        "train/images/1 valid/images/1",
        "train/1 test/1",
        "train/1 train/cool/1 test/cool/1",
        "cool/1 warm/1 train/cool/1 test/cool/1",
        "pets/cool/1 pets/warm/1",
        "JPEGImages/1",
    ],
)
def test_where_that_cannot_be_told_nothing_is_taken_for_a_label(paths: str) -> None:
    assert layouts.homes(path.split("/") for path in paths.split()) is None
