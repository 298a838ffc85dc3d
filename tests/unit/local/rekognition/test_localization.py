"""Models that give boxes: trained, asked, and their files."""

import io
import random
from typing import Any

import pytest
from PIL import Image

from labelloop_pages import machine_parts
from labelvision.boxes import Box, corners, overlaps
from tests.unit.local.rekognition.conftest import Running
from tests.unit.local.rekognition.support import (
    BUCKET,
    Client,
    boxes_line,
    draw_lines,
    draw_scene_lines,
    encode,
)

EVALUATION = "rekognition-custom-labels-evaluation"


@pytest.fixture
def running(localizing: Running) -> Running:
    localizing.client.clock.advance(10)
    return localizing


def detect(running: Running, image: bytes, **options: Any) -> list[dict[str, Any]]:
    running.client.clock.advance(1)
    return running.client.detect(running.version, image, **options)


def box_of(label: dict[str, Any]) -> Box:
    box = label["Geometry"]["BoundingBox"]
    return Box(box["Left"], box["Top"], box["Width"], box["Height"])


def ratios(part: machine_parts.PlacedPart, size_px: tuple[int, int]) -> Box:
    width, height = size_px
    return Box(part.left / width, part.top / height, part.width / width, part.height / height)


def test_most_parts_of_fresh_scenes_are_found_where_they_are(running: Running) -> None:
    rng = random.Random(11)
    parts = hits = found = 0
    for _ in range(8):
        image, placed = machine_parts.draw_scene(rng)
        answers = detect(running, encode(image))
        parts, found = parts + len(placed), found + len(answers)
        for part in placed:
            own = [box_of(answer) for answer in answers if answer["Name"] == part.label]
            box = corners([ratios(part, image.size)])[0]
            hits += bool(own) and bool(overlaps(box, corners(own)).max() >= 0.5)
    assert hits >= 0.5 * parts
    assert hits >= 0.5 * found


def test_the_scene_of_a_turned_camera_has_its_boxes_where_people_see_them(running: Running) -> None:
    image, _ = machine_parts.draw_scene(random.Random(12))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right it is shown
    turned = io.BytesIO()
    image.rotate(90, expand=True).save(turned, "PNG", exif=exif)
    upright = detect(running, encode(image, "PNG"))
    assert upright
    assert detect(running, turned.getvalue()) == upright


def test_the_same_scene_in_another_size_has_the_same_boxes(running: Running) -> None:
    image, _ = machine_parts.draw_scene(random.Random(12))
    small = detect(running, encode(image, "PNG"), MinConfidence=50)
    twice = image.resize((image.width * 2, image.height * 2))
    large = detect(running, encode(twice, "PNG"), MinConfidence=50)
    assert small
    surest = corners([box_of(small[0])])[0]
    assert overlaps(surest, corners([box_of(label) for label in large])).max() > 0.8


def test_candidates_come_surest_first_with_a_box_each(running: Running) -> None:
    image = encode(machine_parts.draw_scene(random.Random(13))[0])
    everything = detect(running, image, MinConfidence=0)
    confidences = [label["Confidence"] for label in everything]
    assert confidences == sorted(confidences, reverse=True)
    for label in everything:
        box = box_of(label)
        assert 0 <= box.left < box.left + box.width <= 1 + 1e-9
        assert 0 <= box.top < box.top + box.height <= 1 + 1e-9
    assert detect(running, image, MinConfidence=confidences[1]) == everything[:2]
    assert detect(running, image, MinConfidence=0, MaxResults=1) == everything[:1]
    summary = read_summary(running)
    thresholds_pct = {
        result["Label"]: result["Metrics"]["Threshold"] * 100
        for result in summary["LabelEvaluationResults"]
    }
    sure = [label for label in everything if label["Confidence"] >= thresholds_pct[label["Name"]]]
    assert detect(running, image) == sure


def test_a_name_may_come_several_times(running: Running) -> None:
    rng = random.Random(14)
    for _ in range(10):
        image, _ = machine_parts.draw_scene(rng)
        names = [label["Name"] for label in detect(running, encode(image))]
        if len(names) > len(set(names)):
            return
    pytest.fail("no label was found twice in a scene")


def test_in_images_of_something_else_hardly_anything_is_found(running: Running) -> None:
    rng = random.Random(15)
    counts = [len(detect(running, encode(machine_parts.draw_unrelated(rng)))) for _ in range(10)]
    assert sum(counts) <= 5


def read_summary(running: Running) -> dict[str, Any]:
    version = running.client.describe_version(running.project, "v1")
    s3_object = version["EvaluationResult"]["Summary"]["S3Object"]
    return dict(running.client.store.read_json(s3_object))


def test_the_summary_has_average_precision_and_no_confusion_matrix(running: Running) -> None:
    summary = read_summary(running)
    aggregate = summary["AggregatedEvaluationResults"]
    assert sorted(aggregate) == [
        "AveragePrecision",
        "AverageRecall",
        "F1Score",
        "Precision",
        "Recall",
    ]
    assert all(0 < value <= 1 for value in aggregate.values())
    assert summary["EvaluationDetails"]["Labels"] == list(machine_parts.LABELS)
    version = running.client.describe_version(running.project, "v1")
    statistics = running.client.store.read_json(version["ManifestSummary"]["S3Object"])
    for part in ("training", "testing"):
        assert statistics["statistics"][part]["use_case"] == "OBJECT_LOCALIZATION"


def test_the_evaluation_snapshot_gives_the_summarys_figures_again(running: Running) -> None:
    version = running.client.describe_version(running.project, "v1")
    (asset,) = version["TestingDataResult"]["Output"]["Assets"]
    counts: dict[str, dict[str, int]] = {label: {} for label in machine_parts.LABELS}
    snapshot = running.client.store.read_lines(asset)
    assert len(snapshot) == 8
    for found in snapshot:
        truth = found["rekognition-custom-labels-training-0"]["annotations"]
        annotations, metadata = found[EVALUATION]["annotations"], found[f"{EVALUATION}-metadata"]
        assert metadata["type"] == "groundtruth/object-detection"
        assert metadata["confidence"] == max(judged["confidence"] for judged in metadata["objects"])
        present = 0
        for annotation, judged in zip(annotations, metadata["objects"], strict=True):
            details = judged[f"{EVALUATION}-details"]
            verdicts = [name for name, value in details.items() if name[-4:] == "tive" and value]
            assert len(verdicts) == 1
            present += details["is-present-in-ground-truth"]
            label = metadata["class-map"][str(annotation["class_id"])]
            counts[label][verdicts[0]] = counts[label].get(verdicts[0], 0) + 1
        assert present == len(truth)
    for result in read_summary(running)["LabelEvaluationResults"]:
        seen = counts[result["Label"]]
        right, wrong = seen.get("is-true-positive", 0), seen.get("is-false-positive", 0)
        missed = seen.get("is-false-negative", 0)
        assert result["Metrics"]["Recall"] == pytest.approx(right / (right + missed))
        assert result["Metrics"]["Precision"] == pytest.approx(right / max(1, right + wrong))


def one_label_lines(client: Client, folder: str, seed: int) -> list[Any]:
    """Two scenes in which everything is of one label."""
    lines = draw_scene_lines(client.store, folder, 2, seed)
    for line in lines:
        for annotation in line["boxes"]["annotations"]:
            annotation["class_id"] = 0
        line["boxes-metadata"]["class-map"] = {"0": "part"}
    return lines


def test_one_label_is_enough_and_lines_of_the_other_kind_are_ignored(client: Client) -> None:
    empty = boxes_line(f"s3://{BUCKET}/train/empty.jpg", [], (400, 300))
    train = [
        *one_label_lines(client, "train", 1),
        empty,
        *draw_lines(client.store, "labels", 1, 1, ("bolt", "gear")),
    ]
    test = one_label_lines(client, "test", 2)
    version = client.train(client.create_project_with_datasets("parts", train, test))
    assert version["Status"] == "TRAINING_COMPLETED"
    statistics = client.store.read_json(version["ManifestSummary"]["S3Object"])["statistics"]
    assert statistics["training"]["use_case"] == "OBJECT_LOCALIZATION"
    assert statistics["training"]["ignored_json_lines"] == 3
    (asset,) = version["TrainingDataResult"]["Output"]["Assets"]
    assert len(client.store.read_lines(asset)) == 2
    (asset,) = version["TrainingDataResult"]["Validation"]["Assets"]
    warned = [found for found in client.store.read_lines(asset) if "warnings" in found]
    assert [found["source-ref"] for found in warned] == [empty["source-ref"]]


def test_a_box_outside_the_real_image_is_reported_and_left_out(client: Client) -> None:
    train, test = one_label_lines(client, "train", 1), one_label_lines(client, "test", 2)
    # The line says that its image is larger than it is, and has a box there.
    beyond = {"class_id": 0, "left": 500, "top": 0, "width": 50, "height": 50}
    train[0]["boxes"]["image_size"][0]["width"] = 600
    train[0]["boxes"]["annotations"].append(beyond)
    train[0]["boxes-metadata"]["objects"].append({"confidence": 1})
    # Enough lines that are right: one in six may be wrong.
    enough = [{"source-ref": f"s3://{BUCKET}/train/unlabelled-{number}"} for number in range(4)]
    version = client.train(client.create_project_with_datasets("parts", [*train, *enough], test))
    assert version["Status"] == "TRAINING_COMPLETED"
    (asset,) = version["TrainingDataResult"]["Validation"]["Assets"]
    first = client.store.read_lines(asset)[0]
    marked = first["boxes"]["annotations"][-1]
    assert [error["code"] for error in marked["errors"]] == ["ERROR_INVALID_BOUNDING_BOX"]
    assert {name: marked[name] for name in beyond} == beyond and "errors" not in first
    (asset,) = version["TrainingDataResult"]["Output"]["Assets"]
    trained_on = client.store.read_lines(asset)[0]
    kept = trained_on["rekognition-custom-labels-training-0"]
    assert len(kept["annotations"]) == len(train[0]["boxes"]["annotations"]) - 1
    assert kept["image_size"] == [{"width": 384, "height": 288, "depth": 3}]
