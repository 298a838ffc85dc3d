"""`labelloop export`: what a version was trained and tested on, or what would be now."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from labelloop import clock

from .. import models, terminal
from ..datasets.formats import FORMATS
from ..datasets.written import SOURCES
from ..failures import INTERRUPTED, CommandError
from ..log import Moment
from ..stack import Stack, on_stack, show
from . import data_set
from .data_set import Export, Wanted


@click.command(name="export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), default="manifest")
@click.option("--version", help="What it was made of; else that which serves.")
@click.option("--now", is_flag=True, help="What a training would have that began now.")
@click.option("--split", type=click.Choice(["train", "test", "all"]), default="all")
@click.option("--since", type=Moment(), help="Only what people answered since: 7d, 2026-11-21.")
@click.option("--images", is_flag=True, help="Download the images, too.")
@on_stack
def export(
    stack: Stack,
    *,
    folder: Path,
    format_: str,
    version: str | None,
    now: bool,
    split: str,
    since: datetime | timedelta | None,
    images: bool,
    as_json: bool,
) -> None:
    """Write a data set out: what a version was trained and tested on, with who said what and when.

    FOLDER is one that is not there yet, or empty; or that of the same export, which was cut off:
    then what is missing is done. With --since and no --version, it is of what would be now.
    """
    if version and now:
        raise click.UsageError("Give --version or --now, not both.")
    if not version and not now and since is None:
        version = models.serving()
        if version is None:
            raise CommandError(
                "No version serves yet: name one with --version, or take what would be now, with "
                "--now."
            )
    wanted = Wanted(
        stack.name,
        stack.output("BucketName"),
        version or "",
        format_,
        split,
        "" if since is None else str(since),
        images,
    )
    moment = clock.now() - since if isinstance(since, timedelta) else since
    try:
        outcome = data_set.run(folder, wanted, moment)
    except KeyboardInterrupt as error:
        terminal.say("Stopped. To go on, run the same command again.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    show(as_json, outcome.as_json(), _text(folder, outcome))
    if outcome.failed:
        raise click.exceptions.Exit(1)


def _text(folder: Path, outcome: Export) -> str:
    wanted = outcome.wanted
    counts = ", ".join(f"{count} to {split}" for split, count in outcome.counts.items())
    of = f"what {wanted.version} was made of" if wanted.version else "what a training would have"
    lines = [
        f"{folder} has {of}, as it was at {outcome.chosen}: {counts} ({wanted.format}; labels: "
        f"{', '.join(outcome.labels)}).",
        f"Who said what, and when: {folder / SOURCES}",
    ]
    if wanted.images:
        lines.append(
            f"Images: {outcome.downloaded} downloaded, {outcome.there} there before, "
            f"{len(outcome.failed)} failed."
        )
    failed = outcome.failed
    lines += [f"  {one['source']}: {one['reason']}" for one in failed[: terminal.SHOWN]]
    if len(failed) > terminal.SHOWN:
        lines.append(f"  and {len(failed) - terminal.SHOWN} more, of which --json tells")
    if failed:
        lines += ["", "When these can be read, run the same command again."]
    return "\n".join(lines)
