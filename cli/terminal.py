"""What the commands write: the one door to the terminal, which obeys nothing that others named."""

import json
import sys
from typing import Any

import click

from labelloop.domain.wording import one_line, plain_text

_REWRITE = "\r\x1b[K"

SHOWN = 20
"""So many files, lines or images of a kind are named to people; programs get all of them."""


def say(text: str = "", *, err: bool = False, over: bool = False) -> None:
    """Write a text, whose line breaks are ours; on a terminal over the line that is there."""
    over = over and sys.stderr.isatty()
    click.echo(_REWRITE * over + plain_text(text), err=err)


def rewrite(line: str = "") -> None:
    """Write one line in the place of the last, on a terminal for what is under way."""
    click.echo(f"{_REWRITE}{one_line(line)}", err=True, nl=False)


def as_json(data: Any) -> str:
    """An answer for programs; what is not ASCII is written out, so that nothing obeys it."""
    return json.dumps(data, indent=2, default=str)
