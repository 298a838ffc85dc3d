"""Each path through `statemachine/detection.asl.yaml`, from the upload to what people see of it."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.launch import wait_for
from tests.stack import Stack, Uploaded

NOT_AN_IMAGE = b"\xff\xd8\xff but no image follows"
THROTTLED: tuple[Mapping[str, Any], ...] = (
    {
        "service": "rekognition",
        "operation": "DetectCustomLabels",
        "error": "ProvisionedThroughputExceededException",
        "status": 400,
    },
    {
        "service": "lambda",
        "operation": "Invoke",
        "error": "TooManyRequestsException",
        "status": 429,
        "containing": "images_for_detection/",
    },
)
"""By the model, and by Lambda, whose account may run few functions at once."""


def body(stack: Stack, upload: Uploaded) -> str:
    """The message that the detection queue gets about an upload."""
    return json.dumps(stack.event(upload))


def test_a_confident_detection_is_logged_and_nobody_is_asked(serving_stack: Stack) -> None:
    upload = serving_stack.detect("circle")
    record = serving_stack.wait_for_record(upload)
    assert (record["outcome"], record["label"]) == ("confident", "circle")
    assert record["confidence_pct"] >= record["minimum_confidence_pct"] == 15
    assert record["version"] == serving_stack.deployed()
    assert (record["key"], record["version_id"]) == (upload.key, upload.version_id)
    assert record["request_id"]
    assert record["trace_id"].startswith("1-")
    serving_stack.wait_until_idle()
    assert not serving_stack.task(upload)
    assert not serving_stack.consumer_mails(upload)


def test_a_doubtful_image_goes_to_a_person_and_the_consumer_hears_of_it(
    serving_stack: Stack,
) -> None:
    upload = serving_stack.detect()
    task = serving_stack.wait_for_task(upload)
    record = serving_stack.wait_for_record(upload, "review")
    assert record["human_loop"] == task["task_id"] == upload.task_id
    assert task["suggestion"][0]["name"] == record["label"]
    serving_stack.wait_until_idle()
    (mail,) = serving_stack.consumer_mails(upload)
    assert upload.key in mail["message"]
    attributes = dict(mail["attributes"])
    assert json.loads(attributes.pop("label")) == [record["label"]]
    assert float(attributes.pop("confidence")) == pytest.approx(record["confidence_pct"], abs=1e-5)
    assert attributes == {
        "outcome": "review",
        "detection_id": upload.detection_id,
        "version": record["version"],
    }


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("notes.txt", b"no image", "Rekognition does not take it"),
        ("empty.png", b"", "empty"),
        ("broken.jpg", NOT_AN_IMAGE, "Rekognition does not take it"),
    ],
)
def test_what_is_no_image_is_rejected_with_its_reason_and_the_consumer_is_told(
    serving_stack: Stack, name: str, content: bytes, reason: str
) -> None:
    upload = serving_stack.upload(f"images_for_detection/rejected/{name}", content)
    record = serving_stack.wait_for_record(upload, "rejected")
    assert reason in record["reason"]
    serving_stack.wait_until_idle()
    (mail,) = serving_stack.consumer_mails(upload)
    assert reason in mail["message"]
    assert mail["attributes"]["label"] == "[null]"
    assert not serving_stack.task(upload)


def test_an_image_that_is_gone_before_it_is_looked_at_is_rejected(serving_stack: Stack) -> None:
    upload = serving_stack.upload("elsewhere/gone.jpg", serving_stack.new_image())
    gone = Uploaded("images_for_detection/gone.jpg", upload.version_id, "")
    answer = serving_stack.run_express("detection", serving_stack.event(gone))
    assert answer["status"] == "SUCCEEDED"
    detected = json.loads(answer["output"])["detected"]
    assert detected["outcome"] == "rejected"


def test_without_a_model_images_wait_and_the_operator_is_told_once(empty_stack: Stack) -> None:
    for _ in range(2):
        upload = empty_stack.detect("circle")
        empty_stack.wait_for_record(upload, "waiting")
        empty_stack.wait_for_mail("images_waiting")
        empty_stack.wait_until_rests("HostModel")  # Looks that overlap may tell it again.
    empty_stack.wait_until_idle()
    assert len(empty_stack.operator_mails("images_waiting")) == 1
    assert not empty_stack.consumer_mails(upload)
    assert not empty_stack.tasks()


def test_with_review_switched_off_a_doubtful_image_is_deferred(serving_stack: Stack) -> None:
    with serving_stack.parameters({"Enable-A2I-Workflow": "false"}):
        upload = serving_stack.detect()
        serving_stack.wait_for_record(upload, "deferred")
        serving_stack.wait_until_idle()
    assert not serving_stack.task(upload)
    (mail,) = serving_stack.consumer_mails(upload)
    assert "review is switched off" in mail["message"]


def test_a_folder_made_in_the_console_is_no_image(serving_stack: Stack) -> None:
    folder = serving_stack.upload("images_for_detection/a folder/", b"")
    beside = serving_stack.detect("circle", "images_for_detection/a folder/image.jpg")
    serving_stack.wait_for_record(beside)
    serving_stack.wait_until_idle()
    assert not serving_stack.record(folder)
    assert not serving_stack.consumer_mails(folder)


@pytest.mark.parametrize(
    "name",
    ["a b+c.jpg", "50%25 off.JPG", "Größe/日本/é.jpeg", "deep/er/and/deeper/x.jpg", "a&b='c'.jpg"],
)
def test_any_key_is_detected_under_its_own_name(serving_stack: Stack, name: str) -> None:
    upload = serving_stack.detect("stripes", f"images_for_detection/{name}")
    record = serving_stack.wait_for_record(upload, "confident")
    assert record["key"] == f"images_for_detection/{name}"


def test_an_event_that_comes_again_makes_no_second_record_or_task(serving_stack: Stack) -> None:
    upload = serving_stack.detect()
    serving_stack.wait_for_record(upload, "review")
    serving_stack.wait_until_idle()
    first = serving_stack.record(upload)
    sqs, queue = serving_stack.client("sqs"), serving_stack.outputs["DetectionQueueUrl"]
    for _ in range(2):
        sqs.send_message(QueueUrl=queue, MessageBody=body(serving_stack, upload))
    serving_stack.wait_until_idle()
    assert serving_stack.record(upload) == first
    assert len([task for task in serving_stack.tasks() if task["key"] == upload.key]) == 1


def test_executions_at_the_same_moment_make_one_record_and_one_task(serving_stack: Stack) -> None:
    content = serving_stack.new_image()
    other = serving_stack.upload("images_for_detection/raced.jpg", content)
    event = serving_stack.event(other)
    with ThreadPoolExecutor(4) as threads:
        answers = list(
            threads.map(lambda _: serving_stack.run_express("detection", event), range(4))
        )
    assert {answer["status"] for answer in answers} == {"SUCCEEDED"}
    serving_stack.wait_until_idle()
    assert len(serving_stack.records(other.key)) == 1
    assert len([task for task in serving_stack.tasks() if task["key"] == other.key]) == 1


def test_a_new_version_of_an_object_is_detected_anew(serving_stack: Stack) -> None:
    key = "images_for_detection/replaced.jpg"
    first = serving_stack.detect("circle", key)
    second = serving_stack.detect("stripes", key)
    assert serving_stack.wait_for_record(first)["label"] == "circle"
    assert serving_stack.wait_for_record(second)["label"] == "stripes"


def test_the_operator_chooses_which_detections_the_consumer_hears_of(serving_stack: Stack) -> None:
    with serving_stack.parameters({"Detection-Notifications": "all"}):
        confident = serving_stack.detect("circle")
        serving_stack.wait_for_record(confident, "confident")
        serving_stack.wait_until_idle()
    with serving_stack.parameters({"Detection-Notifications": "off"}):
        doubtful = serving_stack.detect()
        serving_stack.wait_for_record(doubtful, "review")
        serving_stack.wait_until_idle()
    assert len(serving_stack.consumer_mails(confident)) == 1
    assert not serving_stack.consumer_mails(doubtful)


def test_the_minimum_confidence_is_the_operators(serving_stack: Stack) -> None:
    with serving_stack.parameters({"Minimum-Label-Detection-Confidence": "0.0"}):
        upload = serving_stack.detect()
        record = serving_stack.wait_for_record(upload, "confident")
    assert record["minimum_confidence_pct"] == 0


@pytest.mark.parametrize("throttled", THROTTLED, ids=lambda fault: fault["service"])
def test_throttling_is_an_outcome_that_the_dispatcher_sees(
    serving_stack: Stack, throttled: Mapping[str, Any]
) -> None:
    with serving_stack.faults({**throttled, "times": -1}):
        upload = serving_stack.detect("circle")
        answer = serving_stack.run_express("detection", serving_stack.event(upload))
        assert (answer["status"], answer["error"]) == ("FAILED", "ThrottledError")
        assert not serving_stack.record(upload)
    serving_stack.wait_for_record(upload, "confident")


def test_a_failure_of_the_service_is_retried(serving_stack: Stack) -> None:
    fault = {
        "service": "rekognition",
        "operation": "DetectCustomLabels",
        "error": "InternalServerError",
        "status": 500,
        "times": 2,
    }
    with serving_stack.faults(fault):
        serving_stack.wait_for_record(serving_stack.detect("circle"), "confident")


def test_a_message_that_cannot_be_sent_is_sent_later_and_the_record_stays(
    serving_stack: Stack,
) -> None:
    fault = {"service": "sns", "operation": "Publish", "error": "InternalError", "status": 500}
    with serving_stack.faults({**fault, "times": 3}):
        upload = serving_stack.detect()
        record = serving_stack.wait_for_record(upload, "review")
        wait_for(lambda: serving_stack.consumer_mails(upload), "the message")
    assert serving_stack.record(upload) == record
    assert len(serving_stack.consumer_mails(upload)) == 1


def test_a_message_that_comes_again_is_sent_without_detecting_again(serving_stack: Stack) -> None:
    publish = {"service": "sns", "operation": "Publish", "error": "InternalError", "status": 500}
    upload = serving_stack.upload("images_from_api/told later.jpg", serving_stack.new_image())
    event = serving_stack.event(upload)
    before = _detected(serving_stack)
    with serving_stack.faults({**publish, "times": 3}):
        answer = serving_stack.run_express("detection", event)
    assert answer["status"] == "SUCCEEDED"
    assert json.loads(answer["output"])["told"] is False
    event["detail"]["again"] = True
    answer = serving_stack.run_express("detection", event)
    assert json.loads(answer["output"])["told"]
    assert _detected(serving_stack) == before + 1


@pytest.mark.parametrize("throttled", THROTTLED, ids=lambda fault: fault["service"])
def test_an_image_that_is_throttled_longer_than_the_queue_counts_is_detected_in_the_end(
    serving_stack: Stack, throttled: Mapping[str, Any]
) -> None:
    queue = serving_stack.client("sqs").get_queue_attributes(
        QueueUrl=serving_stack.outputs["DetectionQueueUrl"], AttributeNames=["RedrivePolicy"]
    )
    receives = json.loads(queue["Attributes"]["RedrivePolicy"])["maxReceiveCount"]
    with serving_stack.faults({**throttled, "times": receives + 2}):
        upload = serving_stack.detect("circle")
        serving_stack.wait_for_record(upload, "confident")
    dead = serving_stack.client("sqs").get_queue_attributes(
        QueueUrl=serving_stack.outputs["DetectionDeadLetterQueueUrl"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    assert dead["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_a_doubtful_image_whose_review_is_throttled_is_not_detected_again(
    serving_stack: Stack,
) -> None:
    before = _detected(serving_stack)
    request = {"service": "lambda", "operation": "Invoke", "containing": "detection_id"}
    with serving_stack.faults(
        {**request, "error": "TooManyRequestsException", "status": 429, "times": 9}
    ):
        upload = serving_stack.detect()
        serving_stack.wait_for_task(upload)
    assert _detected(serving_stack) == before + 1


def _detected(stack: Stack) -> int:
    """How often the model has been asked, once nothing more is to be detected."""
    stack.wait_until_idle()
    calls: int = stack.local.control("GET", "summary")["calls"]["rekognition.DetectCustomLabels"]
    return calls


def test_detections_are_counted_by_their_outcome_with_their_confidence(
    serving_stack: Stack,
) -> None:
    def counted() -> dict[str, float]:
        return {
            outcome: serving_stack.measured("Detections", Outcome=outcome)
            for outcome in ("confident", "review", "rejected")
        }

    def counts_each_once() -> bool:
        """Once more where what was logged of earlier images was counted late, among these."""
        serving_stack.wait_until_idle()
        before = counted()
        sampled = serving_stack.measured("Confidence", "SampleCount")
        uploads = [serving_stack.detect("circle") for _ in range(3)]
        uploads += [
            serving_stack.upload("images_for_detection/uncounted.txt", b"no image"),
            serving_stack.detect(),
        ]
        for upload in uploads:
            serving_stack.wait_for_record(upload)
        # Delivered again, an image is no other one.
        assert serving_stack.run_express("detection", serving_stack.event(uploads[0]))
        serving_stack.wait_until_idle()
        wanted = {"confident": 3, "review": 1, "rejected": 1}

        def are_counted() -> bool:
            now = counted()
            enough = all(now[name] >= before[name] + wanted[name] for name in wanted)
            return enough and serving_stack.measured("Confidence", "SampleCount") >= sampled + 4

        wait_for(are_counted, "the detections to be counted")
        return (
            counted() == {name: before[name] + wanted[name] for name in wanted}
            and serving_stack.measured("Confidence", "SampleCount") == sampled + 4
        )

    wait_for(counts_each_once, "a count of each detection once")
    assert 0 < serving_stack.measured("Confidence", "Maximum") <= 100
