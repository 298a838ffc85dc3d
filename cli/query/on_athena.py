"""Amazon Athena: asked, waited for, read page by page, and stopped with the command."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from labelloop import clock

from ..failures import CommandError
from ..progress import Progress
from ..stack import Stack
from .found_rows import Answer

TB_USD = 5.00
"""For each TB that is scanned: https://aws.amazon.com/athena/pricing/ (second-hand)."""
LEAST_BYTES = 10_000_000
"""Less than this is billed as this."""
LOOK_EVERY_S = 1.0
_WAITS = {"QUEUED", "RUNNING"}


def ask(stack: Stack, sql: str) -> Answer:
    """What Athena answers. Raises CommandError in its own words where it refuses or fails."""
    athena, workgroup = stack.client("athena"), stack.output("QueryWorkgroup")
    started = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": stack.output("LogDatabase")},
        WorkGroup=workgroup,
    )
    name = started["QueryExecutionId"]
    with _stopped_with_the_command(athena, name):
        execution = _ended(athena, name)
        scanned_bytes = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
        if execution["Status"]["State"] != "SUCCEEDED":
            raise CommandError(_failed(execution, workgroup))
        columns, rows = _results(athena, name, has_head=execution.get("StatementType") == "DML")
    told = f"Athena scanned {scanned_bytes / 1e6:.2f} MB: about US${cost_usd(scanned_bytes):.4f}."
    return Answer(*columns, rows, told)


def cost_usd(scanned_bytes: int) -> float:
    """What a query costs that scanned so much; one that scanned nothing costs nothing."""
    return max(scanned_bytes, LEAST_BYTES * bool(scanned_bytes)) / 1e12 * TB_USD


@contextmanager
def _stopped_with_the_command(athena: Any, name: str) -> Iterator[None]:
    """Nothing scans on, and is billed, that nobody waits for."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(ClientError, BotoCoreError):
            athena.stop_query_execution(QueryExecutionId=name)
        raise


def _ended(athena: Any, name: str) -> Mapping[str, Any]:
    progress = Progress()
    while True:
        execution: Mapping[str, Any] = athena.get_query_execution(QueryExecutionId=name)[
            "QueryExecution"
        ]
        state = execution["Status"]["State"]
        if state not in _WAITS:
            progress.end()
            return execution
        scanned_bytes = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
        progress.say(f"Athena: {state.lower()}, {scanned_bytes / 1e6:.1f} MB scanned")
        clock.sleep(LOOK_EVERY_S)


def _failed(execution: Mapping[str, Any], workgroup: str) -> str:
    status = execution["Status"]
    why = status.get("StateChangeReason") or f"The query is {status['State'].lower()}."
    if "bytes scanned limit" in why.lower():
        return (
            f"{why} Ask for fewer days (WHERE day >= '2026-11-21', or --days), or raise the limit "
            f"of the workgroup {workgroup} in Athena's console."
        )
    return str(why)


def _results(
    athena: Any, name: str, *, has_head: bool
) -> tuple[tuple[list[str], list[str]], list[list[str | None]]]:
    """Columns' names and types, and all rows; the first row of a SELECT's is its head."""
    names: list[str] = []
    types: list[str] = []
    rows: list[list[str | None]] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=name):
        found = page["ResultSet"]
        if not names:
            told = found["ResultSetMetadata"]["ColumnInfo"]
            names, types = [one["Name"] for one in told], [one["Type"] for one in told]
        rows += [[value.get("VarCharValue") for value in row["Data"]] for row in found["Rows"]]
    return (names, types), rows[has_head:]
