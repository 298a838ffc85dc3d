"""Help: nothing of it is cut, however narrow the terminal."""

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli.__main__ import main


def _all(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _all(each, (*path, name))


def _command(path: tuple[str, ...]) -> click.Command:
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("columns", [30, 80, 200])
@pytest.mark.parametrize("path", list(_all(main)), ids=" ".join)
def test_help_says_all_in_terminals_of_any_width(
    path: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    said, command = _words(result.stdout), _command(path)
    assert not re.search(r"[a-z]\.\.\.(\n|$)", result.stdout), "a sentence is cut"
    assert _words(command.help or "") in said
    helps = [one.help for one in command.params if isinstance(one, click.Option)]
    assert all(_words(one) in said for one in helps if one)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            first = re.split(r"(?<=\.)\s|\n\n", _words(each.help or ""))[0]
            assert first in said
