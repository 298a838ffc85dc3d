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

from labelloop.domain.wording import one_line


class CommandError(click.ClickException):
    """The command ends with this sentence and exit code 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(" ".join(sentence.split())))


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
    """Turn what the SDK raises into a CommandError."""
    try:
        yield
    except _UNCONFIGURED as error:
        raise CommandError(
            f"{str(error).rstrip('.')}. Set AWS_PROFILE or sign in (aws configure, aws login), and "
            "set a Region (AWS_REGION); or use --local for the application on this machine."
        ) from error
    except EndpointConnectionError as error:
        raise CommandError(
            f"{error} Is the network there, and does the local application run (make local)?"
        ) from error
    except ClientError as error:
        raise CommandError(_sentence(error)) from error
    except BotoCoreError as error:
        raise CommandError(f"AWS could not be asked: {error}") from error


def code_of(error: ClientError) -> str:
    """The error's code."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_forbidden(error: ClientError) -> bool:
    """Whether a permission is missing."""
    return code_of(error) in _FORBIDDEN


def message_of(error: ClientError) -> str:
    """The service's own words."""
    return str(error.response.get("Error", {}).get("Message", "")) or "no reason was given"


def _sentence(error: ClientError) -> str:
    code, message = code_of(error), message_of(error)
    if code in _EXPIRED:
        return f"AWS does not take these credentials ({code}): sign in anew, then try again."
    if is_forbidden(error):
        return f"You lack a permission: {message}. Ask whoever manages the account for it."
    return f"{error.operation_name} was refused: {code}: {message}"
