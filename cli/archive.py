"""`labelloop archive`: what the archive of the inference log lacks, and what its days came to.

Of the log's own changes the stack archives each by itself. This is for records of before there was
an archive, and for what could not be archived.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import click

from labelloop import clock
from labelloop.aws import daily_figures, functions, log_backfill, objects
from labelloop.domain.daily_figures import DayFigures
from labelloop.errors import ServiceFailedError

from .failures import CommandError
from .parallel import in_parallel
from .progress import Progress
from .stack import Stack, on_stack, show

KEPT_FOLDER = "aws/lambda/"
"""Where Lambda keeps batches that failed for good."""
AT_A_TIME = 500
"""So many names are held, however many records there are."""


@click.command()
@click.option("--again", is_flag=True, help="Archive what is archived once more, as it is now.")
@click.option("--replay", is_flag=True, help="Archive the batches that failed and were kept.")
@click.option("--days", type=click.IntRange(1, 36500), help="Only show what the last days came to.")
@on_stack
def archive(stack: Stack, *, again: bool, replay: bool, days: int | None, as_json: bool) -> None:
    """Archive what the inference log had before there was an archive.

    The lines come within minutes. It can be broken off, and goes on where it was; when all is
    archived, it changes nothing.
    """
    if again + replay + (days is not None) > 1:
        raise click.UsageError("Only one of --again, --replay and --days.")
    if days is not None:
        found = _of_last(days)
        show(as_json, [vars(one) for one in found], _as_table(found))
    elif replay:
        batches = _replay(stack)
        show(as_json, {"batches": batches}, f"{batches} batches were archived.")
    else:
        count = _backfill(again=again)
        text = f"{count} records are being archived: their lines come within some minutes."
        show(as_json, {"records": count}, text if count else "The archive has every detection.")


# --- Records of before ----------------------------------------------------------------------------


def _backfill(*, again: bool) -> int:
    progress, count = Progress(), 0
    for archive_one, names in _work(again=again):
        for part in _parts(names):
            with in_parallel(archive_one, part) as done:
                count += sum(1 for _ in done)
            progress.say(f"{count} records")
    progress.end()
    return count


def _work(*, again: bool) -> Iterator[tuple[Callable[[str], None], Iterator[str]]]:
    if again:
        yield log_backfill.archive_again, log_backfill.detections(archived=True)
    yield log_backfill.archive, log_backfill.detections(archived=False)


def _parts(names: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while part := list(islice(rest, AT_A_TIME)):
        yield part


# --- Batches that failed --------------------------------------------------------------------------


def kept() -> Iterator[str]:
    """The keys of the batches that failed and wait to be replayed."""
    yield from (entry.key for entry in objects.listing(KEPT_FOLDER))


def _replay(stack: Stack) -> int:
    function, progress, count = stack.output("ArchiveLogFunction"), Progress(), 0
    failed: dict[str, ServiceFailedError] = {}
    for key in kept():
        payload = json.loads(objects.read(key))["payload"]
        batch = payload if isinstance(payload, str) else json.dumps(payload)
        try:
            functions.call(function, batch.encode())
        except ServiceFailedError as error:
            failed[key] = error
            continue
        objects.delete(key)
        count += 1
        progress.say(f"{count} batches")
    progress.end()
    for key, why in failed.items():
        raise CommandError(
            f"{key} could not be archived: {why} Look into the log of ArchiveLog, mend it, and "
            f"try again: {count} batches were archived, and {len(failed)} kept."
        ) from why
    return count


# --- Days -----------------------------------------------------------------------------------------


def _of_last(days: int) -> list[DayFigures]:
    today = clock.now().date()
    return daily_figures.of_days(today - timedelta(days=days - 1), today)


def _as_table(found: list[DayFigures]) -> str:
    if not found:
        return "Nothing was archived of these days. What was detected is archived within minutes."
    lines: list[tuple[Any, ...]] = [("day", "detections", "asked", "decided", "agreed", "outcomes")]
    lines += [
        (
            one.day,
            one.detections,
            one.asked,
            one.decided,
            one.agreed,
            ", ".join(f"{count} {outcome}" for outcome, count in one.outcome.items()),
        )
        for one in found
    ]
    widths = [max(len(str(line[place])) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
