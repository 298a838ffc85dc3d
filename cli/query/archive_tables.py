"""The two tables that are asked, and their columns in the words of either engine.

``detection_states`` is the archive as it lies, a row a state; ``detections`` has each detection's
last one. ``make docs`` writes both into the template.
"""

from pathlib import Path

from sqlglot import exp

from labelloop.domain.archive import COLUMNS

STATES, DETECTIONS = "detection_states", "detections"
DAY = "day"
"""The partition's column, which no line has."""
_MOMENT = "timestamp"


def view() -> str:
    """The query that is the view ``detections``, in Athena's dialect."""
    shown = ",\n  ".join(
        f"CAST(from_iso8601_timestamp({column.name}) AS timestamp) AS {column.name}"
        if column.sql_type == _MOMENT
        else column.name
        for column in COLUMNS
    )
    text = Path(__file__).with_name("detections.sql").read_text(encoding="utf-8")
    return text.replace(":columns", shown)


def columns(table: str) -> dict[str, str]:
    """A table's columns with their types, in Hive's words as Glue has them.

    The archive's times are texts, which every reader of JSON takes alike; the view's are times.
    """
    told = {
        column.name: "string" if column.sql_type == _MOMENT and table == STATES else column.sql_type
        for column in COLUMNS
    }
    return {**told, DAY: "string"}


def typed(table: str, dialect: str) -> dict[str, str]:
    """The same with types in the words of an engine."""
    return {
        name: exp.DataType.build(hive, dialect="hive").sql(dialect)
        for name, hive in columns(table).items()
    }
