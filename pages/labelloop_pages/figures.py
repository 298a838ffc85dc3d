"""Figures as people read them, each with the interval in which the true one lies, or its count."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


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


def f1_of(record: Mapping[str, Any]) -> str:
    """The F1 in a version's record: with its interval, or with how many images it rests on."""
    known = record.get("figures", {}).get("f1")
    if known:
        return f"F1 {known['value']:.2f} ({known['low']:.2f} to {known['high']:.2f})"
    return f"F1 {record['f1']:.2f} of {counted(int(record['test_images']), 'test image')}"


def signed(value: float, interval: Sequence[float]) -> str:
    """A difference with its 95 % interval: ``+0.02 (-0.01 to +0.05)``."""
    low, high = interval
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def counted(count: int, what: str) -> str:
    """So many of something: ``1 picture``, ``2 pictures``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
