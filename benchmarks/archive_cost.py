"""What the archive of the inference log costs, by how many images a day there are.

Each shard of the stream is read every five minutes, and where it has something, that is an object,
an invocation and a transaction, for one line as for thousands: so it depends on the images a day,
and on how many shards the table has, which AWS decides; a new one is said to have four. The
function's own code runs against moto, which counts its calls and units; the processor time has
moto's work in it, too, and is more than on AWS. Prices are those of ``detection_cost``.
"""

import json
import math
import os
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from benchmarks.detection_cost import ASSUMED, USD, item_bytes
from functions.archive_log.app import lambda_handler
from labelloop.aws.clients import client
from labelloop.aws.items import from_item, to_item
from labelloop.domain.detection_records import DetectionRecord
from tests.contract import files
from tests.unit.account import (
    ACCOUNT_ID,
    REGION,
    Context,
    event,
    in_memory,
    make_bucket,
    make_table,
)

IMAGES_A_DAY = (100, 1_000, 10_000, 100_000, 1_000_000)
SHARDS = (1, 4)
WINDOW_S = 300
WINDOWS = 4
"""The first one finds nothing that was counted before, and is left out."""
MOST_BYTES = 6 * 1024 * 1024
BEGIN_S = datetime(2026, 11, 21, tzinfo=UTC).timestamp()

Json = dict[str, Any]


def run() -> list[dict[str, object]]:
    """A row for each number of images a day and of shards."""
    os.environ.update(
        AWS_DEFAULT_REGION=REGION,
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",  # noqa: S106 - moto's
        BUCKET_NAME="bucket",
        MODEL_VERSIONS_TABLE="versions",
        MODEL_TYPE="classification",
    )
    return [_row(images, shards) for images in IMAGES_A_DAY for shards in SHARDS]


def _row(images: int, shards: int) -> dict[str, object]:
    with in_memory():
        make_bucket("bucket", REGION)
        make_table("ModelVersionsTable", "versions", REGION)
        asked = _Asked()
        lines, cpu_s = 0, 0.0
        for window in range(WINDOWS):
            if window == 1:
                asked.clear()
            for batch in _batches(images, shards, window):
                begun = time.process_time()
                told = lambda_handler({"Records": batch}, Context())
                if window:
                    lines += told["lines"]
                    cpu_s += time.process_time() - begun
                    asked.invocations += 1
        asked.stop()
    usd = asked.usd(cpu_s) / lines * 1e6
    return {
        "images_a_day": images,
        "shards": shards,
        "lines_an_object": round(lines / asked.calls["PutObject"], 1),
        "usd_per_million": round(usd, 2),
        "usd_a_month": round(usd * images * 30 / 1e6, 3),
        "calls_a_batch": {
            name: round(count / asked.invocations, 2) for name, count in asked.calls.items()
        },
    }


def _batches(images: int, shards: int, window: int) -> list[list[Json]]:
    """What each shard tells of a window: of few images a day, one in a window of its own."""
    count = max(1, round(images * WINDOW_S / 86_400 / shards))
    found = []
    for shard in range(shards):
        # Windows begin when something comes, not with the clock's five minutes.
        begin_s = BEGIN_S + WINDOW_S * (window + (shard + 0.5) / shards)
        batch = [
            _record(f"{window}-{shard}-{number}", begin_s + number * WINDOW_S / count)
            for number in range(count)
        ]
        most = MOST_BYTES // len(json.dumps(batch[0]))
        found += [batch[at : at + most] for at in range(0, count, most)]
        if count == 1 and images * WINDOW_S / 86_400 < shards:
            break
    return found


_SAMPLE: Json = event("archive_log.detected")["Records"][0]


def _record(name: str, moment_s: float) -> Json:
    """A confident detection, as the stream tells of it."""
    record = DetectionRecord(detection_id=name, **_FACTS)
    record = replace(record, date=f"{datetime.fromtimestamp(moment_s, UTC):%Y-%m-%dT%H:%M:%S.000Z}")
    change = {
        **_SAMPLE["dynamodb"],
        "ApproximateCreationDateTime": moment_s,
        "NewImage": to_item(record.as_json()),
    }
    return {**_SAMPLE, "eventID": name, "dynamodb": change}


def _facts() -> Json:
    known = from_item(_SAMPLE["dynamodb"]["NewImage"])
    known.update(outcome="confident", human_loop=None, outcome_shard=None, chance=None)
    record = DetectionRecord.from_json({k: v for k, v in known.items() if v is not None})
    told = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return {name: value for name, value in told.items() if name != "detection_id"}


_FACTS = _facts()


class _Asked:
    """What the function has asked AWS for, and the units of it."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.invocations = 0
        self.writes = self.reads = 0.0
        self._pending: Json = {}
        self._events = {name: client(name).meta.events for name in ("dynamodb", "s3")}
        for service, events in self._events.items():
            events.register(f"provide-client-params.{service}", self._before, unique_id="bench")
            events.register(f"after-call.{service}", self._after, unique_id="bench-after")

    def stop(self) -> None:
        """Look no more."""
        for service, events in self._events.items():
            events.unregister(f"provide-client-params.{service}", unique_id="bench")
            events.unregister(f"after-call.{service}", unique_id="bench-after")

    def clear(self) -> None:
        """Begin anew."""
        self.calls.clear()
        self.invocations, self.writes, self.reads = 0, 0.0, 0.0

    def _before(self, params: Json, model: Any, **_: Any) -> None:
        self.calls[model.name] += 1
        self._pending = params

    def _after(self, model: Any, parsed: Json, **_: Any) -> None:
        if model.name == "Query":
            size = sum(map(item_bytes, parsed["Items"]))
            self.reads += max(1, math.ceil(size / 4096))
        if model.name == "TransactWriteItems":
            for entry in self._pending["TransactItems"]:
                item = _stored(entry["Update"])
                # In a transaction twice the units.
                self.writes += 2 * math.ceil(item_bytes(item) / 1024)

    def usd(self, cpu_s: float) -> float:
        """What all of it costs."""
        otherwise = files.template()["Globals"]["Function"]["MemorySize"]
        memory_mb = int(files.function("archive_log").get("MemorySize", otherwise))
        share = min(1.0, memory_mb / ASSUMED["mb_of_a_whole_cpu"])
        waits_ms = self.calls["PutObject"] * ASSUMED["s3_ms"]
        waits_ms += (self.calls.total() - self.calls["PutObject"]) * ASSUMED["dynamodb_ms"]
        gb_s = (cpu_s / share + waits_ms / 1000) * memory_mb / 1024
        return (
            self.calls["PutObject"] * USD["s3_write"]
            + self.writes * USD["dynamodb_write_unit"]
            + self.reads * USD["dynamodb_read_unit"]
            + self.invocations * USD["lambda_request"]
            + gb_s * USD["lambda_gb_second"]
        )


def _stored(update: Json) -> Json:
    table = dynamodb_backends[ACCOUNT_ID][REGION].tables[update["TableName"]]
    kind, name = update["Key"]["kind"]["S"], update["Key"]["name"]["S"]
    for hashed, ranged in table.items.items():
        if hashed.value == kind:
            for key, item in ranged.items():
                if key.value == name:
                    found: Json = item.to_json()["Attributes"]
                    return found
    raise LookupError(name)
