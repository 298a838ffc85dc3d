"""What can go wrong, said in one line that tells the operator what to do."""

import contextlib
from collections.abc import Iterator

import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from labelloop.aws.failures import code_of, message_of
from labelloop.domain.wording import one_line
from labelloop.errors import LabelLoopError

INTERRUPTED = 130
"""With what a command ends that somebody interrupts, as every shell has it."""


class CommandError(click.ClickException):
    """The command ends with this sentence and exit code 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(" ".join(sentence.split())))


REFUSED = (ClientError, LabelLoopError, CommandError)
"""What a command gets where it may not read something, or cannot."""
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"}
_FORBIDDEN = {
    "403",  # S3, to HEAD requests
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",  # SNS
    "UnauthorizedOperation",
}
_UNCONFIGURED = (NoCredentialsError, PartialCredentialsError, NoRegionError, ProfileNotFound)


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """Turn what the SDK and the gateways raise into a CommandError."""
    try:
        yield
    except LabelLoopError as error:
        with in_one_line():
            raise as_refused(error) from error
    except _UNCONFIGURED as error:
        raise CommandError(
            f"{str(error).rstrip('.')}. Name a profile (--profile) or sign in (aws configure, aws "
            "login), and a Region (--region); or use --local for the application on this machine."
        ) from error
    except EndpointConnectionError as error:
        raise CommandError(
            f"{error} Is the network there, and does the local application run (make local)?"
        ) from error
    except ClientError as error:
        raise CommandError(_sentence(error)) from error
    except BotoCoreError as error:
        raise CommandError(f"AWS could not be asked: {error}") from error


def as_refused(error: LabelLoopError) -> Exception:
    """What AWS said where a gateway only passes it on; else the gateway's own words."""
    cause = error.__cause__
    if isinstance(cause, ClientError) and str(error) == message_of(cause):
        return cause
    if isinstance(cause, BotoCoreError):
        return cause
    return CommandError(str(error))


def is_forbidden(error: ClientError) -> bool:
    """Whether a permission is missing."""
    return code_of(error) in _FORBIDDEN


def _sentence(error: ClientError) -> str:
    code, message = code_of(error), message_of(error)
    if code in _EXPIRED:
        return f"AWS does not take these credentials ({code}): sign in anew, then try again."
    if is_forbidden(error):
        return f"You lack a permission: {message}. Ask whoever manages the account for it."
    return f"{error.operation_name} was refused: {code}: {message}"
