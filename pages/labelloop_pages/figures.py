"""Figures as people read them, each with the interval in which the true one lies, or its count."""

from collections.abc import Sequence
from typing import Protocol


class Interval(Protocol):
    """A figure that knows its interval."""

    @property
    def value(self) -> float:
        """The figure itself."""

    @property
    def low(self) -> float:
        """The interval's lower end."""

    @property
    def high(self) -> float:
        """Its upper end."""


def estimated(figure: Interval) -> str:
    """A figure from 0 to 1 with its 95 % interval: ``0.85 (0.80 to 0.89)``."""
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def signed(value: float, interval: Sequence[float]) -> str:
    """A difference with its 95 % interval: ``+0.02 (-0.01 to +0.05)``."""
    low, high = interval
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def counted(count: int, what: str) -> str:
    """So many of something: ``1 picture``, ``2 pictures``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
