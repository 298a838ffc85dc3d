"""The version that serves, and the one before it: switched by one conditional write."""

from dataclasses import dataclass

from labelloop import clock
from labelloop.aws import model_versions_table as table
from labelloop.clock import iso
from labelloop.remembered import remembered


@dataclass(frozen=True)
class Deployed:
    """The version that serves."""

    version: str
    version_arn: str
    previous: str | None
    switched_by: str = ""
    """The execution that has let it serve, where that is known."""


def now() -> Deployed | None:
    """The version that serves; None before the first one does."""
    values = table.get("state", "deployed")
    if values is None:
        return None
    return Deployed(
        values["version"],
        values["version_arn"],
        values.get("previous"),
        values.get("switched_by", ""),
    )


@remembered(seconds=60)
def lately() -> Deployed | None:
    """The version that serves, or did a minute ago: for work that cannot ask every time."""
    return now()


def forget() -> None:
    """Let the stack be one in which no version has served."""
    table.delete("state", "deployed")


def switch(version: str, version_arn: str, before: Deployed | None, by: str = "") -> Deployed:
    """Let a version serve in the place of the one that was read before; what is deployed now.

    Raises ChangedMeanwhileError when another switch came between. A second call with the same
    version changes nothing.
    """
    if before is not None and before.version_arn == version_arn:
        return before
    new = Deployed(version, version_arn, before.version if before else None, by)
    values = {**new.__dict__, "switched": iso(clock.now())}
    if before is None:
        table.put("state", "deployed", values, "attribute_not_exists(version_arn)")
    else:
        table.put(
            "state",
            "deployed",
            values,
            "version_arn = :before",
            ExpressionAttributeValues={":before": {"S": before.version_arn}},
        )
    return new
