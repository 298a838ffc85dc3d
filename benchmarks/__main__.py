"""`python -m benchmarks [name]`: measures, prints tables, writes benchmarks/results/*.json."""

import json
import sys
from collections.abc import Callable, Mapping
from itertools import groupby

from benchmarks import (
    RESULTS,
    archive_cost,
    cold_start,
    detection_burst,
    detection_cost,
    doubt,
    export_scale,
    hosting_minutes,
    log_query,
    look,
    manifest_scale,
    promotion,
    rejection,
    review_pace,
    review_selection,
    runtime,
)

BENCHMARKS: Mapping[str, Callable[[], list[dict[str, object]]]] = {
    "cold_start": cold_start.run,
    "runtime": runtime.run,
    "manifest_scale": manifest_scale.run,
    "export_scale": export_scale.run,
    "look": look.run,
    "detection_burst": detection_burst.run,
    "review_pace": review_pace.run,
    "detection_cost": detection_cost.run,
    "archive_cost": archive_cost.run,
    "hosting_minutes": hosting_minutes.run,
    "review_selection": review_selection.run,
    "promotion": promotion.run,
    "doubt": doubt.run,
    "rejection": rejection.run,
    "log_query": log_query.run,
}


def main(arguments: list[str]) -> None:
    """Run the named benchmark, or all of them."""
    names = arguments or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"There is no benchmark {unknown[0]}. There are: {', '.join(BENCHMARKS)}.")
    for name in names:
        rows = BENCHMARKS[name]()
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps({"rows": rows}, indent=2) + "\n"
        (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"\n{name}\n{table(rows)}")


def table(rows: list[dict[str, object]]) -> str:
    """The rows below their columns' names; a new table where the columns change."""
    groups = groupby(rows, key=list)
    return "\n\n".join(_table(list(group)) for _, group in groups)


def _table(rows: list[dict[str, object]]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [columns] + [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


if __name__ == "__main__":
    main(sys.argv[1:])
