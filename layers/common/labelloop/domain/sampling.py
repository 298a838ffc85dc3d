"""Every n-th detection, counted without gaps over any number of runs."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """How far the detections have been counted."""

    after: str
    """The sort key of the last detection that was counted, or a date after it; empty before the
    first."""
    since_last: int
    """How many detections have been counted since the last one that was taken."""

    def not_before(self, date: str) -> "Position":
        """The same count, from that date on at the earliest: what is older has come to its end."""
        return Position(max(self.after, date), self.since_last)


START = Position("", 0)


def take(order: Iterable[str], position: Position, interval: int) -> tuple[list[str], Position]:
    """Which of the detections are the n-th ones, and the position after them all.

    ``order`` has sort keys after the position, ascending. Counting in one go or in many comes to
    the same. An interval that was made shorter takes effect with the next detection.
    """
    taken: list[str] = []
    after, since_last = position.after, position.since_last
    for sort_key in order:
        after, since_last = sort_key, since_last + 1
        if since_last >= interval:
            taken.append(sort_key)
            since_last = 0
    return taken, Position(after, since_last)
