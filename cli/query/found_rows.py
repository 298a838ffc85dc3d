"""What a question in SQL gives, the same from either engine, for people and for programs."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from labelloop.domain.wording import one_line

from ..cells import as_cells


def _double(text: str) -> float | str:
    """What JSON has no number for stays text."""
    value = float(text)
    return value if math.isfinite(value) else text


_READ: Mapping[str, Callable[[str], Any]] = {
    "tinyint": int,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "double": _double,
    "float": _double,
    "real": _double,
    "boolean": "true".__eq__,
}
"""What is no text in JSON; decimals stay text, which loses nothing."""


@dataclass(frozen=True)
class Answer:
    """Rows of texts, as Athena writes its values; None for null."""

    columns: Sequence[str]
    types: Sequence[str]
    """Trino's names of the columns' types, without their sizes."""
    rows: Sequence[Sequence[str | None]]
    told: str
    """What it took to find this out."""

    def as_json(self) -> list[dict[str, Any]]:
        """A dictionary a row: numbers and truths are such, all else is text."""
        read = [_READ.get(name, str) for name in self.types]
        return [
            {
                column: None if value is None else as_value(value)
                for column, as_value, value in zip(self.columns, read, row, strict=True)
            }
            for row in self.rows
        ]

    def as_csv(self) -> str:
        """A head and a line a row, without a break at the end; nothing stands where null is."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_as_texts(self.columns))
        plain = [name in _READ or name.startswith("decimal") for name in self.types]
        for row in self.rows:
            # A number below zero begins no formula.
            cells = zip(row, _as_texts(row), plain, strict=True)
            writer.writerow(cell if is_plain else shown for cell, shown, is_plain in cells)
        return text.getvalue().rstrip("\n")

    def as_table(self) -> str:
        """A table for people, numbers on the right."""
        if not self.rows:
            return "No rows."
        lines = [
            list(self.columns),
            *([one_line("" if value is None else value) for value in row] for row in self.rows),
        ]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        right = [_READ.get(name) in {int, _double} for name in self.types]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if is_number else cell.ljust(width)
                for cell, width, is_number in zip(line, widths, right, strict=True)
            ).rstrip()
            for line in lines
        )


def _as_texts(line: Sequence[str | None]) -> list[Any]:
    return list(as_cells({str(at): cell for at, cell in enumerate(line)}).values())


def as_text(value: Any) -> str | None:
    """A value of DuckDB's as Athena writes it."""
    return None if value is None else _written(value)


def _written(value: Any) -> str:  # noqa: PLR0911 - a kind each
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return _written_double(value)
        case datetime():
            zone = "" if value.tzinfo is None else " UTC"
            return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}{zone}"
        case date():
            return value.isoformat()
        case timedelta():
            hours, rest_s = divmod(value.seconds, 3600)
            return (
                f"{value.days} {hours:02}:{rest_s // 60:02}:{rest_s % 60:02}"
                f".{value.microseconds // 1000:03}"
            )
        case dict():
            inside = (f"{name}={_written(part)}" for name, part in value.items())
            return f"{{{', '.join(inside)}}}"
        case list() | tuple():
            return f"[{', '.join(map(_written, value))}]"
    return str(value)


def _written_double(value: float) -> str:
    """As Java does."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return str(value)
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    exponent = Decimal(repr(value)).adjusted()
    return f"{'-' * sign}{first}.{''.join(rest) or '0'}E{exponent}"
