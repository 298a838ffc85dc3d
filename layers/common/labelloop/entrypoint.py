"""What every handler wears: it reads the input, sets up the log, and writes the output.

It catches nothing. A handler's exceptions reach the state machine with their class names, and
those are the contract.
"""

import inspect
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labelloop.errors import InvalidRequestError

logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "labelloop"))


class Strict(BaseModel):
    """What our own state machines pass: a field that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tolerant(BaseModel):
    """What others send us: new fields come without warning."""

    model_config = ConfigDict(extra="ignore", frozen=True)


_Input = TypeVar("_Input", bound=BaseModel)
_Output = TypeVar("_Output", bound=BaseModel)


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
        try:
            data = model.model_validate(event)
        except ValidationError as error:
            raise InvalidRequestError(
                f"The event is not what this function takes: {error}"
            ) from error
        given = (data, Invocation.of(context)) if further else (data,)
        output: _Output = handler(*given)
        return output.model_dump(mode="json")

    return lambda_handler


# --- Custom resources -----------------------------------------------------------------------------


class ResourceRequest(Tolerant):
    """What CloudFormation asks of a custom resource."""

    request_type: Literal["Create", "Update", "Delete"] = Field(alias="RequestType")
    response_url: str = Field(alias="ResponseURL")
    stack_id: str = Field(alias="StackId")
    request_id: str = Field(alias="RequestId")
    logical_resource_id: str = Field(alias="LogicalResourceId")
    physical_resource_id: str = Field("", alias="PhysicalResourceId")
    properties: dict[str, Any] = Field(alias="ResourceProperties")


class ResourceAnswer(Strict):
    """What a custom resource has become: its identity and its attributes."""

    physical_resource_id: str
    attributes: dict[str, str] = {}


class NotYetDone(Exception):  # noqa: N818  # not a failure: the work goes on in another invocation
    """The time of this invocation is running out; the same request shall be worked on again."""


ResourceHandler = Callable[[ResourceRequest, Callable[[], float]], ResourceAnswer]


def custom_resource(
    answer: Callable[[str, bytes], None], invoke_again: Callable[[str, bytes], None]
) -> Callable[[ResourceHandler], Callable[[Any, Any], None]]:
    """A Lambda handler that always answers CloudFormation, whatever happens.

    The handler gets the request and a function that says how many seconds are left; it raises
    NotYetDone to go on in another invocation. ``answer`` puts a body to CloudFormation's address,
    ``invoke_again`` starts this function anew with a payload.
    """

    def decorate(handler: ResourceHandler) -> Callable[[Any, Any], None]:
        @wraps(handler)
        def lambda_handler(event: Any, context: Any) -> None:
            logger.append_keys(request_id=context.aws_request_id)
            response = {
                "Status": "SUCCESS",
                "StackId": event.get("StackId"),
                "RequestId": event.get("RequestId"),
                "LogicalResourceId": event.get("LogicalResourceId"),
                "PhysicalResourceId": event.get("PhysicalResourceId") or NEVER_MADE,
            }
            try:
                request = ResourceRequest.model_validate(event)
                made = handler(request, lambda: context.get_remaining_time_in_millis() / 1000)
                response |= {
                    "PhysicalResourceId": made.physical_resource_id,
                    "Data": made.attributes,
                }
            except NotYetDone:
                invoke_again(context.invoked_function_arn, json.dumps(event).encode())
                return
            except Exception as error:
                logger.exception("custom resource failed")
                response |= {
                    "Status": "FAILED",
                    # CloudFormation takes an answer of up to 4 KB.
                    "Reason": f"{type(error).__name__}: {error}"[:1500]
                    + f" (details in the log {context.log_group_name})",
                }
            answer(event["ResponseURL"], json.dumps(response).encode())

        return lambda_handler

    return decorate


NEVER_MADE = "never-made"
"""The identity of a resource whose creation failed; its deletion has nothing to do."""
