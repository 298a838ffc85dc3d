"""`labelloop import` of data sets with annotations of their own: what comes into the bucket."""

import io
import json
import sys
from collections import Counter
from typing import Any

import pytest
from PIL import Image

from cli import costs
from labelloop.domain import inventory
from labelloop.domain.annotations import Annotation, ModelType, training_line
from labelloop.domain.consensus import NONE_OF_THE_LABELS
from labelloop.domain.imported_lines import read_line
from labelloop.domain.imports import IMPORTED_MANIFESTS
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.manifests import NONE_IMAGES
from labelloop.domain.splits import GIVEN_FOLDER, LEDGER_KEY, Split, content_id, read_ledger
from tests.unit.cli.imports.test_import import World, error_of, picture, refuse, world

__all__ = ["world"]
SIZE = (200, 100)
IMAGES = "images_imported/data_sets/"


def photo(number: int) -> bytes:
    return picture(number, SIZE)


def taught(world: World, model_type: ModelType) -> dict[str, Annotation]:
    """What the manifests in the bucket say, by the names of the images that are there."""
    objects = world.objects()
    found = {}
    for key, content in objects.items():
        if key.startswith(IMPORTED_MANIFESTS):
            for text in content.splitlines():
                line = read_line(text, model_type)
                assert line.key in objects
                found[line.key.rsplit("/", 1)[-1]] = line.annotation
    return found


def yolo(world: World) -> None:
    """A YOLO data set of two images with three boxes, of which one image tests."""
    world.file("data.yaml", b"train: train/images\ntest: test/images\nnames: [cat, dog]\n")
    world.file("train/images/1.png", photo(1))
    world.file("train/labels/1.txt", b"0 0.5 0.5 0.5 1\n1 0.2 0.5 0.4 0.8\n")
    world.file("test/images/2.png", photo(2))
    world.file("test/labels/2.txt", b"1 0.5 0.5 1 1\n")


def test_images_and_boxes_are_brought_and_the_test_split_with_them(world: World) -> None:
    world.model_type("detection")
    yolo(world)

    answer = world.answer(str(world.folder))

    assert (answer["format"], answer["taken"]) == ("YOLO", 2)
    assert answer["labels"] == {"cat": 1, "dog": 2}
    assert answer["tests"] == {"given": 1, "already": 0, "trained": []}
    found = taught(world, ModelType.DETECTION)
    assert [(box.label, box.left, box.width) for box in found["1.png"].boxes] == [
        ("cat", 50, 100),
        ("dog", 0, 80),
    ]
    ((given, lines),) = [
        (key, content) for key, content in world.objects().items() if key.startswith(GIVEN_FOLDER)
    ]
    content = content_id(photo(2), len(photo(2)))
    assert json.loads(lines) == {"content": content, "split": "test"}
    assert given.startswith(f"{GIVEN_FOLDER}pictures-")


def test_twice_is_once(world: World) -> None:
    world.model_type("detection")
    yolo(world)
    world.run(str(world.folder))
    before = world.objects()

    answer = world.answer(str(world.folder))

    assert (answer["taken"], answer["already_there"]) == (0, 2)
    assert answer["tests"] == {"given": 0, "already": 1, "trained": []}
    assert world.objects() == before


def test_a_dry_run_tells_the_same_and_brings_nothing(world: World) -> None:
    world.model_type("detection")
    yolo(world)

    told = world.answer(str(world.folder), "--dry-run")

    assert world.objects() == {}
    assert told == {**world.answer(str(world.folder)), "dry_run": True}


def test_what_fails_is_named_and_comes_with_the_next_attempt(world: World) -> None:
    world.model_type("detection")
    yolo(world)
    broken = [True]

    def refuse_one(params: dict[str, Any]) -> None:
        if params["Key"].endswith("/2.png") and broken:
            raise refuse("InternalError", 500)

    world.on("PutObject", refuse_one)
    first = world.answer(str(world.folder), exit_code=1)
    assert [failed["file"] for failed in first["failed"]] == ["test/images/2.png"]
    assert taught(world, ModelType.DETECTION).keys() == {"1.png"}
    broken.clear()

    second = world.answer(str(world.folder))

    assert (second["taken"], second["already_there"]) == (1, 1)
    assert taught(world, ModelType.DETECTION).keys() == {"1.png", "2.png"}


def test_test_images_that_train_already_go_on_training_and_are_named(world: World) -> None:
    world.model_type("detection")
    yolo(world)
    decided = {"content": content_id(photo(2), len(photo(2))), "split": "train"}
    world.put(LEDGER_KEY, json.dumps(decided).encode())

    result = world.run(str(world.folder))

    assert "test/images/2.png: versions have learnt from it" in result.stdout
    assert not any(key.startswith(GIVEN_FOLDER) for key in world.objects())


@pytest.mark.parametrize(("words", "given"), [(["--resplit"], None), (["--as", "test"], 2)])
def test_the_split_can_be_another_one(world: World, words: list[str], given: int | None) -> None:
    world.model_type("detection")
    yolo(world)

    tests = world.answer(str(world.folder), *words)["tests"]

    assert (tests and tests["given"]) == given


@pytest.mark.parametrize(
    ("name", "words", "given"),
    [
        ("old.manifest", ["--as", "test"], 1),
        ("old.manifest", [], None),
        ("test.manifest", [], 1),
        ("test.manifest", ["--resplit"], None),
    ],
)
def test_a_manifest_of_s3_tests_where_it_is_called_so_or_said_to(
    world: World, name: str, words: list[str], given: int | None
) -> None:
    world.put("1.png", photo(1), "other-bucket")
    metadata = {"class-name": "cat", "creation-date": "2026-11-21T08:00:00"}
    metadata["type"] = "groundtruth/image-classification"
    line = {"source-ref": "s3://other-bucket/1.png", "label": 1, "label-metadata": metadata}

    (answer,) = world.answer(world.manifest(json.dumps(line), name=name), *words)["manifests"]

    assert answer.get("tests") == (given and {"given": given, "already": 0, "trained": []})


class TestBoxesForLabels:
    def test_nobody_is_taken_to_have_meant_it(self, world: World) -> None:
        yolo(world)

        message = error_of(world.run(str(world.folder)))

        assert "--crop makes each box an image, --largest takes" in message
        assert world.objects() == {}

    def test_the_largest_box_says_what_the_image_shows(self, world: World) -> None:
        yolo(world)

        assert world.answer(str(world.folder), "--largest")["labels"] == {"cat": 1, "dog": 1}

        found = taught(world, ModelType.CLASSIFICATION)
        assert {name: said.labels for name, said in found.items()} == {
            "1.png": ("cat",),
            "2.png": ("dog",),
        }

    def test_each_box_can_become_an_image(self, world: World) -> None:
        world.model_type("classification")
        image = Image.new("RGB", SIZE, (0, 0, 0))
        image.paste((255, 0, 0), (50, 0, 150, 100))
        stream = io.BytesIO()
        image.save(stream, "PNG")
        world.file("1.png", stream.getvalue())
        table = b"1.png,cat,50,0,100,100\n1.png,dog,0,0,70,80\n1.png,dog,0,0,30,30\n"
        world.file("boxes.csv", table)

        answer = world.answer(str(world.folder), "--crop")

        assert answer["labels"] == {"cat": 1, "dog": 1}
        ((left, reason),) = [tuple(one.values()) for one in answer["left_out"]]
        assert left == "boxes.csv, line 1" and "30 x 30 px" in reason
        contents = [body for key, body in world.objects().items() if key.startswith(IMAGES)]
        parts = [Image.open(io.BytesIO(body)) for body in contents]
        assert sorted(part.size for part in parts) == [(70, 80), (100, 100)]
        (whole,) = [part for part in parts if part.size == (100, 100)]
        assert whole.getcolors() == [(10_000, (255, 0, 0))]
        assert world.answer(str(world.folder), "--crop")["already_there"] == 2

    def test_parts_of_one_image_train_or_test_together(self, world: World) -> None:
        world.model_type("classification")
        rows = []
        for number in range(10):
            name = f"{number}.png"
            world.file(name, photo(number))
            rows += [f"{name},cat,0,0,90,100\n", f"{name},dog,100,0,100,100\n"]
        world.file("boxes.csv", "".join(rows).encode())

        answer = world.answer(str(world.folder), "--crop")

        (given,) = [
            content for key, content in world.objects().items() if key.startswith(GIVEN_FOLDER)
        ]
        splits = read_ledger(given.splitlines()).splits
        by_image: dict[str, set[Split]] = {}
        for key, content in world.objects().items():
            if key.startswith(IMAGES):
                split = splits[content_id(content, len(content))]
                by_image.setdefault(key.rsplit("/", 1)[-1], set()).add(split)
        assert len(splits) == 20 and answer["tests"]["given"] == 4
        assert Counter(map(frozenset, by_image.values())) == {
            frozenset({Split.TEST}): 2,
            frozenset({Split.TRAIN}): 8,
        }

    def test_without_what_cuts_them_out_the_extra_is_named_and_nothing_brought(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        yolo(world)
        monkeypatch.setitem(sys.modules, "PIL", None)
        monkeypatch.delitem(sys.modules, "cli.imports.crops", raising=False)
        monkeypatch.delattr("cli.imports.crops", raising=False)

        assert "--crop needs the extra pictures" in error_of(world.run(str(world.folder), "--crop"))
        assert world.objects() == {}

    def test_a_multi_label_model_learns_the_labels_of_all_boxes(self, world: World) -> None:
        world.model_type("multi-label")
        yolo(world)
        world.run(str(world.folder))

        assert taught(world, ModelType.MULTI_LABEL)["1.png"].labels == ("cat", "dog")

    @pytest.mark.parametrize("word", ["--crop", "--largest"])
    def test_a_detection_model_learns_boxes_as_they_are(self, world: World, word: str) -> None:
        world.model_type("detection")
        yolo(world)

        assert f"without {word}" in error_of(world.run(str(world.folder), word))


def test_labels_alone_are_nothing_for_a_detection_model(world: World) -> None:
    world.model_type("detection")
    world.file("1.png", photo(1))
    world.file("labels.csv", b"1.png,cat\n")

    assert "labels of whole images alone" in error_of(world.run(str(world.folder)))


def test_images_and_labels_are_judged_as_at_every_other_door(world: World) -> None:
    world.file("small.png", picture(1, (32, 32)))
    world.file("text.png", b"notes")
    for name in ("1.png", "again.png", "other.png"):
        world.file(name, photo(1))
    world.file("2.png", photo(2))
    rows = ["small.png,cat", "text.png,cat", "1.png,cat", "again.png,cat", "other.png,dog"]
    world.file("labels.csv", "\n".join([*rows, "2.png,a\u200bb", "gone.png,cat"]).encode())

    answer = world.answer(str(world.folder / "labels.csv"))

    reasons = {left["file"]: left["reason"] for left in answer["left_out"]}
    assert answer["taken"] == 1
    assert answer["copies"] == [{"file": "again.png", "same_as": "1.png"}]
    assert "64 to 4096" in reasons.pop("small.png").replace(",", "")
    assert "neither a PNG nor a JPEG" in reasons.pop("text.png")
    assert "of which something else is said" in reasons.pop("other.png")
    assert "show nothing" in reasons.pop("labels.csv, line 6")
    assert "gone.png is not there" in reasons.pop("labels.csv, line 7")
    assert reasons == {}


@pytest.mark.parametrize("named", ["labels.csv", "labels.manifest"])
def test_images_that_are_none_of_the_labels_teach_so(world: World, named: str) -> None:
    for number in (1, 2):
        world.file(f"{number}.png", photo(number))
    world.file("labels.csv", b"1.png,cat\n2.png,None of the Above\n")
    if named != "labels.csv":
        (world.folder / "labels.csv").unlink()
        said = {"1.png": "cat", "2.png": NONE_OF_THEM}
        lines = (
            training_line(image, Annotation.of_labels([label]), "2026-11-21T08:00:00")
            for image, label in said.items()
        )
        world.file(named, "\n".join(lines).encode())

    answer = world.answer(str(world.folder))

    assert (answer["taken"], answer["labels"]) == (2, {"cat": 1, "none of them": 1})
    assert taught(world, ModelType.CLASSIFICATION) == {"1.png": Annotation(("cat",))}
    (none,) = [key for key in world.objects() if key.startswith(NONE_IMAGES)]
    assert inventory.annotation_of(none, {}, ModelType.CLASSIFICATION) == NONE_OF_THE_LABELS
    before = world.objects()
    assert world.answer(str(world.folder))["already_there"] == 2
    assert world.objects() == before


def test_images_that_are_all_none_of_the_labels_need_no_manifest(world: World) -> None:
    world.file("1.png", photo(1))
    world.file("labels.csv", b"1.png,none of them\n")

    result = world.run(str(world.folder))

    assert f"They are in {NONE_IMAGES}data_sets/" in result.stdout
    assert not any(key.startswith(IMPORTED_MANIFESTS) for key in world.objects())


def test_boxes_for_an_image_of_another_size_are_named(world: World) -> None:
    world.model_type("detection")
    world.file("1.png", photo(1))
    image = {"id": 1, "file_name": "1.png", "width": 400, "height": 300}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 300, 200]}
    content = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "cat"}]}
    world.file("coco.json", json.dumps(content).encode())

    answer = world.answer(str(world.folder), exit_code=1)

    ((_, reason),) = [tuple(one.values()) for one in answer["left_out"]]
    assert "400 x 300 px, but it has 200 x 100 px" in reason


@pytest.mark.parametrize("second", ["cat", "dog"])
def test_of_two_files_about_one_image_it_is_said_which_counts(world: World, second: str) -> None:
    world.model_type("detection")
    world.file("img/0.png", photo(1))
    for name, label in (("a.json", "cat"), ("b.json", second)):
        content = {
            "images": [{"id": 1, "file_name": "img/0.png", "width": 200, "height": 100}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 30, 20]}],
            "categories": [{"id": 1, "name": label}],
        }
        world.file(name, json.dumps(content).encode())

    answer = world.answer(str(world.folder))

    assert (answer["taken"], answer["labels"], answer["copies"]) == (1, {"cat": 1}, [])
    told = [tuple(one.values()) for one in answer["left_out"]]
    if second == "cat":
        assert told == []
    else:
        ((place, reason),) = told
        assert place == "b.json, image 1"
        assert "img/0.png as a.json, image 1 does, which says something else, and which counts" in (
            reason
        )


@pytest.mark.parametrize(("answer", "brought"), [("n\n", False), ("y\n", True)])
def test_at_a_terminal_it_says_what_it_is_and_asks(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: str, brought: bool
) -> None:
    monkeypatch.setattr(costs, "can_ask", lambda: True)
    world.model_type("detection")
    yolo(world)

    result = world.run(str(world.folder), stdin=answer)

    assert "is a YOLO data set: 2 images to bring (dog 2, cat 1). 1 of them is to test." in (
        result.stderr
    )
    assert bool(world.objects()) is brought


def test_with_yes_nobody_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "can_ask", lambda: True)
    world.file("cat/1.png", photo(1))

    assert world.answer(str(world.folder), "--yes")["taken"] == 1


@pytest.mark.parametrize("words", [["--crop", "--largest"], ["--resplit", "--as", "test"]])
def test_what_excludes_each_other_is_refused(world: World, words: list[str]) -> None:
    assert "not both" in world.run(str(world.folder), *words).stderr


def test_one_label_in_two_unicode_forms_or_with_spaces_is_one(world: World) -> None:
    world.model_type("detection")
    names = ("K\u00e4fer", "Ka\u0308fer", " K\u00e4fer ")
    world.file("data.yaml", f"names: {json.dumps(names, ensure_ascii=False)}\n".encode())
    for number in range(3):
        world.file(f"images/{number}.png", photo(number))
        world.file(f"labels/{number}.txt", f"{number} 0.5 0.5 0.5 0.5\n".encode())

    answer = world.answer(str(world.folder))

    assert answer["labels"] == {"K\u00e4fer": 3}
    found = taught(world, ModelType.DETECTION)
    assert {box.label for said in found.values() for box in said.boxes} == {"K\u00e4fer"}


def test_linked_folders_are_followed_and_one_that_leads_back_is_not(world: World) -> None:
    world.model_type("detection")
    elsewhere = world.folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1.png").write_bytes(photo(1))
    (world.folder / "images").symlink_to(elsewhere)
    (world.folder / "back").symlink_to(world.folder)
    world.file("labels/1.txt", b"0 0.5 0.5 0.5 0.5\n")
    world.file("labels/classes.txt", b"cat\n")

    answer = world.answer(str(world.folder))

    assert (answer["taken"], answer["labels"], answer["left_out"]) == (1, {"cat": 1}, [])
