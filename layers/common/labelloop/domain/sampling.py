"""Every n-th detection, counted without gaps over any number of runs.

Images that a model took for none of its labels, and about which nobody is asked, are counted by
themselves, and ten times as many of them are taken: a new kind of thing would be among them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.origins import LogShares, Stratum

NONES_MORE_OFTEN = 10
COUNTED = {Outcome.CONFIDENT, Outcome.REVIEW, Outcome.DEFERRED}
"""What a model has looked at."""
MOST_VERSIONS = 50
"""Of so many versions, those counted last, it is kept how many detections they made."""


@dataclass(frozen=True)
class LogCounts:
    """How many images have been passed, by what versions made of them."""

    shares: LogShares = field(default_factory=dict)
    """Those that a model looked at; the versions counted last are the last ones."""
    nones: Mapping[str, int] = field(default_factory=dict)
    """How many of them each version took for none of its labels."""
    refused: int = 0
    """Images that the service does not take, at which no version has looked."""

    def counting(self, records: Iterable[DetectionRecord]) -> "LogCounts":
        """The same with these records of the inference log; one that waits for a model is none."""
        shares, nones, refused = dict(self.shares), dict(self.nones), self.refused
        for record in records:
            refused += record.outcome == Outcome.REJECTED
            if record.outcome not in COUNTED or record.version is None:
                continue
            stratum = Stratum(record.version, record.outcome == Outcome.CONFIDENT)
            shares[stratum] = shares.pop(stratum, 0) + 1
            if record.label == NONE_OF_THEM:
                nones[stratum.version] = nones.get(stratum.version, 0) + 1
        versions = list(dict.fromkeys(stratum.version for stratum in reversed(shares)))
        kept = set(versions[:MOST_VERSIONS])
        return LogCounts(
            {stratum: count for stratum, count in shares.items() if stratum.version in kept},
            {version: count for version, count in nones.items() if version in kept},
            refused,
        )

    def as_json(self) -> dict[str, Any]:
        """The form that ``from_json`` reads."""
        versions = dict.fromkeys(stratum.version for stratum in self.shares)
        return {
            "versions": [
                {
                    "version": version,
                    "accepted": self.shares.get(Stratum(version, accepted=True), 0),
                    "doubted": self.shares.get(Stratum(version, accepted=False), 0),
                    "nones": self.nones.get(version, 0),
                }
                for version in versions
            ],
            "refused": self.refused,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "LogCounts":
        """The counts that ``as_json`` told; none of what was not counted yet."""
        shares: dict[Stratum, int] = {}
        for entry in told.get("versions", []):
            for accepted, count in ((True, entry["accepted"]), (False, entry["doubted"])):
                if count:
                    shares[Stratum(entry["version"], accepted)] = int(count)
        nones = {entry["version"]: int(entry["nones"]) for entry in told.get("versions", [])}
        return cls(
            shares,
            {version: count for version, count in nones.items() if count},
            int(told.get("refused", 0)),
        )


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
    log: LogCounts = LogCounts()
    """What they all were. It is exact for what has been counted, since it moves with it."""

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
    moved = replace(
        position, after=after, since_last=counted[False], nones_since_last=counted[True]
    )
    return taken, moved
