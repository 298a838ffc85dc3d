"""Data sets that the formats' own tools wrote come in with their counts, labels and boxes."""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.datasets.values import DataSet
from cli.imports.from_dataset import recognised
from labelloop.domain.annotations import ModelType
from labelloop.domain.imported_lines import read_line
from tests import data
from tests.unit.cli.imports.test_import import BUCKET, World, error_of, world

__all__ = ["world"]
BOXES = {
    "1.png": [("cat", 10, 20, 50, 50), ("dog", 60, 5, 110, 75)],
    "2.png": [("wild cat", 0, 0, 120, 90)],
    "Käfer 3.png": [("cat", 30, 30, 50, 50)],
    "empty.png": [],
}
"""Of each image that was given to the tools, label and edges."""


class Case(NamedTuple):
    """What one tool wrote."""

    name: str
    format: str
    images: str = "images"
    off_px: float = 0.01
    """By how much edges are others than those that it was given."""
    outlines: int = 0
    missing: tuple[str, ...] = ()
    """Images that it says nothing of."""
    crowds: int = 0


CASES = [
    # Rounds to five digits.
    Case("supervision_yolo", "YOLO"),
    # Outlines go through the middles of the outermost pixels.
    Case("supervision_yolo_outlines", "YOLO", off_px=1.01, outlines=4),
    # Counts pixels from 1, as the challenge did, and no file says so.
    Case("supervision_voc", "Pascal VOC", off_px=1.01),
    Case("supervision_coco", "COCO"),
    Case("globox_yolo", "YOLO"),
    Case("globox_voc", "Pascal VOC", images=""),
    Case("globox_coco", "COCO"),
    Case("pycocotools", "COCO", images="val2017", outlines=4, crowds=1),
    Case("label_studio_json", "Label Studio"),
    Case("label_studio_coco", "COCO"),
    Case("label_studio_yolo", "YOLO"),
    # Rounds down, and edges are those of the pixels within.
    Case("label_studio_voc", "Pascal VOC", off_px=1.01, missing=("empty.png",)),
]
each_tool = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def read(folder: Path) -> DataSet:
    _, found = recognised(folder, ModelType.DETECTION, lambda name, why: pytest.fail(name + why))
    assert found is not None
    return found.data_set()


@each_tool
def test_it_is_known_and_its_boxes_are_those_that_the_tool_was_given(
    case: Case, tmp_path: Path
) -> None:
    found = read(data.place(case.name, tmp_path, case.images))

    assert found.format == case.format
    drawn = {
        Path(example.image).name: [
            (box.label, box.left, box.top, box.left + box.width, box.top + box.height)
            for box in example.boxes
        ]
        for example in found.examples
    }
    assert drawn.keys() == BOXES.keys() - set(case.missing)
    for name, boxes in drawn.items():
        assert sorted(box[0] for box in boxes) == sorted(box[0] for box in BOXES[name])
        for box, given in zip(sorted(boxes), sorted(BOXES[name]), strict=True):
            assert box[1:] == pytest.approx(given[1:], abs=case.off_px), name
    assert found.outlines == case.outlines
    assert len(found.problems) == case.crowds
    assert all("crowd" in problem.reason for problem in found.problems)


@each_tool
def test_it_comes_into_the_bucket_whole(case: Case, world: World) -> None:
    world.model_type("detection")

    answer = world.answer(str(data.place(case.name, world.folder, case.images)))

    assert (answer["format"], answer["taken"]) == (case.format, 3)
    assert answer["labels"] == {"cat": 2, "dog": 1, "wild cat": 1}
    assert len(answer["left_out"]) == case.crowds
    assert answer["tests"] is None
    assert answer["unlabelled"] == 1 - len(case.missing)
    manifest = world.objects()[answer["manifest"]].decode()
    lines = [read_line(line, ModelType.DETECTION) for line in manifest.splitlines()]
    assert Counter(box.label for line in lines for box in line.annotation.boxes) == answer["labels"]


@pytest.mark.parametrize("kept", ["text", "counts"])
def test_masks_alone_give_the_boxes_that_their_own_library_finds(tmp_path: Path, kept: str) -> None:
    folder = data.place("pycocotools", tmp_path, "val2017")
    file = folder / "annotations/instances_val2017.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    for annotation in content["annotations"]:
        del annotation["bbox"]
        annotation["iscrowd"] = 0
    crowd = content["annotations"].pop()
    content["annotations"] = [crowd] if kept == "counts" else content["annotations"]
    file.write_text(json.dumps(content), encoding="utf-8")

    found = read(folder)

    drawn = [box[1:5] for example in found.examples for box in example.boxes]
    given = [(10, 20, 40, 30), (60, 5, 50, 70), (0, 0, 120, 90), (30, 30, 20, 20)]
    assert sorted(drawn) == ([(5, 5, 95, 55)] if kept == "counts" else sorted(given))
    assert found.problems == []


@pytest.mark.parametrize(
    "broken",
    [
        {"counts": "0", "size": "90"},
        {"counts": [1, -2, 3], "size": [90, 120]},
        {"counts": "\x00\x00", "size": [90, 120]},
        {"counts": None, "size": [0, 0]},
        {"counts": [10_800], "size": [90, 120]},
    ],
)
def test_a_mask_that_is_none_is_named(tmp_path: Path, broken: dict[str, object]) -> None:
    folder = data.place("pycocotools", tmp_path, "val2017")
    file = folder / "annotations/instances_val2017.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["annotations"][1:], content["annotations"][0]["bbox"]
    content["annotations"][0]["segmentation"] = broken
    file.write_text(json.dumps(content), encoding="utf-8")

    ((place, reason),) = read(folder).problems

    assert place.where == "annotation 1" and "no bbox" in reason


def test_what_label_studio_writes_for_tables_is_refused_with_what_to_export(
    world: World,
) -> None:
    world.model_type("multi-label")
    data.place("label_studio_csv", world.folder)

    answer = world.answer(str(world.folder), exit_code=1)

    assert world.objects() == {}
    reasons = {left["file"]: left["reason"] for left in answer["left_out"]}
    assert reasons.keys() == {f"result.csv, line {number}" for number in (3, 4, 5)}
    assert all("export JSON there" in reason for reason in reasons.values())


def test_what_label_studio_writes_in_short_is_taken_for_nothing_else(world: World) -> None:
    data.place("label_studio_json_min", world.folder)

    assert "export JSON there" in error_of(world.run(str(world.folder)))
    assert world.objects() == {}


def test_the_output_of_a_labelling_job_is_its_last_manifest_alone(world: World) -> None:
    world.model_type("detection")
    job = data.FOLDER / "ground_truth"
    for path in job.rglob("*.manifest"):
        text = path.read_text(encoding="utf-8").replace("BUCKET", BUCKET)
        world.file(path.relative_to(job).as_posix(), text.encode())
    for path in job.rglob("*.json"):
        world.file(path.relative_to(job).as_posix(), path.read_bytes())
    for path in (data.FOLDER / "images").iterdir():
        world.put(f"pets/{path.name}", path.read_bytes())

    (answer,) = world.answer(str(world.folder))["manifests"]

    assert (answer["file"], answer["lines"]) == ("output.manifest", 4)
    assert answer["bad_lines"]["count"] == 0
    text = world.objects()[answer["key"]].decode()
    lines = [read_line(line, ModelType.DETECTION) for line in text.splitlines()]
    drawn = {
        Path(line.key).name: [
            (box.label, box.left, box.top, box.left + box.width, box.top + box.height)
            for box in line.annotation.boxes
        ]
        for line in lines
    }
    assert drawn == BOXES
