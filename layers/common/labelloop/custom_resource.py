"""What the handler of a CloudFormation custom resource wears: an answer, whatever happens.

Stands apart from ``entrypoint``, so that only the function that is one imports it.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

from pydantic import Field

from labelloop.entrypoint import Strict, Tolerant, logger


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
    attributes: dict[str, str] = Field(default_factory=dict)


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
