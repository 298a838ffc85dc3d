"""What a warm function does not ask AWS for every time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import update_wrapper
from typing import Any, Generic, TypeVar

from labelloop import clock

_Value = TypeVar("_Value")

_forget: list[Callable[[], None]] = []


class Remembered(Generic[_Value]):
    """A function whose answer is given again until it is too old."""

    def __init__(self, read: Callable[[], _Value], lasts: timedelta) -> None:
        self._read = read
        self._lasts = lasts
        self._known: tuple[_Value, datetime] | None = None
        update_wrapper(self, read)
        _forget.append(self.forget)

    def __call__(self, at_once: bool = False) -> _Value:
        """The answer as it was lately, or as it is now when asked ``at_once``."""
        now = clock.now()
        if at_once or self._known is None or self._known[1] <= now:
            self._known = (self._read(), now + self._lasts)
        return self._known[0]

    def forget(self) -> None:
        """Ask anew the next time."""
        self._known = None


def remembered(
    **lasts: float,
) -> Callable[[Callable[[], _Value]], Remembered[_Value]]:
    """Let a function give the same answer for so long: ``@remembered(seconds=60)``."""
    return lambda read: Remembered(read, timedelta(**lasts))


def memory() -> dict[Any, Any]:
    """An empty dictionary for what a module remembers itself, by whatever it is about."""
    known: dict[Any, Any] = {}
    _forget.append(known.clear)
    return known


def forget_all() -> None:
    """Remember nothing any more of all this: what comes may be about another deployment."""
    for forget in _forget:
        forget()
