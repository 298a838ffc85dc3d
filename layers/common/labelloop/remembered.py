"""What a warm function does not ask AWS for every time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import update_wrapper
from typing import Generic, TypeVar

from labelloop import clock

_Value = TypeVar("_Value")


class Remembered(Generic[_Value]):
    """A function whose answer is given again until it is too old."""

    def __init__(self, read: Callable[[], _Value], lasts: timedelta) -> None:
        self._read = read
        self._lasts = lasts
        self._known: tuple[_Value, datetime] | None = None
        update_wrapper(self, read)

    def __call__(self, at_once: bool = False) -> _Value:
        """The answer as it was lately, or as it is now when asked ``at_once``."""
        now = clock.now()
        if at_once or self._known is None or self._known[1] <= now:
            self._known = (self._read(), now + self._lasts)
        return self._known[0]


def remembered(
    **lasts: float,
) -> Callable[[Callable[[], _Value]], Remembered[_Value]]:
    """Let a function give the same answer for so long: ``@remembered(seconds=60)``."""
    return lambda read: Remembered(read, timedelta(**lasts))
