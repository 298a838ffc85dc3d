"""The inference log as tests write it and look at it: by the facts of its records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from labelloop.aws import detections
from labelloop.aws.clients import client
from labelloop.aws.detections import Recorded
from labelloop.aws.items import to_item, to_value
from labelloop.aws.wiring import wiring
from labelloop.domain.detection_records import LABELING, DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.settings import Variable


def record(detection: str, outcome: Outcome, facts: Mapping[str, Any], now: datetime) -> Recorded:
    """Write the record of a detection with these facts, as a look at its image would."""
    seen = {**facts, "detection_id": detection, "outcome": outcome.value}
    return detections.record_once(DetectionRecord.from_json(seen), now)


def record_labelling(detection: str, facts: Mapping[str, Any]) -> None:
    """Write the record of an image that people are to label from nothing."""
    client("dynamodb").put_item(
        TableName=wiring[Variable.DETECTIONS_TABLE],
        Item=to_item({**facts, "detection_id": detection, "outcome": LABELING}),
    )


def note(detection: str, facts: Mapping[str, Any]) -> None:
    """Write facts over those of a record."""
    client("dynamodb").update_item(
        TableName=wiring[Variable.DETECTIONS_TABLE],
        Key={"detection_id": {"S": detection}},
        UpdateExpression="SET " + ", ".join(f"#{i} = :{i}" for i in range(len(facts))),
        ConditionExpression="attribute_exists(detection_id)",
        ExpressionAttributeNames={f"#{i}": name for i, name in enumerate(facts)},
        ExpressionAttributeValues={f":{i}": to_value(v) for i, v in enumerate(facts.values())},
    )


def recorded(detection: str) -> dict[str, Any]:
    """The facts of a record. Raises NotFoundError."""
    return detections.get(detection).as_json()
