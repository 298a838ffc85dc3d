"""The documentation leads where it says, and shows commands that there are."""

import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest
from awscli.clidriver import create_clidriver

from cli.__main__ import main
from tests.contract.files import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
every_page = pytest.mark.parametrize(
    "page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES]
)


@cache
def _prose(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@every_page
def test_each_link_leads_to_a_file_and_a_heading_that_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), target


def test_nobody_has_to_read_much_before_the_rest_is_found() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 200
    documents = {*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - {ROOT / "README.md"}
    assert all(f"]({page.relative_to(ROOT)}" in readme for page in documents)


def _shown(text: str) -> tuple[list[str], list[str]]:
    """The command's lines, and what stands in code within lines, which may leave something out."""
    lines = re.findall(r"^ *(?:\./)?labelloop (.*)$", text, re.MULTILINE)
    within = re.findall(r"`(?:\./)?labelloop\s+([^`]+)`", text)
    return lines, within


def _parsed(line: str) -> tuple[click.Command, dict[str, object]]:
    """The command of a line, and what it is given. Raises UsageError for what it does not take."""
    words = shlex.split(re.sub(r"[\[\]]", "", line), comments=True)
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"There is no command {name}.")
        command, context = found, click.Context(found, context, name)
    given, left_over, _ = command.make_parser(context).parse_args(words)
    if left_over:
        raise click.UsageError(f"{left_over} are too many.")
    return command, given


@every_page
def test_each_command_that_is_shown_is_taken_with_its_options(page: Path) -> None:
    lines, within = _shown(page.read_text(encoding="utf-8"))
    for line in (*lines, *within):
        _parsed(line)
    for line in lines:
        command, given = _parsed(line)
        required = [each for each in command.params if each.required]
        assert all(given.get(str(each.name)) for each in required), line


@pytest.mark.parametrize(
    "written",
    [
        "    labelloop train [--nothing]",
        "    ./labelloop nothing",
        "Call `labelloop\ndeploy --nothing`.",
        "| `./labelloop status` | `labelloop status VERSION` |",
        "1. Put it into service:\n\n   ```sh aws\n   ./labelloop report --html\n   ```",
    ],
)
def test_a_command_that_there_is_not_is_found_wherever_it_stands(written: str) -> None:
    lines, within = _shown(written)
    with pytest.raises(click.UsageError):
        _ = [_parsed(line) for line in (*lines, *within)]


@cache
def _aws_options(service: str, operation: str) -> set[str]:
    """The options of a command, from the tables of which the AWS CLI writes its help."""
    of_all = create_clidriver().create_help_command()
    of_service = of_all.command_table[service].create_help_command()
    of_it = of_service.command_table[operation].create_help_command()
    return {f"--{name}" for name in (*of_all.arg_table, *of_it.arg_table)}


@every_page
def test_each_command_of_aws_has_the_options_that_are_shown(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"\baws ([a-z0-9-]+ [a-z0-9-]+ [^|\n]*)", text):
        service, operation, *rest = line.split()
        shown = {word for word in rest if re.fullmatch(r"--[a-z-]+", word)}
        assert shown <= _aws_options(service, operation), line


def test_the_guide_marks_what_is_typed_for_aws() -> None:
    guide = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    for info, block in re.findall(r"^ *```([^\n]*)\n(.*?)^ *```$", guide, re.MULTILINE | re.DOTALL):
        is_local = "--local" in block or "make local" in block or "AWS_ENDPOINT_URL=" in block
        assert info == ("sh" if is_local else "sh aws"), block
