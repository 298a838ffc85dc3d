"""Models that give an image several labels: trained, asked, and their files."""

import random
import re
from typing import Any

import pytest

from labelloop_pages import machine_parts
from tests.unit.local.rekognition.conftest import Running
from tests.unit.local.rekognition.support import Client, draw_lines, draw_several_lines, encode

DEFAULT_MINIMUM_CONFIDENCE_PCT = 70.0


@pytest.fixture
def running(multi_label: Running) -> Running:
    multi_label.client.clock.advance(10)
    return multi_label


def detect(running: Running, image: bytes, **options: Any) -> list[dict[str, Any]]:
    running.client.clock.advance(1)
    return running.client.detect(running.version, image, **options)


def test_an_image_gets_the_labels_of_what_it_shows(running: Running) -> None:
    rng = random.Random(5)
    right = wrong = missed = several = 0
    for _ in range(20):
        truth = set(rng.sample(machine_parts.LABELS, rng.randint(1, 3)))
        answers = detect(running, encode(machine_parts.draw_several(truth, rng)))
        found = {answer["Name"] for answer in answers}
        several += len(found) > 1
        right, wrong, missed = (
            right + len(found & truth),
            wrong + len(found - truth),
            missed + len(truth - found),
        )
    assert 2 * right / (2 * right + wrong + missed) > 0.6
    assert several >= 5


def test_every_label_has_a_confidence_of_its_own(running: Running) -> None:
    image = encode(machine_parts.draw_several(["bolt", "gear"], random.Random(3)))
    found = detect(running, image, MinConfidence=0)
    confidences = [label["Confidence"] for label in found]
    assert {label["Name"] for label in found} == set(machine_parts.LABELS)
    assert confidences == sorted(confidences, reverse=True)
    assert not any("Geometry" in label for label in found)
    assert detect(running, image, MinConfidence=confidences[1]) == found[:2]
    assert detect(running, image, MinConfidence=0, MaxResults=1) == found[:1]


def test_images_unlike_the_training_images_are_doubtful(running: Running) -> None:
    rng = random.Random(7)
    unrelated = [encode(machine_parts.draw_unrelated(rng)) for _ in range(20)]
    surest = [detect(running, image, MinConfidence=0)[0]["Confidence"] for image in unrelated]
    assert max(surest) < DEFAULT_MINIMUM_CONFIDENCE_PCT


def test_the_files_are_those_of_an_image_level_model(running: Running) -> None:
    version = running.client.describe_version(running.project, "v1")
    store = running.client.store
    use_cases = store.read_json(version["ManifestSummary"]["S3Object"])["statistics"]
    assert use_cases["training"]["use_case"] == "IMAGE_LEVEL_LABELS"
    summary = store.read_json(version["EvaluationResult"]["Summary"]["S3Object"])
    aggregate = summary["AggregatedEvaluationResults"]
    assert sorted(aggregate) == ["F1Score", "Precision", "Recall"]
    results = summary["LabelEvaluationResults"]
    mean_f1 = sum(result["Metrics"]["F1Score"] for result in results) / len(results)
    assert aggregate["F1Score"] == version["EvaluationResult"]["F1Score"]
    assert aggregate["F1Score"] == pytest.approx(mean_f1)


def test_the_snapshot_has_a_group_for_each_label(running: Running) -> None:
    version = running.client.describe_version(running.project, "v1")
    store = running.client.store
    (asset,) = version["TestingDataResult"]["Output"]["Assets"]
    summary = store.read_json(version["EvaluationResult"]["Summary"]["S3Object"])
    hits: dict[str, int] = dict.fromkeys(machine_parts.LABELS, 0)
    lines = store.read_lines(asset)
    assert len(lines) == 16
    for found in lines:
        truth = {
            value["class-name"]
            for key, value in found.items()
            if re.fullmatch(r"rekognition-custom-labels-training-\d+-metadata", key)
        }
        groups = [
            value
            for key, value in found.items()
            if re.fullmatch(r"rekognition-custom-labels-evaluation-\d+-metadata", key)
        ]
        assert {group["class-name"] for group in groups} == set(machine_parts.LABELS)
        for group in groups:
            details = group["rekognition-custom-labels-evaluation-details"]
            assert details["is-present-in-ground-truth"] == (group["class-name"] in truth)
            hits[group["class-name"]] += details["is-true-positive"]
    for result in summary["LabelEvaluationResults"]:
        recall = hits[result["Label"]] / result["NumberOfTestingImages"]
        assert result["Metrics"]["Recall"] == pytest.approx(recall)


def test_one_image_with_two_labels_makes_it_a_model_of_several(client: Client) -> None:
    train = draw_lines(client.store, "train", 2, 1, ("bolt", "gear"))
    both = draw_several_lines(client.store, "both", 4, 2)
    test = draw_lines(client.store, "test", 1, 3, machine_parts.LABELS)
    version = client.train(client.create_project_with_datasets("parts", [*train, *both], test))
    assert version["Status"] == "TRAINING_COMPLETED"
    summary = client.store.read_json(version["EvaluationResult"]["Summary"]["S3Object"])
    assert "ConfusionMatrix" not in summary["AggregatedEvaluationResults"]
