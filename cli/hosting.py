"""`labelloop start`, `stop` and `deploy`: a running model is nearly all that Label Loop costs."""

import contextlib
import time
from collections.abc import Iterable

import click

from labelloop.aws import hosting_state, rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop.errors import BusyError

from . import ceilings, costs, executions, models, terminal
from .failures import CommandError
from .progress import Progress
from .stack import Stack, caller, on_stack, show

LONGEST_STOP_S = 3600.0
"""A version cannot be stopped while it starts, which takes up to half an hour."""


@click.command()
@click.option("--no-wait", is_flag=True, help="Do not wait until it serves.")
@on_stack
def start(stack: Stack, no_wait: bool, as_json: bool) -> None:
    """Start the deployed model again.

    From then on it is started and stopped as Model-Hosting says. For another version: labelloop
    deploy VERSION
    """
    name = models.serving()
    if name is None:
        raise CommandError(
            "No model has been deployed yet. The first one is when enough labelled images are in "
            "images_labeled_by_folder/ and its training has succeeded."
        )
    put_into_service(stack, name, no_wait, as_json)


@click.command()
@click.argument("version")
@click.option(
    "--in-place",
    is_flag=True,
    help="Stop the serving model first, where the account cannot run two: 10 to 20 minutes "
    "without service.",
)
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it serves.")
@on_stack
def deploy(
    stack: Stack, *, version: str, in_place: bool, yes: bool, no_wait: bool, as_json: bool
) -> None:
    """Put VERSION into service, in the place of the model that serves.

    It is started and proven first; if that fails, the model that served goes on serving.
    """
    _check_startable(version)
    concerns = [*_verdict_against(version), *_interruption(version, in_place)]
    if concerns and not yes:
        confirm(concerns, f"Put {version} into service all the same?")
    put_into_service(stack, version, no_wait, as_json, in_place=in_place)


def put_into_service(
    stack: Stack, name: str, no_wait: bool, as_json: bool, *, in_place: bool = False
) -> None:
    """Deploy a version blue-green, or in place, and show what came of it.

    Raises CommandError where that is not possible, or did not succeed.
    """
    _check_startable(name)
    tomorrow = ceilings.why_none_starts()
    for sentence in filter(
        None, (tomorrow, costs.of_running(stack, name), "" if in_place else _beside(name))
    ):
        terminal.say(sentence, err=True)
    hosting_state.resume()
    execution = executions.begin(stack, {"deploy": name, "in_place": in_place})
    if no_wait:
        answer = {"version": name, "execution": execution, "status": "RUNNING"}
        show(as_json, answer, f"Version {name} is being started. See: labelloop status")
        return
    executions.follow(
        stack,
        execution,
        lambda: f"{name} is {_words(models.find(name).status)}",
        f"Version {name} was not put into service",
    )
    answer = {"version": name, "execution": execution, "status": "SUCCEEDED"}
    show(as_json, answer, f"Version {name} is in service, and billed while it runs.")


def _check_startable(name: str) -> None:
    version = models.find(name)
    if not models.may_be_started(version):
        raise CommandError(f"Version {name} cannot be started: its status is {version.status}.")


def _verdict_against(name: str) -> list[str]:
    """Why the version was not deployed by itself; empty where nothing speaks against it."""
    record = models.record(name)
    if record.failure:
        return [f"Version {name} has failed before: {record.failure}"]
    if record.uncompared:
        return [f"Version {name} was not compared with the model that serves. {record.uncompared}"]
    if record.promote is False:
        reasons = " ".join(record.reasons)
        return [f"Version {name} was judged not good enough. {reasons}".rstrip()]
    return []


def _beside(name: str) -> str:
    """That the version that serves runs, too, until this one is proven; empty where none does."""
    serving = models.serving()
    if serving in (None, name) or not rekognition.is_active(models.find(str(serving)).status):
        return ""
    return f"Until {name} is proven, {serving} runs, and is billed, too."


def _interruption(name: str, in_place: bool) -> list[str]:
    serving = models.serving()
    if not in_place or serving in (None, name):
        return []
    if not rekognition.is_active(models.find(str(serving)).status):
        return []
    return [
        f"{serving} is stopped before {name} starts: no model serves for 10 to 20 minutes, or for "
        "longer if it fails. Images that come in wait."
    ]


def confirm(concerns: Iterable[str], question: str) -> None:
    """Tell what there is to know, and ask. Raises CommandError unless the answer is yes."""
    for concern in concerns:
        terminal.say(concern, err=True)
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        terminal.say(err=True)
        agreed = False
    if not agreed:
        raise CommandError("Nothing was changed. To be asked nothing: --yes")


@click.command()
@click.argument("version", required=False)
@click.option("--no-wait", is_flag=True, help="Do not wait until it has stopped.")
@on_stack
def stop(stack: Stack, version: str | None, no_wait: bool, as_json: bool) -> None:
    """Stop a model, so that it is no longer billed: VERSION, or the one that is deployed.

    Images that come in meanwhile wait. The deployed one stays stopped, whatever Model-Hosting
    says, until: labelloop start
    """
    deployed = models.serving()
    name = version or deployed
    if name is None:
        show(as_json, {"version": None, "status": None}, "No model is deployed: nothing to stop.")
        return
    if name == deployed:
        hosting_state.pause(caller(stack))
    status = stop_version(stack, name, no_wait=no_wait)
    others = [
        other.name
        for other in rekognition.listed()
        if rekognition.is_active(other.status) and other.name != name
    ]
    text = f"Version {name} is {status}."
    if name == deployed:
        text += " It stays so until: labelloop start"
    if others:
        text += f" Still billed: {', '.join(others)}. To stop one: labelloop stop {others[0]}"
    show(as_json, {"version": name, "status": status, "still_billed": others}, text)


def _words(status: str) -> str:
    known: dict[str, str] = {
        VersionStatus.STARTING: "starting, which usually takes ten to twenty minutes",
        VersionStatus.RUNNING: "running and is being proven and put into service",
    }
    return known.get(status, f"about to start ({status})")


def stop_version(stack: Stack, name: str, *, no_wait: bool) -> str:
    """Stop a version and wait until it is, or begins to; its status then."""
    progress = Progress()
    give_up = time.monotonic() + LONGEST_STOP_S
    while True:
        version = models.find(name)
        if version.status == VersionStatus.RUNNING:
            with contextlib.suppress(BusyError):  # somebody else was faster: look again
                rekognition.stop_version(version.arn)
        elif not rekognition.is_active(version.status) or (
            no_wait and version.status == VersionStatus.STOPPING
        ):
            break
        if time.monotonic() > give_up:
            raise CommandError(f"Version {name} is still {version.status}: try again later.")
        words = (
            "starting, and can be stopped when it runs"
            if version.status == VersionStatus.STARTING
            else ""
        )
        progress.say(f"{name} is {words or 'being stopped'}")
        time.sleep(stack.look_every_s)
    progress.end()
    return version.status
