"""`labelloop log`: what the inference log says, by time, label, outcome, image or human loop."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import click

from labelloop import clock
from labelloop.aws import detections, objects
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome, detection_id, detection_of_loop
from labelloop.domain.labels import composed, known_as
from labelloop.domain.moments import read_moment
from labelloop.domain.wording import one_line
from labelloop.errors import InvalidRequestError
from labelloop.services import inference_log
from labelloop.services.inference_log import Question

from .cells import as_cells
from .failures import CommandError
from .stack import Stack, on_stack, show

COLUMNS = (
    "date",
    "outcome",
    "label",
    "confidence_pct",
    "version",
    "human_label",
    "key",
    "detection_id",
)


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic in its stubs alone
    """A point in time: how long ago (30m, 24h, 7d), or a date (2026-11-21, 2026-11-21T15:30)."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime | timedelta:
        """The point in time, in UTC, or how long ago: the stack's clock says what time it is."""
        if not isinstance(value, str):
            moment: datetime | timedelta = value
            return moment
        try:
            return read_moment(value)
        except InvalidRequestError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("image", required=False)
@click.option("--since", type=Moment(), default="24h", show_default=True, help="24h, 7d or a date.")
@click.option("--until", type=Moment(), help="Likewise; now, without it.")
@click.option("--label", help="Only where this label decided.")
@click.option(
    "--outcome",
    type=click.Choice([outcome.value for outcome in Outcome]),
    help="Only with this outcome.",
)
@click.option("--limit", default=50, show_default=True, help="At most so many; 0 for all.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer in CSV.")
@on_stack
def log(
    _stack: Stack,
    *,
    image: str | None,
    since: datetime | timedelta,
    until: datetime | timedelta | None,
    label: str | None,
    outcome: str | None,
    limit: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show what was detected, the newest first.

    With IMAGE, a key of the bucket, a detection's id or a human loop's name, all that is known of
    it, whenever that was. A key finds what the bucket still has versions of: those that were
    replaced or deleted go after 90 days, and their records stay.
    """
    if image is not None:
        rows = [record.shown() for record in islice(_about(image), limit or None)]
        if not rows:
            raise CommandError(
                f"The inference log knows nothing of {image}, or the bucket no longer has it: then "
                "look by its detection's id, or with --since and --csv."
            )
        told = [record.as_json() for record in rows]
        show(as_json, told, "\n\n".join(map(_whole, rows)))
        return
    asked = Question(
        since=_moment(since),
        until=_moment(until or timedelta()),
        outcome=None if outcome is None else Outcome(outcome),
        label=label and known_as(composed(label)),
    )
    found = islice(inference_log.newest_first(asked), limit or None)
    whole = inference_log.whole(record.detection_id for record in found)
    rows = [record.shown() for record in whole]
    text = _as_csv(rows) if as_csv else _as_table(rows)
    show(as_json, [record.as_json() for record in rows], text)


def _moment(asked: datetime | timedelta) -> datetime:
    """The point in time that is meant, so long before the stack's now where it is how long ago."""
    return asked if isinstance(asked, datetime) else clock.now() - asked


# --- Reading --------------------------------------------------------------------------------------


def _about(name: str) -> Iterator[DetectionRecord]:
    """Every record about a key, a detection's id or a human loop's name."""
    record = detections.find(detection_of_loop(name) or name)
    if record is not None:
        yield record
    yield from inference_log.whole(map(detection_id, objects.versions(name)))


# --- Showing --------------------------------------------------------------------------------------


def _row(record: DetectionRecord) -> dict[str, str]:
    told = record.as_json()
    row = {column: one_line(str(told.get(column, ""))) for column in COLUMNS}
    if record.confidence_pct is not None:
        row["confidence_pct"] = f"{record.confidence_pct:.1f}"
    # The index by time has no date of its own.
    row["date"] = record.date_id.split("#", 1)[0]
    return row


def _as_csv(records: list[DetectionRecord]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(as_cells, map(_row, records)))
    return text.getvalue().rstrip("\n")


def _as_table(records: list[DetectionRecord]) -> str:
    if not records:
        return "Nothing was detected then. Another time: --since 7d"
    shown = COLUMNS[:-1]
    rows = [_row(record) for record in records]
    lines = [{column: column.removesuffix("_pct") for column in shown}, *rows]
    widths = {column: max(len(line[column]) for line in lines) for column in shown}
    return "\n".join(
        "  ".join(line[column].ljust(widths[column]) for column in shown).rstrip() for line in lines
    )


def _whole(record: DetectionRecord) -> str:
    told = record.as_json()
    width = max(map(len, told))
    return "\n".join(
        f"{name:<{width}}  {one_line(str(value))}" for name, value in sorted(told.items())
    )
