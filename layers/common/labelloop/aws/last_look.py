"""What the last look at the labelled images came to."""

from dataclasses import asdict, dataclass, fields

from labelloop.aws import model_versions_table as table
from labelloop.domain.manifests import Changes
from labelloop.errors import ChangedMeanwhileError


@dataclass(frozen=True)
class Look:
    """What a look at the labelled images came to, so that the same need not be looked at again."""

    digest: str
    """Of everything that was there."""
    since: str | None
    """The version that it was compared with."""
    changes: Changes
    images: int
    settled: bool = False
    """Whether nothing more can be made of it: it has been trained on, or cannot be."""


def read() -> Look | None:
    """What the last look came to."""
    values = table.get("state", "look")
    if values is None:
        return None
    return Look(
        values["digest"],
        values.get("since"),
        Changes(**{field.name: int(values[field.name]) for field in fields(Changes)}),
        int(values["images"]),
        values.get("settled", False),
    )


def note(look: Look) -> None:
    """Remember a look in the place of the last one."""
    values = {**asdict(look.changes), "digest": look.digest, "since": look.since}
    table.overwrite("look", {**values, "images": look.images})


def forget() -> None:
    """Let the next look be the first one."""
    table.delete("state", "look")


def settle(digest: str) -> None:
    """Note that nothing more can be made of what was there, unless something else is by now."""
    try:
        table.update(
            "state",
            "look",
            UpdateExpression="SET settled = :true",
            ConditionExpression="digest = :digest",
            ExpressionAttributeValues={":true": {"BOOL": True}, ":digest": {"S": digest}},
        )
    except ChangedMeanwhileError:
        return
