"""The one clock. Everything that asks for the time or waits does it here.

An event's own time is better where there is one; this is for the rest.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

machine_time: Callable[[], float] = time.time
"""What this machine's clock says, in seconds since 1970."""
_time = machine_time
_sleep: Callable[[float], None] = time.sleep


def now() -> datetime:
    """The time now, in UTC."""
    return datetime.fromtimestamp(_time(), UTC)


@contextmanager
def told_by(time_now: Callable[[], float]) -> Iterator[None]:
    """Let another clock say meanwhile what time it is, in seconds since 1970."""
    global _time  # noqa: PLW0603 - of the process, its threads too
    before, _time = _time, time_now
    try:
        yield
    finally:
        _time = before


def sleep(seconds: float) -> None:
    """Return after that many seconds."""
    _sleep(seconds)


def stopwatch_s() -> float:
    """Seconds that only grow, good for differences alone: how long work really takes."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Return after that many seconds of ``stopwatch_s``: for pacing calls, not for waiting."""
    if seconds > 0:
        time.sleep(seconds)


def iso(moment: datetime) -> str:
    """The moment in UTC with milliseconds, such that text order is time order."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )


def from_iso(text: str) -> datetime:
    """The moment that ``iso`` wrote.

    Raises ValueError when the text is no such moment.
    """
    return datetime.fromisoformat(text)


def epoch_s(moment: datetime, later: timedelta = timedelta()) -> int:
    """Whole seconds since 1970 at the moment, or that much later: what DynamoDB's TTL reads."""
    return int((moment + later).timestamp())
