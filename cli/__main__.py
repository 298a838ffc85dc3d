"""`labelloop`, or `python -m cli`."""

import click

from cli.hosting import start, stop
from cli.params import params
from cli.status import status


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Look after a Label Loop stack: its model, its queues and its parameters."""


for command in (start, stop, status, params):
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="labelloop")
