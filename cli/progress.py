"""One line that says how far something is, for as long as it takes."""

import sys
import time

from . import terminal


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
            terminal.rewrite(f"{words} ({minutes}:{seconds:02d})")
        elif words != self._last:
            terminal.say(words, err=True)
        self._last = words

    def end(self) -> None:
        """Leave the terminal's line free for the answer."""
        if self._rewrites:
            terminal.rewrite()
