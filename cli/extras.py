"""What only some commands need, and an installation brings only where it is told to."""

import sys

from .failures import CommandError

PICTURES = "pictures"
SMOKE = "smoke"
QUERY = "query"
ADOPT = "adopt"
PACKAGES = {PICTURES: "pillow", SMOKE: "pillow numpy", QUERY: "duckdb sqlglot", ADOPT: "pyyaml"}
"""What each extra brings."""


def missing(what: str, extra: str) -> CommandError:
    """That something needs an extra that is not installed, and how to get it."""
    return CommandError(
        f"{what} needs the extra {extra}: {sys.executable} -m pip install {PACKAGES[extra]}"
    )
