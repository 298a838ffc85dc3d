"""A folder through the model, and dead letters sent round again, as the operator types it."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local.launch import wait_for
from tests import images
from tests.stack import Stack, launched, train_first_model


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with launched() as stack:
        train_first_model(stack)
        yield stack


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The current directory, with nothing of the developer's own configuration."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_gets_a_row_for_each_image_once(stack: Stack, here: Path) -> None:
    expected = {}
    for number in range(30):
        label = images.LABELS[number % 2]
        name = f"line {number % 3}/{number}.jpg"
        (here / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "parts" / name).write_bytes(stack.new_image(label))
        expected[name] = label
    (here / "parts" / "doubtful.jpg").write_bytes(stack.new_image())
    (here / "parts" / "broken.jpg").write_bytes(images.draw("circle", 9999)[:300])
    expected |= {"doubtful.jpg": "", "broken.jpg": ""}

    begun = stack.labelloop("detect", "parts", "--no-wait")
    done = stack.labelloop("detect", "parts", "--draw", "drawn", "--json")

    assert (begun.exit_code, done.exit_code) == (0, 0), begun.output + done.output
    answer = json.loads(done.stdout)
    assert (answer["uploaded"], answer["already_there"]) == (0, 32)
    with Path("parts.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    assert set(rows) == set(expected)
    outcomes = Counter(row["outcome"] for row in rows.values())
    assert outcomes == {"confident": 30, "review": 1, "rejected": 1}
    sure = [name for name, row in rows.items() if row["outcome"] == "confident"]
    assert all(rows[name]["label"] == expected[name] for name in sure)
    assert rows["doubtful.jpg"]["human_loop"] and rows["broken.jpg"]["reason"]
    records = stack.records("images_for_detection/parts/")
    assert {record["detection_id"] for record in records} == {
        row["detection_id"] for row in json.loads(Path("parts.json").read_text(encoding="utf-8"))
    }
    drawn = {str(path.relative_to("drawn")) for path in Path("drawn").rglob("*.jpg")}
    assert drawn == set(expected) - {"broken.jpg"}


def test_an_image_of_a_turned_camera_is_drawn_as_it_was_seen(stack: Stack, here: Path) -> None:
    upright = Image.open(io.BytesIO(stack.new_image("circle"))).resize((100, 128))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right it is shown
    upright.rotate(90, expand=True).save(here / "turned.jpg", "JPEG", exif=exif)

    done = stack.labelloop("detect", "turned.jpg", "--draw", "drawn")

    assert done.exit_code == 0, done.output
    with Image.open("drawn/turned.jpg") as drawn:
        assert drawn.size == (100, 128)


def test_dead_letters_are_detected_after_they_were_sent_round_again(
    stack: Stack, here: Path
) -> None:
    upload = stack.detect("circle", key="images_for_detection/dead.jpg")
    stack.wait_for_record(upload, "confident")
    stack.client("dynamodb").delete_item(
        TableName=stack.outputs["DetectionsTable"],
        Key={"detection_id": {"S": upload.detection_id}},
    )
    body = json.dumps(stack.event(upload))
    sqs, url = stack.client("sqs"), stack.outputs["DetectionDeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=body)

    done = stack.labelloop("redrive")

    assert (done.exit_code, done.stdout) == (0, "detection: 1 sent round again.\n"), done.output
    assert stack.wait_for_record(upload, "confident")["label"] == "circle"
    assert "nothing to send" in stack.labelloop("redrive").stdout


def test_an_event_that_its_queue_refused_reaches_it_later(stack: Stack, here: Path) -> None:
    sqs, outputs = stack.client("sqs"), stack.outputs
    upload = stack.detect("stripes", key="images_for_detection/undelivered.jpg")
    stack.wait_for_record(upload, "confident")
    arn = sqs.get_queue_attributes(
        QueueUrl=outputs["DetectionQueueUrl"], AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    attributes = {"TARGET_ARN": {"DataType": "String", "StringValue": arn}}
    gone = stack.event(upload)
    gone["detail"]["object"]["version-id"] = "0" * 32
    sqs.send_message(
        QueueUrl=outputs["UndeliveredEventsQueueUrl"],
        MessageBody=json.dumps(gone),
        MessageAttributes=attributes,
    )

    done = stack.labelloop("redrive", "events")

    assert done.exit_code == 0 and "1 sent" in done.stdout

    def rejected() -> list[Any]:
        records = stack.records(upload.key)
        return [record for record in records if record["outcome"] == "rejected"]

    assert wait_for(rejected, "the record of a version that is gone")
