"""What each day's detections came to, counted exactly once from a stream that may tell twice.

In the table of model versions, by kind and name:

    day      <day>              how often each thing was counted that day
    counted  <moment>#<part>    which changes of those minutes are in it

A change has a name that no other has, and a moment: it is looked for among those of its minutes,
and is written there in the transaction that counts it. Parts are small, since each write of one is
billed by all that it has. Whoever finds a part longer than it was when it was read begins again.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from labelloop import clock
from labelloop.aws import model_versions_table as table
from labelloop.aws.forgotten_detections import KEPT_DAYS
from labelloop.aws.items import to_value
from labelloop.clock import epoch_s
from labelloop.domain.daily_figures import DayFigures
from labelloop.errors import BusyError, ChangedMeanwhileError

MINUTES = 15
"""Changes of so many lie together: a batch of five of them is mostly within."""
PART_CHANGES = 1000
_NAME_BYTES = 8
_MOST_DAYS = 50
"""In one transaction, which may have a hundred parts."""
_MOST_COUNTS = 80
"""Of one day in one transaction: an expression may have 4 KB."""
_KEPT = timedelta(days=KEPT_DAYS + 3)
"""Longer than a batch that failed may be replayed."""
_ATTEMPTS = 10
_FIRST_PAUSE_S = 0.05


@dataclass(frozen=True)
class Change:
    """What a change of a record changes of the figures."""

    name: str
    """No other change has it, and each time that it is told it is the same."""
    moment_s: float
    """When it was, as it is told each time, in seconds since 1970."""
    figures: Mapping[tuple[str, str], int]
    """By day and name."""


def count(changes: Iterable[Change]) -> None:
    """Count those of the changes that are not counted yet.

    Raises BusyError where others count so much that there is no end: nothing is counted by halves.
    """
    at_a_time: dict[str, dict[bytes, Change]] = defaultdict(dict)
    for change in changes:
        if change.figures:
            at_a_time[_minutes(change.moment_s)][_short(change.name)] = change
    for minutes, named in at_a_time.items():
        _count(minutes, named)


def _count(minutes: str, named: Mapping[bytes, Change]) -> None:
    pause_s = _FIRST_PAUSE_S
    for _ in range(_ATTEMPTS):
        parts = _parts(minutes)
        seen = {name for part in parts for name in _names(part)}
        rest = [name for name in named if name not in seen]
        try:
            for names in _that_fit_together(rest, named):
                _write(minutes, parts, names, named)
        except ChangedMeanwhileError:
            clock.pause(pause_s)
            pause_s *= 2
        else:
            return
    raise BusyError(f"The figures of {minutes} are being counted by others: try again.")


def _that_fit_together(
    names: Iterable[bytes], named: Mapping[bytes, Change]
) -> Iterator[list[bytes]]:
    """The names in lists that one transaction each can count."""
    together: list[bytes] = []
    of_day: dict[str, set[str]] = defaultdict(set)
    for name in names:
        for day, figure in named[name].figures:
            of_day[day].add(figure)
        most = max(map(len, of_day.values()))
        if together and (
            len(together) == PART_CHANGES or len(of_day) > _MOST_DAYS or most > _MOST_COUNTS
        ):
            yield together
            together = []
            of_day = defaultdict(set)
            for day, figure in named[name].figures:
                of_day[day].add(figure)
        together.append(name)
    if together:
        yield together


def _write(
    minutes: str, parts: list[bytes], names: Sequence[bytes], named: Mapping[bytes, Change]
) -> None:
    """Count these, and note that; ``parts`` has it, too, from then on."""
    if not parts or len(_names(parts[-1])) + len(names) > PART_CHANGES:
        parts.append(b"")
    before, number = parts[-1], len(parts) - 1
    after = before + b"".join(names)
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        for (day, figure), much in named[name].figures.items():
            sums[day][figure] += much
    noted = {
        "UpdateExpression": "SET changes = :changes, expires = :expires, counted = :counted",
        "ConditionExpression": "counted = :before" if before else "attribute_not_exists(counted)",
        "ExpressionAttributeValues": {
            ":changes": {"B": after},
            ":expires": to_value(epoch_s(clock.now(), _KEPT)),
            ":counted": to_value(len(after)),
            **({":before": to_value(len(before))} if before else {}),
        },
    }
    added = {
        ("day", day): {
            "UpdateExpression": "ADD " + ", ".join(f"#{n} :{n}" for n in range(len(counts))),
            "ExpressionAttributeNames": {f"#{n}": name for n, name in enumerate(counts)},
            "ExpressionAttributeValues": {
                f":{n}": to_value(much) for n, much in enumerate(counts.values())
            },
        }
        for day, counts in sums.items()
    }
    table.update_together({("counted", f"{minutes}#{number:06d}"): noted, **added})
    parts[-1] = after


def _parts(minutes: str) -> list[bytes]:
    found = table.between("counted", f"{minutes}#", f"{minutes}#~")
    return [bytes(item["changes"]) for item in found]


def _names(part: bytes) -> list[bytes]:
    return [part[at : at + _NAME_BYTES] for at in range(0, len(part), _NAME_BYTES)]


def _short(name: str) -> bytes:
    """Enough of a name to tell it from the others of its minutes."""
    return hashlib.sha256(name.encode()).digest()[:_NAME_BYTES]


def _minutes(moment_s: float) -> str:
    length_s = MINUTES * 60
    begin = datetime.fromtimestamp(moment_s // length_s * length_s, UTC)
    return f"{begin:%Y-%m-%dT%H:%M}"


def of_days(first: date, last: date) -> list[DayFigures]:
    """The figures of the days from one to another that have any, in their order."""
    found = table.between("day", f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}")
    return [
        DayFigures.of(
            item["name"], {name: int(much) for name, much in item.items() if name != "name"}
        )
        for item in found
    ]
