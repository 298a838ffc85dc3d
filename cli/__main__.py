"""`labelloop`: in a checkout also `python -m cli`."""

import sys
from typing import Any, NoReturn

import click

from . import __version__, terminal
from .account import account_options
from .accuracy import accuracy
from .adopt.command import adopt
from .archive import archive
from .clients.command import clients
from .destroy.command import destroy
from .detect.command import detect
from .doctor.command import doctor
from .evaluate.command import evaluate
from .exports.command import export
from .forget import forget
from .helping import Commands
from .hosting import deploy, start, stop
from .imports.command import import_
from .label import label
from .log import log
from .missed import missed
from .params import params
from .query.command import query
from .redrive import redrive
from .report.command import report
from .reviewers import reviewers
from .smoke.command import smoke
from .status import status
from .versions import rollback, train, versions


class OneLineErrors(Commands):
    """A group whose errors are one line each, usage errors too."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run the command line and end the process with its code."""
        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else self.name
            terminal.say(f"Error: {error.format_message()} See: {where} --help", err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            terminal.say(f"Error: {error.format_message()}", err=True)
            sys.exit(error.exit_code)
        except click.Abort:
            terminal.say("Stopped waiting. What was begun goes on: labelloop status", err=True)
            sys.exit(130)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="labelloop", message="%(prog)s %(version)s")
@account_options
def main() -> None:
    """Look after a Label Loop stack: its model, its queues and its parameters."""


for command in (
    status,
    import_,
    export,
    detect,
    log,
    query,
    label,
    versions,
    report,
    accuracy,
    archive,
    evaluate,
    train,
    deploy,
    start,
    stop,
    rollback,
    redrive,
    missed,
    params,
    reviewers,
    forget,
    clients,
    doctor,
    smoke,
    destroy,
    adopt,
):
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="labelloop")
