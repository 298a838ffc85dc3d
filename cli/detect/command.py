"""`labelloop detect`: the images of a folder through the model, and what it found in them in files.

An image is known by its place and its content, so that the same command, run again, goes on where
it was stopped: what is in the bucket is not sent again, what is in the inference log is read.
"""

from pathlib import Path

import click

from .. import costs, terminal
from ..failures import INTERRUPTED
from ..stack import Stack, on_stack, show
from .image_files import find
from .result_files import Results, for_people, for_programs
from .upload import upload
from .wait import wait


@click.command()
@click.argument(
    "sources",
    metavar="SOURCE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option("--name", help="The batch's name in the bucket; else the folder's name.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the results as CSV; else <name>.csv.",
)
@click.option(
    "--json-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write them as JSON; else <name>.json.",
)
@click.option(
    "--draw",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for copies of the images with labels and boxes drawn.",
)
@click.option(
    "--timeout",
    "timeout_minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Wait no longer than this; else until every image has its result.",
)
@click.option("--no-wait", is_flag=True, help="Upload only.")
@on_stack
def detect(
    stack: Stack,
    *,
    sources: tuple[Path, ...],
    name: str | None,
    csv_file: Path | None,
    json_file: Path | None,
    draw: Path | None,
    timeout_minutes: float | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Detect what is in images: in those of a folder, or in single files.

    They are uploaded, the results are waited for and written as CSV and JSON, one row an image. Run
    again, it goes on where it was stopped. Ends with 1 unless every image has its result.
    """
    if no_wait and (csv_file or json_file or draw or timeout_minutes):
        raise click.UsageError("--no-wait uploads only: there are no results to wait for or write.")
    batch = find(sources, name, draw)
    results = None
    if not no_wait:
        results = Results(
            csv_file or Path(f"{batch.name}.csv"), json_file or Path(f"{batch.name}.json"), draw
        )
        results.check()
    costs.say_what_starts(stack)
    try:
        upload(stack, batch)
        if results:
            wait(stack, batch, timeout_minutes)
            results.write(batch)
    except KeyboardInterrupt as error:
        terminal.say(
            "Stopped. What is uploaded stays, and is detected all the same. To go on, and for the "
            "results, run the same command again.",
            err=True,
        )
        raise click.exceptions.Exit(INTERRUPTED) from error
    show(as_json, for_programs(batch, results), for_people(batch, results))
    if batch.unfinished(uploading_only=no_wait):
        raise click.exceptions.Exit(1)
