"""`labelloop query`: the log in SQL, on Athena or on this machine."""

import click

from labelloop.domain.archive import COLUMNS

from .. import models, terminal
from ..extras import QUERY, missing
from ..failures import INTERRUPTED
from ..stack import Stack, on_stack, show
from . import saved
from .saved import DAYS

DAY_MEANS = (
    "The day of the detection (UTC), as 2026-11-21: a condition on it spares all other days."
)


@click.command()
@click.argument("sql", required=False)
@click.option("--list", "lists", is_flag=True, help="List saved queries, tables and columns.")
@click.option("--saved", "name", help="Ask a saved query, by its name in --list.")
@click.option(
    "--days",
    type=click.IntRange(1, 36500),
    help=f"With --saved: of how many days, today among them; {DAYS}, without it.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Answer in CSV.")
@click.option("--local-engine", is_flag=True, help="Read the archive here, without Athena.")
@on_stack
def query(
    stack: Stack,
    *,
    sql: str | None,
    lists: bool,
    name: str | None,
    days: int | None,
    as_csv: bool,
    local_engine: bool,
    as_json: bool,
) -> None:
    """Ask the log in SQL, as Athena has it: SELECT outcome, count(*) FROM detections GROUP BY 1.

    A deployed stack's archive is asked on Athena, which costs about US$5 for each TB that it scans,
    and 10 MB at least; with --local-engine, and with --local, its files are read on this machine,
    which gives the same answer and downloads the days that the query asks for. Say which in a
    condition on day: WHERE day >= '2026-11-21'.
    """
    if sum((lists, name is not None, sql is not None)) != 1:
        raise click.UsageError("Give a query, --saved NAME or --list.")
    if days is not None and name is None:
        raise click.UsageError("--days is for --saved: in a query, say WHERE day >= '2026-11-21'.")
    try:
        from . import on_athena, on_this_machine, statements  # noqa: PLC0415 - an extra's
    except ImportError as error:
        raise missing("labelloop query", QUERY) from error
    if lists:
        _list(as_json=as_json)
        return
    text = str(sql) if name is None else _saved(stack, name, days or DAYS)
    try:
        if local_engine or stack.on_this_machine:
            answer = on_this_machine.ask(text, stack.output("LogDatabase"))
        else:
            statements.check(text)
            answer = on_athena.ask(stack, text)
    except KeyboardInterrupt as error:
        terminal.say("Stopped, and the query with it.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    terminal.say(answer.told, err=True)
    show(as_json, answer.as_json(), answer.as_csv() if as_csv else answer.as_table())


def _list(*, as_json: bool) -> None:
    from .archive_tables import DETECTIONS, STATES, typed  # noqa: PLC0415 - an extra's

    queries = saved.all_queries().values()
    described = {table: typed(table, "trino") for table in (DETECTIONS, STATES)}
    told = {
        "saved": {one.name: one.meaning for one in queries},
        "tables": described,
    }
    lines = ["Saved queries (--saved NAME, --days N):"]
    lines += [f"  {one.name:<22}{one.meaning}" for one in queries]
    meanings = {column.name: column.meaning for column in COLUMNS} | {"day": DAY_MEANS}
    lines += ["", f"Columns of {DETECTIONS}; {STATES} has a row for each state before it, too:"]
    lines += [
        f"  {name:<24}{kind.lower()}: {meanings[name]}"
        for name, kind in described[DETECTIONS].items()
    ]
    show(as_json, told, "\n".join(lines))


def _saved(stack: Stack, name: str, days: int) -> str:
    queries = saved.all_queries()
    if name not in queries:
        raise click.UsageError(f"There is no saved query {name}; there are {', '.join(queries)}.")
    return queries[name].filled(str(days), f"{models.unit_hour_usd(stack):.2f}")
