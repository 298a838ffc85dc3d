"""labelloop.domain.evaluation_snapshot: the service's snapshot, in both documented forms."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Finding
from labelloop.errors import InconsistentError
from labelvision import boxes as emulated_boxes
from labelvision.evaluation import Verdict
from local.rekognition import snapshots
from tests.unit.domain.evaluated import (
    DETECTION,
    EVALUATION,
    MULTI_LABEL,
    TRAINING,
    Json,
    a_box,
    read,
    snapshot_line,
)


@pytest.mark.parametrize("suffix", ["-0", ""])
def test_a_snapshot_is_read_with_and_without_the_number_in_its_names(suffix: str) -> None:
    (image,) = read([snapshot_line("s3://b/a/1.jpg", ["cat"], [("dog", 0.7)], suffix)])
    assert image.key == "a/1.jpg"
    assert image.truth == Annotation.of_labels(["cat"])
    assert image.found == (Finding("dog", 0.7),)


def test_the_label_with_the_most_confidence_is_what_a_classification_model_found() -> None:
    said = [("dog", 0.2), ("cat", 0.7, "false-negative"), ("cow", 0.1)]
    (image,) = read([snapshot_line("s3://b/1.jpg", ["cat"], said)])
    assert image.labels == {"cat"}


def test_what_the_service_calls_positive_is_what_a_multi_label_model_found() -> None:
    said = [
        ("dog", 0.2, "true-positive"),
        ("cat", 0.7, "false-positive"),
        ("cow", 0.99, "false-negative"),
        ("hen", 0.99, "true-negative"),
    ]
    (image,) = read([snapshot_line("s3://b/1.jpg", ["dog", "cow"], said)], MULTI_LABEL)
    assert image.truth == Annotation.of_labels(["cow", "dog"])
    assert [finding.label for finding in image.found] == ["cat", "dog"]


def test_without_flags_a_label_is_found_from_its_assumed_threshold_on() -> None:
    said = [("dog", 0.2), ("cat", 0.7), ("cow", 0.5), ("hen", 0.49)]
    line = snapshot_line("s3://b/1.jpg", ["dog"], said)
    (image,) = read([line], MULTI_LABEL, {"dog": 0.2, "cat": 0.71})
    assert image.labels == {"dog", "cow"}


@pytest.mark.parametrize("names", [["label"], ["label-0", "label-1"]])
def test_labels_of_ours_are_the_truth_where_the_services_own_are_missing(names: list[str]) -> None:
    entry = json.loads(snapshot_line("s3://b/1.jpg", [], [("cat", 0.7)]))
    entry |= {f"{name}-metadata": {"class-name": name} for name in names}
    (image,) = read([json.dumps(entry).encode()], MULTI_LABEL)
    assert image.truth == Annotation.of_labels(names)
    entry[f"{TRAINING}-0-metadata"] = {"class-name": "cat"}
    (image,) = read([json.dumps(entry).encode()], MULTI_LABEL)
    assert image.truth == Annotation.of_labels(["cat"])


def test_lines_without_an_evaluation_and_blank_lines_are_passed_over() -> None:
    lines = [
        b'{"source-ref": "s3://b/1.jpg"}',
        b"",
        b" \n",
        snapshot_line("s3://b/2.jpg", ["cat"], []),
    ]
    assert read(lines) == []
    assert read([snapshot_line("s3://b/2.jpg", ["cat"], [("cat", 0.9)])], DETECTION) == []


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"\xff", b'{"%s-metadata": 1}' % EVALUATION.encode()]
)
@pytest.mark.parametrize("model_type", ModelType)
def test_a_line_that_cannot_be_read_is_said_with_its_number(
    line: bytes, model_type: ModelType
) -> None:
    with pytest.raises(InconsistentError, match="Line 2"):
        read([b"{}", line], model_type)


def _attribute(boxes: Sequence[Box]) -> Json:
    return {
        "image_size": [{"width": 100, "height": 80, "depth": 3}],
        "annotations": [
            {
                "class_id": number,
                "left": box.left,
                "top": box.top,
                "width": box.width,
                "height": box.height,
            }
            for number, box in enumerate(boxes)
        ],
    }


def _boxes_line(
    key: str,
    truths: Sequence[Box],
    said: Sequence[tuple[Box, float] | tuple[Box, float, str]],
    suffix: str = "",
    truth_name: str = f"{TRAINING}-0",
) -> bytes:
    found = [entry[0] for entry in said]
    objects: list[Json] = []
    for _, confidence, *flags in said:
        details = {f"is-{flag}": flag in flags for flag in ("true-positive", "false-positive")}
        described = {f"{EVALUATION}-details": details} if flags else {}
        objects.append({"confidence": confidence, **described})
    return json.dumps(
        {
            "source-ref": f"s3://b/{key}",
            truth_name: _attribute(truths),
            f"{truth_name}-metadata": {
                "class-map": {str(number): box.label for number, box in enumerate(truths)},
                "objects": [{"confidence": 1} for _ in truths],
            },
            f"{EVALUATION}{suffix}": _attribute(found),
            f"{EVALUATION}{suffix}-metadata": {
                "class-map": {str(number): box.label for number, box in enumerate(found)},
                "objects": objects,
            },
        }
    ).encode()


@pytest.mark.parametrize("suffix", ["", "-0", "-3"])
@pytest.mark.parametrize("truth_name", [f"{TRAINING}-0", TRAINING, "bounding-box"])
def test_boxes_are_read_in_both_documented_forms(suffix: str, truth_name: str) -> None:
    truths = [a_box("nut", 50), a_box("bolt")]
    said = [
        (a_box("bolt", 12), 0.6, "true-positive"),
        (a_box("nut", 1), 0.8, "false-positive"),
        (a_box("nut", 50), 0.0, "false-negative"),
    ]
    (image,) = read([_boxes_line("1.jpg", truths, said, suffix, truth_name)], DETECTION)
    assert image.truth == Annotation.of_boxes(truths, (100, 80))
    assert image.found == (
        Finding("nut", 0.8, a_box("nut", 1)),
        Finding("bolt", 0.6, a_box("bolt", 12)),
    )


def test_08_one_label_in_two_unicode_forms_of_boxes() -> None:
    box = Box("Ka\u0308fer", 1, 2, 30, 40)
    (image,) = read([_boxes_line("1.jpg", [box], [(box, 0.7, "true-positive")])], DETECTION)
    assert image.truth == Annotation.of_boxes([replace(box, label="K\u00e4fer")], (100, 80))
    assert [finding.label for finding in image.found] == ["K\u00e4fer"]


def test_boxes_without_flags_are_found_from_their_labels_threshold_on() -> None:
    said = [(a_box("bolt"), 0.3), (a_box("nut"), 0.3), (a_box("cog"), 0.6)]
    (image,) = read([_boxes_line("1.jpg", [], said)], DETECTION, {"bolt": 0.3, "nut": 0.31})
    assert image.labels == {"bolt", "cog"}
    assert image.truth == Annotation((), (), (100, 80))


def test_what_the_emulator_writes_of_boxes_is_what_it_predicted() -> None:
    truths = [("bolt", emulated_boxes.Box(0.1, 0.1, 0.2, 0.2))]
    verdicts = [
        Verdict("bolt", 0.9, True, True, truths[0][1]),
        Verdict("nut", 0.4, False, False, emulated_boxes.Box(0.5, 0.5, 0.1, 0.1)),
        Verdict("nut", 0.0, True, False, emulated_boxes.Box(0.7, 0.7, 0.1, 0.1)),
    ]
    line = snapshots.judged_boxes_line(
        "s3://b/1.jpg", truths, (100, 80), ["bolt", "nut"], verdicts=verdicts, written_at=0.0
    )
    (image,) = read([json.dumps(line).encode()], DETECTION)
    assert [finding.label for finding in image.found] == ["bolt"]
    assert image.truth
    assert image.found[0].box == image.truth.boxes[0]


def test_what_the_emulator_writes_of_labels_is_what_it_predicted() -> None:
    verdicts = [
        Verdict("cat", 0.6, True, True),
        Verdict("dog", 0.7, False, False),
        Verdict("cow", 0.1, True, False),
    ]
    line = snapshots.judged_labels_line("s3://b/1.jpg", ["cat", "cow"], verdicts, 0.0)
    (image,) = read([json.dumps(line).encode()], MULTI_LABEL)
    assert image.labels == {"cat"}
    assert image.truth == Annotation.of_labels(["cat", "cow"])
