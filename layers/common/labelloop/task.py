"""What every handler wears: it reads the input, sets up the log, and writes the output.

It catches nothing. A handler's exceptions reach the state machine with their class names, and
those are the contract. What it reads and writes with are the models' own affair: ``entrypoint`` has
those that most functions use, and ``detect_labels``, whose cold starts images wait for, plain ones.
"""

import gc
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol, Self, TypeVar

from labelloop.function_log import Log

logger = Log(
    os.environ.get("POWERTOOLS_SERVICE_NAME", "labelloop"),
    os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"),
)


class Taken(Protocol):
    """What a handler can take."""

    @classmethod
    def from_event(cls, event: Any) -> Self:
        """The event as the handler wants it. Raises InvalidRequestError where it is none."""


class Given(Protocol):
    """What a handler can give."""

    def as_json(self) -> dict[str, Any]:
        """What the caller gets."""


_Input = TypeVar("_Input", bound=Taken)
_Output = TypeVar("_Output", bound=Given)


@dataclass(frozen=True)
class Invocation:
    """The run of a function that is under way."""

    request_id: str
    """Lambda's: by it the run is found in the logs."""
    trace_id: str | None
    """X-Ray's, where it goes with the run."""

    @classmethod
    def of(cls, context: Any) -> "Invocation":
        """What Lambda's context and process say of the run."""
        header = os.environ.get("_X_AMZN_TRACE_ID", "")
        parts = dict(part.split("=", 1) for part in header.split(";") if "=" in part)
        return cls(context.aws_request_id, parts.get("Root"))


def task(
    handler: Callable[[_Input], _Output] | Callable[[_Input, Invocation], _Output],
) -> Callable[[Any, Any], dict[str, Any]]:
    """A Lambda handler from a function of one model to another.

    The function gets the invocation too if it takes two parameters. Raises InvalidRequestError for
    an event that the model does not take.
    """
    parameter, *further = inspect.signature(handler).parameters.values()
    model: type[_Input] = parameter.annotation

    @wraps(handler)
    def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
        logger.append_keys(request_id=context.aws_request_id)
        data = model.from_event(event)
        given = (data, Invocation.of(context)) if further else (data,)
        output: _Output = handler(*given)
        return output.as_json()

    # All that is imported by now stays: no garbage is looked for in it while clients are made.
    gc.freeze()
    return lambda_handler
