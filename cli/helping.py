"""Help as a group gives it: each command's first sentence, whole, however narrow the terminal."""

import click

_TO_TELL = 10_000
"""More characters than any first sentence has."""


class Commands(click.Group):
    """A group that cuts nothing off what it says of its commands; click itself does, to a line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a row for each command."""
        rows = [
            (name, command.get_short_help_str(_TO_TELL))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
