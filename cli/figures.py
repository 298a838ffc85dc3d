"""Figures as people read them, each with the interval in which the true one lies, or its count."""

from collections.abc import Sequence

from labelloop.domain.estimates import Estimate


def with_interval(value: float, interval: Sequence[float] | None) -> str:
    """A figure from 0 to 1 and its 95 % interval, where that is known: ``0.85 (0.80 to 0.89)``."""
    if interval is None:
        return f"{value:.2f}"
    low, high = interval
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def estimated(figure: Estimate) -> str:
    """A figure and its 95 % interval."""
    return with_interval(figure.value, (figure.low, figure.high))


def signed(value: float, interval: Sequence[float]) -> str:
    """A difference with its 95 % interval: ``+0.02 (-0.01 to +0.05)``."""
    low, high = interval
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def counted(count: int, what: str) -> str:
    """So many of something: ``1 picture``, ``2 pictures``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
