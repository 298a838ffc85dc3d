"""Whether the deployed model should run now. A running model is nearly all that a stack costs."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from labelloop.domain.parameters import OperatorSettings

STARTABLE = frozenset({"TRAINING_COMPLETED", "STOPPED", "COPYING_COMPLETED", "FAILED"})
"""Whether a version that failed to run can be started again is not documented, so it is tried."""
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
