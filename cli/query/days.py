"""Which days a query needs: those that its own conditions on ``day`` leave.

What is found is never too little: a condition counts where it stands in the WHERE of the query that
reads the table, asks nothing but ``day``, and is not true of no day, as an outer join may give. All
other conditions only cost time.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress

import duckdb
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from .archive_tables import DAY, DETECTIONS, STATES
from .translating import ENGINE, WHOLE_UNITS

_OF_OTHERS = (exp.Query, exp.AggFunc, exp.Window, exp.Rand, exp.Randn, exp.Uuid)
"""What is not the same for a row whenever it is asked."""


def needed(query: exp.Query, there: Collection[str], engine: duckdb.DuckDBPyConnection) -> set[str]:
    """Those of the days that are there which the query, whose columns name their tables, reads."""
    scopes = traverse_scope(query)
    read = [
        (scope, alias, source)
        for scope in scopes
        for alias, source in scope.sources.items()
        if isinstance(source, exp.Table) and source.name.lower() in {DETECTIONS, STATES}
    ]
    seen = {id(source) for _, _, source in read}
    if any(id(table) not in seen for table in query.find_all(exp.Table) if _is_ours(table)):
        return set(there)
    found: set[str] = set()
    for scope, alias, _ in read:
        found |= _left_by(list(_conditions(scope, alias)), there, engine)
    return found


def _is_ours(table: exp.Table) -> bool:
    return table.name.lower() in {DETECTIONS, STATES}


def _conditions(scope: Scope, alias: str) -> Iterator[exp.Expr]:
    """What must be true of each row of the table, and asks of it nothing but its day."""
    where = scope.expression.args.get("where")
    for condition in _parts(where.this) if where else ():
        named = list(condition.find_all(exp.Column))
        if (
            named
            and all(column.table == alias and column.name == DAY for column in named)
            and not condition.find(*_OF_OTHERS)
            and all(unknown.name == WHOLE_UNITS for unknown in condition.find_all(exp.Anonymous))
        ):
            yield condition


def _parts(condition: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(condition, exp.And):
        yield from _parts(condition.left)
        yield from _parts(condition.right)
    elif isinstance(condition, exp.Paren):
        yield from _parts(condition.this)
    else:
        yield condition


def _left_by(
    conditions: list[exp.Expr],
    there: Collection[str],
    engine: duckdb.DuckDBPyConnection,
) -> set[str]:
    left = set(there)
    for condition in conditions:
        # Some days may be what it cannot be asked of; then it leaves all.
        with suppress(duckdb.Error):
            left &= _of_which_true(condition, there, engine)
    return left


def _of_which_true(
    condition: exp.Expr, there: Collection[str], engine: duckdb.DuckDBPyConnection
) -> set[str]:
    table = next(condition.find_all(exp.Column)).table
    # The condition is the asker's own, and is asked in the asker's process.
    text = (
        f'SELECT "{table}"."{DAY}" FROM (SELECT unnest(?::VARCHAR[]) AS "{DAY}") AS "{table}" '  # noqa: S608
        f"WHERE {condition.sql(ENGINE)}"
    )
    rows = engine.execute(text, [[*there, None]]).fetchall()
    found = {day for (day,) in rows}
    return set(there) if None in found else found
