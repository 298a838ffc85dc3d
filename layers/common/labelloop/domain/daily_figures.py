"""What a day's detections came to, counted while the log is archived.

A detection counts on its own day, whenever people decide: what changes of it is counted as the
difference that it makes.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from labelloop.domain.annotations import ModelType
from labelloop.domain.archive import belongs, day_of, model_right
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.labels import shown

Counts = Mapping[str, int]
"""By the name of what is counted; names with a # are of one of many, as an outcome."""


@dataclass(frozen=True)
class DayFigures:
    """A day's detections."""

    day: str
    outcome: Counts
    """How many detections ended so."""
    label: Counts
    """How many this label decided."""
    version: Counts
    """How many this version of the model looked at."""
    asked: int
    """About how many people are, or were, asked."""
    decided: int
    """About how many they have decided."""
    agreed: int
    """Of how many of those the model was right."""

    @property
    def detections(self) -> int:
        """How many there were, those among them that wait for a model."""
        return sum(self.outcome.values())

    @classmethod
    def of(cls, day: str, counts: Counts) -> "DayFigures":
        """The figures of a day from what was counted of it."""
        return cls(
            day,
            outcome=_of("outcome", counts),
            label=_of("label", counts),
            version=_of("version", counts),
            asked=counts.get("asked", 0),
            decided=counts.get("decided", 0),
            agreed=counts.get("agreed", 0),
        )


def _of(kind: str, counts: Counts) -> dict[str, int]:
    begin = f"{kind}#"
    return {
        name.removeprefix(begin): count
        for name, count in sorted(counts.items())
        if name.startswith(begin) and count
    }


def counted(record: DetectionRecord | None, model_type: ModelType) -> Counter[tuple[str, str]]:
    """What a detection counts for, by day and name: nothing before the archive has it."""
    if record is None or not record.archived or not belongs(record):
        return Counter()
    right = model_right(record, model_type)
    names = [f"outcome#{record.outcome}"]
    names += [f"label#{shown(record.label)}"] if record.label else []
    names += [f"version#{record.version}"] if record.version else []
    names += ["asked"] if record.human_loop else []
    names += ["decided"] if right is not None else []
    names += ["agreed"] if right else []
    return Counter((day_of(record), name) for name in names)


def difference(
    before: DetectionRecord | None, after: DetectionRecord | None, model_type: ModelType
) -> dict[tuple[str, str], int]:
    """What changes by day and name where a record becomes another, or comes, or goes."""
    change = counted(after, model_type)
    change.subtract(counted(before, model_type))
    return {name: count for name, count in change.items() if count}
