"""Multi-label models and models that give boxes: from imported lines to what serves.

Each type has a stack of its own, whose images and manifests come as Ground Truth writes them.
"""

import io
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from local import drawing
from local.launch import wait_for
from tests.stack import Record, Stack, launched

CREATED = "2026-11-21T08:00:00.000000"


def _stack(model_type: str) -> Iterator[Stack]:
    settings = {
        "Enable-Automatic-Training": "true",
        "Automatic-Training-Poll-Frequency": "44640",
        "Minimum-F1-Score": "0.10",
        "Detection-Notifications": "all",
    }
    with launched(parameters={"ModelType": model_type}, settings=settings) as stack:
        yield stack


@pytest.fixture
def multi_label() -> Iterator[Stack]:
    """A stack whose model says every part that an image shows."""
    yield from _stack("multi-label")


@pytest.fixture
def detection() -> Iterator[Stack]:
    """A stack whose model says where the parts are."""
    yield from _stack("detection")


def _import(stack: Stack, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
    body = "\n".join(json.dumps(line) for line in lines).encode()
    stack.upload(f"manifests/imported/{name}.manifest", body)


def _upload(stack: Stack, key: str, image: Any) -> str:
    stack.upload(key, _jpeg(image))
    return f"s3://{stack.bucket}/{key}"


def _jpeg(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def _look(stack: Stack, name: str, image: Any) -> tuple[Record, Record]:
    """The record of an image that came in for detection, and what programs are told of it."""
    upload = stack.upload(f"images_for_detection/{name}.jpg", _jpeg(image))
    record = stack.wait_for_record(upload)
    (mail,) = wait_for(lambda: stack.consumer_mails(upload), f"the e-mail about {name}")
    return record, mail


def _check_decision(stack: Stack, record: Record, mail: Record) -> None:
    """The least sure of what reached its own threshold has decided, and all of it was told."""
    report = stack.read_json(f"evaluation/{record['version']}/report.json")
    thresholds = {label["label"]: label["assumed_threshold"] for label in report["labels"]}
    for label in record["labels"]:
        assert label["confidence_pct"] >= thresholds[label["name"]] * 100 - 1e-5
        assert f"{label['name']} ({label['confidence_pct']:.1f} %)" in mail["message"]
    names = {label["name"] for label in record["labels"]}
    assert set(json.loads(mail["attributes"]["label"])) == names
    least_sure = record["labels"][-1]
    assert least_sure == min(record["labels"], key=lambda label: label["confidence_pct"])
    assert record["label"] == least_sure["name"]
    assert record["confidence_pct"] == least_sure["confidence_pct"]
    certain = record["confidence_pct"] >= record["minimum_confidence_pct"]
    assert record["outcome"] == ("confident" if certain else "review")


def _metadata(job: str, **values: Any) -> dict[str, Any]:
    common = {"human-annotated": "yes", "creation-date": CREATED, "job-name": job}
    return {**common, "type": f"groundtruth/{job}", **values}


def _several_parts(stack: Stack, numbers: range) -> Iterator[dict[str, Any]]:
    """Lines as a Ground Truth job for several labels writes them."""
    class_map = {str(number): label for number, label in enumerate(drawing.LABELS)}
    for number in numbers:
        rng = random.Random(number)
        labels = rng.sample(drawing.LABELS, rng.randint(1, 3))
        uri = _upload(stack, f"pictures/{number}.jpg", drawing.draw_several(labels, rng))
        ids = sorted(drawing.LABELS.index(label) for label in labels)
        yield {
            "source-ref": uri,
            "parts": ids,
            "parts-metadata": _metadata(
                "image-classification-multilabel",
                **{
                    "class-map": {str(one): class_map[str(one)] for one in ids},
                    "confidence-map": {str(one): 0.9 for one in ids},
                },
            ),
        }


def _scenes(stack: Stack, numbers: range) -> Iterator[dict[str, Any]]:
    """Lines as a Ground Truth job for bounding boxes writes them."""
    class_map = {str(number): label for number, label in enumerate(drawing.LABELS)}
    for number in numbers:
        image, parts = drawing.draw_scene(random.Random(number))
        boxes = [
            {
                "class_id": drawing.LABELS.index(part.label),
                "left": part.left,
                "top": part.top,
                "width": part.width,
                "height": part.height,
            }
            for part in parts
        ]
        yield {
            "source-ref": _upload(stack, f"pictures/{number}.jpg", image),
            "boxes": {
                "image_size": [{"width": image.width, "height": image.height, "depth": 3}],
                "annotations": boxes,
            },
            "boxes-metadata": _metadata(
                "object-detection",
                **{"objects": [{"confidence": 0.9} for _ in boxes], "class-map": class_map},
            ),
        }


def _train(stack: Stack, lines: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Train on these lines and all before; the version's report."""
    _import(stack, name, lines)
    execution = stack.run("model_training")
    assert execution.status == "SUCCEEDED", (execution, stack.operator_mails()[-1:])
    assert "InspectImages" in execution.states, "what lies elsewhere was copied in"
    version = stack.versions()[-1]
    report: Mapping[str, Any] = stack.read_json(f"evaluation/{version['name']}/report.json")
    assert {entry["label"] for entry in report["labels"]} == set(drawing.LABELS)
    for split in ("train", "test"):
        images = report[f"{split}_images"]
        assert report["entries"][split] == {"sent": images, "stored": images, "errors": []}
    return report


def test_a_model_of_several_labels_learns_from_ground_truths_own_lines(multi_label: Stack) -> None:
    first = _train(multi_label, _several_parts(multi_label, range(32)), "first")
    assert first["promote"], first["reasons"]
    later = _train(multi_label, _several_parts(multi_label, range(32, 48)), "later")
    assert (later["data"]["images"], later["data"]["changes"]["added"]) == (48, 16)
    assert later["comparison"]["shared_images"] == first["test_images"]
    version = multi_label.versions()[0]["name"]
    train = multi_label.read(f"manifests/training/{version}/train.manifest").decode()
    line = json.loads(train.splitlines()[0])
    assert line["source-ref"].startswith(
        f"s3://{multi_label.bucket}/images_imported/{multi_label.bucket}/pictures/"
    )
    assert all(
        metadata["type"] == "groundtruth/image-classification" and metadata["confidence"] == 1
        for name, metadata in line.items()
        if name.endswith("-metadata")
    ), "rewritten to what Custom Labels trains on"
    labels = list(drawing.LABELS[:3])
    unseen = drawing.draw_several(labels, random.Random("unseen"))
    record, mail = _look(multi_label, "unseen", unseen)
    _check_decision(multi_label, record, mail)
    assert len(record["labels"]) > 1
    assert not any("box" in label for label in record["labels"])


def test_a_model_that_gives_boxes_is_trained_judged_and_deployed(detection: Stack) -> None:
    report = _train(detection, _scenes(detection, range(16)), "first")
    assert report["promote"], report["reasons"]
    assert 0 < report["f1"] <= 1
    image, _ = drawing.draw_scene(random.Random("unseen"))
    record, mail = _look(detection, "unseen", image)
    _check_decision(detection, record, mail)
    assert all(
        set(label["box"]) == {"left", "top", "width", "height"} for label in record["labels"]
    )
    assert record["labels"]
