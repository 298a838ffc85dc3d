"""`labelloop log`: what the inference log says, by time, label, outcome, image or human loop."""

import csv
import heapq
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import click

from labelloop.aws.items import from_item
from labelloop.clock import iso
from labelloop.domain.detections import (
    OUTCOME_INDEX,
    TIME_INDEX,
    Outcome,
    as_shown,
    day_shards,
    detection_id,
    detection_of_loop,
    outcome_shards,
)
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import known_as
from labelloop.domain.wording import one_line

from .cells import as_cells
from .failures import CommandError
from .records import Record, named
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

Span = tuple[datetime, datetime]


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
        show(as_json, found, "\n\n".join(_whole(record) for record in found))
        return
    label = label and known_as(label)
    span = (_moment(stack, since), _moment(stack, until or timedelta()))
    if outcome is None or outcome == Outcome.CONFIDENT:
        records = by_time(stack, label, span)
    else:
        records = _merged(stack, OUTCOME_INDEX, outcome_shards(Outcome(outcome)), span)
    fitting = (
        record
        for record in records
        if label in {None, record.get("label")} and outcome in {None, record["outcome"]}
    )
    rows = _whole_records(stack, list(islice(fitting, limit or None)))
    text = _as_csv(rows) if as_csv else _as_table(rows)
    show(as_json, rows, text)


def _moment(stack: Stack, asked: datetime | timedelta) -> datetime:
    """The point in time that is meant, so long before the stack's now where it is how long ago."""
    return asked if isinstance(asked, datetime) else stack.now() - asked


# --- Reading --------------------------------------------------------------------------------------


def by_time(stack: Stack, label: str | None, span: Span) -> Iterator[Record]:
    """What was detected in that time, the newest first."""
    first, day = (moment.astimezone(UTC).date() for moment in span)
    while day >= first:
        yield from _merged(stack, TIME_INDEX, day_shards(f"{day:%Y-%m-%d}", label), span)
        day -= timedelta(days=1)


def _merged(stack: Stack, index: str, partitions: Iterable[str], span: Span) -> Iterator[Record]:
    """The records of several partitions of an index, the newest first."""
    streams = [_partition(stack, index, name, span) for name in partitions]
    yield from heapq.merge(*streams, key=lambda record: str(record["date_id"]), reverse=True)


def _partition(stack: Stack, index: str, name: str, span: Span) -> Iterator[Record]:
    key = "day_shard" if index == TIME_INDEX else "outcome_shard"
    since, until = map(iso, span)
    pages = (
        stack.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=stack.output("DetectionsTable"),
            IndexName=index,
            KeyConditionExpression=f"{key} = :partition AND date_id BETWEEN :since AND :until",
            ExpressionAttributeValues={
                ":partition": {"S": name},
                ":since": {"S": since},
                ":until": {"S": f"{until}~"},
            },
            ScanIndexForward=False,
        )
    )
    for page in pages:
        yield from (from_item(item) for item in page["Items"])


def _whole_records(stack: Stack, found: list[Record]) -> list[Record]:
    """The records with what the index lacks, as what people answered; in the same order."""
    names = (record["detection_id"] for record in found)
    by_id = {record["detection_id"]: record for record in named(stack, names)}
    # One that has expired since stays as the index has it.
    return [as_shown(by_id.get(record["detection_id"], record)) for record in found]


def _about(stack: Stack, name: str) -> Iterator[Record]:
    """Every record about a key, a detection's id or a human loop's name."""
    detection = detection_of_loop(name) or name
    yield from _get(stack, detection)
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
                yield from _get(stack, detection_id(seen))


def _get(stack: Stack, detection: str) -> Iterator[Record]:
    answer = stack.client("dynamodb").get_item(
        TableName=stack.output("DetectionsTable"), Key={"detection_id": {"S": detection}}
    )
    if "Item" in answer:
        yield as_shown(from_item(answer["Item"]))


# --- Showing --------------------------------------------------------------------------------------


def _row(record: Record) -> dict[str, str]:
    row = {column: one_line(str(record.get(column, ""))) for column in COLUMNS}
    if "confidence_pct" in record:
        row["confidence_pct"] = f"{record['confidence_pct']:.1f}"
    # The index by time has no date of its own.
    row["date"] = str(record["date_id"]).split("#", 1)[0]
    return row


def _as_csv(records: list[Record]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(as_cells, map(_row, records)))
    return text.getvalue().rstrip("\n")


def _as_table(records: list[Record]) -> str:
    if not records:
        return "Nothing was detected then. Another time: --since 7d"
    shown = COLUMNS[:-1]
    rows = [_row(record) for record in records]
    lines = [{column: column.removesuffix("_pct") for column in shown}, *rows]
    widths = {column: max(len(line[column]) for line in lines) for column in shown}
    return "\n".join(
        "  ".join(line[column].ljust(widths[column]) for column in shown).rstrip() for line in lines
    )


def _whole(record: Record) -> str:
    width = max(map(len, record))
    return "\n".join(
        f"{name:<{width}}  {one_line(str(value))}" for name, value in sorted(record.items())
    )
