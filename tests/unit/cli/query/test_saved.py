"""The saved queries: each is Athena's SQL, and says on DuckDB what plain Python finds."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlglot import exp, parse

from cli.query import on_this_machine, saved, statements
from cli.query.saved import SavedQuery
from cli.query.translating import translated
from labelloop.domain import archive as log_archive
from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.image_labels import HumanLabel, Label, LabelBox
from tests.unit.cli.query import archived
from tests.unit.cli.query.archived import NOW, Line

QUERIES = saved.all_queries()
UNIT_HOUR_USD = 4.25
Row = dict[str, Any]


@dataclass(frozen=True)
class Archive:
    """Lines, and what DuckDB makes of the files that they are in."""

    lines: list[Line]
    engine: duckdb.DuckDBPyConnection

    def rows(self, query: SavedQuery, days: int) -> list[Row]:
        """What a saved query finds in NOW's last days."""
        text = query.filled(str(days), f"{UNIT_HOUR_USD:.2f}")
        question = translated(statements.read(text), "label_loop", NOW)
        return on_this_machine.run(self.engine, question, text).as_json()


def _archive(lines: list[Line], folder: Path) -> Archive:
    engine = on_this_machine.open_engine(folder)
    on_this_machine.make_tables(engine, archived.write(lines, folder))
    return Archive(lines, engine)


@pytest.fixture(scope="module", params=range(3))
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """One that is made up, by a seed."""
    return _archive(archived.states(request.param, 300), tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """One in which nothing is yet."""
    return _archive([], tmp_path_factory.mktemp("empty"))


def within(lines: list[Line], days: int) -> list[Line]:
    """The last states of the detections of so many days, today among them."""
    first = f"{NOW - timedelta(days=days - 1):%Y-%m-%d}"
    return [line for line in archived.latest(lines) if line["day"] >= first]


def _rounded(value: float, digits: int = 2) -> float:
    """As both engines round: half away from zero."""
    return math.copysign(math.floor(abs(value) * 10**digits + 0.5) / 10**digits, value)


def _grouped(lines: list[Line], name: str) -> Mapping[Any, list[Line]]:
    found = defaultdict(list)
    for line in lines:
        found[line.get(name)].append(line)
    return found


def volume_by_day(lines: list[Line]) -> list[Row]:
    outcomes = ("confident", "review", "deferred", "rejected", "waiting")
    return [
        {
            "day": day,
            "detections": len(of_day),
            **{name: sum(line["outcome"] == name for line in of_day) for name in outcomes},
        }
        for day, of_day in sorted(_grouped(lines, "day").items())
    ]


def labels_by_day(lines: list[Line]) -> list[Row]:
    rows = []
    decided = [line for line in lines if line.get("decided_by")]
    for day, of_day in sorted(_grouped(decided, "day").items()):
        images: Counter[str | None] = Counter()
        for line in of_day:
            images.update({said["name"] for said in line["final_labels"]} or {None})
        ordered = sorted(images.items(), key=lambda one: (-one[1], one[0] is None, one[0] or ""))
        rows += [
            {
                "day": day,
                "label": label,
                "images": count,
                "share_pct": _rounded(100 * count / len(of_day)),
            }
            for label, count in ordered
        ]
    return rows


def review_by_label(lines: list[Line]) -> list[Row]:
    rows = []
    seen = [line for line in lines if line.get("version")]
    for label, found in _grouped(seen, "label").items():
        judged = [line["model_right"] for line in found if line.get("model_right") is not None]
        of_them = sum("human_loop" in line for line in found)
        rows.append(
            {
                "label": label,
                "detections": len(found),
                "asked": of_them,
                "asked_pct": _rounded(100 * of_them / len(found)),
                "decided": sum(line.get("decided_by") == "people" for line in found),
                "undecided": sum(line.get("agreement") == "undecided" for line in found),
                "model_right": sum(judged),
                "right_pct": _rounded(100 * sum(judged) / len(judged)) if judged else None,
            }
        )
    return sorted(
        rows, key=lambda row: (-row["detections"], row["label"] is None, row["label"] or "")
    )


def accuracy_by_version(lines: list[Line]) -> list[Row]:
    rows = []
    sampled = [
        line
        for line in lines
        if line.get("asked_as") == "sampled" and line.get("model_right") is not None
    ]
    for version, found in sorted(_grouped(sampled, "version").items()):
        decided, right = len(found), sum(line["model_right"] for line in found)
        share, doubt = right / decided, 3.841459 / decided
        middle = share + doubt / 2
        half = math.sqrt(doubt * (share * (1 - share) + doubt / 4))
        rows.append(
            {
                "version": version,
                "decided": decided,
                "model_right": right,
                "right_pct": _rounded(100 * share),
                "at_least_pct": _rounded(100 * (middle - half) / (1 + doubt)),
                "at_most_pct": _rounded(100 * (middle + half) / (1 + doubt)),
            }
        )
    return rows


def decision_time_by_day(lines: list[Line]) -> list[Row]:
    rows = []
    answered = [line for line in lines if line.get("decided_at")]
    for day, of_day in sorted(_grouped(answered, "day").items()):
        took = sorted(
            (
                datetime.fromisoformat(line["decided_at"])
                - datetime.fromisoformat(line["detected_at"])
            ).total_seconds()
            / 60
            for line in of_day
        )
        rows.append(
            {
                "day": day,
                "answered": len(took),
                "half_within": took[math.ceil(len(took) * 0.5) - 1],
                "nine_tenths_within": took[math.ceil(len(took) * 0.9) - 1],
                "longest": took[-1],
            }
        )
    return rows


def cost_by_day(lines: list[Line]) -> list[Row]:
    rows = []
    for day, of_day in sorted(_grouped(lines, "day").items()):
        hours = {line["detected_at"][11:13] for line in of_day if line.get("version")}
        of_them = sum("human_loop" in line for line in of_day)
        rows.append(
            {
                "day": day,
                "detections": len(of_day),
                "asked": of_them,
                "requests_usd": len(of_day) * 6.87e-6 + of_them * 31.51e-6,
                "model_hours": len(hours),
                "model_usd": len(hours) * UNIT_HOUR_USD,
            }
        )
    return rows


IN_PYTHON: Mapping[str, Callable[[list[Line]], list[Row]]] = {
    found.__name__: found
    for found in (
        volume_by_day,
        labels_by_day,
        review_by_label,
        accuracy_by_version,
        decision_time_by_day,
        cost_by_day,
    )
}
ROUNDED = {
    "requests_usd": 0.5e-4,
    "half_within": 0.005,
    "nine_tenths_within": 0.005,
    "longest": 0.005,
}
"""By how much a rounded column may be away from the exact value."""


def test_there_are_six_saved_queries() -> None:
    assert set(QUERIES) == set(IN_PYTHON)


@pytest.mark.parametrize("name", QUERIES)
def test_a_saved_query_is_one_of_athenas_dialect_and_says_what_it_asks(name: str) -> None:
    query = QUERIES[name]
    assert query.meaning.endswith(".")
    (parsed,) = parse(query.filled("30", "4.00"), dialect="trino")
    assert isinstance(parsed, exp.Query)
    assert not parsed.find(exp.Placeholder)


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("days", [1, 30])
def test_a_saved_query_finds_what_python_finds(archive: Archive, name: str, days: int) -> None:
    rows = archive.rows(QUERIES[name], days)
    expected = IN_PYTHON[name](within(archive.lines, days))
    assert expected or days == 1
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        for column, value in wanted.items():
            tolerance = ROUNDED.get(column, 1e-9)
            same = pytest.approx(value, abs=tolerance) if isinstance(value, float) else value
            assert row[column] == same, (column, row, wanted)
        assert list(row) == list(wanted)


@pytest.mark.parametrize("name", QUERIES)
def test_a_saved_query_of_an_empty_archive_has_no_rows(empty: Archive, name: str) -> None:
    assert empty.rows(QUERIES[name], 30) == []


def test_a_detection_is_of_the_day_when_a_model_has_looked_alone(tmp_path: Path) -> None:
    """Until then it waited on another day, which it has left."""
    waiting = DetectionRecord(
        detection_id="a" * 32, outcome="waiting", date="2026-11-29T23:59:00.000Z"
    )
    seen = replace(waiting, outcome="confident", date="2026-11-30T00:01:00.000Z", version="v1")
    first, last = archived.revision(1, 1), archived.revision(2, 1)
    of_day = {
        "2026-11-29": [
            log_archive.line(waiting, first, ModelType.CLASSIFICATION),
            log_archive.line_of_left(waiting, last),
        ],
        "2026-11-30": [log_archive.line(seen, last, ModelType.CLASSIFICATION)],
    }
    paths = []
    for day, lines in of_day.items():
        paths.append(tmp_path / f"day={day}" / "1.jsonl.gz")
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(archived.body(lines))
    engine = on_this_machine.open_engine(tmp_path)
    on_this_machine.make_tables(engine, paths)
    rows = Archive([], engine).rows(QUERIES["volume_by_day"], 30)
    assert [(row["day"], row["detections"], row["waiting"]) for row in rows] == [
        ("2026-11-30", 1, 0)
    ]


def test_what_archive_log_writes_is_read_as_it_is(tmp_path: Path) -> None:
    boxed = Label("gear", 91.5, LabelBox(0.1, 0, 0.5, 1), 88.25)
    record = DetectionRecord(
        detection_id="a" * 32,
        outcome="review",
        bucket="the-bucket",
        key="images_for_detection/Übergröße.jpg",
        date="2026-11-21T23:59:59.999Z",
        version="v1-0a1b2c3d",
        label="gear",
        confidence_pct=91.5,
        labels=(boxed,),
        unsure=(Label("bolt", 3),),
        sampled=False,
        human_loop=f"detection-{'a' * 32}",
        agreement="decided",
        answers=2,
        human_labels=(HumanLabel("gear", boxed.box),),
        completed="2026-11-30T08:00:00.000Z",
    )
    line = log_archive.line(record, archived.revision(1, 1), ModelType.DETECTION)
    text = "SELECT * FROM detections"
    made = _archive([line], tmp_path)
    question = translated(statements.read(text), "label_loop", NOW)
    (row,) = on_this_machine.run(made.engine, question, text).as_json()
    told = {name: value for name, value in row.items() if value is not None}
    assert told.pop("day") == "2026-11-21"
    assert set(told) == set(line)
    box = "{left=0.1, top=0.0, width=0.5, height=1.0}"
    assert told["labels"] == (f"[{{name=gear, confidence_pct=91.5, box={box}, chance_pct=88.25}}]")
    assert told["final_labels"] == f"[{{name=gear, box={box}}}]"
    assert told["decided_at"] == "2026-11-30 08:00:00.000"
    plain = {name for name, value in line.items() if not isinstance(value, list)}
    same = plain - {"detected_at", "decided_at"}
    assert {name: told[name] for name in same} == {name: line[name] for name in same}
