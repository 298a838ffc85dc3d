"""Cells of CSV files, which people open in spreadsheets."""

from collections.abc import Mapping
from typing import Any

from labelloop.domain.wording import one_line

_BEGIN_FORMULAS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""The same signs in full width, too."""


def as_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its texts such that a spreadsheet shows them, and runs none of them.

    Names may be anybody's: one that a spreadsheet would take for a formula has an apostrophe
    before it, which says that it is text. Programs read the names as they are in JSON.
    """
    return {name: _cell(value) if isinstance(value, str) else value for name, value in row.items()}


def _cell(text: str) -> str:
    text = one_line(text)
    return f"'{text}" if text.lstrip().startswith(_BEGIN_FORMULAS) else text
