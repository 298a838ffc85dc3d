"""Sections of what commands print: a table, or lines under a title."""

from collections.abc import Iterable, Sequence

MOST_LINES = 20
"""Of each kind; the page and the JSON have the rest."""
NOTHING = "nothing"
"""What a model says that finds no label."""


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The rows as lines of a table; what is behind the first column stands at the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in rows
    ]


def some(title: str, lines: Iterable[str]) -> list[str]:
    """The lines under their title, or the first of them; nothing without lines."""
    every = list(lines)
    if not every:
        return []
    more = len(every) - MOST_LINES
    rest = [f"  and {more} more: --html FILE, or --json"] if more > 0 else []
    return [title, *every[:MOST_LINES], *rest]
