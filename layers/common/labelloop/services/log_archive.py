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
from collections.abc import Sequence
from dataclasses import dataclass

from labelloop.aws import daily_figures, forgotten_detections, objects
from labelloop.aws.daily_figures import Change
from labelloop.aws.wiring import wiring
from labelloop.domain import archive
from labelloop.domain.annotations import ModelType
from labelloop.domain.daily_figures import difference
from labelloop.domain.detection_records import DetectionRecord
from labelloop.settings import Variable


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
    by_day: dict[str, list[Told]] = defaultdict(list)
    for one in told:
        if one.after and one.after.detection_id not in forgotten and _is_news(one, model_type):
            by_day[archive.day_of(one.after)].append(one)
    for day, changes in by_day.items():
        objects.write(
            archive.object_key(day, _name(changes)),
            _packed(changes, model_type),
            "application/gzip",
        )
    daily_figures.count(
        Change(one.name, one.moment_s, difference(one.before, one.after, model_type))
        for one in told
    )
    return sum(map(len, by_day.values()))


def _is_news(told: Told, model_type: ModelType) -> bool:
    """Whether a change is one of what the archive tells."""
    if told.after is None or not archive.belongs(told.after):
        return False
    if told.before is None or told.after.archived != told.before.archived:
        return True
    lines = (archive.line(one, "", model_type) for one in (told.before, told.after))
    return next(lines) != next(lines)


def _packed(changes: Sequence[Told], model_type: ModelType) -> bytes:
    lines = [
        json.dumps(archive.line(one.after, one.revision, model_type), ensure_ascii=False)
        for one in changes
        if one.after
    ]
    # Of no time: a batch that is told again makes the same object.
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def _name(changes: Sequence[Told]) -> str:
    """What an object of these changes is called: the same each time that they come together."""
    names = "\n".join(one.name for one in changes)
    return hashlib.sha256(names.encode()).hexdigest()[:32]
