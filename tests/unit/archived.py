"""The archive as tests see it: what lies in the bucket, and what a table's stream would tell."""

import gzip
import json
import uuid
from collections.abc import Iterator
from typing import Any

from labelloop.aws import objects
from labelloop.aws.items import to_item
from labelloop.domain.archive import FOLDER
from labelloop.domain.detection_records import DetectionRecord

Json = dict[str, Any]
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/log/stream/2026-11-21T08:00:00.123"


def change(
    number: int,
    before: DetectionRecord | None,
    after: DetectionRecord | None,
    *,
    moment_s: float = 1_795_252_528.0,
) -> Json:
    """What the stream tells of a change; told again, it is another one."""
    images = {"OldImage": before, "NewImage": after}
    return {
        "eventID": uuid.uuid4().hex,
        "eventName": "REMOVE" if after is None else "MODIFY" if before else "INSERT",
        "eventSourceARN": STREAM,
        "dynamodb": {
            "ApproximateCreationDateTime": moment_s,
            "SequenceNumber": str(number),
            **{name: to_item(one.as_json()) for name, one in images.items() if one},
        },
    }


def lines(day: str = "") -> Iterator[Json]:
    """Every line of the archive, or of a day."""
    for entry in objects.listing(f"{FOLDER}day={day}"):
        for line in gzip.decompress(objects.read(entry.key)).splitlines():
            yield json.loads(line)


def view() -> dict[str, Json]:
    """The last state of each detection, as a reader sees it, who looks at each day by itself."""
    days = {entry.key.removeprefix(f"{FOLDER}day=")[:10] for entry in objects.listing(FOLDER)}
    found: dict[str, Json] = {}
    for day in days:
        last: dict[str, Json] = {}
        for line in lines(day):
            known = last.get(line["detection_id"])
            if known is None or line["revision"] > known["revision"]:
                last[line["detection_id"]] = line
        there = {name: line for name, line in last.items() if "outcome" in line}
        assert not found.keys() & there.keys(), "Each detection is of one day."
        found |= there
    return found
