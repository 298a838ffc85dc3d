"""The examples of data sets in docs/data.md do what is written there."""

import re
import shlex
from pathlib import Path

import pytest

from tests.unit.cli.imports.test_import import World, picture, world

__all__ = ["world"]
PAGE = Path(__file__).parents[4] / "docs/data.md"
EXAMPLES = re.findall(
    r"stack that trains a (\w+) model:\n\n((?:    .*\n)+)|\n\n((?:    ls .*\n)(?:    .*\n)+)",
    PAGE.read_text(encoding="utf-8"),
)


def _steps(block: str) -> list[tuple[list[str], list[str]]]:
    """What is typed, with the lines that come of it."""
    steps: list[tuple[list[str], list[str]]] = []
    for line in (line[4:] for line in block.splitlines()):
        if re.match(r"(ls|cat|\./labelloop) ", line):
            steps.append((shlex.split(line), []))
        else:
            steps[-1][1].append(line)
    return steps


def test_there_are_some_for_boxes_and_for_labels() -> None:
    assert [kind for kind, *_ in EXAMPLES] == ["detection", "", "classification"]


@pytest.mark.parametrize(("kind", "block", "further"), EXAMPLES)
def test_each_comes_in_as_it_is_said_to(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str, block: str, further: str
) -> None:
    world.model_type(kind or "detection")
    monkeypatch.chdir(world.folder)
    for (command, *words), lines in _steps(block or further):
        if command == "ls":
            names = " ".join(lines).split()
            places = words if len(words) > 1 else words * len(names)
            for number, (place, name) in enumerate(zip(places, names, strict=True)):
                world.file(f"{place}/{name}", picture(number, (120, 90), "JPEG"))
        elif command == "cat":
            world.file(words[0], "\n".join(lines).encode())
        else:
            result = world.run(*words[1:])
            assert result.exit_code == 0, result.output
            assert "\n".join(lines) in result.stderr
            assert "Left out: 0. Failed: 0." in result.stdout
            assert len([key for key in world.objects() if key.endswith((".jpg", ".png"))]) == 2
