"""Handlers that behave as the tests need them."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import boto3

STARTED = time.time()


class QuotaExceededError(Exception):
    pass


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    sys.stdout.write(json.dumps({"saw": event}) + "\n")
    return {"event": event, "pid": os.getpid(), "request_id": context.aws_request_id}


def environment(event: dict[str, Any], context: Any) -> dict[str, str]:
    return dict(os.environ)


def fail(event: dict[str, Any], context: Any) -> None:
    raise QuotaExceededError("too many")


def inspect(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Notes in the folder of the run that it was called for the batch, which may fail at first."""
    batch = event["batch"]
    notes = Path(event["run"]) / batch["name"]
    with notes.open("a") as file:
        file.write(f"{time.time()}\n")
    time.sleep(batch.get("seconds", 0))
    if len(notes.read_text().splitlines()) <= batch.get("fails", 0):
        raise QuotaExceededError(batch["name"])
    return {"images": batch["name"]}


def processor_time(event: dict[str, Any], context: Any) -> float:
    return time.process_time()


def sleep(event: dict[str, Any], context: Any) -> int:
    time.sleep(event.get("seconds", 60))
    return os.getpid()


def slow(event: dict[str, Any], context: Any) -> dict[str, Any]:
    time.sleep(0.5)
    sys.stdout.write("worked\n")
    return {"batchItemFailures": []}


def leave(event: dict[str, Any], context: Any) -> None:
    sys.stdout.flush()
    os._exit(3)


def large(event: dict[str, Any], context: Any) -> str:
    return "x" * (7 * 1024 * 1024)


def remaining(event: dict[str, Any], context: Any) -> Any:
    return context.get_remaining_time_in_millis()


def batch(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Fails the messages that say so; fails all when one says "raise"."""
    bodies = [json.loads(record["body"]) for record in event["Records"]]
    if any(body.get("raise") for body in bodies):
        raise ValueError("as asked")
    failed = [
        {"itemIdentifier": record["messageId"]}
        for record, body in zip(event["Records"], bodies, strict=True)
        if body.get("fail")
    ]
    if any(body.get("nonsense") for body in bodies):
        failed = [{"itemIdentifier": "nobody"}]
    return {"batchItemFailures": failed}


def changes(event: dict[str, Any], context: Any) -> None:
    """Writes what it got; fails where an item is called poison."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
    if any(one["dynamodb"]["Keys"]["name"]["S"] == "poison" for one in event["Records"]):
        raise ValueError("as asked")


def measure(event: dict[str, Any], context: Any) -> None:
    """Writes the event's lines in the embedded metric format."""
    for line in event["lines"]:
        sys.stdout.write(json.dumps(line) + "\n")


def again(event: dict[str, Any], context: Any) -> None:
    """Sends each message to the queue that it came from, until it has gone round often enough."""
    for record in event["Records"]:
        body = json.loads(record["body"])
        sys.stdout.write("round\n")
        if body["rounds"] > 1:
            left = json.dumps({"rounds": body["rounds"] - 1})
            sqs = boto3.client("sqs")
            sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=left)


def show_again(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lets each message be received again at once, until it has been three times."""
    failed = []
    for record in event["Records"]:
        sys.stdout.write(f"trace {os.environ['_X_AMZN_TRACE_ID']}\n")
        if int(record["attributes"]["ApproximateReceiveCount"]) < 3:
            failed.append({"itemIdentifier": record["messageId"]})
            boto3.client("sqs").change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=0,
            )
    return {"batchItemFailures": failed}
