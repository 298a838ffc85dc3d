"""`labelloop query`: on this machine over a bucket's archive, and on an Athena that stands in."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.__main__ import main
from cli.query import on_this_machine, saved, statements
from cli.query.found_rows import Answer
from cli.query.translating import translated
from cli.stack import Stack
from labelloop.domain import archive
from tests.unit.account import Account, account
from tests.unit.cli.query import archived
from tests.unit.cli.query.archived import NOW
from tests.unit.cli.world import answering, error_of, refused

__all__ = ["account"]
LINES = archived.states(7, 60)
GETS = "provide-client-params.s3.GetObject"


@dataclass
class Athena:
    """An Athena that DuckDB stands in for, on the same lines."""

    folder: Path
    workgroup: str = "label-loop"
    scanned_bytes: int = 25_000_000
    fails: str = ""
    interrupts: bool = False
    looks: int = 0
    stopped: list[str] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    answer: Answer | None = None

    def start(self, request: Any) -> Any:
        self.asked.append(request)
        engine = on_this_machine.open_engine(self.folder)
        on_this_machine.make_tables(engine, archived.write(LINES, self.folder))
        if not self.fails:
            sql = request["QueryString"]
            question = translated(statements.read(sql), "label_loop", NOW)
            self.answer = on_this_machine.run(engine, question, sql)
        return {"QueryExecutionId": "q-1"}

    def look(self, _: Any) -> Any:
        self.looks += 1
        if self.interrupts:
            raise KeyboardInterrupt
        state = "RUNNING" if self.looks == 1 else "FAILED" if self.fails else "SUCCEEDED"
        return {
            "QueryExecution": {
                "StatementType": "DML",
                "Status": {"State": state, "StateChangeReason": self.fails},
                "Statistics": {"DataScannedInBytes": self.scanned_bytes},
            }
        }

    def results(self, request: Any) -> Any:
        """The head and the rows, three a page."""
        assert self.answer is not None
        place = int(request.get("NextToken", "0"))
        rows = [self.answer.columns, *self.answer.rows]
        page = [
            {"Data": [{} if value is None else {"VarCharValue": value} for value in row]}
            for row in rows[place : place + 3]
        ]
        told = [
            {"Name": name, "Type": kind}
            for name, kind in zip(self.answer.columns, self.answer.types, strict=True)
        ]
        more = {"NextToken": str(place + 3)} if place + 3 < len(rows) else {}
        return {"ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": told}}, **more}

    def stop(self, request: Any) -> None:
        self.stopped.append(request["QueryExecutionId"])

    def client(self) -> Any:
        return answering(
            "athena",
            {
                "StartQueryExecution": self.start,
                "GetQueryExecution": self.look,
                "GetQueryResults": self.results,
                "StopQueryExecution": self.stop,
            },
        )


@dataclass
class Asking:
    """A stack with an archive, and the command that asks it."""

    account: Account
    athena: Athena
    stack: Stack
    read: list[str] = field(default_factory=list)
    """The keys of what was downloaded."""

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["query", *words], obj=self.stack)

    def rows(self, *words: str) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def days_read(self) -> set[str]:
        return {key.split("day=")[1][:10] for key in self.read}


@pytest.fixture
def asking(account: Account, tmp_path: Path) -> Iterator[Asking]:
    """An archive of 41 days, and one day's folder in which somebody has made an empty object."""
    for key, content in archived.objects(LINES, files_a_day=1).items():
        account.put(key, content)
    account.put(f"{archive.FOLDER}day=2026-11-29/", b"")
    athena = Athena(tmp_path)
    athena_client = athena.client()

    def client(service: str, attempts: int = 3) -> Any:
        return athena_client if service == "athena" else account.boto3(service)

    outputs = {
        "BucketName": account.bucket,
        "LogDatabase": "label_loop",
        "QueryWorkgroup": "label-loop",
    }
    asking = Asking(account, athena, Stack("label-loop", outputs, client, time_now=NOW.timestamp))

    def note(params: dict[str, Any], **_: Any) -> None:
        asking.read.append(params["Key"])

    events = account.boto3("s3").meta.events
    events.register(GETS, note)
    yield asking
    events.unregister(GETS, note)


DAYS = set(archived.by_day(LINES))


# --- Either engine --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", saved.all_queries())
def test_either_engine_gives_the_same_answer(asking: Asking, name: str) -> None:
    here = asking.rows("--saved", name, "--days", "20", "--local-engine")
    assert here == asking.rows("--saved", name, "--days", "20")
    assert here


def test_values_are_written_alike_for_programs_and_people(asking: Asking) -> None:
    sql = (
        "SELECT detection_id, final_labels, model_right, confidence_pct, detected_at, "
        "count(*) OVER () / 7 AS sevenths, DATE '2026-11-30' AS today FROM detections "
        "WHERE human_loop IS NOT NULL AND decided_by IS NOT NULL ORDER BY detection_id LIMIT 3"
    )
    rows = asking.rows(sql, "--local-engine")
    assert rows == asking.rows(sql)
    assert all(isinstance(row["sevenths"], int) for row in rows)
    latest = {line["detection_id"]: line for line in archived.latest(LINES)}
    for row in rows:
        line = latest[row["detection_id"]]
        names = [said["name"] for said in line["final_labels"]]
        assert row["final_labels"] == f"[{', '.join(f'{{name={n}, box=null}}' for n in names)}]"
        assert row["detected_at"] == line["detected_at"].replace("T", " ").rstrip("Z")
        assert row["model_right"] == line.get("model_right")
    table = asking.run(sql, "--local-engine").stdout
    assert table.splitlines()[0].split() == list(rows[0])
    text = asking.run(sql, "--local-engine", "--csv").stdout
    cells = list(csv.DictReader(io.StringIO(text)))
    assert [cell["detection_id"] for cell in cells] == [row["detection_id"] for row in rows]


def test_a_label_that_a_spreadsheet_would_run_is_text_in_csv(asking: Asking) -> None:
    text = asking.run("SELECT '=1+1' AS label", "--local-engine", "--csv").stdout
    assert text.splitlines() == ["label", "'=1+1"]


def test_a_number_below_zero_is_a_number_in_csv(asking: Asking) -> None:
    text = asking.run("SELECT -1, -0.5, -5e-1, '-1' ", "--local-engine", "--csv").stdout
    assert text.splitlines()[1] == "-1,-0.5,-0.5,'-1"


@pytest.mark.parametrize("words", [(), ("--local-engine",)])
@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM detections", "DROP TABLE detections", "INSERT INTO t SELECT 1", " ", "/* x */"],
)
def test_only_what_reads_is_asked(asking: Asking, sql: str, words: tuple[str, ...]) -> None:
    result = asking.run(sql, *words)
    assert result.exit_code == 1
    assert "only reads" in error_of(result) or "Say what is asked" in error_of(result)
    assert not asking.athena.asked and not asking.read


@pytest.mark.parametrize(
    "words",
    [(), ("SELECT 1", "--saved", "cost_by_day"), ("SELECT 1", "--days", "3"), ("--saved", "all")],
)
def test_what_is_asked_is_said_once(asking: Asking, words: tuple[str, ...]) -> None:
    assert asking.run(*words).exit_code == 2


def test_saved_queries_and_columns_are_listed(asking: Asking) -> None:
    text = asking.run("--list").stdout
    assert all(name in text for name in saved.all_queries())
    assert all(column.meaning in text for column in archive.COLUMNS)
    assert asking.rows("--list")["tables"]["detections"]["day"] == "VARCHAR"


# --- On this machine ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "days"),
    [
        ("SELECT count(*) FROM detections WHERE day = '2026-11-20'", {"2026-11-20"}),
        (
            "SELECT day FROM label_loop.detections d WHERE d.day BETWEEN '2026-11-20' AND "
            "'2026-11-22' AND outcome = 'review'",
            {"2026-11-20", "2026-11-21", "2026-11-22"},
        ),
        (
            "SELECT 1 FROM detections WHERE date_diff('day', date(day), current_date) < 2",
            {"2026-11-30", "2026-11-29"},
        ),
        ("SELECT 1 FROM detections WHERE day IN ('2026-11-20') OR label = 'gear'", DAYS),
        ("SELECT 1 FROM (SELECT * FROM detections) WHERE day = '2026-11-20'", DAYS),
        (
            "SELECT 1 FROM detections a WHERE day = '2026-11-20' UNION ALL "
            "SELECT 2 FROM detection_states WHERE day = '2026-11-10'",
            {"2026-11-20", "2026-11-10"},
        ),
        (
            "SELECT 1 FROM detections a LEFT JOIN detections b ON a.detection_id = b.detection_id "
            "AND b.day = '2026-11-20' WHERE b.day IS NULL AND a.day = '2026-11-20'",
            DAYS,
        ),
        (
            "SELECT 1 FROM detections a LEFT JOIN detections b ON a.detection_id = b.detection_id "
            "WHERE b.day = '2026-11-19' AND a.day = '2026-11-20'",
            {"2026-11-19", "2026-11-20"},
        ),
        ("SELECT 1 FROM detections WHERE day > (SELECT min(day) FROM detections)", DAYS),
        (
            "WITH detections AS (SELECT '2026-11-20' AS day) SELECT 1 FROM detections "
            "WHERE day = '2026-11-21'",
            DAYS,
        ),
        ("SELECT 1 WHERE random() < 2", set()),
        ("SELECT 1 FROM detections WHERE day > 'x' || CAST(random() AS varchar)", DAYS),
    ],
)
def test_only_the_days_that_a_query_needs_are_read(
    asking: Asking, sql: str, days: set[str]
) -> None:
    result = asking.run(sql, "--local-engine")
    assert result.exit_code == 0, result.output
    assert asking.days_read() == days & DAYS
    of = "all days" if days >= DAYS else f"{len(days & DAYS)} of {len(DAYS)} days"
    assert of in result.stderr


def test_conditions_on_days_change_no_answer(asking: Asking) -> None:
    """The same is found in all days as in those alone that are read."""
    sql = (
        "SELECT a.detection_id, b.outcome FROM detections a LEFT JOIN detection_states b ON "
        "a.detection_id = b.detection_id AND a.day = b.day WHERE {} ORDER BY 1, 2"
    )
    some = asking.rows(
        sql.format("a.day > '2026-11-15' AND b.day > '2026-11-15'"), "--local-engine"
    )
    whole = asking.rows(
        sql.format("(a.day > '2026-11-15' OR 1 = 2) AND concat(b.day, a.day) > '2026-11-15'"),
        "--local-engine",
    )
    assert some == [row for row in whole if row]
    assert some


def test_what_time_it_is_at_the_stack_counts(asking: Asking) -> None:
    asking.stack = replace(asking.stack, time_now=lambda: NOW.timestamp() - 10 * 86400)
    (row,) = asking.rows("SELECT current_date AS today, now() AS now", "--local-engine")
    assert row == {"today": "2026-11-20", "now": "2026-11-20 15:30:00.000 UTC"}


def test_what_stands_within_another_expression_means_what_athena_means(asking: Asking) -> None:
    asking.stack = replace(asking.stack, time_now=lambda: NOW.timestamp() - 10 * 86400)
    sql = (
        "SELECT date_diff('day', DATE '2026-11-10', current_date) AS days, "
        "count_if(date_diff('day', TIMESTAMP '2026-11-10 23:00:00', now) > 0) AS whole_days "
        "FROM (VALUES TIMESTAMP '2026-11-11 01:00:00', TIMESTAMP '2026-11-12 01:00:00') AS t (now)"
    )
    assert asking.rows(sql, "--local-engine") == [{"days": 10, "whole_days": 1}]


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("0e0", "0.0"),
        ("0.001e0", "0.001"),
        ("9999999e0", "9999999.0"),
        ("1e7", "1.0E7"),
        ("-12345678.5e0", "-1.23456785E7"),
        ("0.00001e0", "1.0E-5"),
        ("0e0 / 0e0", "NaN"),
        ("-1e0 / 0e0", "-Infinity"),
    ],
)
def test_a_double_is_written_as_athena_writes_it(asking: Asking, sql: str, text: str) -> None:
    sql = f"SELECT {sql} AS value"
    assert asking.run(sql, "--local-engine", "--csv").stdout.splitlines() == ["value", text]
    (row,) = asking.rows(sql, "--local-engine")
    assert row["value"] == (text if text[-1].isalpha() else float(text))


@pytest.mark.parametrize("more", ["", " UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL"])
def test_columns_are_called_as_athena_calls_them(asking: Asking, more: str) -> None:
    sql = (
        "SELECT CAST(label AS varchar), 'label', (label), labels[1].name, element_at(labels, 1), "
        "count(*) AS n FROM detections WHERE label IS NOT NULL GROUP BY 1, 2, 3, 4, 5"
    )
    (row, *_) = asking.rows(sql + more, "--local-engine")
    assert list(row) == ["_col0", "_col1", "label", "name", "_col4", "n"]
    (row, *_) = asking.rows("SELECT t.*, 1 + 1 FROM (VALUES (1, 2)) AS t (a, b)", "--local-engine")
    assert list(row) == ["a", "b", "_col2"]


def test_the_database_may_be_named_in_capitals_as_its_stack_is(asking: Asking) -> None:
    asking.stack = replace(
        asking.stack, outputs={**asking.stack.outputs, "LogDatabase": "Label_Loop"}
    )
    sql = "SELECT count(*) AS n FROM {}.detections"
    for name in ("label_loop", "Label_Loop"):
        assert asking.rows(sql.format(name), "--local-engine") == [{"n": 60}]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1,\n  foo FROM detections", "line 2:3: Referenced column"),
        ("SELECT nofun(1)", "line 1:8: Scalar Function with name nofun does not exist"),
        ("SELECT FROM WHERE", "line 1:"),
        ("SELECT 'open", "This is no SQL"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT * FROM elsewhere", "elsewhere"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
        ("SHOW TABLES", "Only Athena answers"),
        ("SELECT CAST('x' AS bigint)", "Could not convert"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(
    asking: Asking, sql: str, said: str
) -> None:
    result = asking.run(sql, "--local-engine")
    assert result.exit_code == 1
    assert said in error_of(result)


def test_the_local_stack_is_asked_on_this_machine(asking: Asking) -> None:
    asking.stack = replace(asking.stack, on_this_machine=True)
    assert asking.rows("SELECT count(DISTINCT detection_id) AS n FROM detection_states") == [
        {"n": 60}
    ]
    assert not asking.athena.asked


def test_an_archive_that_changes_while_it_is_read_is_to_be_asked_once_more(asking: Asking) -> None:
    (key,) = asking.account.keys(f"{archive.FOLDER}day=2026-11-20/")

    s3 = asking.account.boto3("s3")

    def forget(**_: Any) -> None:
        s3.delete_object(Bucket=asking.account.bucket, Key=key)

    s3.meta.events.register(GETS, forget)
    result = asking.run("SELECT 1 FROM detections WHERE day = '2026-11-20'", "--local-engine")
    s3.meta.events.unregister(GETS, forget)
    assert "ask once more" in error_of(result)


# --- On Athena ------------------------------------------------------------------------------------


def test_athena_is_asked_in_the_stacks_workgroup_and_what_it_cost_is_told(asking: Asking) -> None:
    result = asking.run("SELECT count(*) AS n FROM detections")
    assert result.exit_code == 0, result.output
    (request,) = asking.athena.asked
    assert request["WorkGroup"] == "label-loop"
    assert request["QueryExecutionContext"] == {"Database": "label_loop"}
    assert "scanned 25.00 MB: about US$0.0001" in result.stderr
    assert result.stdout.split() == ["n", "60"]
    assert not asking.read


@pytest.mark.parametrize(
    ("scanned_bytes", "usd"), [(0, 0.0), (1, 0.00005), (10**7, 0.00005), (10**12, 5.0)]
)
def test_a_query_costs_ten_megabytes_at_least(scanned_bytes: int, usd: float) -> None:
    from cli.query.on_athena import cost_usd  # noqa: PLC0415

    assert cost_usd(scanned_bytes) == pytest.approx(usd)


def test_athenas_own_words_are_shown(asking: Asking) -> None:
    asking.athena.fails = "COLUMN_NOT_FOUND: line 1:8: Column 'foo' cannot be resolved"
    result = asking.run("SELECT foo FROM detections")
    assert result.exit_code == 1
    assert "line 1:8: Column 'foo' cannot be resolved" in error_of(result)


def test_a_query_over_the_limit_is_told_how_to_scan_less(asking: Asking) -> None:
    asking.athena.fails = "Query cancelled! : Bytes scanned limit was exceeded"
    assert "Ask for fewer days" in error_of(asking.run("SELECT labels FROM detection_states"))


def test_a_query_that_nobody_waits_for_is_stopped(asking: Asking) -> None:
    asking.athena.interrupts = True
    assert asking.run("SELECT 1").exit_code == 130
    assert asking.athena.stopped == ["q-1"]


def test_who_may_not_ask_athena_hears_what_is_missing(asking: Asking) -> None:
    forbidden = answering("athena", {"StartQueryExecution": refused("AccessDeniedException", "no")})
    asking.stack = replace(asking.stack, client=lambda *_, **__: forbidden)
    assert "You lack a permission" in error_of(asking.run("SELECT 1"))


def test_a_stack_of_before_is_to_be_updated(asking: Asking) -> None:
    asking.stack = replace(asking.stack, outputs={})
    assert "Deploy this version" in error_of(asking.run("SELECT 1"))


# --- Without its extra ----------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["duckdb", "sqlglot"])
def test_without_its_extra_the_command_says_how_to_get_it(
    asking: Asking, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("cli.query.")]:
        if name not in {"cli.query.command", "cli.query.saved"}:
            monkeypatch.delitem(sys.modules, name)
            monkeypatch.delattr(f"cli.query.{name.removeprefix('cli.query.')}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    assert "pip install duckdb sqlglot" in error_of(asking.run("SELECT 1"))
