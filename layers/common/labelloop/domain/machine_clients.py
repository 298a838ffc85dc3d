"""Machine clients: what they are called in the user pool, what they may, and how many there are."""

import re
from enum import StrEnum

MOST_AUDIENCES = 50
"""Whose tokens an HTTP API's authoriser takes at the most. AWS raises it for nobody."""
MOST = MOST_AUDIENCES - 1
"""The review page's own client is one of them."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Scope(StrEnum):
    """What a program may do."""

    DETECT = "detect"
    LOG = "log"
    READ = "read"


def refusal(name: str) -> str | None:
    """Why no client can be called so; None where one can."""
    if _NAME.fullmatch(name):
        return None
    return (
        f"A client cannot be called {name!r}: a name has up to 64 letters without accents, digits, "
        "- and _, and begins with a letter or digit."
    )


def pool_name(stack: str, name: str) -> str:
    """What the stack's client is called in the user pool, which may be others', too."""
    return f"{stack}.{name}"


def own_name(stack: str, pool_name: str) -> str | None:
    """The client's name by that; None where it is none of the stack's, whose name has no dot."""
    of, _, name = pool_name.partition(".")
    return name if name and of == stack else None
