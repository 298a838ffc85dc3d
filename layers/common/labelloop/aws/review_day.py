"""How many doubtful detections people have been asked about today."""

from labelloop.aws import model_versions_table as table
from labelloop.domain.selection import Day


def read() -> Day:
    """What was chosen for review on the last day on which anything was."""
    values = table.get("state", "review_day")
    if values is None:
        return Day("")
    asked = {entry["label"]: int(entry["count"]) for entry in values["asked"]}
    return Day(
        values["date"],
        asked,
        tuple(values["chosen"]),
        int(values["revision"]),
        {one: float(chance) for one, chance in values.get("drawn", {}).items()},
        values.get("drawn_to", ""),
        float(values.get("rate", 0)),
    )


def keep(before: Day, after: Day) -> None:
    """Note what has been chosen by now.

    Raises ChangedMeanwhileError when another run has chosen since ``before`` was read.
    """
    # Not a map: its keys must not be empty, and a label that was not found is.
    asked = [{"label": label, "count": count} for label, count in after.asked.items()]
    table.put(
        "state",
        "review_day",
        {
            "date": after.date,
            "asked": asked,
            "chosen": after.chosen,
            "revision": after.revision,
            "drawn": after.drawn,
            "drawn_to": after.drawn_to,
            "rate": after.rate,
        },
        "attribute_not_exists(kind) OR revision = :seen",
        ExpressionAttributeValues={":seen": {"N": str(before.revision)}},
    )
