"""Since when the deployed version runs, when it was last started, and whether it may run."""

from datetime import timedelta

from labelloop import clock
from labelloop.aws import model_versions_table as table
from labelloop.clock import iso
from labelloop.domain.hosting import Hosting, Pause
from labelloop.errors import ChangedMeanwhileError

_CLOCKS_DIFFER_BY = timedelta(minutes=1)


def of(version: str) -> Hosting:
    """What is known of the hosting of this version; where another one was hosted, no more than what
    programs are still to hear of that one.
    """
    values = table.get("state", "hosting")
    noted = Hosting(version) if values is None else Hosting.from_json(values)
    return noted if noted.version == version else Hosting(version, unsent=noted.unsent)


def note(now: Hosting) -> None:
    """Remember it in the place of what was known."""
    table.overwrite("hosting", now.as_json())


def forget() -> None:
    """Know of no run any more."""
    table.delete("state", "hosting")


def pause(by: str) -> None:
    """Let nothing start the deployed version before ``resume``; note who wants that."""
    table.overwrite("hosting_pause", Pause(by, iso(clock.now())).as_json())


def resume() -> None:
    """Let the deployed version be started and stopped as Model-Hosting says."""
    table.delete("state", "hosting_pause")


def paused() -> Pause | None:
    """Who wants no model to run, and since when; None where nobody does."""
    values = table.get("state", "hosting_pause")
    return None if values is None else Pause.from_json(values)


def is_paused() -> bool:
    """Whether the operator wants no model to run."""
    return paused() is not None


def begin_to_look(lasts: timedelta) -> bool:
    """Whether the caller should look whether a model should run: nobody did so long."""
    now = clock.now()
    try:
        table.put(
            "state",
            "hosting_look",
            {"until": iso(now + lasts)},
            # One that lasts longer is of a clock that was ahead.
            "attribute_not_exists(kind) OR #until < :now OR #until > :longest",
            ExpressionAttributeNames={"#until": "until"},
            ExpressionAttributeValues={
                ":now": {"S": iso(now)},
                ":longest": {"S": iso(now + lasts + _CLOCKS_DIFFER_BY)},
            },
        )
    except ChangedMeanwhileError:
        return False
    return True
