"""ApplyParameters: bring the schedules into line with the operator's parameters.

And see what the operator has to mend: parameters, and what was switched off or deleted by hand.

Invoked by  statemachine/parameter_change.asl.yaml, when a parameter changed, after each
            deployment, and hourly, since those events may be lost
Raises      ChangedMeanwhileError, ThrottledError, ServiceFailedError   retried
Idempotent  yes; a schedule that is right is left alone
"""

from collections.abc import Iterator

from labelloop import clock
from labelloop.aws import parameters, rules, sampling_position, schedules
from labelloop.aws.wiring import wiring
from labelloop.clock import iso
from labelloop.domain import infrastructure
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError
from labelloop.settings import Variable


class Input(Strict):
    """Nothing: all parameters are read, whichever changed."""


class Output(Strict):
    """The schedules that were changed, and what the operator has to mend, each in a sentence."""

    changed: list[str]
    to_mend: list[str]


@task
def lambda_handler(_: Input) -> Output:
    """Look and set, until a look finds nothing left to set.

    Two of these may run at once, after two changes. One that had read before the second change
    and set after it sees so when it looks again.
    """
    changed: set[str] = set()
    while True:
        found, gone = _bring_into_line()
        changed.update(found)
        if not found:
            break
    unusable = map(str, parameters.unusable())
    return Output(changed=sorted(changed), to_mend=[*unusable, *gone, *_rules_to_mend()])


def _rules_to_mend() -> Iterator[str]:
    """What is to be said of the rules without which what comes into the bucket is lost."""
    for rule, matters in (
        (Variable.DETECTION_RULE, infrastructure.NO_IMAGES),
        (Variable.ANSWERS_RULE, infrastructure.NO_ANSWERS),
    ):
        name = wiring[rule]
        try:
            if not rules.is_on(name):
                yield infrastructure.about_rule_off(name, matters)
        except NotFoundError:
            yield infrastructure.about_deleted(f"The rule {name}", matters)


def _bring_into_line() -> tuple[list[str], list[str]]:
    """Set both schedules' rates, and whether they run at all.

    The schedules that were not right, and what is to be said of those that are gone.
    """
    settings = parameters.settings(at_once=True)
    wanted = {
        Variable.TRAINING_SCHEDULE: (settings.training_poll_minutes, settings.automatic_training),
        Variable.SAMPLING_SCHEDULE: (settings.sampling_minutes, settings.sampling_enabled),
    }
    changed, gone = [], []
    for schedule, (minutes, enabled) in wanted.items():
        name = wiring[schedule]
        try:
            if schedule is Variable.SAMPLING_SCHEDULE and enabled and schedules.is_off(name):
                _leave_out_what_came_meanwhile()
            if schedules.set_rate(name, minutes, enabled):
                changed.append(name)
        except NotFoundError:
            what = "labelled images are not looked for by themselves"
            if schedule is Variable.SAMPLING_SCHEDULE:
                what = "no detections are sampled for people"
            gone.append(infrastructure.about_deleted(f"The schedule {name}", what))
    return changed, gone


def _leave_out_what_came_meanwhile() -> None:
    """Let sampling go on from now, since it was switched off; the count stays."""
    position = sampling_position.read()
    sampling_position.move(position, position.not_before(iso(clock.now())))
