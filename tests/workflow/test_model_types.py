"""Multi-label models and models that give boxes: from imported lines to what serves, and back.

Each type has a stack of its own, whose images and manifests come as Ground Truth writes them. Its
first test trains a model; the one after it lets people answer, and trains on what they said.
"""

import io
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
import urllib3
from PIL import Image, ImageOps

from labelloop.domain.annotations import Annotation, Box
from labelloop_pages import machine_parts
from local.launch import LaunchError, wait_for
from tests.detect_api import machine_token, post
from tests.stack import Record, Reviewer, Stack, Uploaded, launched

CREATED = "2026-11-21T08:00:00.000000"
CANNOT_READ = {
    "service": "s3",
    "operation": "GetObject",
    "function": "DetectLabels",
    "error": "InternalError",
    "status": 500,
    "times": 4,
}
"""As often as the SDK tries, so that the step fails once."""


def _stack(model_type: str) -> Iterator[Stack]:
    settings = {
        "Enable-Automatic-Training": "true",
        "Automatic-Training-Poll-Frequency": "44640",
        "Minimum-F1-Score": "0.10",
        "Detection-Notifications": "all",
    }
    parameters = {"ModelType": model_type, "DetectionEvents": "true"}
    with launched(parameters=parameters, settings=settings) as stack:
        yield stack


@pytest.fixture(scope="module")
def multi_label() -> Iterator[Stack]:
    """A stack whose model says every part that an image shows."""
    yield from _stack("multi-label")


@pytest.fixture(scope="module")
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
    event, *_ = stack.wait_for_event("Image Detected", upload.detection_id)
    assert event["resources"][0] == event["detail"]["stack"]
    assert event["detail"]["event_id"] == f"detected-{upload.detection_id}"
    assert event["detail"].items() >= json.loads(mail["message"]).items()
    return record, mail


def _check_decision(stack: Stack, record: Record, mail: Record) -> None:
    """The least sure decision has decided, on either side of the thresholds, and all was told."""
    report = stack.read_json(f"evaluation/{record['version']}/report.json")
    thresholds = {label["label"]: label["assumed_threshold"] for label in report["labels"]}
    for label in record["labels"]:
        assert label["confidence_pct"] >= thresholds[label["name"]] * 100 - 1e-5
        assert f"{label['name']} ({label['confidence_pct']:.1f} %)" in mail["message"]
    for label in record["unsure"]:
        assert label["confidence_pct"] < thresholds[label["name"]] * 100
    assert record["complete"] is True
    assert record["unsure"] == sorted(record["unsure"], key=lambda label: -label["chance_pct"])
    names = {label["name"] for label in record["labels"]}
    assert set(json.loads(mail["attributes"]["label"])) == names
    least_sure = min(record["labels"], key=lambda label: label["chance_pct"])
    assert record["label"] == least_sure["name"]
    assert record["confidence_pct"] == least_sure["confidence_pct"]
    minimum_pct = record["minimum_confidence_pct"]
    certain = least_sure["chance_pct"] >= minimum_pct and all(
        100 - label["chance_pct"] >= minimum_pct for label in record["unsure"]
    )
    assert record["outcome"] == ("confident" if certain else "review")


def _metadata(job: str, **values: Any) -> dict[str, Any]:
    common = {"human-annotated": "yes", "creation-date": CREATED, "job-name": job}
    return {**common, "type": f"groundtruth/{job}", **values}


def _several_parts(stack: Stack, numbers: range) -> Iterator[dict[str, Any]]:
    """Lines as a Ground Truth job for several labels writes them."""
    class_map = {str(number): label for number, label in enumerate(machine_parts.LABELS)}
    for number in numbers:
        rng = random.Random(number)
        labels = rng.sample(machine_parts.LABELS, rng.randint(1, 3))
        uri = _upload(stack, f"pictures/{number}.jpg", machine_parts.draw_several(labels, rng))
        ids = sorted(machine_parts.LABELS.index(label) for label in labels)
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
    class_map = {str(number): label for number, label in enumerate(machine_parts.LABELS)}
    for number in numbers:
        image, parts = machine_parts.draw_scene(random.Random(number))
        boxes = [
            {
                "class_id": machine_parts.LABELS.index(part.label),
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
    assert {entry["label"] for entry in report["labels"]} == set(machine_parts.LABELS)
    for split in ("train", "test"):
        images = report[f"{split}_images"]
        assert report["entries"][split] == {"sent": images, "stored": images, "errors": []}
    return report


def test_a_model_of_several_labels_learns_from_ground_truths_own_lines(multi_label: Stack) -> None:
    first = _train(multi_label, _several_parts(multi_label, range(32)), "first")
    assert first["promote"], first["reasons"]
    later = _train(multi_label, _several_parts(multi_label, range(32, 48)), "later")
    assert (later["data"]["images"], later["data"]["changes"]["added"]) == (48, 16)
    assert later["comparison"]["shared_images"] == later["test_images"] > first["test_images"]
    assert later["comparison"]["missing"] == 0, "of the new ones the first model was asked"
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
    labels = list(machine_parts.LABELS[:3])
    unseen = machine_parts.draw_several(labels, random.Random("unseen"))
    with multi_label.faults(CANNOT_READ):
        record, mail = _look(multi_label, "unseen", unseen)
        (order,) = multi_label.local.control("GET", "faults")
    assert order["fired"], "how sure the version is was read, when that was possible"
    _check_decision(multi_label, record, mail)
    assert len(record["labels"]) > 1
    assert not any("box" in label for label in record["labels"])


def test_what_was_not_found_counts_at_once_and_in_the_choice_under_a_budget(
    multi_label: Stack,
) -> None:
    image = _jpeg(
        machine_parts.draw_several(list(machine_parts.LABELS[:2]), random.Random("budget"))
    )
    answer = post(multi_label, machine_token(multi_label)["access_token"], image)
    assert answer.status == 200
    assert all("chance_pct" in label for label in answer.content["labels"])
    assert "unsure" in answer.content
    with (
        multi_label.parameters({"Minimum-Label-Detection-Confidence": "100.00"}),
        multi_label.review_budget(1),
    ):
        upload = multi_label.upload("images_for_detection/budget.jpg", image)
        record = multi_label.wait_for_record(upload, "deferred")
        assert record["labels"] and record["complete"] is True
        multi_label.leap(310)  # The youngest five minutes are left to the next look.

        def is_asked_about() -> bool:
            multi_label.select_reviews()
            return multi_label.task(upload) is not None

        wait_for(is_asked_about, "the choice")


def test_a_model_that_gives_boxes_is_trained_judged_and_deployed(detection: Stack) -> None:
    report = _train(detection, _scenes(detection, range(16)), "first")
    assert report["promote"], report["reasons"]
    assert 0 < report["f1"] <= 1
    image, _ = machine_parts.draw_scene(random.Random("unseen"))
    record, mail = _look(detection, "unseen", image)
    _check_decision(detection, record, mail)
    assert all(
        set(label["box"]) == {"left", "top", "width", "height"} for label in record["labels"]
    )
    assert record["labels"]


def test_an_event_that_is_refused_is_sent_when_the_image_comes_again(detection: Stack) -> None:
    refused = {"error": "AccessDeniedException", "status": 400, "times": 3}
    with detection.faults({"service": "events", "operation": "PutEvents", **refused}):
        upload = detection.upload("images_for_detection/empty.jpg", b"")
        (event,) = detection.wait_for_event("Image Detected", upload.detection_id)
    assert event["detail"]["outcome"] == "rejected"
    assert len(detection.consumer_mails(upload)) == 2, "it came again"


def test_a_stack_with_versions_keeps_its_type_and_its_model_goes_on(detection: Stack) -> None:
    told = "ModelType cannot become classification: the stack has versions of the type detection"
    with pytest.raises(LaunchError, match=told):
        detection.local.control("PUT", "stack", {"parameters": {"ModelType": "classification"}})
    assert detection.local.control("GET", "stack")["parameters"]["ModelType"] == "detection"
    image, _ = machine_parts.draw_scene(random.Random("unseen"))
    record, mail = _look(detection, "unseen-after", image)
    _check_decision(detection, record, mail)
    assert record["labels"] and all("box" in label for label in record["labels"])


# --- People's answers -----------------------------------------------------------------------------


def _doubt(stack: Stack, name: str, content: bytes) -> Uploaded:
    """An image that people are asked about."""
    upload = stack.upload(f"images_for_detection/{name}.jpg", content)
    stack.wait_for_task(upload)
    return upload


def _see(reviewer: Reviewer, upload: Uploaded) -> tuple[Record, Any]:
    """The task about an image, claimed, and the image as a browser shows it."""
    task = reviewer.take_task(upload)
    answer = urllib3.request("GET", task["image_url"], retries=False)
    assert answer.status == 200
    return task, ImageOps.exif_transpose(Image.open(io.BytesIO(answer.data)))


def _wait_for_answer(stack: Stack, upload: Uploaded, label: str) -> Record:
    def found() -> Record:
        record = stack.record(upload)
        return record if record.get("human_label") == label else {}

    return wait_for(found, f"{label!r} in the record of {upload.key}")


def _trained_next(stack: Stack) -> dict[str, Annotation]:
    """What the images of the next version show, by their keys; none is left out."""
    execution = stack.run("model_training", {"force": True})
    assert execution.status == "SUCCEEDED", (execution, stack.operator_mails()[-1:])
    version = stack.versions()[-1]["name"]
    entries = stack.read_json(f"evaluation/{version}/report.json")["entries"]
    assert not entries["train"]["errors"] + entries["test"]["errors"]
    assert not stack.read(f"manifests/training/{version}/left_out.jsonl")
    lines = stack.read(f"manifests/training/{version}/index.jsonl").splitlines()
    return {line["key"]: Annotation.from_json(line) for line in map(json.loads, lines)}


def _trains_as(upload: Uploaded) -> str:
    return f"images_imported/reviewed/{upload.detection_id}-{upload.key.split('/')[-1]}"


def test_the_labels_that_people_choose_train(multi_label: Stack) -> None:
    stack, reviewer = multi_label, multi_label.add_reviewer()
    pictures = [
        machine_parts.draw_several(["bolt", "nut"], random.Random(f"seen {n}")) for n in range(3)
    ]
    with stack.parameters({"Minimum-Label-Detection-Confidence": "100.00"}):
        chosen, undone, deleted = (
            _doubt(stack, f"seen-{n}", _jpeg(picture)) for n, picture in enumerate(pictures)
        )
    stack.client("s3").delete_object(Bucket=stack.bucket, Key=deleted.key)
    session = reviewer.ask("GET", "/review/session")[1]
    assert (session["model_type"], session["labels"]) == (
        "multi-label",
        sorted(machine_parts.LABELS),
    )
    for upload in (chosen, undone, deleted):
        task, _ = _see(reviewer, upload)
        assert task["suggestion"] is None
        assert reviewer.answer(upload, {"labels": ["nut", "bolt"]})["complete"]
        record = _wait_for_answer(stack, upload, "bolt, nut")
        assert record["human_labels"] == [{"name": "bolt"}, {"name": "nut"}]
        assert record["copied_key"] == _trains_as(upload)
    reviewer.undo(undone)
    reviewer.answer(undone, None)
    wait_for(lambda: stack.record(undone)["agreement"] == "none", "the other answer")
    assert undone.detection_id not in "".join(stack.keys("manifests/") + stack.keys("images_imp"))

    trained = _trained_next(stack)

    said = {key: shown for key, shown in trained.items() if "/reviewed/" in key}
    both = Annotation.of_labels(["bolt", "nut"])
    assert said == {_trains_as(chosen): both, _trains_as(deleted): both}


def test_the_boxes_that_people_draw_train_where_they_are_in_the_file(detection: Stack) -> None:
    stack, reviewer = detection, detection.add_reviewer()
    scenes = {name: machine_parts.draw_scene(random.Random(name)) for name in ("upright", "turned")}
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right it is shown
    turned = io.BytesIO()
    scenes["turned"][0].rotate(90, expand=True).save(turned, "JPEG", exif=exif)
    contents = {"upright": _jpeg(scenes["upright"][0]), "turned": turned.getvalue()}
    with stack.parameters({"Minimum-Label-Detection-Confidence": "100.00"}):
        uploads = {name: _doubt(stack, name, content) for name, content in contents.items()}
    for name, upload in uploads.items():
        image, parts = scenes[name]
        task, shown = _see(reviewer, upload)
        assert shown.size == image.size
        found = stack.record(upload)["labels"]
        assert [label["name"] for label in task["suggestion"]["labels"]] == [
            label["name"] for label in found
        ]
        boxes = [dict(part._asdict()) for part in parts]
        size = {"width": image.width, "height": image.height}
        reviewer.answer(upload, {"boxes": boxes, "size": size})
        labels = ", ".join(sorted({part.label for part in parts}))
        record = _wait_for_answer(stack, upload, labels)
        assert [label["name"] for label in record["human_labels"]] == sorted(
            part.label for part in parts
        )

    trained = _trained_next(stack)

    image, parts = scenes["upright"]
    drawn = Annotation.of_boxes([Box(*part) for part in parts], image.size)
    assert trained[_trains_as(uploads["upright"])] == drawn
    image, parts = scenes["turned"]
    stored = [
        Box(part.label, part.top, image.width - part.left - part.width, part.height, part.width)
        for part in parts
    ]
    assert trained[_trains_as(uploads["turned"])] == Annotation.of_boxes(stored, image.size[::-1])


def test_boxes_for_another_image_and_images_that_are_gone_for_good_are_told(
    detection: Stack,
) -> None:
    stack, reviewer = detection, detection.add_reviewer()
    with stack.parameters({"Minimum-Label-Detection-Confidence": "100.00"}):
        other, gone = (
            _doubt(stack, name, _jpeg(machine_parts.draw_scene(random.Random(name))[0]))
            for name in ("other", "gone")
        )
    stack.client("s3").delete_object(Bucket=stack.bucket, Key=gone.key, VersionId=gone.version_id)
    for upload in (other, gone):
        box = {"label": "nut", "left": 0, "top": 0, "width": 40, "height": 40}
        reviewer.review(upload, {"boxes": [box], "size": {"width": 100, "height": 100}})
        record = stack.wait_for_record(upload, has="review_problem")
        assert not record.get("copied_key")
        assert ("agreement" in record) is (upload is gone)
        stack.wait_for_mail("answer_problem", about=upload.task_id)
