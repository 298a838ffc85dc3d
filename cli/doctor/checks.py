"""What a check of `labelloop doctor` is, what it may find, and how one that cannot run says so."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from labelloop.aws.failures import message_of
from labelloop.errors import LabelLoopError

from ..failures import CommandError, as_refused, is_forbidden
from ..stack import Stack


class Level(StrEnum):
    """How bad a finding is, from good to bad."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong; something could not be looked at, or is worth knowing."""
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Found:
    """One thing that a check found: a sentence, and how to mend it."""

    level: Level
    text: str
    mend: str = ""


Look = Callable[[Stack], Iterable[Found]]


@dataclass(frozen=True)
class Check:
    """Something to look at, and the permissions that it needs."""

    name: str
    look: Look
    permissions: str
    on_aws_only: bool = False

    def run(self, stack: Stack) -> Iterator[Found]:
        """Everything found, the reason why it cannot be looked at included."""
        if self.on_aws_only and stack.on_this_machine:
            yield note("Not looked at: the application on this machine has none.")
            return
        try:
            yield from self.look(stack)
        except LabelLoopError as error:
            yield self._failed(as_refused(error))
        except (ClientError, BotoCoreError, CommandError) as error:
            yield self._failed(error)

    def _failed(self, error: Exception) -> Found:
        if isinstance(error, ClientError):
            return self._refused(error)
        if isinstance(error, CommandError):
            return Found(Level.PROBLEM, error.message)
        return Found(Level.PROBLEM, f"AWS could not be asked: {error}")

    def _refused(self, error: ClientError) -> Found:
        if not is_forbidden(error):
            return Found(Level.PROBLEM, f"{error.operation_name} failed: {message_of(error)}")
        named = re.search(r"perform: ([\w-]+:\w+)", message_of(error))
        return Found(
            Level.WARNING,
            f"Not looked at: you lack the permission {named[1] if named else self.permissions}.",
            "Ask whoever manages the account for it.",
        )


def ok(text: str) -> Found:
    """All is well."""
    return Found(Level.OK, text)


def note(text: str, mend: str = "") -> Found:
    """Worth knowing."""
    return Found(Level.NOTE, text, mend)


def warning(text: str, mend: str = "") -> Found:
    """Something may go wrong, or costs more than it should."""
    return Found(Level.WARNING, text, mend)


def problem(text: str, mend: str = "") -> Found:
    """Something does not work."""
    return Found(Level.PROBLEM, text, mend)
