"""What evaluations keep on this machine: versions' answers, and which versions they have started.

One that was interrupted goes on from there, and one that died has not let a model run for ever.
Nothing of it is in the stack.
"""

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from labelloop.domain import answers
from labelloop.domain.answers import Answer
from labelloop.errors import InconsistentError

from ..failures import CommandError


def folder() -> Path:
    """Where everything is kept."""
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "labelloop" / "answers"


class Kept:
    """What is kept of one version, for one process at a time."""

    def __init__(self, version_arn: str) -> None:
        self._folder = folder() / hashlib.sha256(version_arn.encode()).hexdigest()[:32]
        self._answers = self._folder / "answers.jsonl"
        self._started = self._folder / "started"

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Let no other process have it meanwhile. Raises CommandError where one has it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / "lock").touch()
        except OSError as error:
            raise self._cannot_keep(error.strerror) from error
        # A database is a lock on every system, and one that a process which dies lets go of.
        lock = sqlite3.connect(self._folder / "lock", timeout=0)
        with contextlib.closing(lock):
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise self._cannot_keep(error) from error
                raise CommandError(
                    f"Another labelloop evaluate on this machine asks {name} now: wait for its end."
                ) from error
            yield

    def _cannot_keep(self, why: object) -> CommandError:
        return CommandError(
            f"Answers cannot be kept in {self._folder}: {why}. For another place: XDG_CACHE_HOME"
        )

    def answers(self, *, complete: bool) -> dict[str, Answer]:
        """The answers by content that have all that the version thinks, or only what it found.

        A line that a process which died wrote half is none.
        """
        found: dict[str, Answer] = {}
        with contextlib.suppress(FileNotFoundError), self._answers.open("rb") as lines:
            for line in lines:
                with contextlib.suppress(InconsistentError):
                    (answer,) = answers.read([line])
                    if answer.complete == complete:
                        found[answer.content] = answer
        return found

    def add(self, answer: Answer) -> None:
        """Keep an answer. Raises CommandError where it cannot be kept."""
        (line,) = answers.lines([answer])
        # Each begins its line itself, behind one that was written half, too.
        try:
            with self._answers.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}")
        except OSError as error:
            raise self._cannot_keep(error.strerror) from error

    def note_start(self) -> None:
        """Note that an evaluation is about to start the version."""
        self._started.touch()

    def forget_start(self) -> None:
        """Note that nothing that an evaluation has started runs any more."""
        self._started.unlink(missing_ok=True)

    @property
    def was_started(self) -> bool:
        """Whether an evaluation started it and has not stopped it."""
        return self._started.exists()
