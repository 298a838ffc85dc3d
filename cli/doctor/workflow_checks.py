"""What `labelloop doctor` looks at about workflows: dead letters and schedules."""

from collections.abc import Iterator

from labelloop.aws.schedules import is_off

from ..archive import kept
from ..params import effective_values
from ..stack import Stack
from ..status import DEAD_LETTERS, messages_in
from .checks import Found, ok, problem

SCHEDULES = {"training": "Enable-Automatic-Training", "sampling": "Enable-Automatic-Human-Sampling"}
"""The schedules, by the end of their names, and the parameters that switch them."""


def dead_letters(stack: Stack) -> Iterator[Found]:
    """Whether anything has failed for good."""
    redrive = (
        "Look into the log of DispatchEvents for the reason, mend it, and send them round again:"
    )
    meaning = {
        "detection": ("images could not be detected", f"{redrive} labelloop redrive detection"),
        "answers": (
            "answers of reviewers could not be taken in",
            f"{redrive} labelloop redrive answers",
        ),
        "events": (
            "events did not reach their target",
            "Each message says in its attributes which rule or schedule it was and why. When that "
            "is mended: labelloop redrive events",
        ),
    }
    good = True
    for kind, output in DEAD_LETTERS.items():
        count = messages_in(stack, output)
        if count:
            good = False
            what, mend = meaning[kind]
            yield problem(f"{count} {what}: {stack.output(output)}", mend)
    batches = sum(1 for _ in kept())
    if batches:
        good = False
        yield problem(
            f"{batches} batches of the log could not be archived, and are kept for 90 days.",
            "Look into the log of ArchiveLog for the reason, mend it, and: labelloop archive "
            "--replay",
        )
    if good:
        yield ok("All are empty.")


def schedules(stack: Stack) -> Iterator[Found]:
    """Whether the schedules run where the parameters say so."""
    values = effective_values()
    for kind, name in SCHEDULES.items():
        wanted = values[name] == "true"
        runs = not is_off(f"{stack.name}-{kind}")
        words = "runs by itself" if runs else "does not run by itself"
        if wanted == runs:
            yield ok(f"The {kind} {words}, as {name} says.")
        else:
            yield problem(
                f"The {kind} {words}, but {name} is {'true' if wanted else 'false'}.",
                "It is brought into line once an hour. To do it now: aws stepfunctions "
                f"start-execution --state-machine-arn {stack.output(_PARAMETER_CHANGE)}",
            )


_PARAMETER_CHANGE = "ParameterChangeStateMachineArn"
