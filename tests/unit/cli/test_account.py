"""Whose account and which Region a command is about, wherever in the line it is said."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.__main__ import main
from cli.account import account_options
from cli.stack import Stack, on_any_stack


@click.group()
@account_options
def outer() -> None:
    """As the whole command line is."""


@outer.group()
@account_options
def inner() -> None:
    """As a group of it is."""


@inner.command()
@on_any_stack
def whose(stack: Stack, *, as_json: bool) -> None:
    """Say it."""
    client = stack.client("s3")
    click.echo(f"{client._request_signer._credentials.access_key} {client.meta.region_name}")


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two profiles, one with a Region, and an environment that names another."""
    config = tmp_path / "config"
    config.write_text(
        "[profile one]\naws_access_key_id = ONE\naws_secret_access_key = x\nregion = eu-west-1\n"
        "[profile two]\naws_access_key_id = TWO\naws_secret_access_key = x\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "one")


def said(*words: str) -> str:
    """What the command answers to the words."""
    result = CliRunner().invoke(outer, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@pytest.mark.parametrize(
    "words",
    [
        ("--profile", "two", "--region", "us-east-2", "inner", "whose"),
        ("inner", "--profile", "two", "--region", "us-east-2", "whose"),
        ("inner", "whose", "--profile", "two", "--region", "us-east-2"),
        ("--profile", "two", "inner", "--region", "us-east-2", "whose"),
    ],
)
def test_both_are_said_before_the_commands_name_or_behind_it(words: tuple[str, ...]) -> None:
    assert said(*words) == "TWO us-east-2"


def test_what_is_said_last_counts() -> None:
    words = ("--profile", "two", "--region", "us-east-2", "inner", "--region", "us-west-2", "whose")
    assert said(*words, "--profile", "one") == "ONE us-west-2"


def test_where_nothing_is_said_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said("inner", "whose") == "ONE eu-west-1"
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    assert said("inner", "whose") == "ONE ap-south-1"
    assert said("inner", "whose", "--region", "us-east-2") == "ONE us-east-2"


@pytest.mark.parametrize("words", [("--profile", "one"), ("--region", "eu-west-1")])
def test_the_application_on_this_machine_has_neither(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["status", "--local", *words])
    assert result.exit_code == 2
    assert "it takes no --profile and no --region" in result.stderr


def commands(group: click.Group) -> Iterator[click.Command]:
    """The group, and all within it."""
    yield group
    for command in group.commands.values():
        yield from commands(command) if isinstance(command, click.Group) else [command]


def test_every_command_and_group_takes_both() -> None:
    for command in commands(main):
        names = {option for parameter in command.params for option in parameter.opts}
        assert {"--profile", "--region"} <= names, command.name
