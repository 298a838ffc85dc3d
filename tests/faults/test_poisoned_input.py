"""Input that no workflow can use, beside input that it can."""

import json
from collections.abc import Iterator

import pytest

from local.launch import wait_for
from tests.faults.conftest import Intake
from tests.stack import Stack, Uploaded

POISON = (
    "no JSON",
    "[]",
    "{}",
    json.dumps({"detail": {}}),
    json.dumps({"detail": {"bucket": {"name": "b"}, "object": {}}}),
    json.dumps({"detail": {"bucket": "b", "object": {"key": 7}}}),
)
POISONED_ANSWERS = (
    "no JSON",
    json.dumps({"detail": {"object": {"key": 7}}}),
)
PATIENCE_S = 60
"""Of the stack's seconds, between two of the ten attempts at a message."""


@pytest.fixture
def impatient(intake: Intake) -> Iterator[Intake]:
    """The way into detection, where messages that failed come again soon."""
    with intake.patience(PATIENCE_S):
        yield intake


def test_messages_that_nobody_can_read_are_given_up_and_hold_up_no_other(
    serving_stack: Stack, impatient: Intake
) -> None:
    """Both queues at once: giving up takes its ten attempts."""
    uploads = impatient.upload(len(POISON))
    for upload, body in zip(uploads, POISON, strict=True):
        impatient.send([body])
        impatient.report([upload])
    impatient.send(POISONED_ANSWERS, "AnswersQueue")
    for upload in uploads:
        serving_stack.wait_for_record(upload, "review")
    try:
        wait_for(
            lambda: (
                (impatient.dead(), impatient.dead("AnswersDeadLetterQueue"))
                == (len(POISON), len(POISONED_ANSWERS))
            ),
            "all poison given up",
        )
        serving_stack.wait_until_idle()
        bodies = _bodies(serving_stack, "DetectionDeadLetterQueue")
        assert sorted(bodies) == sorted(POISON)
    finally:
        for queue in ("DetectionDeadLetterQueue", "AnswersDeadLetterQueue"):
            serving_stack.client("sqs").purge_queue(QueueUrl=serving_stack.physical_id(queue))
    tasks = [task["detection_id"] for task in serving_stack.tasks()]
    assert all(tasks.count(upload.detection_id) == 1 for upload in uploads)


def test_only_the_messages_that_nobody_can_read_go_back_to_the_queue(
    serving_stack: Stack, intake: Intake
) -> None:
    (upload,) = intake.upload(1)
    queue_arn = serving_stack.client("sqs").get_queue_attributes(
        QueueUrl=serving_stack.physical_id("DetectionQueue"), AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    bodies = [*POISON, json.dumps(serving_stack.event(upload))]
    batch = [
        {
            "messageId": str(number),
            "receiptHandle": f"none-{number}",
            "body": body,
            "eventSourceARN": queue_arn,
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        for number, body in enumerate(bodies)
    ]
    answer = serving_stack.client("lambda").invoke(
        FunctionName=serving_stack.physical_id("DispatchEventsFunction"),
        Payload=json.dumps({"Records": batch}).encode(),
    )
    assert json.load(answer["Payload"]) == {
        "batchItemFailures": [{"itemIdentifier": str(number)} for number in range(len(POISON))]
    }
    assert serving_stack.record(upload)


def test_an_empty_file_is_rejected_and_the_consumer_is_told(serving_stack: Stack) -> None:
    upload = serving_stack.upload("images_for_detection/empty.jpg", b"")
    record = serving_stack.wait_for_record(upload, "rejected")
    assert record["reason"]
    wait_for(lambda: serving_stack.consumer_mails(upload), "the message")


def test_an_image_that_was_deleted_before_detection_is_rejected(
    serving_stack: Stack, intake: Intake
) -> None:
    (upload,) = intake.upload(1)
    serving_stack.client("s3").delete_object(
        Bucket=serving_stack.bucket, Key=upload.key, VersionId=upload.version_id
    )
    intake.report([upload])
    record = serving_stack.wait_for_record(upload, "rejected")
    assert "deleted" in record["reason"]
    wait_for(lambda: serving_stack.consumer_mails(upload), "the message")
    assert not serving_stack.task(upload)


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b'{"humanAnswers": [{}]}'], ids=repr)
def test_an_answer_file_that_cannot_be_read_is_noted_and_told_once(
    serving_stack: Stack, intake: Intake, content: bytes
) -> None:
    upload = serving_stack.detect("circle")
    serving_stack.wait_for_record(upload, "confident")
    key = f"a2i-human-loop-data/flow/2026/{upload.task_id}/output.json"
    for _ in range(2):
        # One after the other: who is slow to tell it is taken for dead after 3 s here.
        serving_stack.upload(key, content)
        record = serving_stack.wait_for_record(upload, has="review_problem")
        serving_stack.wait_until_idle()
    assert "copied_key" not in record
    assert len(_told_about(serving_stack, upload)) == 1
    assert intake.dead("AnswersDeadLetterQueue") == 0


def _told_about(stack: Stack, upload: Uploaded) -> list[object]:
    mails = stack.operator_mails("answer_problem")
    return [mail for mail in mails if upload.task_id in mail["message"]]


def _bodies(stack: Stack, queue: str) -> list[str]:
    """What is in a queue."""
    bodies: list[str] = []
    while True:
        messages = (
            stack.client("sqs")
            .receive_message(
                QueueUrl=stack.physical_id(queue), MaxNumberOfMessages=10, VisibilityTimeout=3600
            )
            .get("Messages", [])
        )
        if not messages:
            return bodies
        bodies += [message["Body"] for message in messages]
