"""`labelloop smoke`: on a stack that is new, everything that nobody could know without an account.

A run may be broken off between any two lines. What costs money is stopped then; the rest is kept in
the bucket, with what has passed, until the next call goes on or cleans up.
"""

import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta

import click

from labelloop.domain.hosting import cost_usd
from labelloop.domain.mails.about_training import TRAINING_HOUR_USD

from .. import models, terminal
from ..costs import START
from ..evaluate.borrowed_models import ended_by_signals
from ..extras import SMOKE, missing
from ..failures import INTERRUPTED, CommandError, in_one_line
from ..hosting import confirm
from ..stack import Stack, on_stack, show
from . import leftovers, run_report
from .run import FAILED, NOT_TRIED, PASSED, UNKNOWN, Done, Run
from .serving_steps import BURST
from .sign_in_step import NotKnownError
from .steps import STEPS, Step

TRAINING = timedelta(hours=1)
"""As a guess: AWS says from half an hour to a day, and nothing of how it depends on the images."""
HOSTING = START + timedelta(minutes=10)


@click.command()
@click.option("--yes", is_flag=True, help="Ask nothing: neither whether to begin, nor a person.")
@click.option(
    "--keep", is_flag=True, help="Remove nothing in the end; stop the model all the same."
)
@click.option("--clean-up", is_flag=True, help="Only remove what an earlier run has left.")
@on_stack
def smoke(stack: Stack, *, yes: bool, keep: bool, clean_up: bool, as_json: bool) -> None:
    """Try on a new stack what could not be known without an AWS account.

    It trains a small model on drawn pictures, lets it serve for some minutes, stops it, and removes
    what it made. What that costs is said before. Broken off, it stops what costs money; the same
    command goes on from there. The report names no account: it is made for an issue. Ends with 1
    where something failed.
    """
    run = Run.unfinished(stack)
    if clean_up:
        _only_clean_up(stack, run, as_json=as_json)
        return
    try:
        import labelloop_pages.machine_parts  # noqa: F401, PLC0415 - takes as long as all others
    except ImportError as error:
        raise missing("To draw pictures, the test", SMOKE) from error
    if run is None:
        if not yes:
            confirm(_what_it_takes(stack), f"Try the stack {stack.name}?")
        else:
            terminal.say("\n".join(_what_it_takes(stack)), err=True)
        run = Run.begin(stack)
    else:
        terminal.say(f"Going on with the test that was begun at {run.begun}.", err=True)
    run.note(unattended=yes)
    left = []
    with _broken_off(run, as_json=as_json):
        for step in STEPS:
            _try(run, step)
        if keep:
            leftovers.stop_what_costs(run)
            left = leftovers.left(run)
        report = run_report.as_json(run, left)
        if not keep:
            report = _after_clean_up(run, report)
    show(as_json, report, run_report.text(report))
    if any(step["result"] == FAILED for step in report["steps"]) or report.get("not_cleaned_up"):
        raise click.exceptions.Exit(1)


def _what_it_takes(stack: Stack) -> list[str]:
    price = models.unit_hour_usd(stack)
    training = cost_usd(TRAINING, 1, TRAINING_HOUR_USD)
    hosting = cost_usd(HOSTING, 1, price)
    return [
        f"This trains a model on drawn pictures in the stack {stack.name}, lets it serve with one "
        "inference unit, stops it, and removes what it made.",
        f"It is expected to cost about US${training + hosting:.2f}: US${training:.2f} for an hour "
        f"of training, and US${hosting:.2f} for {HOSTING / timedelta(minutes=1):.0f} minutes of a "
        f"running model, its start counted in, at US${price:.2f} an hour.",
        "How long a training takes is the service's affair: half an hour to a day, it says; it "
        f"cannot be stopped, and US${TRAINING_HOUR_USD:.2f} an hour are billed where it succeeds. "
        "The model is stopped as soon as nothing more is asked of it, after an error and after "
        "Ctrl-C too; where this process or this machine dies, the stack stops it when it has been "
        "idle for Idle-Minutes-Before-Stop.",
        f"It uploads {BURST} images for detection, about which the consumer may get e-mails, and "
        "raises one alarm by hand, whose e-mail says that nothing is wrong.",
    ]


# --- The steps ------------------------------------------------------------------------------------


def _try(run: Run, step: Step) -> None:
    """Try a step, unless it has passed, and keep what came of it."""
    if _is_over(run, step):
        return
    failed = [name for name in step.needs if not _has_passed(run, name)]
    if failed:
        run.note_done(step.name, Done(NOT_TRIED, (f"It needs {' and '.join(failed)}.",), 0))
        return
    terminal.say(f"{step.name}: {step.title}", err=True)
    began = time.monotonic()
    try:
        with in_one_line():
            found = step.look(run)
        result = PASSED
    except NotKnownError as error:
        result, found = UNKNOWN, [str(error)]
    except CommandError as error:
        result, found = FAILED, [error.message]
    run.note_done(step.name, Done(result, tuple(found), round(time.monotonic() - began, 1)))


def _is_over(run: Run, step: Step) -> bool:
    """Whether nothing is to be gained by trying it again.

    The model that an earlier call has stopped is started for steps that need it, and stopped again.
    """
    if not _has_passed(run, step.name):
        return False
    if step.name == "stop":
        return leftovers.is_stopped(run)
    wanted = any(other.needs_model and not _has_passed(run, other.name) for other in STEPS)
    return not (step.name == "deployment" and wanted)


def _has_passed(run: Run, name: str) -> bool:
    done = run.done(name)
    return done is not None and done.result == PASSED


# --- The end --------------------------------------------------------------------------------------


@contextlib.contextmanager
def _broken_off(run: Run, *, as_json: bool) -> Iterator[None]:
    """Stop what costs money, and tell what was found and is left, where the block is broken off.

    SIGTERM, and a terminal that is closed, are as Ctrl-C.
    """
    with ended_by_signals():
        try:
            yield
        except BaseException as error:
            terminal.say("Broken off. What costs money is being stopped.", err=True)
            try:
                told, left = leftovers.stop_what_costs(run), leftovers.left(run)
            except BaseException:
                terminal.say(
                    "THE MODEL MAY STILL RUN, and is billed then. To stop it: labelloop smoke "
                    "--clean-up",
                    err=True,
                )
                raise
            told.append("To go on: labelloop smoke. To remove it: labelloop smoke --clean-up")
            terminal.say("\n".join(told), err=True)
            if isinstance(error, KeyboardInterrupt):
                report = run_report.as_json(run, left)
                show(as_json, report, run_report.text(report))
                raise click.exceptions.Exit(INTERRUPTED) from error
            raise


def _after_clean_up(run: Run, report: dict[str, object]) -> dict[str, object]:
    """The report of a run that was cleaned up, or says why not."""
    try:
        with in_one_line():
            leftovers.clean_up(run)
    except CommandError as error:
        left = [f"{error.message}", *leftovers.left(run)]
        return {**run_report.as_json(run, left), "not_cleaned_up": True}
    return report


def _only_clean_up(stack: Stack, run: Run | None, *, as_json: bool) -> None:
    if run is None:
        show(as_json, {"removed": []}, f"No smoke test has left anything in {stack.name}.")
        return
    with ended_by_signals():
        removed = leftovers.clean_up(run)
    show(as_json, {"removed": removed}, "\n".join(removed))
