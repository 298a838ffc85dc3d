"""DuckDB in this process, over the archive's files, which come through boto3.

It is an engine without a network: nothing but what lies in one folder of this command's is read,
and no extension is looked for.
"""

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
from sqlglot import exp, parse_one

from labelloop import clock
from labelloop.aws import objects
from labelloop.domain.archive import OF_DAY, folder_of
from labelloop.errors import NotFoundError
from labelloop.services import log_archive

from ..failures import CommandError
from ..parallel import bar, in_parallel
from . import days, statements
from .archive_tables import DAY, DETECTIONS, STATES, typed, view
from .found_rows import Answer, as_text
from .translating import ENGINE, translated

_OFFLINE = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
_AS_TRINO_SAYS = {"hugeint": "bigint", "float": "real"}
_UNNAMED = re.compile(r"^_col_(\d+)$")


def ask(sql: str, database: str) -> Answer:
    """What the archive says. Raises CommandError for what is no question, and for what fails."""
    query = translated(statements.read(sql), database, clock.now())
    with tempfile.TemporaryDirectory(prefix="labelloop-query-") as folder:
        engine = open_engine(Path(folder))
        there = log_archive.days()
        wanted = sorted(days.needed(query, there, engine))
        files, read_bytes = _download(wanted, Path(folder))
        make_tables(engine, files)
        answer = run(engine, query, sql)
    of = f"{len(wanted)} of {len(there)} days" if len(wanted) < len(there) else "all days"
    told = f"Read {of}: {len(files)} files, {read_bytes / 1e6:.1f} MB."
    return Answer(answer.columns, answer.types, answer.rows, told)


def open_engine(folder: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB, in UTC as Athena is, that reads what is in the folder and nothing else."""
    engine = duckdb.connect(config={**_OFFLINE})
    place = str(folder).replace("'", "''")
    engine.execute("SET TimeZone = 'UTC'")
    engine.execute("SET errors_as_json = true")
    engine.execute("SET enable_progress_bar = false")
    engine.execute(f"SET temp_directory = '{place}/spilled'")
    engine.execute(f"SET allowed_directories = ['{place}']")
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")
    return engine


def make_tables(engine: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """The two tables over these files, whose folders say of which days they are."""
    states = typed(STATES, ENGINE)
    named = [str(path) for path in files]
    if not named:
        told = ", ".join(f'"{name}" {kind}' for name, kind in states.items())
        engine.execute(f"CREATE TABLE {STATES} ({told})")
    else:
        of_lines = {name: kind for name, kind in states.items() if name != DAY}
        source = engine.read_json(
            named,
            columns=of_lines,
            format="newline_delimited",
            compression="gzip",
            hive_partitioning=True,
            hive_types={DAY: states[DAY]},
        )
        source.create_view(STATES)
    make_view(engine)


def make_view(engine: duckdb.DuckDBPyConnection) -> None:
    """The view of each detection's last state, over the table of all."""
    of_view = parse_one(view(), dialect=statements.DIALECT).sql(ENGINE)
    engine.execute(f"CREATE VIEW {DETECTIONS} AS {of_view}")


def run(engine: duckdb.DuckDBPyConnection, query: exp.Query, sql: str) -> Answer:
    """The rows of a translated query. Raises CommandError in DuckDB's words, with the place."""
    text = query.sql(ENGINE)
    try:
        result = engine.execute(text)
        head = result.description or []
        rows = [tuple(map(as_text, row)) for row in result.fetchall()]
    except duckdb.Error as error:
        raise CommandError(_in_words(error, text, sql)) from error
    names = [_UNNAMED.sub(r"_col\1", name) for name, *_ in head]
    kinds = [str(kind).lower() for _, kind, *_ in head]
    return Answer(names, [_AS_TRINO_SAYS.get(kind, kind) for kind in kinds], rows, "")


def _in_words(error: duckdb.Error, query: str, sql: str) -> str:
    """DuckDB's own words, and where in what was asked the word stands that they are about."""
    try:
        told = json.loads(str(error).partition(": ")[2])
    except ValueError:
        return str(error)
    place, length = json.loads(told.get("location") or "[0, 0]")
    # Places are counted in bytes.
    word = query.encode()[place : place + length].decode(errors="replace").strip('"')
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", sql, re.IGNORECASE) if word else None
    before = sql[: found.start()] if found else ""
    at = (
        f"line {before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: " if found else ""
    )
    return f"{at}{told['exception_message']}"


def _download(wanted: Sequence[str], folder: Path) -> tuple[list[Path], int]:
    """The files of these days in the folder, and how many bytes they are."""
    listed = [
        (f"{OF_DAY}{day}", entry)
        for day in wanted
        for entry in objects.listing(folder_of(day))
        if entry.size_bytes
    ]
    for day in wanted:
        (folder / f"{OF_DAY}{day}").mkdir()
    paths = {
        entry.key: folder / of_day / f"{number}.jsonl.gz"
        for number, (of_day, entry) in enumerate(listed)
    }

    def fetch(key: str) -> None:
        with objects.opened(key) as opened, paths[key].open("wb") as file:
            file.writelines(opened.pieces)

    try:
        with bar(len(paths), "Reading the archive") as move, in_parallel(fetch, paths) as fetched:
            for _ in fetched:
                move(1)
    except NotFoundError as error:
        raise CommandError("The archive was changed while it was read: ask once more.") from error
    return list(paths.values()), sum(entry.size_bytes for _, entry in listed)
