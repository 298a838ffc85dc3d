"""Records of before the archive: each is changed once, so that the table's stream tells of it.

So a record that changes meanwhile is archived in the order in which it changed, and is counted
once: what is read here is its name alone, and nothing else of it is written.
"""

from collections.abc import Iterator

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.domain.detection_records import LABELING
from labelloop.errors import ChangedMeanwhileError
from labelloop.settings import Variable


def detections(*, archived: bool) -> Iterator[str]:
    """The names of detections whose records the archive has, or of those that it has not."""
    condition = "attribute_exists" if archived else "attribute_not_exists"
    pages = (
        client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=wiring[Variable.DETECTIONS_TABLE],
            FilterExpression=f"{condition}(archived) AND outcome <> :labeling",
            ExpressionAttributeValues={":labeling": {"S": LABELING}},
            ProjectionExpression="detection_id",
        )
    )
    with translated():
        for page in pages:
            yield from (item["detection_id"]["S"] for item in page["Items"])


def archive(detection: str) -> None:
    """Let a record be archived, unless it is, or is gone."""
    _change(detection, "SET archived = :true", "attribute_not_exists(archived)")


def archive_again(detection: str) -> None:
    """Let a record be archived as it is now, though it was before.

    A write that changes nothing is told to nobody, so this is two; after the first one it is a
    record of before the archive.
    """
    _change(detection, "REMOVE archived", "archived = :true")
    archive(detection)


def _change(detection: str, change: str, condition: str) -> None:
    values = {":true": {"BOOL": True}}
    try:
        with translated():
            client("dynamodb").update_item(
                TableName=wiring[Variable.DETECTIONS_TABLE],
                Key={"detection_id": {"S": detection}},
                UpdateExpression=change,
                ConditionExpression=f"attribute_exists(detection_id) AND {condition}",
                **({"ExpressionAttributeValues": values} if ":true" in change + condition else {}),
            )
    except ChangedMeanwhileError:
        return
