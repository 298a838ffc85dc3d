"""The lock that lets one training or deployment go on at a time."""

from dataclasses import asdict, dataclass

from labelloop import clock
from labelloop.aws import model_versions_table as table
from labelloop.clock import iso
from labelloop.errors import ChangedMeanwhileError, TrainingInProgressError


@dataclass(frozen=True)
class Lock:
    """Who trains or deploys."""

    owner: str
    """The execution that does now, or did when it died."""
    unfinished: str | None
    """The one that it was taken from, which had died; the owner is to clear up behind it."""
    in_place: bool
    """Whether it stops the model that serves before it starts another one."""


def read() -> Lock | None:
    """The lock; None where nobody has it."""
    values = table.get("state", "training")
    if values is None:
        return None
    return Lock(values["owner"], values.get("unfinished"), values.get("in_place", False))


def take(lock: Lock, from_owner: str | None = None) -> None:
    """Take the lock from an owner that is known to have ended, or from nobody.

    Raises TrainingInProgressError when another was faster.
    """
    try:
        table.put(
            "state",
            "training",
            {**asdict(lock), "since": iso(clock.now())},
            "attribute_not_exists(#owner) OR #owner = :ended",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":ended": {"S": from_owner or lock.owner}},
        )
    except ChangedMeanwhileError as error:
        raise TrainingInProgressError("Another training or deployment is going on.") from error
