"""A folder through the model, and dead letters sent round again, as the operator types it."""

import csv
import io
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local.launch import wait_for
from tests import images
from tests.stack import Stack


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The current directory, with nothing of the developer's own configuration."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_gets_a_row_for_each_image_once(serving_stack: Stack, here: Path) -> None:
    expected = {}
    for number in range(30):
        label = images.LABELS[number % 2]
        name = f"line {number % 3}/{number}.jpg"
        (here / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "parts" / name).write_bytes(serving_stack.new_image(label))
        expected[name] = label
    (here / "parts" / "doubtful.jpg").write_bytes(serving_stack.new_image())
    (here / "parts" / "broken.jpg").write_bytes(images.draw("circle", 9999)[:300])
    expected |= {"doubtful.jpg": "", "broken.jpg": ""}

    begun = serving_stack.labelloop("detect", "parts", "--no-wait")
    done = serving_stack.labelloop("detect", "parts", "--draw", "drawn", "--json")

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
    records = serving_stack.records("images_for_detection/parts/")
    assert {record["detection_id"] for record in records} == {
        row["detection_id"] for row in json.loads(Path("parts.json").read_text(encoding="utf-8"))
    }
    drawn = {str(path.relative_to("drawn")) for path in Path("drawn").rglob("*.jpg")}
    assert drawn == set(expected) - {"broken.jpg"}


def test_an_image_of_a_turned_camera_is_drawn_as_it_was_seen(
    serving_stack: Stack, here: Path
) -> None:
    upright = Image.open(io.BytesIO(serving_stack.new_image("circle"))).resize((100, 128))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right it is shown
    upright.rotate(90, expand=True).save(here / "turned.jpg", "JPEG", exif=exif)

    done = serving_stack.labelloop("detect", "turned.jpg", "--draw", "drawn")

    assert done.exit_code == 0, done.output
    with Image.open("drawn/turned.jpg") as drawn:
        assert drawn.size == (100, 128)


def test_dead_letters_are_detected_after_they_were_sent_round_again(
    serving_stack: Stack, here: Path
) -> None:
    upload = serving_stack.detect("circle", key="images_for_detection/dead.jpg")
    serving_stack.wait_for_record(upload, "confident")
    serving_stack.client("dynamodb").delete_item(
        TableName=serving_stack.outputs["DetectionsTable"],
        Key={"detection_id": {"S": upload.detection_id}},
    )
    body = json.dumps(serving_stack.event(upload))
    sqs, url = serving_stack.client("sqs"), serving_stack.outputs["DetectionDeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=body)

    done = serving_stack.labelloop("redrive")

    assert (done.exit_code, done.stdout) == (0, "detection: 1 sent round again.\n"), done.output
    assert serving_stack.wait_for_record(upload, "confident")["label"] == "circle"
    assert "nothing to send" in serving_stack.labelloop("redrive").stdout


def test_an_event_that_its_queue_refused_reaches_it_later(serving_stack: Stack, here: Path) -> None:
    sqs, outputs = serving_stack.client("sqs"), serving_stack.outputs
    upload = serving_stack.detect("stripes", key="images_for_detection/undelivered.jpg")
    serving_stack.wait_for_record(upload, "confident")
    arn = sqs.get_queue_attributes(
        QueueUrl=outputs["DetectionQueueUrl"], AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    attributes = {"TARGET_ARN": {"DataType": "String", "StringValue": arn}}
    gone = serving_stack.event(upload)
    gone["detail"]["object"]["version-id"] = "0" * 32
    sqs.send_message(
        QueueUrl=outputs["UndeliveredEventsQueueUrl"],
        MessageBody=json.dumps(gone),
        MessageAttributes=attributes,
    )

    done = serving_stack.labelloop("redrive", "events")

    assert done.exit_code == 0 and "1 sent" in done.stdout

    def rejected() -> list[Any]:
        records = serving_stack.records(upload.key)
        return [record for record in records if record["outcome"] == "rejected"]

    assert wait_for(rejected, "the record of a version that is gone")
