"""The inference log, archived as it changes: each state of a detection a line, each day counted.

Called by ``archive_log`` with what the table's stream tells: at least once, a detection's states in
their order unless they are told again, and what failed for good days later. So the lines bear what
orders them, repeats of a batch take the place of what it wrote before, and the figures know what
they have counted. Lines come first: a change that is counted has its line.
"""

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.aws import daily_figures, forgotten_detections, objects
from labelloop.aws.daily_figures import Change
from labelloop.aws.wiring import wiring
from labelloop.domain import archive
from labelloop.domain.annotations import ModelType
from labelloop.domain.daily_figures import difference
from labelloop.domain.detection_records import DetectionRecord
from labelloop.settings import Variable

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """What the stream tells of one change of a record."""

    name: str
    """No other change has it."""
    moment_s: float
    """When the change was, in seconds since 1970."""
    revision: str
    before: DetectionRecord | None
    after: DetectionRecord | None


def write(told: Sequence[Told]) -> int:
    """Archive these changes, which a stream told together; how many lines that took."""
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    forgotten = forgotten_detections.noted() if told else set()
    by_day: dict[str, dict[str, Line]] = defaultdict(dict)
    lines = 0
    for one in told:
        if one.after and one.after.detection_id not in forgotten and _is_news(one, model_type):
            lines += 1
            for day, line in _lines(one.before, one.after, one.revision, model_type):
                by_day[day][one.name] = line
    for day, named in by_day.items():
        objects.write(
            archive.object_key(day, _name(named)), _packed(named.values()), "application/gzip"
        )
    daily_figures.count(
        Change(one.name, one.moment_s, difference(one.before, one.after, model_type))
        for one in told
    )
    return lines


def _is_news(told: Told, model_type: ModelType) -> bool:
    """Whether a change is one of what the archive tells."""
    if told.after is None or not archive.belongs(told.after):
        return False
    if told.before is None or told.after.archived != told.before.archived:
        return True
    lines = (archive.line(one, "", model_type) for one in (told.before, told.after))
    return next(lines) != next(lines)


def _lines(
    before: DetectionRecord | None, after: DetectionRecord, revision: str, model_type: ModelType
) -> Iterator[tuple[str, Line]]:
    """What the archive is told of a change, and under which days."""
    day = archive.day_of(after)
    yield day, archive.line(after, revision, model_type)
    # What waited for a model is of the day when one looked.
    if before and archive.belongs(before) and archive.day_of(before) != day:
        yield archive.day_of(before), archive.line_of_left(before, revision)


def _packed(lines: Iterable[Line]) -> bytes:
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    # Of no time: a batch that is told again makes the same object.
    return gzip.compress(text.encode(), mtime=0)


def _name(changes: Iterable[str]) -> str:
    """What an object of these changes is called: the same each time that they come together."""
    return hashlib.sha256("\n".join(changes).encode()).hexdigest()[:32]


def days() -> list[str]:
    """Those of which the archive has something."""
    names = objects.folders(archive.FOLDER)
    return [day for name in names if (day := name.removeprefix(archive.OF_DAY))]
