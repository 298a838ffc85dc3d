"""What a day (UTC) may come to at the most: hours that models run, and images that come by the API.

Both are counted so that detecting an image costs no call more, and so that what is counted twice,
late or not at all leaves a ceiling a ceiling.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

LOOK_EVERY = timedelta(minutes=2)
"""How often it is seen what runs: a model that is new has run for so long at the most."""
LARGEST_BLOCK = 100
BLOCKS_IN_A_CEILING = 1000


def day_of(moment: datetime) -> str:
    """The day of a moment, as counters are named."""
    return f"{moment:%Y-%m-%d}"


def until_next_day(moment: datetime) -> timedelta:
    """How long it is until everything begins at nothing again."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1) - moment


# --- Model hours ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelTime:
    """For how long models have run on a day: all of the project, starting and stopping counted in.

    Each counts once, whatever its inference units: how many the service scaled it to is not told.
    """

    day: str
    seconds: float
    looked: datetime
    """Up to when that is counted."""
    models: int
    """How many ran then."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What is kept of it."""
        looked = datetime.fromisoformat(values["looked"])
        return cls(values["day"], float(values["seconds"]), looked, int(values["models"]))

    def hours_on(self, moment: datetime) -> float:
        """How many hours were counted on the day of that moment."""
        return self.seconds / 3600 if self.day == day_of(moment) else 0.0


def with_look(before: ModelTime | None, now: datetime, models: int) -> ModelTime:
    """What has been counted when so many models are seen to run.

    Those that ran at the last look have run ever since, however long ago that was; the others
    since a moment between two looks.
    """
    day = day_of(now)
    if before is None:
        return ModelTime(day, 0.0, now, models)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = max(now - max(before.looked, midnight), timedelta())
    of_old = before.models * since
    of_new = max(0, models - before.models) * min(since, LOOK_EVERY)
    counted = before.seconds if before.day == day else 0.0
    return ModelTime(day, counted + (of_old + of_new).total_seconds(), now, models)


def model_hours_are_spent(time: ModelTime | None, now: datetime, ceiling_h: int) -> bool:
    """Whether no model shall run any more on this day; a ceiling of 0 is none."""
    return bool(ceiling_h) and time is not None and time.hours_on(now) >= ceiling_h


# --- Images by the API ----------------------------------------------------------------------------


def block_of(ceiling: int) -> int:
    """How many images are counted at once: what one that dies has not used is lost for the day."""
    return max(1, min(LARGEST_BLOCK, ceiling // BLOCKS_IN_A_CEILING))


@dataclass(frozen=True)
class Allowance:
    """What one container may still take on a day, of what it has counted beforehand."""

    day: str = ""
    left: int = 0

    def on(self, day: str) -> "Allowance":
        """What is left of it on that day: nothing of another one's."""
        return self if self.day == day else Allowance(day)

    def with_block(self, counted: int, block: int, ceiling: int) -> "Allowance":
        """With a block more, after which so many are counted: none beyond the ceiling."""
        return replace(self, left=self.left + max(0, block - max(0, counted - ceiling)))

    def changed_by(self, images: int) -> "Allowance":
        """With so many more, or fewer."""
        return replace(self, left=self.left + images)
