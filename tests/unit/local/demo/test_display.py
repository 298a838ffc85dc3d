import io

import pytest
from rich.console import Console

from local.demo.display import Display


def test_without_a_terminal_each_step_is_two_plain_lines() -> None:
    file = io.StringIO()
    with Display(Console(file=file)) as display, display.step("Draw") as step:
        step.count(1, 2)
        step.say("2 images")
    first, second = file.getvalue().splitlines()
    assert first.endswith("s] Draw ...")
    assert "2 images (0.0 s)" in second
    assert [(time.title, time.note) for time in display.times()] == [("Draw", "2 images")]


def test_a_step_that_fails_is_shown_as_failed_and_raises() -> None:
    file = io.StringIO()
    display = Display(Console(file=file))
    with display, pytest.raises(ValueError, match="as asked"), display.step("Draw"):
        raise ValueError("as asked")
    assert "failed" in file.getvalue()
    assert display.steps[0].failed


def test_a_terminal_gets_a_live_list() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    with Display(console) as display:
        with display.step("Draw") as drawing:
            drawing.say("2 images")
        with display.step("Detect") as detecting:
            detecting.count(1, 2)
            console.print(display)
    shown = file.getvalue()
    assert "✓" in shown and "1/2" in shown and "2 images" in shown
