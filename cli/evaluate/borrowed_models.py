"""Versions that run for as long as a command needs them, where nothing else lets them run.

What is started here is stopped here: at the end, after Ctrl-C and after an error; where the process
died, by the next one. What ran already is left as it is, and so is what is needed by now: a running
model is nearly all that a stack costs, and images must not wait for one that was taken away.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from labelloop import clock
from labelloop.aws import detections_by_time, executions, hosting_state, model_use, rekognition
from labelloop.aws.rekognition import Version, VersionStatus
from labelloop.domain.hosting import cost_usd
from labelloop.errors import BusyError, QuotaExceededError, ServiceFailedError

from .. import ceilings, models, terminal
from ..costs import START
from ..doctor.model_checks import running_elsewhere
from ..failures import REFUSED, CommandError
from ..hosting import stop_version
from ..params import effective_value
from ..progress import Progress
from ..stack import Stack
from .kept_answers import Kept

LONGEST_START_S = 3600.0
IMAGES_PER_UNIT_HOUR = 10_000
"""As in the example of the service's price list."""
UNITS = 1
WORK_NOTED_EVERY = timedelta(minutes=1)


def is_up(version: Version) -> bool:
    """Whether it runs, or is about to, without being started."""
    return version.status in {VersionStatus.RUNNING, VersionStatus.STARTING}


def what_it_takes(stack: Stack, version: Version, images: int) -> list[str]:
    """What starting a version for so many images means, in sentences.

    Raises CommandError for a version that cannot be started.
    """
    if not models.may_be_started(version):
        raise CommandError(f"Version {version.name} cannot be started: it is {version.status}.")
    tomorrow = ceilings.why_none_starts()
    if tomorrow:
        raise CommandError(f"{version.name} is not started today. {tomorrow}")
    price = models.unit_hour_usd(stack)
    most = cost_usd(START + timedelta(hours=images / IMAGES_PER_UNIT_HOUR), UNITS, price)
    told = [
        f"{version.name} does not run ({version.status}). It is started with one inference unit, "
        "which takes ten to twenty minutes, and stopped in the end. A unit is billed while it "
        f"runs, US${price:.2f} an hour: about US${most:.2f} for {images} images, if the start is "
        "billed too and it takes as many images as in AWS's own example, 10,000 an hour."
    ]
    if version.name == models.serving() and hosting_state.is_paused():
        told.append(
            "It is the deployed model, which was stopped by hand. While it runs for this, images "
            "that come in are detected too; then it stays stopped until: labelloop start"
        )
    execution = models.running_deployment()
    if execution:
        told.append(
            f"A training or deployment goes on ({execution}). A new model is proven beside the one "
            "that serves, and where an account runs no more than two models, as AWS's quota has "
            f"it, it finds no room for that while {version.name} runs: it is refused then, and the "
            "old one stays."
        )
    return told


class Borrowed:
    """A version that runs, for whoever asks it."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.name = name
        self.since = clock.now()
        self._stack = stack
        self._noted: datetime | None = None
        self._marks = {model_use.asked_directly()}

    def note_work(self) -> None:
        """Note that it is asked: the deployed one is not stopped for idleness then."""
        now = clock.now()
        if self._noted is None or now - self._noted >= WORK_NOTED_EVERY:
            self._noted = now
            if models.serving() == self.name and not self.is_asked_by_others():
                self._marks.add(model_use.note_asked_directly(at_once=True))

    def is_asked_by_others(self) -> bool:
        """Whether others have had images looked at that the log knows nothing of."""
        return model_use.asked_directly() not in self._marks


@contextlib.contextmanager
def running(stack: Stack, version: Version, kept: Kept) -> Iterator[Borrowed]:
    """Let a version run meanwhile. Raises CommandError where it does not come to that.

    SIGTERM, and a terminal that is closed, end it as Ctrl-C does.
    """
    if not rekognition.is_active(version.status):
        kept.forget_start()
    if kept.was_started:
        terminal.say(
            f"{version.name} was started by an evaluation that ended before it could stop it. This "
            "one does.",
            err=True,
        )
    borrowed = Borrowed(stack, version.name)
    with ended_by_signals():
        try:
            if not is_up(version):
                _start(stack, version, kept)
            _wait_until_it_runs(stack, version.name)
            yield borrowed
        finally:
            if kept.was_started:
                _give_back(stack, borrowed, kept)


# --- Starting -------------------------------------------------------------------------------------


def _start(stack: Stack, version: Version, kept: Kept) -> None:
    """Start a version, unless somebody else does."""
    progress = Progress()
    while True:
        stopping = [
            one.name for one in rekognition.listed() if one.status == VersionStatus.STOPPING
        ]
        # Noted first: whatever happens then, the next evaluation knows to stop it.
        kept.note_start()
        try:
            begins = rekognition.start_version(version.arn, UNITS, UNITS)
        except ServiceFailedError:
            raise  # It may have begun all the same.
        except REFUSED as error:
            kept.forget_start()
            if not stopping or not isinstance(error, BusyError | QuotaExceededError):
                progress.end()
                if isinstance(error, QuotaExceededError):
                    raise CommandError(_no_room(stack, version.name, error)) from error
                raise
            progress.say(f"waiting until {', '.join(stopping)} has stopped")
            time.sleep(stack.look_every_s)
        else:
            if begins:
                # It may not show at once.
                time.sleep(stack.look_every_s)
            else:
                kept.forget_start()
            break
    progress.end()


def _no_room(stack: Stack, name: str, error: QuotaExceededError) -> str:
    here = [v.name for v in rekognition.listed() if rekognition.is_active(v.status)]
    there = running_elsewhere(stack)
    running = f"Running now: {', '.join(here + there)}. " if here or there else ""
    stop = f" labelloop stop {here[0]}" if here else ""
    return (
        f"{name} cannot be started: the account runs as many models, or inference units, as it "
        f"may, which is two models unless AWS raised the quota. {running}Wait until one of them "
        f"is stopped, or stop one that is not needed:{stop or ' see labelloop doctor'}. "
        f"Rekognition said: {error}"
    )


def _wait_until_it_runs(stack: Stack, name: str) -> None:
    progress = Progress()
    give_up = time.monotonic() + LONGEST_START_S
    while (version := models.find(name)).status != VersionStatus.RUNNING:
        if version.status != VersionStatus.STARTING:
            raise CommandError(
                f"{name} did not start: it is {version.status}. {version.status_message}".rstrip()
            )
        if time.monotonic() > give_up:
            raise CommandError(f"{name} has been starting for an hour: try again later.")
        progress.say(f"{name} is starting, which usually takes ten to twenty minutes")
        time.sleep(stack.look_every_s)
    progress.end()


# --- Giving back ----------------------------------------------------------------------------------


def _give_back(stack: Stack, borrowed: Borrowed, kept: Kept) -> None:
    """Stop what was started here, unless it is needed by now."""
    name = borrowed.name
    try:
        need = _need(borrowed)
        if need:
            terminal.say(f"{name} is left running: {need}", err=True)
        else:
            if not rekognition.is_active(models.find(name).status):
                # Interrupted just now, a start may not show yet.
                time.sleep(stack.look_every_s)
            stop_version(stack, name, no_wait=True)
            ran_for = clock.now() - borrowed.since
            usd = cost_usd(ran_for, UNITS, models.unit_hour_usd(stack))
            terminal.say(
                f"{name} is stopped, after {ran_for / timedelta(minutes=1):.0f} minutes, its start "
                f"counted in: about US${usd:.2f}.",
                err=True,
            )
        kept.forget_start()
    except BaseException:
        terminal.say(
            f"{name} may still run, and is billed while it does. To stop it: labelloop stop {name}",
            err=True,
        )
        raise


def _need(borrowed: Borrowed) -> str:
    """For what a version is needed that nobody needed when it was started; empty for nothing."""
    execution = models.running_deployment()
    if borrowed.name != models.serving():
        deploys = execution is not None and _candidate(execution) == borrowed.name
        return "it is being deployed." if deploys else ""
    if hosting_state.is_paused():
        return ""
    hosting = effective_value("Model-Hosting")
    if hosting == "always-on":
        return "it is the deployed model, and Model-Hosting is always-on."
    then = "it is stopped when it has been idle for Idle-Minutes-Before-Stop."
    if execution:
        return f"it serves, and a training or deployment goes on; {then}"
    recorded = detections_by_time.of_time(borrowed.since, clock.now())
    if (
        detections_by_time.count_waiting()
        or borrowed.is_asked_by_others()
        or next(recorded, None) is not None
    ):
        return f"it serves, and images have come in; {then}"
    return ""


def _candidate(execution: str) -> str | None:
    """The version that a training or deployment is about."""
    newest = rekognition.listed()
    named: str | None = executions.request_of(execution).get("deploy")
    return named or (newest[0].name if newest else None)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP be as Ctrl-C: without a handler, nothing would be stopped."""
    handlers: dict[int, Any] = {signal.SIGTERM: signal.default_int_handler}
    if hasattr(signal, "SIGHUP"):  # Windows knows none.
        handlers[signal.SIGHUP] = _hang_up
    before = {one: signal.signal(one, handler) for one, handler in handlers.items()}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _hang_up(*_: Any) -> None:
    # Nobody reads any more, and writing to a terminal that is gone would fail.
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    raise KeyboardInterrupt
