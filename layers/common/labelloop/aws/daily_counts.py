"""What a day is counted for, which has a ceiling: hours of models, and images by the API."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from labelloop import clock
from labelloop.aws import model_versions_table as table
from labelloop.aws.items import to_value
from labelloop.clock import epoch_s
from labelloop.errors import ChangedMeanwhileError

_KEPT = timedelta(days=30)


def model_time() -> dict[str, Any] | None:
    """For how long models have run on the last day on which any did."""
    return table.get("state", "model_time")


def keep_model_time(values: Mapping[str, Any], looked_before: str | None) -> None:
    """Note what has been counted up to when it says it was looked.

    Raises ChangedMeanwhileError when another look has counted since the one before was read.
    """
    table.put(
        "state",
        "model_time",
        values,
        "attribute_not_exists(kind) OR looked = :seen",
        ExpressionAttributeValues={":seen": {"S": looked_before or ""}},
    )


def api_images(day: str) -> int:
    """How many images the API has counted on a day: those that it took, and blocks begun."""
    values = table.get("images", day)
    return int(values["counted"]) if values else 0


def count_api_images(day: str, block: int, ceiling: int) -> int | None:
    """Count a block of images more; how many are counted then, or None where the day has no more.

    A block that is counted twice, as by a call whose answer was lost, is lost for the day.
    """
    try:
        after = table.update(
            "images",
            day,
            UpdateExpression="SET expires = :expires ADD counted :block",
            ConditionExpression="attribute_not_exists(counted) OR counted < :ceiling",
            ExpressionAttributeValues={
                ":expires": to_value(epoch_s(clock.now(), _KEPT)),
                ":block": to_value(block),
                ":ceiling": to_value(ceiling),
            },
            ReturnValues="UPDATED_NEW",
        )
    except ChangedMeanwhileError:
        return None
    return int(after["counted"])
