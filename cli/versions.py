"""`labelloop versions`, `train` and `rollback`: which models there are, and which shall serve."""

import click

from labelloop.aws import deployed_version, rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop.domain.model_versions import VersionRecord

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
    told, lines = [], []
    for record in models.records():
        status, serves = statuses.get(record.name, "not in the service"), record.name == serving
        told.append({**record.as_json(), "status": status, "serves": serves})
        lines.append(_line(record, status, serves=serves))
    show(as_json, told, "\n".join(lines) or "No version has been trained yet.")


def _line(record: VersionRecord, status: str, *, serves: bool) -> str:
    parts = [record.name, status + (", serves" if serves else "")]
    if record.f1 is not None:
        images = f"{record.train_images} + {record.test_images} images"
        parts += [models.f1_of(record), images, models.verdict(record, "good")]
    if record.dropped:
        parts.append(f"{record.dropped} images dropped by the service")
    if record.failure is not None:
        parts.append(f"failed: {record.failure}")
    return "  ".join(parts)


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
    before = {record.name: record for record in models.records()}
    execution = executions.begin(stack, {"force": force})
    if not no_wait:
        # What was not decided, or not compared, may be gone on with.
        decided = {name for name, record in before.items() if record.is_over}
        executions.follow(stack, execution, lambda: _progress(decided), "The training failed")
    new = [
        record
        for record in models.records()
        if record.name not in before or before[record.name].ended != record.ended
    ]
    why_not = "" if no_wait or new else executions.why_it_gave_up(execution)
    if why_not:
        raise CommandError(f"Nothing was trained. {why_not} Its steps: {execution}")
    if no_wait:
        text = "The training workflow has been started. See: labelloop status"
    elif new:
        text = _line(new[0], "trained", serves=models.serving() == new[0].name)
    else:
        text = "There is nothing to train on: too few new images. To train all the same: --force"
    show(as_json, {"execution": execution, "new": [record.as_json() for record in new]}, text)


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
