"""What the last look at the labelled images came to."""

from labelloop.aws import model_versions_table as table
from labelloop.domain.last_look import Look
from labelloop.errors import ChangedMeanwhileError


def read() -> Look | None:
    """What the last look came to."""
    values = table.get("state", "look")
    return None if values is None else Look.from_json(values)


def note(look: Look) -> None:
    """Remember a look in the place of the last one."""
    table.overwrite("look", look.as_json())


def forget() -> None:
    """Let the next look be the first one."""
    table.delete("state", "look")


def settle(digest: str) -> None:
    """Note that nothing more can be made of what was there, unless something else is by now."""
    try:
        table.add_facts("state", "look", Look.settled_facts(digest), "digest = :digest")
    except ChangedMeanwhileError:
        return
