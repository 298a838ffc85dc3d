"""The parts of a stack that a console switches off with one click, and what hangs on them."""

from collections.abc import Iterator
from dataclasses import dataclass

from labelloop.aws import rules, schedules
from labelloop.aws.failures import translated
from labelloop.domain.infrastructure import BRING_BACK, NO_ANSWERS, NO_IMAGES, enable_rule
from labelloop.errors import NotFoundError

from ..stack import Stack, physical_id
from .checks import Found, ok, problem

_MAPPING_ON = {"Enabled", "Enabling", "Creating", "Updating"}


@dataclass(frozen=True)
class Part:
    """A rule, schedule or event source mapping, by its logical id."""

    logical_id: str
    kind: str
    matters: str
    """What does not happen without it."""


PARTS = (
    Part("DetectionRule", "rule", NO_IMAGES),
    Part("DetectionQueueMapping", "mapping", "images stay in their queue, for 4 days at most"),
    Part("AnswersRule", "rule", NO_ANSWERS),
    Part("AnswersQueueMapping", "mapping", "answers stay in their queue, for 4 days at most"),
    Part("DetectionsStreamMapping", "mapping", "within a day the archive loses changes"),
    Part("HostingSchedule", "schedule", "the model is neither started nor stopped"),
    Part("SelectionSchedule", "schedule", "nobody is asked about a day's doubtful images"),
    Part("LabelingSchedule", "schedule", "nobody is asked about images to label"),
    Part("ParameterChangeRule", "rule", "a changed parameter waits for up to an hour"),
    Part("DeploymentRule", "rule", "after a deployment schedules may be wrong for an hour"),
    Part("ParameterCheckSchedule", "schedule", "nothing is looked at once an hour"),
)


def switched_on(stack: Stack) -> Iterator[Found]:
    """Whether the rules, schedules and event source mappings are there, and are on."""
    good = True
    for part in PARTS:
        # The embedded runtime's mappings cannot be switched off.
        if part.kind == "mapping" and stack.on_this_machine:
            continue
        name = physical_id(stack, part.logical_id)
        if name is None:
            continue
        try:
            is_on, command = _look(stack, part.kind, name)
        except NotFoundError:
            good = False
            yield problem(f"{part.logical_id} was deleted: {part.matters}.", BRING_BACK)
            continue
        if not is_on:
            good = False
            yield problem(f"{part.logical_id} is switched off: {part.matters}.", command)
    if good:
        yield ok("Rules, schedules and event source mappings are on.")


def _look(stack: Stack, kind: str, name: str) -> tuple[bool, str]:
    """Whether the part is on, and how it is switched on. Raises NotFoundError where it is gone."""
    if kind == "rule":
        return rules.is_on(name), enable_rule(name)
    if kind == "schedule":
        switch_on = f"Enable the schedule {name} in the EventBridge console."
        return not schedules.is_off(name), switch_on
    with translated():
        state = stack.client("lambda").get_event_source_mapping(UUID=name)["State"]
    switch_on = f"aws lambda update-event-source-mapping --uuid {name} --enabled"
    return state in _MAPPING_ON, switch_on
