"""How the demo shows where it is: a live list of steps, or plain lines in a file.

Called by ``__main__`` (which ends it) and ``story`` (which begins steps and notes what happens).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from local.demo.results import StepTime


@dataclass
class Step:
    """One step as it is shown."""

    title: str
    begun_s: float
    note: str = ""
    """What just happened, or what came of it."""
    done: int = 0
    total: int = 0
    """0 where there is nothing to count."""
    seconds: float | None = None
    failed: bool = False

    def count(self, done: int, total: int) -> None:
        """Show how much is done."""
        self.done, self.total = done, total

    def say(self, note: str) -> None:
        """Show what happens."""
        self.note = note


@dataclass
class Display:
    """All steps so far; a context in which they are shown."""

    console: Console
    steps: list[Step] = field(default_factory=list)
    _live: Live | None = None
    _begun_s: float = field(default_factory=time.monotonic)
    _spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))

    def __enter__(self) -> "Display":
        self._begun_s = time.monotonic()
        if self.console.is_terminal:
            self._live = Live(self, console=self.console, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while it lasts; what ends it with an error is shown as failed."""
        step = Step(title, time.monotonic())
        self.steps.append(step)
        self._line(f"{title} ...")
        try:
            yield step
        except BaseException:
            step.failed = True
            raise
        finally:
            step.seconds = time.monotonic() - step.begun_s
            outcome = "failed" if step.failed else step.note or "done"
            self._line(f"    {outcome} ({step.seconds:.1f} s)")

    @property
    def seconds(self) -> float:
        """How long all has taken so far."""
        return time.monotonic() - self._begun_s

    def times(self) -> tuple[StepTime, ...]:
        """Every finished step."""
        return tuple(
            StepTime(step.title, step.note, step.seconds)
            for step in self.steps
            if step.seconds is not None
        )

    def _line(self, text: str) -> None:
        if self._live is None:
            print(f"[{self.seconds:6.1f} s] {text}", file=self.console.file, flush=True)

    def _mark(self, step: Step) -> Spinner | Text:
        if step.seconds is None:
            return self._spinner
        return Text("✗", "red") if step.failed else Text("✓", "green")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the list."""
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2)
        table.add_column()
        table.add_column(justify="right", width=7, style="dim")
        for step in self.steps:
            running = step.seconds is None
            took = time.monotonic() - step.begun_s if step.seconds is None else step.seconds
            title = Text(step.title, "bold" if running else "")
            table.add_row(self._mark(step), title, f"{took:.1f} s")
            if running and step.total:
                bar = ProgressBar(total=step.total, completed=step.done, width=40)
                table.add_row("", bar, f"{step.done}/{step.total}")
            if step.note:
                table.add_row("", Text(step.note, "dim"), "")
        yield table
