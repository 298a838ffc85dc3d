"""One line that says how far something is, for as long as it takes."""

import sys
import time

import click


class Progress:
    """Rewrites its line on a terminal; elsewhere writes a new one whenever the words change."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = ""
        self._rewrites = sys.stderr.isatty()

    def say(self, words: str) -> None:
        """Show these words and how long it has taken."""
        if self._rewrites:
            minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
            click.echo(f"\r\x1b[K{words} ({minutes}:{seconds:02d})", err=True, nl=False)
        elif words != self._last:
            click.echo(words, err=True)
        self._last = words

    def end(self) -> None:
        """Leave the terminal's line free for the answer."""
        if self._rewrites:
            click.echo("\r\x1b[K", err=True, nl=False)
