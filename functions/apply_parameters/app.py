"""ApplyParameters: bring the schedules into line with the operator's parameters.

Invoked by  statemachine/parameter_change.asl.yaml, when a parameter changed, after each
            deployment, and hourly, since those events may be lost
Raises      ConfigurationError   caught: the operator is told which value is wrong
            ChangedMeanwhileError, ThrottledError, ServiceFailedError   retried
Idempotent  yes; a schedule that is right is left alone
"""

from labelloop import clock
from labelloop.aws import model_registry, parameters, schedules
from labelloop.aws.wiring import wiring
from labelloop.clock import iso
from labelloop.entrypoint import Strict, task
from labelloop.settings import Variable


class Input(Strict):
    """Nothing: all parameters are read, whichever changed."""


class Output(Strict):
    """The schedules that were changed."""

    changed: list[str]


@task
def lambda_handler(_: Input) -> Output:
    """Look and set, until a look finds nothing left to set.

    Two of these may run at once, after two changes. One that had read before the second change
    and set after it sees so when it looks again.
    """
    changed: set[str] = set()
    while found := _bring_into_line():
        changed.update(found)
    return Output(changed=sorted(changed))


def _bring_into_line() -> list[str]:
    """Set both schedules' rates, and whether they run at all; the schedules that were not right."""
    settings = parameters.settings(at_once=True)
    if settings.sampling_enabled and schedules.is_off(wiring[Variable.SAMPLING_SCHEDULE]):
        _leave_out_what_came_meanwhile()
    wanted = {
        wiring[Variable.TRAINING_SCHEDULE]: (
            settings.training_poll_minutes,
            settings.automatic_training,
        ),
        wiring[Variable.SAMPLING_SCHEDULE]: (settings.sampling_minutes, settings.sampling_enabled),
    }
    return [
        name
        for name, (minutes, enabled) in wanted.items()
        if schedules.set_rate(name, minutes, enabled)
    ]


def _leave_out_what_came_meanwhile() -> None:
    """Let sampling go on from now, since it was switched off; the count stays."""
    position = model_registry.sampling_position()
    model_registry.move_sampling_position(position, position.not_before(iso(clock.now())))
