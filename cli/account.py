"""Whose account, and in which Region: the two options that every command and group has."""

from collections.abc import Callable
from typing import TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., None] | click.Command)


def account_options(command: _Command) -> _Command:
    """Give a command or group the options; the one that is nearest to its end counts."""
    for name, what in (
        ("--region", "The stack's Region."),
        ("--profile", "Whose credentials, by the name that ~/.aws/config gives them."),
    ):
        command = click.option(name, expose_value=False, callback=_remember, help=what)(command)
    return command


def chosen(context: click.Context, name: str) -> str | None:
    """What was given as the option, before the command's name or behind it."""
    value: str | None = context.meta.get(f"{__name__}.{name}")
    return value


def _remember(context: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta[f"{__name__}.{option.name}"] = value
