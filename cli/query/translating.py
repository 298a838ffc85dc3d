"""A query in Athena's dialect as DuckDB takes it, with the same answer.

sqlglot translates. What it needs for that, and what it leaves out, is here: of which types the
columns are, without which a division of whole numbers would have a remainder; what time it is at
the stack; and lists of rows, which Athena takes apart into columns.
"""

from datetime import datetime

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from ..failures import CommandError
from .archive_tables import DETECTIONS, STATES, typed
from .statements import DIALECT

ENGINE = "duckdb"
WHOLE_UNITS = "date_sub"
"""DuckDB's function for how many days, hours or others have gone by."""
_UNNAMED = "_col"


def translated(query: exp.Query, database: str, now: datetime) -> exp.Query:
    """The query with DuckDB's own way of what sqlglot would not translate; its columns name their
    tables. Raises CommandError for a table that is none of ours.
    """
    schema: dict[str, object] = {table: typed(table, DIALECT) for table in (STATES, DETECTIONS)}
    told = query.copy()
    for table in told.find_all(exp.Table):
        _take_database_away(table, database)
    _leave_unnamed(told)
    try:
        whole = qualify(told, schema=schema, dialect=DIALECT, validate_qualify_columns=False)
        whole = annotate_types(whole, schema=schema, dialect=DIALECT)
    except SqlglotError as error:
        raise CommandError(f"This query is not understood: {error}") from error
    for place, shown in enumerate(_first_select(whole).expressions):
        if shown.alias == _UNNAMED:
            shown.set("alias", exp.to_identifier(f"_col_{place}", quoted=True))
    # What is within comes first: what stands for an expression is not looked into.
    for node in reversed(list(whole.walk(bfs=False))):
        meant = _as_athena_means(node, now)
        if meant is not node:
            node.replace(meant)
    for unnest in list(whole.find_all(exp.Unnest)):
        _take_apart(unnest)
    return whole


def _first_select(query: exp.Query) -> exp.Query:
    """The one whose names the columns of the answer have."""
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    return query


def _leave_unnamed(query: exp.Query) -> None:
    """Let what Athena only numbers have no name of what it is made from: a cast, a literal."""
    for shown in list(_first_select(query).expressions):
        if not isinstance(shown.unnest(), (exp.Alias, exp.Column, exp.Dot, exp.Star)):
            shown.replace(exp.alias_(shown.copy(), _UNNAMED))


def _take_database_away(table: exp.Table, database: str) -> None:
    if table.name.lower() in {STATES, DETECTIONS} and table.db.lower() in {"", database.lower()}:
        table.set("db", None)
        table.set("catalog", None)


def _as_athena_means(node: exp.Expr, now: datetime) -> exp.Expr:
    """The expression, where DuckDB would mean something else by it."""
    if isinstance(node, exp.CurrentDate):
        return exp.cast(exp.Literal.string(f"{now:%Y-%m-%d}"), "date")
    if isinstance(node, (exp.CurrentTimestamp, exp.Localtimestamp)):
        kind = "timestamptz" if isinstance(node, exp.CurrentTimestamp) else "timestamp"
        return exp.cast(exp.Literal.string(f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"), kind)
    if isinstance(node, exp.DateDiff):
        # Whole days, not how many midnights lie between; the same of hours and all others.
        unit = exp.Literal.string(node.text("unit").lower() or "day")
        return exp.Anonymous(this=WHOLE_UNITS, expressions=[unit, node.expression, node.this])
    if isinstance(node, exp.CountIf):
        # Of no row that it knows of, DuckDB's own is null.
        return exp.Count(this=exp.case().when(node.this, exp.Literal.number(1)))
    if isinstance(node, exp.Alias) and isinstance(node.this, exp.Column) and not node.this.table:
        # Of no table: without a name of its own, the engine says so.
        return node.this
    return node


def _take_apart(unnest: exp.Unnest) -> None:
    """Let a list of rows become columns, as in Athena, where each has a name."""
    alias, lists = unnest.args.get("alias"), unnest.expressions
    if not alias or len(lists) != 1 or unnest.args.get("offset") or not _has_rows(lists[0]):
        return
    deep = exp.PropertyEQ(this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2))
    rows = exp.Explode(this=lists[0].copy(), expressions=[deep])
    unnest.replace(exp.Lateral(this=exp.select(rows).subquery(), alias=alias.copy()))


def _has_rows(values: exp.Expression) -> bool:
    while isinstance(values, exp.ArrayFilter):
        values = values.this
    kind = values.type
    inner = kind.expressions[0] if kind and kind.expressions else None
    return isinstance(inner, exp.DataType) and inner.is_type("struct")
