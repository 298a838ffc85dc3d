"""Data sets that are written: what goes out in a format comes in again as it was."""

import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.datasets import folders, recognise
from cli.datasets.formats import FORMATS, refusal
from cli.datasets.values import Files
from cli.datasets.written import Images, Written, safe_name
from cli.imports import labelled_folders, planned_images
from cli.imports.data_set_outcome import DataSetImport
from cli.imports.given_tests import Splits
from cli.imports.planned_images import Boxes
from labelloop.domain import labels
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.consensus import NONE_OF_THE_LABELS
from labelloop.domain.labels import SHOWN_AS_NONE
from labelloop.errors import InvalidRequestError
from tests.unit.cli.imports.test_import import picture

SAID_AT = "2026-11-21T08:00:00"
SIDE_PX = 4096


def _is_label(name: str) -> bool:
    try:
        return labels.check(name) == name
    except InvalidRequestError:
        return False


NAMES = st.one_of(
    st.sampled_from(
        [*("cat", "dog", "N/A", "a #b", "[x]", "{y: z}", "it's", 'say "x"', "犬", "a, b", "0")]
    ),
    st.text(max_size=12).map(labels.composed).filter(_is_label),
)
ANY_KEYS = st.text(min_size=1, max_size=30)


@st.composite
def boxes(draw: st.DrawFn, names: Sequence[str]) -> Annotation:
    """Boxes that a training takes, in an image of any size that it takes; perhaps none."""
    width, height = draw(st.tuples(*[st.integers(64, SIDE_PX)] * 2))
    found = []
    for name in draw(st.lists(st.sampled_from(names), max_size=4)):
        box_width, box_height = draw(st.integers(8, width)), draw(st.integers(8, height))
        left, top = (
            draw(st.integers(0, width - box_width)),
            draw(st.integers(0, height - box_height)),
        )
        found.append(Box(name, left, top, box_width, box_height))
    return Annotation.of_boxes(found, (width, height))


@st.composite
def exports(draw: st.DrawFn, format_: str, model_type: ModelType) -> list[Written]:
    """Some images, as an export has them."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    if model_type is ModelType.CLASSIFICATION and format_ != "folders":
        names.append(SHOWN_AS_NONE)
    most = 1 if model_type is ModelType.CLASSIFICATION else 3
    shows = (
        boxes(names)
        if model_type is ModelType.DETECTION
        else st.lists(st.sampled_from(names), min_size=1, max_size=most).map(Annotation.of_labels)
    )
    found = []
    for key in draw(st.lists(ANY_KEYS, min_size=1, max_size=6, unique=True)):
        said, split = draw(shows), draw(st.sampled_from(["train", "test"]))
        path = f"{FORMATS[format_].folder(split, said)}/{safe_name(key, 'e')}"
        found.append(Written(path, path, split, said, SAID_AT))
    return found


def images(written: Sequence[Written]) -> Images:
    return Images(
        tuple(sorted({label for one in written for label in one.annotation.labels})),
        tuple(dict.fromkeys(one.split for one in written)),
        lambda: iter(written),
    )


def files(format_: str, written: Sequence[Written]) -> dict[str, bytes]:
    """What an export writes, with its images."""
    found = dict.fromkeys((one.image for one in written), b"")

    def put(name: str, texts: Iterable[str]) -> None:
        assert name not in found
        found[name] = "".join(texts).encode()

    FORMATS[format_].write(images(written), put)
    return found


def came_in(
    found: dict[str, bytes], written: Sequence[Written], model_type: ModelType
) -> dict[str, tuple[Annotation, bool]]:
    """What an import plans of these files: of each image, what it shows, and whether it tests."""
    sizes = {one.image: one.annotation.size_px for one in written}
    recognised = recognise.folder(Files(found, found.__getitem__, sizes.get), model_type)
    assert recognised is not None
    outcome = DataSetImport(recognised.format, dry_run=True)
    planned = planned_images.plan(
        recognised.data_set(), model_type, Boxes.REFUSED, Splits.OWN, outcome
    )
    assert outcome.left_out == []
    return {one.image: (one.annotation, one.tests) for one in planned}


def went_out(written: Sequence[Written]) -> dict[str, tuple[Annotation, bool]]:
    # A box model learns nothing from an image without any, which is no reason not to write it.
    return {
        one.image: (_known(one.annotation), one.split == "test")
        for one in written
        if one.annotation.labels
    }


def _known(said: Annotation) -> Annotation:
    return NONE_OF_THE_LABELS if said.labels == (SHOWN_AS_NONE,) else said


KINDS = [
    *(("manifest", kind) for kind in ModelType),
    *(("csv", kind) for kind in ModelType),
    *((name, ModelType.DETECTION) for name in ("coco", "yolo", "voc")),
]


@pytest.mark.parametrize(("format_", "model_type"), KINDS)
@given(data=st.data())
def test_what_goes_out_comes_in_again(
    format_: str, model_type: ModelType, data: st.DataObject
) -> None:
    written = data.draw(exports(format_, model_type))

    if FORMATS[format_].refusal(images(written).labels, images(written).splits):
        return

    found = files(format_, written)

    if any(one.annotation.labels for one in written):
        assert came_in(found, written, model_type) == went_out(written)
    for name in found:
        assert name.isascii() and not name.startswith("/") and "\\" not in name


@given(written=exports("folders", ModelType.CLASSIFICATION))
def test_folders_that_go_out_come_in_again(written: list[Written]) -> None:
    found = images(written)
    if folders.refusal(found.labels, found.splits):
        return
    with tempfile.TemporaryDirectory() as name:
        for one in written:
            path = Path(name, one.image)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(1))
        noted: list[str] = []
        come = labelled_folders.files_of_labels(
            Path(name), None, lambda file, _: noted.append(file), "import", with_parts=True
        )
    assert noted == []
    tests = Splits.OWN.testing(come)
    told = {
        one.name: (Annotation.of_labels([one.label or ""]), test)
        for one, test in zip(come, tests, strict=True)
    }
    assert told == went_out(written)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["N/A", "cat"], "cannot have a slash"),
        (["CON", "cat"], "Not every system"),
        (["a: b", "cat"], "Not every system"),
        (["犬" * 100, "cat"], "Not every system"),
        (["Cat", "cat"], "one folder where case is nothing"),
        (["images", "cat"], "have all of their images in a folder of this name"),
        (["train", "test"], "which ones are the splits"),
    ],
)
def test_labels_of_which_no_folder_can_be_called_are_named(names: list[str], why: str) -> None:
    assert why in folders.refusal(names, ["train", "test"])


def test_labels_that_xml_or_a_table_has_no_place_for_are_named() -> None:
    assert "XML" in FORMATS["voc"].refusal(["cat\ufffe"], ["train"])
    assert "JSON" in FORMATS["csv"].refusal(['[{"cat": 1}]'], ["train"])
    for name in ("voc", "csv"):
        assert FORMATS[name].refusal(["cat", "[cat]"], ["train"]) == ""


def test_labels_of_which_folders_can_be_called_are_not_refused() -> None:
    assert folders.refusal(["cat", "train", "Ü ber", "none of them"], ["train", "test"]) == ""


@given(key=st.text(), other=st.text(), etag=st.text())
def test_names_fit_every_system_and_none_is_like_another(key: str, other: str, etag: str) -> None:
    name = safe_name(key, etag)

    assert name.isascii() and len(name) < 100 and not name.startswith((".", "-"))
    assert PurePosixPath(name).suffix in {".jpg", ".jpeg", ".png"}
    assert not set(name) & set('<>:"/\\|?* ')
    assert (safe_name(other, etag).lower() == name.lower()) is (key == other)
    assert safe_name(key, etag) == name


def test_an_image_keeps_as_much_of_its_name_as_fits() -> None:
    assert safe_name("a/b/My photo (1).JPG", "e").startswith("My_photo_1-")
    assert safe_name("a/NUL.png", "e").startswith("NUL-")


@pytest.mark.parametrize(
    ("format_", "what", "words"),
    [
        ("folders", {"several": True}, "several labels. These have: manifest, csv."),
        ("folders", {"boxes": True}, "boxes. These have: manifest, coco, yolo, voc, csv."),
        ("coco", {"labels": True}, "whole images. These have: manifest, folders, csv."),
    ],
)
def test_a_format_without_a_place_for_it_says_which_have_one(
    format_: str, what: dict[str, bool], words: str
) -> None:
    has = {"boxes": False, "labels": "boxes" not in what, "several": False, **what}
    assert words in refusal(format_, **has)


class TestForOtherPrograms:
    """What the formats' own tools ask for, beyond what an import reads."""

    WRITTEN = (
        Written(
            "a", "a", "train", Annotation.of_boxes([Box("cat", 10, 20, 30, 40)], (200, 100)), ""
        ),
        Written("b", "b", "test", Annotation.of_boxes([], (64, 64)), ""),
    )

    def of(self, format_: str) -> dict[str, str]:
        found = files(format_, self.WRITTEN)
        return {name: content.decode() for name, content in found.items()}

    def test_coco_has_areas_and_numbers_from_one(self) -> None:
        content = json.loads(self.of("coco")["annotations/instances_train.json"])
        assert content["categories"] == [{"id": 1, "name": "cat"}]
        (entry,) = content["annotations"]
        assert (entry["id"], entry["image_id"], entry["category_id"]) == (1, 1, 1)
        assert (entry["bbox"], entry["area"], entry["iscrowd"]) == ([10, 20, 30, 40], 1200, 0)
        assert json.loads(self.of("coco")["annotations/instances_test.json"])["annotations"] == []

    def test_yolo_has_a_val_and_an_empty_file_for_an_image_without_a_box(self) -> None:
        found = self.of("yolo")
        # A path in it would be that of whoever reads it, or of its data sets.
        assert "path:" not in found["data.yaml"]
        assert "train: images/train\nval: images/test\ntest: images/test\n" in found["data.yaml"]
        assert found["labels/train/a.txt"] == "0 0.125 0.4 0.15 0.4\n"
        assert found["labels/test/b.txt"] == ""

    def test_voc_has_a_list_of_each_split(self) -> None:
        found = self.of("voc")
        assert found["ImageSets/Main/train.txt"] == "a\n"
        root = ElementTree.fromstring(found["Annotations/a.xml"])  # noqa: S314
        box = root.find("object/bndbox")
        assert box is not None and [edge.text for edge in box] == ["10", "20", "40", "60"]

    def test_csv_has_a_row_for_an_image_without_a_box(self) -> None:
        assert self.of("csv")["labels.csv"].splitlines() == [
            "image,label,left,top,width,height,split",
            "a,cat,10,20,30,40,train",
            "b,,,,,,test",
        ]
