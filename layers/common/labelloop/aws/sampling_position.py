"""How far the detections have been sampled, and what those were."""

from labelloop.aws import model_versions_table as table
from labelloop.domain.origins import LogShares
from labelloop.domain.sampling import START, LogCounts, Position


def read() -> Position:
    """How far the detections have been sampled."""
    values = table.get("state", "sampling")
    if values is None:
        return START
    return Position(
        values["after"],
        values["since_last"],
        values.get("nones_since_last", 0),
        LogCounts.from_json(values.get("log", {})),
    )


def log_shares() -> LogShares:
    """How many detections of the log are of each stratum, of those that sampling has passed.

    Empty where it never was switched on.
    """
    return read().log.shares


def move(before: Position, after: Position) -> None:
    """Note that sampling has come from one position to another.

    Raises ChangedMeanwhileError when another run was faster.
    """
    table.put(
        "state",
        "sampling",
        {
            "after": after.after,
            "since_last": after.since_last,
            "nones_since_last": after.nones_since_last,
            "log": after.log.as_json(),
        },
        "attribute_not_exists(kind) OR (#after = :after AND since_last = :since_last)",
        ExpressionAttributeNames={"#after": "after"},
        ExpressionAttributeValues={
            ":after": {"S": before.after},
            ":since_last": {"N": str(before.since_last)},
        },
    )
