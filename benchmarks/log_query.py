"""What questions in SQL take on this machine: the archive as it lies, beside one Parquet file.

A million detections of a hundred days, in as many files as an hourly writer leaves; each has one
state, every tenth a second one. Each saved query asks its 30 days of both. Processor time is told,
not how long it took: the machine may be busy.
"""

import gzip
import json
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from cli.query import days, on_this_machine, saved, statements
from cli.query.archive_tables import STATES
from cli.query.translating import translated

DETECTIONS = 1_000_000
DAYS = 100
FILES_A_DAY = 24
NOW = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
LABELS = tuple(f"label-{number:02}" for number in range(20))

Row = dict[str, object]


def run(detections: int = DETECTIONS, files_a_day: int = FILES_A_DAY) -> list[Row]:
    """A row a saved query, and one of the files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = list(_written(folder, detections, files_a_day))
        parquet = _as_parquet(files, folder)
        rows = [_measured(query, files, parquet) for query in saved.all_queries().values()]
        sizes: Row = {
            "detections": detections,
            "files": len(files),
            "gzip_mb": round(sum(path.stat().st_size for path in files) / 1e6, 1),
            "parquet_mb": round((folder / "states.parquet").stat().st_size / 1e6, 1),
        }
    return [*rows, sizes]


def _written(folder: Path, detections: int, files_a_day: int) -> Iterator[Path]:
    """The archive's files, one after the other."""
    chance, each = random.Random(0), max(1, detections // (DAYS * files_a_day))
    hour = timedelta(days=1) / files_a_day
    for number in range(DAYS * files_a_day):
        began = (
            NOW - timedelta(days=DAYS - 1) - (NOW - NOW.replace(hour=0, minute=0)) + number * hour
        )
        lines = (
            json.dumps(line) + "\n"
            for detection in range(number * each, (number + 1) * each)
            for line in _states(detection, began + chance.random() * hour, chance)
        )
        path = folder / f"day={began:%Y-%m-%d}" / f"{number}.jsonl.gz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress("".join(lines).encode(), compresslevel=6))
        yield path


def _states(number: int, detected: datetime, chance: random.Random) -> Iterator[Row]:
    label, confidence_pct = chance.choice(LABELS), round(chance.uniform(30, 100), 6)
    doubtful = confidence_pct < 40
    line: Row = {
        "detection_id": f"{number:032x}",
        "outcome": "review" if doubtful else "confident",
        "bucket": "label-loop-bucket-0a1b2c3d4e5f",
        "key": f"images_for_detection/line-1/{number:07}.jpg",
        "version_id": f"{chance.getrandbits(128):032x}",
        "etag": f"{chance.getrandbits(128):032x}",
        "size_bytes": chance.randint(40_000, 200_000),
        "detected_at": _iso(detected),
        "version": f"v{1 + detected.day // 11}-0a1b2c3d",
        "label": label,
        "confidence_pct": confidence_pct,
        "labels": [{"name": label, "confidence_pct": confidence_pct}],
        "minimum_confidence_pct": 70,
        "review_enabled": True,
        "revision": f"2026-08-01T00:00:00.000#{number:040}",
    }
    if not doubtful:
        line |= {"decided_by": "model", "final_labels": [{"name": label}]}
    asked = doubtful or chance.random() < 0.01
    if asked:
        line |= {"human_loop": f"detection-{number:032x}", "asked_as": "doubtful"}
    if asked and not doubtful:
        line["asked_as"] = "sampled"
    yield line
    if asked:
        said = chance.choice(LABELS[:2] + (label,) * 8)
        yield {
            **line,
            "agreement": "decided",
            "answers": 1,
            "decided_at": _iso(detected + timedelta(minutes=chance.uniform(1, 3000))),
            "human_labels": [{"name": said}],
            "decided_by": "people",
            "final_labels": [{"name": said}],
            "model_right": said == label,
            "revision": f"2026-08-01T00:00:00.000#{10**12 + number:040}",
        }


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _as_parquet(files: list[Path], folder: Path) -> duckdb.DuckDBPyConnection:
    """An engine whose tables are over one file of all states, in the order of the days."""
    path = folder / "states.parquet"
    writer = on_this_machine.open_engine(folder)
    on_this_machine.make_tables(writer, files)
    writer.table(STATES).order("day").write_parquet(str(path))
    engine = on_this_machine.open_engine(folder)
    engine.read_parquet(str(path)).create_view(STATES)
    on_this_machine.make_view(engine)
    return engine


def _measured(
    saved_query: saved.SavedQuery, files: list[Path], parquet: duckdb.DuckDBPyConnection
) -> Row:
    """A query of the files of the days that it needs, as the command reads them, and of the one."""
    text = saved_query.filled(str(saved.DAYS), "4.00")
    query = translated(statements.read(text), "label_loop", NOW)
    there = {_day(path) for path in files}
    began = time.process_time()
    engine = on_this_machine.open_engine(files[0].parent.parent)
    wanted = days.needed(query, there, engine)
    on_this_machine.make_tables(engine, [path for path in files if _day(path) in wanted])
    rows = on_this_machine.run(engine, query, text).rows
    archive_s = time.process_time() - began
    began = time.process_time()
    again = on_this_machine.run(parquet, query, text).rows
    parquet_s = time.process_time() - began
    if rows != again:
        raise RuntimeError(f"{saved_query.name} says another thing of one file than of many")
    row: Row = {
        "query": saved_query.name,
        "rows": len(rows),
        "days_read": len(wanted),
        "days": len(there),
        "archive_cpu_s": round(archive_s, 2),
        "parquet_cpu_s": round(parquet_s, 2),
        "ratio": round(archive_s / parquet_s, 1),
    }
    print("\t".join(str(value) for value in row.values()), flush=True)
    return row


def _day(path: Path) -> str:
    return path.parent.name.removeprefix("day=")
