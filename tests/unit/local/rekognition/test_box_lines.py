"""Manifest lines with bounding boxes: what is wrong with them, and what is used all the same."""

import json
from typing import Any

import pytest

from labelloop_pages.machine_parts import PlacedPart
from local.rekognition.manifest import Entry, UseCase, choose_use_case, read_manifest
from tests.unit.local.rekognition.support import boxes_line, line, manifest, several_labels_line

GOOD = PlacedPart("gear", 10, 10, 50, 40)
SIZE_PX = (100, 80)


def image(number: int) -> str:
    return f"s3://bucket/{number}.jpg"


def read(broken: dict[str, Any]) -> Entry:
    """The entry of a line among good ones."""
    good = [boxes_line(image(number), [GOOD], SIZE_PX) for number in range(9)]
    return read_manifest(manifest([*good, broken]))[broken["source-ref"]]


def codes(entry: Entry) -> list[str]:
    return [error.code for error in entry.errors]


def with_box(**changed: Any) -> dict[str, Any]:
    """A line with a good box, and one with these members changed; None removes them."""
    found = boxes_line(image(99), [GOOD, GOOD], SIZE_PX)
    box = found["boxes"]["annotations"][1]
    box |= {name: value for name, value in changed.items() if value is not None}
    for name, value in changed.items():
        if value is None:
            del box[name]
    return found


def test_fractions_are_rounded_as_the_guides_program_for_coco_writes_them() -> None:
    entry = read(with_box(left=10.5, top=8.0, width=40.2, height=30.25))
    assert codes(entry) == []
    assert tuple(entry.boxes[1])[1:5] == (10, 8, 41, 30)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"left": -1}, "ERROR_INVALID_BOUNDING_BOX"),
        ({"left": 51}, "ERROR_INVALID_BOUNDING_BOX"),
        ({"top": 41}, "ERROR_INVALID_BOUNDING_BOX"),
        ({"left": 50.6}, "ERROR_INVALID_BOUNDING_BOX"),
        ({"width": "50"}, "ERROR_INVALID_BOUNDING_BOX"),
        ({"width": float("inf")}, "ERROR_INVALID_BOUNDING_BOX"),
        ({"height": None}, "ERROR_INVALID_BOUNDING_BOX"),
        ({"width": 1}, "ERROR_BOUNDING_BOX_TOO_SMALL"),
        ({"height": 0}, "ERROR_BOUNDING_BOX_TOO_SMALL"),
        ({"class_id": 7}, "ERROR_MISSING_CLASS_MAP_ID"),
        ({"class_id": None}, "ERROR_MISSING_CLASS_MAP_ID"),
    ],
)
def test_a_wrong_box_is_reported_and_the_others_are_used(
    changed: dict[str, Any], code: str
) -> None:
    entry = read(with_box(**changed))
    assert codes(entry) == [code]
    assert len(entry.boxes) == 1
    assert json.loads(entry.as_line())["cl-metadata"] == {"is_labeled": True}


def test_a_box_at_the_limits_is_taken() -> None:
    edge = read(with_box(left=98, top=78, width=2, height=2))
    assert (codes(edge), len(edge.boxes)) == ([], 2)


def test_a_box_of_a_large_image_must_outlast_its_scaling() -> None:
    thin = PlacedPart("gear", 0, 0, 3, 100)
    assert codes(read(boxes_line(image(99), [thin], (1280, 960)))) == []
    scaled = read(boxes_line(image(99), [thin], (4000, 3000)))
    assert codes(scaled)[0] == "ERROR_BOUNDING_BOX_TOO_SMALL"


def test_boxes_are_fifty_at_most() -> None:
    small = PlacedPart("gear", 0, 0, 10, 10)
    assert codes(read(boxes_line(image(99), [small] * 50, SIZE_PX))) == []
    entry = read(boxes_line(image(99), [small] * 51, SIZE_PX))
    assert codes(entry) == ["ERROR_TOO_MANY_BOUNDING_BOXES", "ERROR_NO_VALID_LABEL_ATTRIBUTES"]


def test_a_line_without_any_good_box_says_so() -> None:
    entry = read(boxes_line(image(99), [GOOD._replace(left=90)], SIZE_PX))
    assert codes(entry)[:2] == ["ERROR_INVALID_BOUNDING_BOX", "ERROR_NO_VALID_ANNOTATIONS"]
    assert not entry.is_labelled


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("objects", [], "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE"),
        ("objects", [{"confidence": 2}], "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE"),
        ("objects", None, "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT"),
        ("class-map", None, "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT"),
        ("class-map", {"0": "x" * 256}, "ERROR_INVALID_LABEL_NAME_LENGTH"),
        ("class-map", {"1": "gear"}, "ERROR_MISSING_CLASS_MAP_ID"),
        ("human-annotated", "maybe", "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT"),
        ("creation-date", None, "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT"),
    ],
)
def test_wrong_metadata_is_reported(member: str, value: Any, code: str) -> None:
    broken = boxes_line(image(99), [GOOD], SIZE_PX)
    broken["boxes-metadata"][member] = value
    assert codes(read(broken))[0] == code


@pytest.mark.parametrize(
    "value",
    [
        1,
        {"annotations": []},
        {"image_size": [], "annotations": []},
        {"image_size": [{"width": "100", "height": 80, "depth": 3}], "annotations": []},
        {"image_size": [{"width": 100, "height": 80, "depth": 3}]},
    ],
)
def test_a_value_of_another_form_is_reported(value: Any) -> None:
    broken = boxes_line(image(99), [GOOD], SIZE_PX) | {"boxes": value}
    assert codes(read(broken))[0] == "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT"


def test_an_image_with_no_boxes_is_ignored_with_a_warning() -> None:
    empty = read(boxes_line(image(99), [], SIZE_PX))
    assert (codes(empty), empty.is_labelled) == ([], False)
    assert [warning.code for warning in empty.warnings] == ["WARNING_NO_ANNOTATIONS"]
    partly = boxes_line(image(99), [], SIZE_PX) | line(image(99), "gear")
    assert [warning.code for warning in read(partly).warnings] == [
        "WARNING_NO_ATTRIBUTE_ANNOTATIONS"
    ]
    unlabelled = read({"source-ref": image(99)})
    assert [warning.code for warning in unlabelled.warnings] == ["WARNING_UNANNOTATED_RECORD"]


def test_an_image_has_fifty_labels_at_most_and_each_once() -> None:
    names = [f"label {number}" for number in range(51)]
    assert read(several_labels_line(image(99), names[:50])).labels == tuple(names[:50])
    assert codes(read(several_labels_line(image(99), names)))
    assert read(several_labels_line(image(99), ["a", "b", "a"])).labels == ("a", "b")


def test_the_use_case_is_that_of_most_lines() -> None:
    boxes = [boxes_line(image(number), [GOOD], SIZE_PX) for number in range(3)]
    labels = [line(image(number), "gear") for number in range(10, 14)]

    def chosen(lines: list[Any]) -> UseCase:
        return choose_use_case(read_manifest(manifest(lines)).values())

    assert chosen([*boxes, *labels]) is UseCase.IMAGE_LEVEL_LABELS
    assert chosen([*boxes, *labels[:3]]) is UseCase.OBJECT_LOCALIZATION
    assert chosen([]) is UseCase.IMAGE_LEVEL_LABELS
