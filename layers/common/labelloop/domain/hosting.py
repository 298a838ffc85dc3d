"""Whether the deployed model should run now. A running model is nearly all that a stack costs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any

from labelloop.domain.parameters import OperatorSettings

STARTABLE = frozenset({"TRAINING_COMPLETED", "STOPPED", "COPYING_COMPLETED", "FAILED"})
"""Whether a version that failed to run can be started again is not documented, so it is tried."""
ENDED = frozenset({"DELETING", "DEPRECATED", "EXPIRED"})
"""What the service has ended; no version comes back from there."""
NEXT_START_AFTER = timedelta(minutes=15)
"""A start that failed is tried again after so long: each takes ten to twenty minutes."""
ASKING_TAKES = timedelta(hours=2)
"""To ask the model that serves about test images, at the most, a start of ten to twenty minutes
counted in: a busy model has little time for it."""
IDLE_WORTH_A_WORD = timedelta(hours=1)


class Step(StrEnum):
    """What to do about the model."""

    NOTHING = "nothing"
    START = "start"
    STOP = "stop"
    MENTION_IDLENESS = "mention_idleness"


@dataclass(frozen=True)
class Situation:
    """What is known of the deployed version."""

    status: str
    """The service's word for it."""
    images_wait: bool
    since_last_start: timedelta
    """How long ago it was last asked to start."""
    idle_for: timedelta
    """How long it has run without work; nothing where it does not run."""
    hours_are_spent: bool = False
    """Whether models have run as long today as they may."""


@dataclass(frozen=True)
class Hosting:
    """What has become of the deployed version's hosting. Times are UTC in ISO 8601."""

    version: str
    asked: str | None = None
    """When it was last asked to start, to host the images that come in."""
    running_since: str | None = None
    """When its last run was first seen; None where it never was seen to run."""
    stopped: str | None = None
    """When that run was first seen to be over; None where it goes on."""
    inference_units: int = 1
    """With how many it ran then."""
    untold: Mapping[str, Any] | None = None
    """What the operator is to be told of the last start; None where that was told."""
    stopping: Mapping[str, Any] | None = None
    """The same of its last end for want of work."""
    unsent: Sequence[Mapping[str, Any]] | None = None
    """The events of runs that programs are still to hear, that of the version before among them;
    None where they heard of all.
    """
    tried: str | None = None
    """When one image was sent to a model that runs and had refused others."""
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """What a later release has written: it is kept."""

    @property
    def runs(self) -> bool:
        """Whether it was last seen to run."""
        return self.running_since is not None and self.stopped is None

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept."""
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**known.pop("unknown"), **known}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Hosting":
        """What ``as_json`` told; earlier releases have told less."""
        names = {each.name for each in fields(cls)}
        known = {name: value for name, value in stored.items() if name in names}
        return cls(**known, unknown={name: stored[name] for name in stored if name not in names})


@dataclass(frozen=True)
class Pause:
    """That the operator wants no model to run; earlier releases noted neither who nor when."""

    by: str | None
    at: str | None

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Pause":
        """The pause that ``as_json`` told."""
        return cls(stored.get("by"), stored.get("at"))


def runs_never_again(status: str, now: Hosting, started: str | None) -> bool:
    """Whether the deployed version cannot be started any more.

    The service says so; or a start has failed that images asked for, and then that of ``started``,
    which was to compare it. One alone may be chance, and a worse model must not take over by that.
    """
    if status in ENDED:
        return True
    never_ran = bool(now.asked) and (now.running_since or "") < (now.asked or "")
    return status == "FAILED" and never_ran and (now.asked or "") < (started or "")


def idle_limit(settings: OperatorSettings) -> timedelta:
    """After how long without work something is to be done, or said."""
    if settings.model_hosting == "on-demand":
        return timedelta(minutes=settings.idle_minutes)
    return IDLE_WORTH_A_WORD


def next_step(now: Situation, settings: OperatorSettings) -> Step:
    """What brings the model to where the operator wants it."""
    on_demand = settings.model_hosting == "on-demand"
    if now.status in STARTABLE:
        wanted = now.images_wait or not on_demand
        may_be_tried = now.since_last_start >= NEXT_START_AFTER and not now.hours_are_spent
        return Step.START if wanted and may_be_tried else Step.NOTHING
    if now.status != "RUNNING":
        return Step.NOTHING
    if now.hours_are_spent:
        return Step.STOP
    if now.images_wait or now.idle_for < idle_limit(settings):
        return Step.NOTHING
    return Step.STOP if on_demand else Step.MENTION_IDLENESS


def cost_usd(ran_for: timedelta, units: int, usd_per_unit_hour: float) -> float:
    """What a model has cost that ran so long: every minute is billed, with work or without."""
    return ran_for / timedelta(hours=1) * units * usd_per_unit_hour


def run_in_figures(ran_for: timedelta, units: int, usd_per_unit_hour: float) -> dict[str, Any]:
    """How long a model ran and what that cost, as messages have it."""
    return {
        "hours": ran_for / timedelta(hours=1),
        "usd": cost_usd(ran_for, units, usd_per_unit_hour),
        "usd_per_hour": units * usd_per_unit_hour,
    }
