"""`labelloop start`, `stop` and `deploy`: a running model is nearly all that Label Loop costs."""

import time
from collections.abc import Iterable

import click
from botocore.exceptions import ClientError

from . import ceilings, costs, executions, models, terminal
from .failures import CommandError, code_of
from .models import RUNNING, STARTABLE, STARTING, STOPPING
from .progress import Progress
from .stack import Stack, on_stack, show

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
    name = _deployed_name(stack)
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
    _check_startable(stack, version)
    concerns = [*_verdict_against(stack, version), *_interruption(stack, version, in_place)]
    if concerns and not yes:
        confirm(concerns, f"Put {version} into service all the same?")
    put_into_service(stack, version, no_wait, as_json, in_place=in_place)


def put_into_service(
    stack: Stack, name: str, no_wait: bool, as_json: bool, *, in_place: bool = False
) -> None:
    """Deploy a version blue-green, or in place, and show what came of it.

    Raises CommandError where that is not possible, or did not succeed.
    """
    _check_startable(stack, name)
    tomorrow = ceilings.why_none_starts(stack)
    for sentence in filter(
        None, (tomorrow, costs.of_running(stack, name), "" if in_place else _beside(stack, name))
    ):
        terminal.say(sentence, err=True)
    models.resume_hosting(stack)
    execution = executions.begin(stack, {"deploy": name, "in_place": in_place})
    if no_wait:
        answer = {"version": name, "execution": execution, "status": "RUNNING"}
        show(as_json, answer, f"Version {name} is being started. See: labelloop status")
        return
    executions.follow(
        stack,
        execution,
        lambda: f"{name} is {_words(models.find(stack, name).status)}",
        f"Version {name} was not put into service",
    )
    answer = {"version": name, "execution": execution, "status": "SUCCEEDED"}
    show(as_json, answer, f"Version {name} is in service, and billed while it runs.")


def _check_startable(stack: Stack, name: str) -> None:
    status = models.find(stack, name).status
    if status not in STARTABLE:
        raise CommandError(f"Version {name} cannot be started: its status is {status}.")


def _verdict_against(stack: Stack, name: str) -> list[str]:
    """Why the version was not deployed by itself; empty where nothing speaks against it."""
    record = models.record(stack, name)
    if record.get("failure"):
        return [f"Version {name} has failed before: {record['failure']}"]
    if record.get("uncompared"):
        why = record["uncompared"]
        return [f"Version {name} was not compared with the model that serves. {why}"]
    if record.get("promote") is False:
        reasons = " ".join(record.get("reasons", []))
        return [f"Version {name} was judged not good enough. {reasons}".rstrip()]
    return []


def _beside(stack: Stack, name: str) -> str:
    """That the version that serves runs, too, until this one is proven; empty where none does."""
    serving = _deployed_name(stack)
    if serving in (None, name) or models.find(stack, str(serving)).status not in models.BILLED:
        return ""
    return f"Until {name} is proven, {serving} runs, and is billed, too."


def _interruption(stack: Stack, name: str, in_place: bool) -> list[str]:
    serving = _deployed_name(stack)
    if not in_place or serving in (None, name):
        return []
    if models.find(stack, str(serving)).status not in models.BILLED:
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
    deployed = _deployed_name(stack)
    name = version or deployed
    if name is None:
        show(as_json, {"version": None, "status": None}, "No model is deployed: nothing to stop.")
        return
    if name == deployed:
        models.pause_hosting(stack)
    status = stop_version(stack, name, no_wait=no_wait)
    others = [
        other.name
        for other in models.versions(stack)
        if other.status in models.BILLED and other.name != name
    ]
    text = f"Version {name} is {status}."
    if name == deployed:
        text += " It stays so until: labelloop start"
    if others:
        text += f" Still billed: {', '.join(others)}. To stop one: labelloop stop {others[0]}"
    show(as_json, {"version": name, "status": status, "still_billed": others}, text)


def _deployed_name(stack: Stack) -> str | None:
    record = models.deployed(stack)
    return str(record["version"]) if record else None


def _words(status: str) -> str:
    known = {
        STARTING: "starting, which usually takes ten to twenty minutes",
        RUNNING: "running and is being proven and put into service",
    }
    return known.get(status, f"about to start ({status})")


def stop_version(stack: Stack, name: str, *, no_wait: bool) -> str:
    """Stop a version and wait until it is, or begins to; its status then."""
    progress = Progress()
    give_up = time.monotonic() + LONGEST_STOP_S
    while True:
        version = models.find(stack, name)
        if version.status == RUNNING:
            _begin_to_stop(stack, version.arn)
        elif version.status not in models.BILLED or (no_wait and version.status == STOPPING):
            break
        if time.monotonic() > give_up:
            raise CommandError(f"Version {name} is still {version.status}: try again later.")
        words = "starting, and can be stopped when it runs" if version.status == STARTING else ""
        progress.say(f"{name} is {words or 'being stopped'}")
        time.sleep(stack.look_every_s)
    progress.end()
    return version.status


def _begin_to_stop(stack: Stack, arn: str) -> None:
    try:
        stack.client("rekognition").stop_project_version(ProjectVersionArn=arn)
    except ClientError as error:
        if code_of(error) != "ResourceInUseException":  # somebody else was faster: look again
            raise
