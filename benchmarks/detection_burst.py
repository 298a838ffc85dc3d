"""How well a burst of images keeps a running model busy, and whether anything is lost in it.

The embedded runtime's model takes so many images a second and refuses the others, as the service
does; how many the real one takes nobody publishes. All images are in the bucket and all their
events in the queue before the model's first answer, and the dispatcher knows nothing of the model.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import Any

from benchmarks.first_model import deploy_first_model, pictures
from local.launch import LocalStack, launch

IMAGES = 2000
DIFFERENT_IMAGES = 50
"""Drawing them takes longer than detecting them."""
PER_UNIT_S = 5.0
UNITS = (1, 2, 5)
TIME_SCALE = 100.0
UPLOADERS = 8
LOOK_EVERY_S = 2.0
TAKES_AT_MOST_S = 900.0
PREFIX = "images_for_detection/burst/"


def run() -> list[dict[str, object]]:
    """One row for each number of inference units, in a stack of its own."""
    return [_burst(units) for units in UNITS]


def _burst(units: int) -> dict[str, object]:
    with launch(time_scale=TIME_SCALE, tps=PER_UNIT_S) as stack:
        _set(stack, "Minimum-Inference-Units", str(units))
        _set(stack, "Maximum-Inference-Units", str(units))
        _set(stack, "Model-Hosting", "always-on")
        _set(stack, "Enable-Automatic-Human-Sampling", "false")
        deploy_first_model(stack)
        _switch_off(stack)
        events = _upload(stack)
        before = len(stack.control("GET", "calls"))
        _send(stack, events)
        _wait_until_all_are_recorded(stack)
        calls = [
            call
            for call in stack.control("GET", "calls")[before:]
            if call["operation"] == "DetectCustomLabels"
        ]
        records = _records(stack)
    taken = sorted(_seconds(call["time"]) for call in calls if not call["error"])
    capacity = units * PER_UNIT_S
    # At the start a rested model takes a second's images at once.
    possible = (taken[-1] - taken[0]) * capacity + capacity
    counts = Counter(str(record["key"]["S"]) for record in records)
    return {
        "inference_units": units,
        "images": IMAGES,
        "lost": IMAGES - len(counts),
        "double": len(records) - len(counts) + len(taken) - IMAGES,
        "utilisation": round(len(taken) / possible, 3),
        "throttled": round((len(calls) - len(taken)) / len(calls), 3),
        "seconds": round(taken[-1] - taken[0], 1),
        "images_per_s_a_unit": PER_UNIT_S,
        "cores": os.cpu_count(),
    }


def _set(stack: LocalStack, name: str, value: str) -> None:
    name = stack.outputs["ParameterPrefix"] + name
    stack.client("ssm").put_parameter(Name=name, Value=value, Overwrite=True)


def _upload(stack: LocalStack) -> list[dict[str, Any]]:
    """Put the images into the bucket; S3's events about them."""
    contents, bucket = pictures(DIFFERENT_IMAGES, seed=4), stack.outputs["BucketName"]

    def put(number: int) -> dict[str, Any]:
        key, content = f"{PREFIX}{number}.jpg", contents[number % DIFFERENT_IMAGES]
        answer = stack.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        image = {
            "key": key,
            "size": len(content),
            "etag": answer["ETag"].strip('"'),
            "version-id": answer["VersionId"],
        }
        return {"detail": {"bucket": {"name": bucket}, "object": image}}

    with ThreadPoolExecutor(UPLOADERS) as threads:
        return list(threads.map(put, range(IMAGES)))


def _send(stack: LocalStack, events: Iterable[dict[str, Any]]) -> None:
    sqs, left = stack.client("sqs"), iter(events)
    while part := list(islice(left, 10)):
        sqs.send_message_batch(
            QueueUrl=stack.outputs["DetectionQueueUrl"],
            Entries=[{"Id": str(i), "MessageBody": json.dumps(e)} for i, e in enumerate(part)],
        )


def _wait_until_all_are_recorded(stack: LocalStack) -> None:
    """Look at the queue: looking into the log takes from the machine what detection needs."""
    sqs, url = stack.client("sqs"), stack.outputs["DetectionQueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    end = time.monotonic() + TAKES_AT_MOST_S
    while True:
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        if set(counts.values()) == {"0"}:
            return
        assert time.monotonic() < end, f"the queue is not empty: {counts}"
        time.sleep(LOOK_EVERY_S)


def _switch_off(stack: LocalStack) -> None:
    """No events for the images, and no looks by schedule at the growing log, which moto searches
    from end to end."""
    resources = stack.control("GET", "stack")["resources"]
    stack.client("events").disable_rule(Name=resources["DetectionRule"]["physical_id"])
    scheduler, name = stack.client("scheduler"), resources["HostingSchedule"]["physical_id"]
    known = scheduler.get_schedule(Name=name)
    wanted = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    scheduler.update_schedule(**{part: known[part] for part in wanted}, State="DISABLED")


def _records(stack: LocalStack) -> list[dict[str, Any]]:
    pages = (
        stack.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=stack.outputs["DetectionsTable"],
            ProjectionExpression="#k, outcome",
            ExpressionAttributeNames={"#k": "key"},
        )
    )
    return [item for page in pages for item in page["Items"] if item["outcome"]["S"] != "waiting"]


def _seconds(moment: str) -> float:
    """The real seconds of a moment of the stack's."""
    return datetime.fromisoformat(moment).timestamp() / TIME_SCALE
