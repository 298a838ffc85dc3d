"""`labelloop log`: what the inference log says, by time, label, outcome, image or human loop."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import click

from labelloop import clock
from labelloop.aws import detections
from labelloop.domain.detections import (
    DetectionRecord,
    Outcome,
    detection_id,
    detection_of_loop,
)
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import known_as
from labelloop.domain.wording import one_line

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
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic in its stubs alone
    """A point in time: how long ago (30m, 24h, 7d), or a date (2026-11-21, 2026-11-21T15:30)."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime | timedelta:
        """The point in time, in UTC, or how long ago: the stack's clock says what time it is."""
        if not isinstance(value, str):
            moment: datetime | timedelta = value
            return moment
        if ago := re.fullmatch(r"(\d{1,5})([mhd])", value):
            return timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        try:
            date = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is neither like 24h nor like 2026-11-21.", param, ctx)
        return date if date.tzinfo else date.replace(tzinfo=UTC)


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
    stack: Stack,
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
        found = list(islice(_about(stack, image), limit or None))
        if not found:
            raise CommandError(
                f"The inference log knows nothing of {image}, or the bucket no longer has it: then "
                "look by its detection's id, or with --since and --csv."
            )
        told = [record.as_json() for record in found]
        show(as_json, told, "\n\n".join(map(_whole, found)))
        return
    label = label and known_as(label)
    span = (_moment(since), _moment(until or timedelta()))
    if outcome is None or outcome == Outcome.CONFIDENT:
        records = detections.of_time(*span, label)
    else:
        records = detections.of_outcome(Outcome(outcome), *span)
    fitting = (
        record
        for record in records
        if label in {None, record.label} and outcome in {None, record.outcome}
    )
    rows = _whole_records(list(islice(fitting, limit or None)))
    text = _as_csv(rows) if as_csv else _as_table(rows)
    show(as_json, [record.as_json() for record in rows], text)


def _moment(asked: datetime | timedelta) -> datetime:
    """The point in time that is meant, so long before the stack's now where it is how long ago."""
    return asked if isinstance(asked, datetime) else clock.now() - asked


# --- Reading --------------------------------------------------------------------------------------


def _whole_records(found: list[DetectionRecord]) -> list[DetectionRecord]:
    """The records with what the index lacks, as what people answered; in the same order."""
    names = (record.detection_id for record in found)
    by_id = {record.detection_id: record for record in detections.those(names)}
    # One that has expired since stays as the index has it.
    return [by_id.get(record.detection_id, record).shown() for record in found]


def _about(stack: Stack, name: str) -> Iterator[DetectionRecord]:
    """Every record about a key, a detection's id or a human loop's name."""
    detection = detection_of_loop(name) or name
    yield from _get(detection)
    bucket = stack.output("BucketName")
    pages = (
        stack.client("s3")
        .get_paginator("list_object_versions")
        .paginate(Bucket=bucket, Prefix=name)
    )
    for page in pages:
        for version in page.get("Versions", ()):
            if version["Key"] == name:
                etag = version["ETag"].strip('"')
                seen = ImageObject(bucket, name, version["VersionId"], etag, version["Size"])
                yield from _get(detection_id(seen))


def _get(detection: str) -> Iterator[DetectionRecord]:
    record = detections.find(detection)
    if record is not None:
        yield record.shown()


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
