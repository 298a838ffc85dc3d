"""`labelloop report`: the verdict on a version, and what it rests on."""

from pathlib import Path

import click

from .. import minimums, models
from ..failures import CommandError
from ..stack import Stack, on_stack, show
from . import as_page, as_text, evaluations


@click.command()
@click.argument("version", required=False)
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with plots to this file instead.",
)
@on_stack
def report(_: Stack, version: str | None, html_file: Path | None, as_json: bool) -> None:
    """Show how good VERSION is, why it was deployed or not, and what was wrong in its data.

    Without VERSION: the newest that was judged. With --json: the report as training wrote it.
    """
    found, written = evaluations.read(version)
    serving = models.serving()
    cost = minimums.outlook(found.version)
    if html_file is None:
        show(as_json, written, as_text.text(found, cost, serves=found.version == serving))
        return
    page = as_page.html(found, models.records(), serving, cost)
    try:
        html_file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{html_file} cannot be written: {error.strerror}.") from error
    answer = {"version": found.version, "html": str(html_file)}
    show(as_json, answer, f"The report of {found.version} is in {html_file}")
