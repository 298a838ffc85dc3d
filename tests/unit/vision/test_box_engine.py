"""The parts of box models on their own: scenes, features, melting, calibration, judging."""

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelloop_pages import machine_parts
from labelvision import detection_evaluation
from labelvision.backbone import Backbone
from labelvision.boxes import Box, Finding, LabelledRegion, corners, overlaps
from labelvision.detector import Detector, Head, Scaling, melt
from labelvision.feature_grid import CHANNELS

LEFT, RIGHT = Box(0.1, 0.1, 0.2, 0.2), Box(0.6, 0.6, 0.2, 0.2)
TRUTHS = [LabelledRegion("a", LEFT), LabelledRegion("a", RIGHT)]


def test_a_scene_is_the_same_for_the_same_seed_and_its_parts_are_inside() -> None:
    for seed in range(5):
        image, parts = machine_parts.draw_scene(random.Random(seed))
        again, same = machine_parts.draw_scene(random.Random(seed))
        assert (image.tobytes(), parts) == (again.tobytes(), same)
        assert image.size == machine_parts.DEFAULT_SCENE_PX
        assert 2 <= len(parts) <= 5
        for part in parts:
            assert part.label in machine_parts.LABELS
            assert 0 <= part.left < part.left + part.width <= image.width
            assert 0 <= part.top < part.top + part.height <= image.height


def test_several_parts_can_be_drawn_in_one_image() -> None:
    image = machine_parts.draw_several(machine_parts.LABELS, random.Random(1), size=256)
    assert image.size == (256, 256)
    assert (
        image.tobytes()
        == machine_parts.draw_several(machine_parts.LABELS, random.Random(1), 256).tobytes()
    )
    with pytest.raises(KeyError):
        machine_parts.draw_several(["banana"], random.Random(1))


def test_a_feature_grid_tells_where_something_is(converted: Path) -> None:
    image = Image.new("RGB", (256, 128), "grey")
    plain = Backbone(converted).feature_grid(image)
    assert (plain.rows, plain.columns, plain.features.shape) == (16, 32, (512, CHANNELS))
    assert plain.centres_px()[33].tolist() == [12.0, 12.0]
    image.paste("white", (200, 40, 240, 90))
    changed = np.abs(Backbone(converted).feature_grid(image).features - plain.features)
    by_place = changed[:, :40].mean(axis=1).reshape(16, 32)
    assert by_place[5:11, 25:30].mean() > 5 * by_place[:, :16].mean()


def test_overlap_is_intersection_over_union() -> None:
    half = Box(0.1, 0.1, 0.1, 0.2)
    found = overlaps(corners([LEFT])[0], corners([LEFT, half, RIGHT]))
    assert found.tolist() == pytest.approx([1.0, 0.5, 0.0])


def test_boxes_of_the_same_thing_are_melted_into_one() -> None:
    boxes = corners([LEFT, LEFT._replace(left=0.11), RIGHT, LEFT])
    scores = np.array([[0.9, 0.1], [0.8, 0.1], [0.2, 0.6], [0.01, 0.02]])
    first, second = melt(scores, boxes)
    assert first[0] == 0
    assert first[1] == pytest.approx(0.9)
    assert 0.1 < first[2].left < 0.11
    assert second[0] == 1
    assert second[1] == pytest.approx(0.6)
    assert second[2] == pytest.approx(RIGHT)


def test_a_box_is_found_once_and_by_its_surest_finding() -> None:
    findings = [
        Finding("a", 0.9, LEFT),
        Finding("a", 0.8, LEFT),
        Finding("b", 0.7, RIGHT),
        Finding("a", 0.6, RIGHT._replace(left=0.75)),
    ]
    assert detection_evaluation.are_right(findings, TRUTHS) == [True, False, False, False]
    verdicts = detection_evaluation.verdicts(findings, TRUTHS, {"a": 0.5, "b": 0.5})
    assert [(verdict.is_present, verdict.is_predicted) for verdict in verdicts] == [
        (True, True),
        (False, True),
        (False, True),
        (False, True),
        (True, False),
    ]


def test_average_precision_and_recall_count_what_was_missed() -> None:
    findings = [[Finding("a", 0.9, LEFT), Finding("a", 0.8, Box(0.4, 0.4, 0.1, 0.1))], []]
    result = detection_evaluation.evaluate(["a", "b"], findings, [TRUTHS, TRUTHS])
    assert result.average_precision == pytest.approx(0.25)
    assert result.average_recall == pytest.approx(0.25)
    (tested,) = result.tested
    assert (tested.test_images, tested.precision, tested.recall) == (2, 1.0, 0.25)
    assert 0.8 < tested.threshold < 0.9


def test_calibration_follows_the_test_images() -> None:
    blank = np.zeros((1, 1), dtype=np.float32)
    head = Head(blank, blank, blank, blank, blank, blank)
    raw = Detector(("a", "b"), head, 0.2, {"a": Scaling(), "b": Scaling()})
    findings = [[Finding("a", 0.99, LEFT)] * 10 + [Finding("a", 0.05, RIGHT)] * 10]
    rights = [[True] * 5 + [False] * 5 + [False] * 10]
    calibrated = raw.calibrated(findings, rights)
    sure = calibrated.recalibrated(findings[0][0])
    assert sure.confidence == pytest.approx(0.5, abs=0.15)
    assert calibrated.recalibrated(findings[0][-1]).confidence < 0.2
    # A label without findings of its own is calibrated as all are.
    assert calibrated.scalings["b"] == raw.calibrated(findings, rights).scalings["b"]
    assert raw.calibrated([[]], [[]]).scalings["a"] == Scaling()
