"""Whether a version was right about the detections that were sampled."""

from labelloop.aws import model_versions_table as table
from labelloop.domain.accuracy import Sample
from labelloop.errors import ChangedMeanwhileError


def note(version: str, detection: str, sample: Sample | None, completed: str) -> None:
    """Note what the answer of that time says of a version's detection; None where it says nothing.

    A later answer takes its place, and stays where an earlier one comes late.
    """
    said = {"labels": sample.labels, "right": sample.right} if sample else {}
    try:
        table.put(
            f"sample#{version}",
            detection,
            {**said, "completed": completed},
            "attribute_not_exists(kind) OR completed <= :completed",
            ExpressionAttributeValues={":completed": {"S": completed}},
        )
    except ChangedMeanwhileError:
        return


def of_version(version: str) -> list[Sample]:
    """What all answers say of a version's detections."""
    found = table.every(f"sample#{version}")
    return [Sample(tuple(item["labels"]), item["right"]) for item in found if "right" in item]
