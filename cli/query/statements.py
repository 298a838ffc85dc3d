"""Which statements are asked: those that read, alone."""

import re

from sqlglot import exp, parse, tokenize
from sqlglot.errors import ParseError, SqlglotError

from ..failures import CommandError

DIALECT = "trino"
_READS = {"SELECT", "WITH", "VALUES", "TABLE", "(", "SHOW", "DESCRIBE", "DESC"}
_STYLE = re.compile(r"\x1b\[\d*m")


def check(sql: str) -> None:
    """Let a statement pass that reads. Raises CommandError for another one, or none."""
    try:
        tokens = tokenize(sql, read=DIALECT)
    except SqlglotError as error:
        raise CommandError(f"This is no SQL: {_plain(str(error))}") from error
    if not tokens:
        raise CommandError("Say what is asked, as SELECT count(*) FROM detections.")
    first = tokens[0].text.upper()
    if first not in _READS:
        raise CommandError(
            f"{first} is not asked: labelloop query only reads. Begin with SELECT or WITH."
        )


def read(sql: str) -> exp.Query:
    """The one query that the text is. Raises CommandError with the place where it is none."""
    check(sql)
    try:
        statements = [found for found in parse(sql, dialect=DIALECT) if found is not None]
    except ParseError as error:
        first = error.errors[0]
        raise CommandError(
            f"line {first['line']}:{first['col']}: {_plain(first['description'])}: "
            f"{first['start_context'][-30:]}>>{first['highlight']}<<{first['end_context'][:30]}"
        ) from error
    if len(statements) != 1:
        raise CommandError(f"These are {len(statements)} statements: ask one at a time.")
    (statement,) = statements
    if not isinstance(statement, exp.Query):
        raise CommandError(
            "Only Athena answers this statement. On this machine begin with SELECT or WITH; "
            "labelloop query --list tells tables and columns."
        )
    return statement


def _plain(message: str) -> str:
    return _STYLE.sub("", message)
