"""What has been forgotten, when and by whom: in numbers, since it names nothing."""

from collections.abc import Mapping
from typing import Any

from labelloop.aws import model_versions_table as table

_KIND = "erasure"


def note(name: str, values: Mapping[str, Any]) -> None:
    """Note that something was forgotten, once under this name."""
    table.overwrite(name, values, kind=_KIND)


def noted() -> list[dict[str, Any]]:
    """All that was noted, by name."""
    return table.every(_KIND)
