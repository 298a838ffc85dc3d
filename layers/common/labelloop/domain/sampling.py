"""Every n-th detection, counted without gaps over any number of runs.

Images that a model took for none of its labels, and about which nobody is asked, are counted by
themselves, and ten times as many of them are taken: a new kind of thing would be among them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

NONES_MORE_OFTEN = 10


@dataclass(frozen=True)
class Position:
    """How far the detections have been counted."""

    after: str
    """The sort key of the last detection that was counted, or a date after it; empty before the
    first."""
    since_last: int
    """How many detections have been counted since the last one that was taken."""
    nones_since_last: int = 0
    """The same of those that are counted by themselves."""

    def not_before(self, date: str) -> "Position":
        """The same count, from that date on at the earliest: what is older has come to its end."""
        return replace(self, after=max(self.after, date))


START = Position("", 0)


def interval_of_nones(interval: int) -> int:
    """The n of every n-th image that a model took for none of its labels: 1 at the least."""
    return max(1, interval // NONES_MORE_OFTEN)


def take(
    order: Iterable[str], position: Position, interval: int, nones: Collection[str] = ()
) -> tuple[list[str], Position]:
    """Which of the detections are the n-th ones, and the position after them all.

    ``order`` has sort keys after the position, ascending; ``nones`` those of them that are counted
    by themselves. Counting in one go or in many comes to the same. An interval that was made
    shorter takes effect with the next detection.
    """
    taken: list[str] = []
    after = position.after
    counted = {False: position.since_last, True: position.nones_since_last}
    intervals = {False: interval, True: interval_of_nones(interval)}
    for sort_key in order:
        after, is_none = sort_key, sort_key in nones
        counted[is_none] += 1
        if counted[is_none] >= intervals[is_none]:
            taken.append(sort_key)
            counted[is_none] = 0
    return taken, Position(after, counted[False], counted[True])
