"""labelloop.domain.annotations: what an image shows, and the line that teaches it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import labels
from labelloop.domain.annotations import Annotation, Box, ModelType, training_line
from labelloop.domain.imported_lines import read_line
from labelloop.errors import InvalidRequestError

CREATED = "2026-11-21T08:00:00.000000"


def _is_label(text: str) -> bool:
    try:
        return labels.check(text) == text
    except InvalidRequestError:
        return False


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(_is_label)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).map(
    lambda text: f"{text}.jpg"
)


@st.composite
def detections(draw: st.DrawFn) -> Annotation:
    """Boxes that the service takes."""
    width_px, height_px = draw(st.integers(64, 4096)), draw(st.integers(64, 4096))
    kinds = draw(st.lists(names, min_size=1, max_size=4))
    boxes = []
    for _ in range(draw(st.integers(0, 5))):
        width, height = draw(st.integers(4, width_px)), draw(st.integers(4, height_px))
        left, top = draw(st.integers(0, width_px - width)), draw(st.integers(0, height_px - height))
        boxes.append(Box(draw(st.sampled_from(kinds)), left, top, width, height))
    return Annotation.of_boxes(boxes, (width_px, height_px))


annotations = {
    ModelType.CLASSIFICATION: names.map(lambda label: Annotation.of_labels([label])),
    ModelType.MULTI_LABEL: st.lists(names, min_size=1, max_size=50).map(Annotation.of_labels),
    ModelType.DETECTION: detections(),
}


@pytest.mark.parametrize("model_type", ModelType)
@given(st.data(), keys)
def test_a_line_that_is_written_reads_as_the_same_annotation(
    model_type: ModelType, data: st.DataObject, key: str
) -> None:
    annotation = data.draw(annotations[model_type])

    read = read_line(training_line(f"s3://bucket/{key}", annotation, CREATED), model_type)

    assert (read.bucket, read.key, read.created) == ("bucket", key, CREATED)
    assert read.annotation == annotation


@given(st.one_of(*annotations.values()))
def test_an_index_line_reads_as_the_annotation_it_was_made_of(annotation: Annotation) -> None:
    entry = json.loads(json.dumps({"key": "a.jpg", **annotation.as_json()}))

    assert Annotation.from_json(entry) == annotation


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"labels": "cat"},
        {"labels": None},
        {"labels": ["cat"], "size_px": [640]},
        {"labels": ["cat"], "size_px": [640, 480]},
        {"labels": ["cat"], "size_px": [640, 480], "boxes": [{"label": "cat"}]},
    ],
)
def test_what_is_no_annotation_is_not_read_as_one(entry: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Annotation.from_json(entry)


def test_labels_are_sorted_and_distinct() -> None:
    assert Annotation.of_labels(["dog", "cat", "dog"]).labels == ("cat", "dog")


def test_the_order_of_boxes_is_nothing() -> None:
    boxes = [Box("dog", 1, 2, 3, 4), Box("cat", 9, 8, 7, 6), Box("dog", 0, 2, 3, 4)]

    annotation = Annotation.of_boxes(boxes, (640, 480))

    assert annotation == Annotation.of_boxes(reversed(boxes), (640, 480))
    assert annotation.boxes == tuple(sorted(boxes))
    assert annotation.labels == ("cat", "dog")


def test_without_a_label_its_boxes_are_gone_too() -> None:
    boxes = [Box("dog", 1, 2, 30, 40), Box("cat", 9, 8, 70, 60)]

    left = Annotation.of_boxes(boxes, (640, 480)).only({"cat"})

    assert left == Annotation.of_boxes(boxes[1:], (640, 480))


def test_a_line_of_one_label_is_as_the_guide_has_it() -> None:
    line = training_line("s3://b/a.jpg", Annotation.of_labels(["scratch"]), CREATED)

    assert json.loads(line) == {
        "source-ref": "s3://b/a.jpg",
        "label": 1,
        "label-metadata": {
            "confidence": 1.0,
            "class-name": "scratch",
            "human-annotated": "yes",
            "creation-date": CREATED,
            "type": "groundtruth/image-classification",
        },
    }


def test_several_labels_are_several_attributes_of_one_line() -> None:
    line = json.loads(training_line("s3://b/a.jpg", Annotation.of_labels("ba"), CREATED))

    assert set(line) == {"source-ref", "label-0", "label-0-metadata", "label-1", "label-1-metadata"}
    assert [line[f"label-{number}-metadata"]["class-name"] for number in (0, 1)] == ["a", "b"]


def test_a_line_of_boxes_is_as_the_guide_has_it() -> None:
    boxes = [Box("scratch", 1, 2, 30, 40), Box("dent", 251, 399, 155, 81)]

    line = training_line("s3://b/a.jpg", Annotation.of_boxes(boxes, (640, 480)), CREATED)

    assert json.loads(line) == {
        "source-ref": "s3://b/a.jpg",
        "bounding-box": {
            "image_size": [{"width": 640, "height": 480, "depth": 3}],
            "annotations": [
                {"class_id": 0, "left": 251, "top": 399, "width": 155, "height": 81},
                {"class_id": 1, "left": 1, "top": 2, "width": 30, "height": 40},
            ],
        },
        "bounding-box-metadata": {
            "objects": [{"confidence": 1.0}, {"confidence": 1.0}],
            "class-map": {"0": "dent", "1": "scratch"},
            "human-annotated": "yes",
            "creation-date": CREATED,
            "type": "groundtruth/object-detection",
        },
    }
