"""When the model was last asked without a record in the log, which is work all the same."""

from datetime import datetime, timedelta

from labelloop import clock
from labelloop.aws import model_versions_table as table
from labelloop.clock import iso
from labelloop.remembered import memory

NOTED_EVERY = timedelta(minutes=1)
"""How often a warm function that is asked without pause notes that it was."""
_noted: dict[str, datetime] = memory()


def note_asked_directly(at_once: bool = False) -> str:
    """Note that the model is asked without a record in the log, which is work all the same.

    When that was noted last: now, where it is to be ``at_once``.
    """
    return _note_asked("asked_directly", at_once)


def asked_directly() -> str | None:
    """When the model was last asked so, as it was noted; None for never."""
    values = table.get("state", "asked_directly")
    return None if values is None else str(values["at"])


def asked_directly_since(moment: datetime) -> bool:
    """Whether the model was asked without a record since that moment, give or take a minute."""
    return _asked_since("asked_directly", moment)


def note_asked_to_compare() -> None:
    """Note that the model is asked to be compared with another version."""
    _note_asked("asked_to_compare")


def asked_to_compare_since(moment: datetime) -> bool:
    """Whether the model was asked so since that moment, give or take a minute."""
    return _asked_since("asked_to_compare", moment)


def _note_asked(name: str, at_once: bool = False) -> str:
    now, before = clock.now(), _noted.get(name)
    if at_once or before is None or now - before >= NOTED_EVERY:
        table.overwrite(name, {"at": iso(now)})
        _noted[name] = before = now
    return iso(before)


def _asked_since(name: str, moment: datetime) -> bool:
    """Nor what is still to come: a clock noted it that was ahead."""
    values = table.get("state", name)
    since, until = iso(moment - NOTED_EVERY), iso(clock.now() + NOTED_EVERY)
    return values is not None and since <= str(values["at"]) <= until
