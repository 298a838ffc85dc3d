"""What a model costs on demand: two bursts of images a day apart, and the minutes it is hosted.

The embedded runtime's clock runs `TIME_SCALE` times faster, while the machine works as fast as it
does: each second of work counts as so many on the clock, and so does each delay of the runtime's.
So the share of minutes that nobody wanted is, if anything, less in real time.

The minutes are the emulated service's own: from each StartProjectVersion that it took to the
StopProjectVersion, starting included. Whether starting is billed is not documented.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from benchmarks.first_model import deploy_first_model, pictures
from labelloop.domain.parameters import CATALOGUE
from local.launch import LocalStack, launch, wait_for
from local.rekognition.resources import Durations

TIME_SCALE = 480.0
TPS = 50.0
IMAGES = (40, 120)
APART = timedelta(days=1)
UPLOADERS = 4
TAKES_AT_MOST_S = 300.0
PREFIX = "images_for_detection/burst-"
STARTUP = timedelta(seconds=Durations().start_s)
IDLE_LIMIT = timedelta(
    minutes=int(next(one.default for one in CATALOGUE if one.name == "Idle-Minutes-Before-Stop"))
)


@dataclass(frozen=True)
class Hosted:
    """A time for which a model was hosted, on the stack's clock."""

    started: datetime
    stopped: datetime
    first: datetime
    last: datetime
    """When it was asked for the first and for the last image."""


def run() -> list[dict[str, object]]:
    """A row a burst, and one for both."""
    with launch(time_scale=TIME_SCALE, tps=TPS) as stack:
        deploy_first_model(stack)
        _wait_until_stopped(stack)
        before = len(stack.control("GET", "calls"))
        for number, count in enumerate(IMAGES):
            began_s = time.monotonic()
            _burst(stack, number, pictures(count, seed=5 + number))
            _wait_until_stopped(stack)
            if number + 1 < len(IMAGES):
                a_day_s = APART.total_seconds() / TIME_SCALE
                time.sleep(max(0.0, a_day_s - (time.monotonic() - began_s)))
        hosted = _hosted(stack.control("GET", "calls")[before:])
    assert len(hosted) == len(IMAGES), f"the model was hosted {len(hosted)} times: {hosted}"
    rows = [
        _row(str(number), images, [one])
        for number, (images, one) in enumerate(zip(IMAGES, hosted, strict=True), start=1)
    ]
    return [*rows, _row("total", sum(IMAGES), hosted)]


def _burst(stack: LocalStack, number: int, images: Sequence[bytes]) -> None:
    """Upload the images, and wait until the model has said what is in each."""
    bucket, prefix = stack.outputs["BucketName"], f"{PREFIX}{number}/"

    def upload(pair: tuple[int, bytes]) -> None:
        key = f"{prefix}{pair[0]}.jpg"
        stack.client("s3").put_object(Bucket=bucket, Key=key, Body=pair[1])

    with ThreadPoolExecutor(UPLOADERS) as threads:
        list(threads.map(upload, enumerate(images)))
    wait_for(
        lambda: _detected(stack, prefix) == len(images),
        f"the detection of burst {number + 1}",
        TAKES_AT_MOST_S,
        every_s=0.5,
    )


def _detected(stack: LocalStack, prefix: str) -> int:
    pages = (
        stack.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=stack.outputs["DetectionsTable"],
            FilterExpression="begins_with(#key, :prefix) AND outcome <> :waiting",
            ExpressionAttributeNames={"#key": "key"},
            ExpressionAttributeValues={":prefix": {"S": prefix}, ":waiting": {"S": "waiting"}},
        )
    )
    return sum(page["Count"] for page in pages)


def _wait_until_stopped(stack: LocalStack) -> None:
    def stopped() -> bool:
        answer = stack.client("rekognition").describe_project_versions(
            ProjectArn=stack.outputs["ProjectArn"]
        )
        return {entry["Status"] for entry in answer["ProjectVersionDescriptions"]} == {"STOPPED"}

    wait_for(stopped, "the model to be stopped", TAKES_AT_MOST_S)


def _hosted(calls: Sequence[dict[str, Any]]) -> list[Hosted]:
    """The times for which the model was hosted, by the calls that the service took."""
    taken = [
        (datetime.fromisoformat(call["time"]), call["operation"])
        for call in calls
        if call["service"] == "rekognition" and not call["error"]
    ]

    def times(operation: str) -> list[datetime]:
        return [moment for moment, name in taken if name == operation]

    found = []
    for started, stopped in zip(
        times("StartProjectVersion"), times("StopProjectVersion"), strict=True
    ):
        asked = [moment for moment in times("DetectCustomLabels") if started < moment < stopped]
        found.append(Hosted(started, stopped, min(asked), max(asked)))
    return found


def _row(burst: str, images: int, hosted: Sequence[Hosted]) -> dict[str, object]:
    startup = STARTUP * len(hosted)
    idle = IDLE_LIMIT * len(hosted)
    work = sum((one.last - one.first for one in hosted), timedelta())
    model = sum((one.stopped - one.started for one in hosted), timedelta())
    wanted = startup + work + idle
    return {
        "burst": burst,
        "images": images,
        "startup_min": _minutes(startup),
        "work_min": _minutes(work),
        "idle_min": _minutes(idle),
        "model_min": _minutes(model),
        "unwanted_min": _minutes(model - wanted),
        "over_pct": round((model / wanted - 1) * 100, 1),
        "time_scale": TIME_SCALE,
    }


def _minutes(duration: timedelta) -> float:
    return round(duration / timedelta(minutes=1), 1)
