"""How long an image takes from its upload to its record, on the embedded runtime of this machine.

This measures the runtime and the functions' own work, with an emulated model. It says nothing of
AWS; it shows what a change of ours costs, and how large a demo this machine bears.
"""

import os
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.first_model import deploy_first_model, pictures
from labelloop.domain.detections import detection_id
from labelloop.domain.images import ImageObject
from local.launch import LocalStack, launch

TIME_SCALE = 200.0
TPS = 50.0
PACED_IMAGES = 60
PACE_S = 0.5
BURST_IMAGES = 300
UPLOADERS = 8
LOOK_EVERY_S = 0.02
TAKES_AT_MOST_S = 300.0
MOST_KEYS = 100
"""What BatchGetItem takes."""


def run() -> list[dict[str, object]]:
    """One row paced, one in a burst."""
    facts = {"tps": TPS, "time_scale": TIME_SCALE, "cores": os.cpu_count()}
    with launch(time_scale=TIME_SCALE, tps=TPS) as stack:
        deploy_first_model(stack)
        _paced(stack, "warm-up", 10)
        latencies = sorted(_paced(stack, "paced", PACED_IMAGES))
        upload_s, seconds = _burst(stack, BURST_IMAGES)
    paced = {
        "case": f"paced, one every {PACE_S:g} s",
        "images": PACED_IMAGES,
        "p50_s": round(statistics.median(latencies), 3),
        "p95_s": round(statistics.quantiles(latencies, n=20)[-1], 3),
        "longest_s": round(latencies[-1], 3),
    }
    burst = {
        "case": f"burst, {UPLOADERS} at a time",
        "images": BURST_IMAGES,
        "upload_s": round(upload_s, 1),
        "until_all_recorded_s": round(seconds, 1),
        "images_per_s": round(BURST_IMAGES / seconds, 1),
    }
    return [{**paced, **facts}, {**burst, **facts}]


def _paced(stack: LocalStack, name: str, count: int) -> list[float]:
    """Seconds from the beginning of each upload to its record."""
    pending: dict[str, float] = {}
    latencies: list[float] = []
    uploaded = threading.Event()

    def watch() -> None:
        end = time.monotonic() + count * PACE_S + TAKES_AT_MOST_S
        while pending or not uploaded.is_set():
            assert time.monotonic() < end, f"{len(pending)} images were not recorded"
            found = _recorded(stack, list(pending))
            latencies.extend(time.monotonic() - pending.pop(detection) for detection in found)
            time.sleep(LOOK_EVERY_S)

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        for number, picture in enumerate(pictures(count, seed=2)):
            began = time.monotonic()
            pending[_upload(stack, f"{name}-{number}", picture)] = began
            time.sleep(max(0.0, PACE_S - (time.monotonic() - began)))
        uploaded.set()
        watching.result()
    return latencies


def _burst(stack: LocalStack, count: int) -> tuple[float, float]:
    """Seconds for all uploads, and from the first until the last record."""
    ready = pictures(count, seed=3)
    began = time.monotonic()
    with ThreadPoolExecutor(UPLOADERS) as pool:
        names = [f"burst-{number}" for number in range(count)]
        pending = set(pool.map(lambda pair: _upload(stack, *pair), zip(names, ready, strict=True)))
    upload_s = time.monotonic() - began
    while pending:
        assert time.monotonic() - began < TAKES_AT_MOST_S, f"{len(pending)} were not recorded"
        pending -= set(_recorded(stack, sorted(pending)[:MOST_KEYS]))
        time.sleep(LOOK_EVERY_S)
    return upload_s, time.monotonic() - began


def _upload(stack: LocalStack, name: str, picture: bytes) -> str:
    """The detection that the image will have."""
    bucket, key = stack.outputs["BucketName"], f"images_for_detection/{name}.jpg"
    answer = stack.client("s3").put_object(Bucket=bucket, Key=key, Body=picture)
    etag = answer["ETag"].strip('"')
    return detection_id(ImageObject(bucket, key, answer["VersionId"], etag, len(picture)))


def _recorded(stack: LocalStack, detections: list[str]) -> list[str]:
    """Those of the detections that are in the inference log."""
    if not detections:
        return []
    table = stack.outputs["DetectionsTable"]
    keys = [{"detection_id": {"S": detection}} for detection in detections[:MOST_KEYS]]
    answer = stack.client("dynamodb").batch_get_item(
        RequestItems={table: {"Keys": keys, "ProjectionExpression": "detection_id, outcome"}}
    )
    items = answer["Responses"].get(table, [])
    outcomes = {item["outcome"]["S"] for item in items}
    assert outcomes <= {"confident", "review"}, f"not every image was detected: {outcomes}"
    return [item["detection_id"]["S"] for item in items]
