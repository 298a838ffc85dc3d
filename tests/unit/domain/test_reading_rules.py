"""The table in docs/data.md of what is read, and how strictly: a test for each of its rows."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from labelloop.domain import fitness, inventory, labels, layouts, splits, trainable
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.imported_lines import read_line
from labelloop.domain.imports import Collection, imported_key
from labelloop.domain.inspections import Inspected
from labelloop.domain.inventory import Candidate
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.line_attributes import BadLineError, IgnoredLineError
from labelloop.domain.listed import Listed
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.domain.splits import Ledger, Split
from labelloop.errors import InvalidRequestError, UntrainableError
from tests import cases
from tests.unit.functions.preparation import png

PAGE = Path(__file__).parents[3] / "docs/data.md"
CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType
ONE = "groundtruth/image-classification"
LIST = "groundtruth/image-classification-multilabel"
BOXES = "groundtruth/object-detection"
Line = dict[str, Any]
_TESTS: dict[str, Callable[[], None]] = {}


def _row(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Let a function be the test of the row of this name."""

    def note(test: Callable[[], None]) -> Callable[[], None]:
        _TESTS[name] = test
        return test

    return note


def _rows() -> list[list[str]]:
    table = PAGE.read_text().split("<!-- rules:begin -->")[1].split("<!-- rules:end -->")[0]
    lines = [line.strip("| ").split(" | ") for line in table.strip().splitlines()]
    return lines[2:]


@pytest.mark.parametrize("row", [row[0].strip("`") for row in _rows()])
def test_the_row_is_true(row: str) -> None:
    _TESTS[row]()


def test_each_row_has_a_test_and_a_page_and_each_test_a_row() -> None:
    rows = _rows()
    assert [row[0].strip("`") for row in rows] == list(_TESTS)
    for row in rows:
        assert len(row) == 4 and all(row)
        assert re.fullmatch(r"(`[a-z0-9-]+`(, )?)+|none", row[3]), row


def _read(line: Line | bytes, model_type: ModelType = CLASSIFICATION) -> Annotation:
    text = line if isinstance(line, bytes) else json.dumps(line).encode()
    return read_line(text, model_type).annotation


def _line(label: str = "cat", name: str = "label", /, **metadata: Any) -> Line:
    told = {"class-name": label, "confidence": 1, "human-annotated": "yes", "type": ONE}
    told |= {"creation-date": "2026-11-21T08:00:00", **metadata}
    return {"source-ref": "s3://bucket/a.jpg", name: 1, f"{name}-metadata": told}


def _boxed(
    *boxes: tuple[float, float, float, float], class_id: object = 0, side: int = 640
) -> Line:
    sides = ("left", "top", "width", "height")
    drawn = [{"class_id": class_id, **dict(zip(sides, box, strict=True))} for box in boxes]
    line = _line("", "boxes", type=BOXES, **{"class-map": {"0": "cat"}})
    line["boxes"] = {"image_size": [{"width": side, "height": side}], "annotations": drawn}
    return line


def _is_bad(line: Line | bytes, model_type: ModelType = CLASSIFICATION) -> bool:
    with pytest.raises(BadLineError) as raised:
        _read(line, model_type)
    return str(raised.value).endswith(".") or ": " in str(raised.value)


def _is_ignored(line: Line, model_type: ModelType = CLASSIFICATION) -> bool:
    with pytest.raises(IgnoredLineError):
        _read(line, model_type)
    return True


def _collected(*lines: bytes) -> Collection:
    collection = Collection(CLASSIFICATION)
    collection.add("a.manifest", "2026", lines)
    return collection


def _refused(content: bytes) -> str:
    return fitness.look_at(content).refusal


def _trained(kinds: dict[str, int], model_type: ModelType = CLASSIFICATION) -> trainable.Selection:
    """What a version is made of where there are so many different images of each label."""
    number = count()
    candidates = [
        Candidate(f"{next(number)}.jpg", "e", f"c{next(number)}", Annotation.of_labels([label]))
        for label, images_of_it in kinds.items()
        for _ in range(images_of_it)
    ]
    labelled = [(one.annotation.labels, one.content) for one in candidates]
    return trainable.select(candidates, Ledger(splits.assign(labelled, {}, 20)), model_type)


# --- Manifests ------------------------------------------------------------------------------------


@_row("manifest-name")
def _() -> None:
    for name in ("a.manifest", "a.jsonl", "output.JSON"):
        assert inventory.passed_over(f"manifests/imported/{name}") == ""
    assert "no manifest by its name" in inventory.passed_over("manifests/imported/a")


@_row("no-manifest")
def _() -> None:
    collection = _collected(b"[", b'{"a": 1}', b"]")
    assert (collection.no_manifests, collection.line_count) == (["a.manifest"], 0)


@_row("json")
def _() -> None:
    assert _is_bad(b"{") and _is_bad(b"[]") and _is_bad(b"\xff")


@_row("blank-line")
def _() -> None:
    lines = [json.dumps(_line()).encode(), *[b"  "] * 10]
    assert not _collected(*lines).too_many_bad


@_row("long-line")
def _() -> None:
    line = json.dumps(_line())
    room = 100_000 - len(line)
    assert _read((line[:-1] + " " * room + "}").encode()).labels == ("cat",)
    assert _is_bad((line[:-1] + " " * (room + 1) + "}").encode())


@_row("bad-share")
def _() -> None:
    good, bad = json.dumps(_line()).encode(), b"{"
    assert not _collected(*[good] * 4, bad).too_many_bad
    assert _collected(*[good] * 7, bad, bad).too_many_bad


@_row("source-ref")
def _() -> None:
    without = _line()
    del without["source-ref"]
    assert _is_bad(without)
    for reference in ("https://bucket/a.jpg", "s3://bucket", "s3://bucket/folder/", "a.jpg"):
        assert _is_bad({**_line(), "source-ref": reference})


@_row("one-bucket")
def _() -> None:
    assert imported_key("ours", "theirs", "a.jpg") == "images_imported/theirs/a.jpg"


@_row("twice")
def _() -> None:
    older = _line("dog", **{"creation-date": "2026-11-20T08:00:00"})
    collection = _collected(json.dumps(_line()).encode(), json.dumps(older).encode())
    (only,) = collection.images.values()
    assert only.annotation.labels == ("cat",)


@_row("unlabelled")
def _() -> None:
    assert _is_ignored({"source-ref": "s3://bucket/a.jpg"})
    collection = _collected(b'{"source-ref": "s3://bucket/a.jpg"}')
    assert (collection.bad.count, collection.ignored.count) == (0, 1)


@_row("other-kind")
def _() -> None:
    assert _is_ignored(_boxed((1, 2, 30, 40)))
    assert _is_ignored(_line(), DETECTION)


@_row("unknown-kind")
def _() -> None:
    assert _is_bad(_line(type="groundtruth/semantic-segmentation"))
    both = {**_line("good", "checked", type="groundtruth/label-verification"), **_line()}
    assert _read(both).labels == ("cat",)


@_row("metadata")
def _() -> None:
    for field in ("class-name", "creation-date", "type"):
        line = _line()
        del line["label-metadata"][field]
        assert _is_bad(line)
    without_value = _line()
    del without_value["label"]
    assert _is_bad(without_value)


@_row("unused-metadata")
def _() -> None:
    for field in ("confidence", "human-annotated"):
        line = _line()
        del line["label-metadata"][field]
        assert _read(line).labels == ("cat",)


@_row("creation-date")
def _() -> None:
    assert _is_bad(_line(**{"creation-date": "yesterday"}))
    for date in ("2026-11-21T08:00:00.123456", "2026-11-21T08:00:00Z", "2026-11-21 08:00:00+02:00"):
        assert _read(_line(**{"creation-date": date})).labels == ("cat",)


@_row("label-list")
def _() -> None:
    line = {**_line("", type=LIST, **{"class-map": {"0": "cat", "1": "dog"}}), "label": ["0", 1]}
    del line["label-metadata"]["class-name"]
    assert _read(line, MULTI_LABEL).labels == ("cat", "dog")


@_row("guides-converter")
def _() -> None:
    line = {**_line("cat", "a", type=LIST), **_line("dog", "b", type=LIST)}
    assert _read(line, MULTI_LABEL).labels == ("cat", "dog")


@_row("several-labels")
def _() -> None:
    assert _is_ignored({**_line("cat", "a"), **_line("dog", "b")})


@_row("fifty-labels")
def _() -> None:
    line: Line = {}
    for number in range(51):
        if number == 50:
            assert len(_read(line, MULTI_LABEL).labels) == 50
        line |= _line(f"label {number}", f"l{number}")
    assert _is_bad(line, MULTI_LABEL)


@_row("part-of-a-line")
def _() -> None:
    text = json.dumps(_boxed((1, 2, 30, 40), (-5, 2, 30, 40))).encode()
    line = read_line(text, DETECTION)
    assert (len(line.annotation.boxes), len(line.problems)) == (1, 1)
    assert _is_bad(_boxed((-5, 2, 30, 40)), DETECTION)


# --- Boxes ----------------------------------------------------------------------------------------


@_row("box-numbers")
def _() -> None:
    (box,) = _read(_boxed((10.5, 8, 40.5, 30.25)), DETECTION).boxes
    assert box == Box("cat", 10, 8, 41, 30)
    for number in (True, "1", None, float("nan"), 10**400):
        assert _is_bad(_boxed((number, 8, 40, 30)), DETECTION)  # type: ignore[arg-type]


@_row("box-inside")
def _() -> None:
    assert _is_bad(_boxed((600, 8, 41, 30)), DETECTION)
    (box,) = _read(_boxed((600, 8, 40.9, 30)), DETECTION).boxes
    assert box.left + box.width == 640


@_row("box-size")
def _() -> None:
    assert _is_bad(_boxed((1, 2, 1, 40)), DETECTION)
    assert _is_bad(_boxed((1, 2, 2, 40), side=2560), DETECTION)
    assert len(_read(_boxed((1, 2, 3, 40), side=2560), DETECTION).boxes) == 1


@_row("fifty-boxes")
def _() -> None:
    assert len(_read(_boxed(*[(1, 2, 30, 40)] * 50), DETECTION).boxes) == 50
    assert _is_bad(_boxed(*[(1, 2, 30, 40)] * 51), DETECTION)


@_row("class-map")
def _() -> None:
    for known in ("0", 0, 0.0):
        assert _read(_boxed((1, 2, 30, 40), class_id=known), DETECTION).labels == ("cat",)
    assert _is_bad(_boxed((1, 2, 30, 40), class_id=7), DETECTION)


@_row("no-boxes")
def _() -> None:
    empty = _read(_boxed(), DETECTION)
    assert (empty.boxes, empty.size_px) == ((), (640, 640))


@_row("image-size")
def _() -> None:
    line = _boxed((1, 2, 30, 40))
    line["boxes"]["image_size"] = []
    assert _is_bad(line, DETECTION)


@_row("turned-boxes")
def _() -> None:
    key = "images_imported/a.jpg"
    read = read_line(json.dumps(_boxed((20, 30, 40, 50))), DETECTION)
    told = Inspected(key, "e", "c", (640, 640), orientation=6)
    entry = Listed(key, "e", 1, "2026")
    found = inventory.examine([entry], {key: read}, {key: told}, DETECTION)
    assert found.candidates[0].annotation.boxes == (Box("cat", 30, 580, 50, 40),)


# --- Names of labels ------------------------------------------------------------------------------


@_row("label-length")
def _() -> None:
    assert labels.check("x" * 255)
    for name in ("", "x" * 256):
        with pytest.raises(InvalidRequestError):
            labels.check(name)


@_row("label-characters")
def _() -> None:
    for name in ("N/A", "cat/dog", "傷", "👩\u200d🔧", "❤\ufe0f", "a.b", "<b>"):
        assert labels.check(name) == name
    for name in ("a\nb", "a\x00", "a\u200bb", "\u202ea", "a\u3164", "\u2800", "\ufe0f", "\u200c"):
        with pytest.raises(InvalidRequestError):
            labels.check(name)


@_row("label-composed")
def _() -> None:
    assert labels.check(" Ka\u0308fer ") == labels.check("K\u00e4fer") == "K\u00e4fer"
    assert labels.check("K\u00e4fer\u200c \u200d") == "K\u00e4fer"


@_row("label-none")
def _() -> None:
    for name in ("None of the Above", NONE_OF_THEM, "none of them"):
        with pytest.raises(InvalidRequestError):
            labels.check(name)
    assert _read(_line("None of the Above")).labels == ()


@_row("label-folder")
def _() -> None:
    for name in ("N/A", ".git", "__MACOSX", "images"):
        with pytest.raises(InvalidRequestError):
            labels.check_folder(name)
    assert layouts.parts([("train", "cat", "1.jpg"), ("test", "cat", "1.jpg")])
    assert inventory.passed_over(f"{LABELLED_FOLDER}.git/1.jpg")


# --- Images ---------------------------------------------------------------------------------------


@_row("image-format")
def _() -> None:
    for file in cases.folder("13").glob("images/*"):
        assert _refused(file.read_bytes()) == ""
    for name in ("page.jpg", "webp_inside.jpg"):
        content = cases.read("12", f"images_to_label/{name}")
        assert "neither a PNG nor a JPEG" in _refused(content)


@_row("image-whole")
def _() -> None:
    assert "its end is missing" in _refused(cases.read("12", "images_to_label/cut_off.jpg"))
    assert "its end is missing" in _refused(cases.read("23", "no_end.jpg"))


@_row("image-bytes")
def _() -> None:
    assert "up to 15 MB" in fitness.look([b""], 15 * 1024 * 1024 + 1).refusal
    assert _refused(b"") == "The file is empty."


@_row("image-sides")
def _() -> None:
    assert "64 to 4096" in _refused(cases.read("12", "images_to_label/small63.png"))
    assert "64 to 4096" in _refused(cases.read("12", "images_to_label/huge.png"))


@_row("image-aspect")
def _() -> None:
    assert _refused(png("long", 1280, 64)) == ""
    assert "20 times" in _refused(png("longer", 1281, 64))


# --- Data sets ------------------------------------------------------------------------------------


@_row("labels-count")
def _() -> None:
    assert len(_trained({"cat": 5, "dog": 5}).images) == 10
    with pytest.raises(UntrainableError, match="at least two labels"):
        _trained({"cat": 5})
    assert len(_trained({"cat": 5}, DETECTION).images) == 5
    with pytest.raises(UntrainableError, match="trains 250 at most"):
        _trained({f"label {number}": 3 for number in range(251)})


@_row("label-images")
def _() -> None:
    selection = _trained({"cat": 5, "dog": 5, "rare": 2})
    (left_out,) = selection.labels_left_out
    assert (left_out.label, left_out.images) == ("rare", 2)


@_row("no-leak")
def _() -> None:
    decided = splits.assign([(("cat",), f"c{number}") for number in range(50)], {}, 20)
    assert splits.assign([(("dog",), f"c{number}") for number in range(50)], decided, 50) == {}


@_row("test-images")
def _() -> None:
    decided = splits.assign([(("cat",), f"c{number}") for number in range(3000)], {}, 50)
    assert Counter(decided.values()) == {Split.TEST: 1000, Split.TRAIN: 2000}


@_row("dataset-size")
def _() -> None:
    one = Candidate("1.jpg", "e", "c0", Annotation.of_labels(["cat"]))
    other = Candidate("2.jpg", "e", "c1", Annotation.of_labels(["dog"]))
    tests = [replace(one, content="c2"), replace(other, content="c3")]
    split = {"c0": Split.TRAIN, "c1": Split.TRAIN, "c2": Split.TEST, "c3": Split.TEST}
    most = [one, other] * 124_999 + tests
    assert len(trainable.select(most, Ledger(split), CLASSIFICATION).images) == 250_000
    with pytest.raises(UntrainableError, match="trains on 250000 at most"):
        trainable.select([*most, one], Ledger(split), CLASSIFICATION)
