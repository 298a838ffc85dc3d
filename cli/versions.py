"""`labelloop versions`, `train` and `rollback`: which models there are, and which shall serve."""

from collections.abc import Mapping
from typing import Any

import click

from labelloop.aws import deployed_version, rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop_pages.figures import f1_of

from . import costs, executions, models, terminal
from .failures import CommandError
from .hosting import confirm, put_into_service
from .stack import Stack, on_stack, show


@click.command()
@on_stack
def versions(_: Stack, as_json: bool) -> None:
    """List every version, the newest first: its figures, its verdict and its status."""
    statuses = {version.name: version.status for version in rekognition.listed()}
    serving = models.serving()
    found = [
        {
            **record,
            "status": statuses.get(record["name"], "not in the service"),
            "serves": record["name"] == serving,
        }
        for record in models.records()
    ]
    text = "\n".join(_line(record) for record in found) or "No version has been trained yet."
    show(as_json, found, text)


def _line(record: Mapping[str, Any]) -> str:
    parts = [record["name"], record["status"] + (", serves" if record["serves"] else "")]
    if "f1" in record:
        images = f"{record['train_images']} + {record['test_images']} images"
        parts += [f1_of(record), images, models.verdict(record, "good")]
    if dropped := dropped_entries(record):
        parts.append(f"{dropped} images dropped by the service")
    if "failure" in record:
        parts.append(f"failed: {record['failure']}")
    return "  ".join(parts)


def dropped_entries(record: Mapping[str, Any]) -> int:
    """How many images the service did not take into its datasets, without a word."""
    datasets = [record.get(name) or {} for name in ("entries_train", "entries_test")]
    return sum(int(part.get("sent", 0)) - int(part.get("stored", 0)) for part in datasets)


@click.command()
@click.option("--force", is_flag=True, help="However few images are new, and on the same ones too.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it ends.")
@on_stack
def train(stack: Stack, *, force: bool, yes: bool, no_wait: bool, as_json: bool) -> None:
    """Look for new labelled images now, and train on them if there are enough.

    What the schedule does, at once. A version that proves better is put into service. What that
    costs is said before, and at a terminal you are asked.
    """
    told = [costs.of_training(), costs.of_running(stack, "A version that proves better")]
    if costs.can_ask() and not yes:
        confirm(filter(None, told), "Train?" if force else "Look, and train if there are enough?")
    else:
        terminal.say("\n".join(filter(None, told)), err=True)
    before = {record["name"]: record for record in models.records()}
    execution = executions.begin(stack, {"force": force})
    if not no_wait:
        # What was not decided, or not compared, may be gone on with.
        decided = {
            name
            for name, record in before.items()
            if record.get("ended") and not record.get("uncompared")
        }
        executions.follow(stack, execution, lambda: _progress(decided), "The training failed")
    new = [
        record
        for record in models.records()
        if record["name"] not in before
        or before[record["name"]].get("ended") != record.get("ended")
    ]
    why_not = "" if no_wait or new else executions.why_it_gave_up(stack, execution)
    if why_not:
        raise CommandError(f"Nothing was trained. {why_not} Its steps: {execution}")
    if no_wait:
        text = "The training workflow has been started. See: labelloop status"
    elif new:
        text = _line({"status": "trained", "serves": models.serving() == new[0]["name"], **new[0]})
    else:
        text = "There is nothing to train on: too few new images. To train all the same: --force"
    show(as_json, {"execution": execution, "new": new}, text)


@click.command()
@click.option("--no-wait", is_flag=True, help="Do not wait until it serves.")
@on_stack
def rollback(stack: Stack, no_wait: bool, as_json: bool) -> None:
    """Put the version that served before back into service, in the place of the one that does."""
    serving = deployed_version.now()
    if serving is None or not serving.previous:
        raise CommandError("No version served before: there is nothing to go back to.")
    put_into_service(stack, serving.previous, no_wait, as_json)


def _progress(decided: set[str]) -> str:
    new = [version for version in rekognition.listed() if version.name not in decided]
    if not new:
        return "looking for new images"
    serving = _starting() if new[0].status == "TRAINING_COMPLETED" else None
    if serving:
        return f"{new[0].name} is trained; {serving} is starting, to be compared with it"
    return f"{new[0].name} is {new[0].status}"


def _starting() -> str | None:
    """The deployed version while it starts."""
    deployed = models.serving()
    starting = {one.name for one in rekognition.listed() if one.status == VersionStatus.STARTING}
    return deployed if deployed in starting else None
