"""For how long models run on a day (UTC), counted by those who see every two minutes what runs."""

from dataclasses import asdict

from labelloop import clock
from labelloop.aws import daily_counts
from labelloop.clock import iso
from labelloop.domain import ceilings
from labelloop.domain.ceilings import ModelTime
from labelloop.domain.parameters import OperatorSettings
from labelloop.errors import ChangedMeanwhileError


def counted() -> ModelTime | None:
    """What was counted on the last day on which any model ran."""
    values = daily_counts.model_time()
    return ModelTime.from_json(values) if values else None


def count(models: int) -> None:
    """Count the time since the last look, with so many models that run now.

    What a look could not note, the next one counts; looks at the same time count it once.
    """
    before = counted()
    if not models and (before is None or not before.models):
        return
    after = ceilings.with_look(before, clock.now(), models)
    try:
        daily_counts.keep_model_time(
            {**asdict(after), "looked": iso(after.looked)}, iso(before.looked) if before else None
        )
    except ChangedMeanwhileError:
        return


def are_spent(settings: OperatorSettings) -> bool:
    """Whether models have run as long today as they may."""
    ceiling_h = settings.maximum_daily_model_hours
    return bool(ceiling_h) and ceilings.model_hours_are_spent(counted(), clock.now(), ceiling_h)
