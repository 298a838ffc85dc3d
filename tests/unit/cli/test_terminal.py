"""What is written on a terminal, and into the cells of a spreadsheet."""

import re
from pathlib import Path

import pytest

import cli
from cli.cells import as_cells
from cli.failures import CommandError
from cli.terminal import rewrite, say
from labelloop.domain.wording import one_line, plain_text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b]0;b\x07", "a\\x1b]0;b\\x07"),
        ("a\nb\r\t", "a\\nb\\r\\t"),
        ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\udcff\U000e0041", "\\udcff\\U000e0041"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(name: str, shown: str) -> None:
    assert one_line(name) == shown


@pytest.mark.parametrize(
    "name", ["\u0645\u06cc\u200c\u062e\u0648", "\U0001f469\u200d\U0001f527", "\u3000\u50b7"]
)
def test_what_people_write_stays(name: str) -> None:
    assert one_line(name) == plain_text(name) == name


def test_a_text_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb\x1b[1m")
    rewrite("c\n\x1b[1m")
    shown = capsys.readouterr()
    assert shown.out == "a\nb\\x1b[1m\n"
    assert shown.err.removeprefix("\r") == "c\\n\\x1b[1m"
    assert CommandError("no \x1b[1m").format_message() == "no \\x1b[1m"


def test_there_is_no_other_door_to_the_terminal() -> None:
    files = [path for path in Path(cli.__file__).parent.rglob("*.py") if path.name != "terminal.py"]
    # Not the programs that are shown to be copied.
    writes = re.compile(
        r"click\.(secho|echo)|^\s*print\(|\.write\(.*std(out|err)|error\.show\(", re.M
    )
    found = {path.name for path in files if writes.search(path.read_text(encoding="utf-8"))}
    assert found == {"__main__.py"}  # The usage, where a command was given no words at all.


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", " =1", "\uff1d1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert as_cells({"key": text, "count": -1}) == {"key": f"'{text}", "count": -1}


def test_a_cell_has_one_line() -> None:
    assert as_cells({"key": "\t=1\n"}) == {"key": "\\t=1\\n"}
    assert as_cells({"key": "a-b=c", "none": None}) == {"key": "a-b=c", "none": None}
