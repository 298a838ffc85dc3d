"""What the handler of a CloudFormation custom resource wears: an answer, whatever happens.

Stands apart from ``entrypoint``, so that only the function that is one imports it.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Literal

from pydantic import Field

from labelloop import clock
from labelloop.answering import begun, failed
from labelloop.entrypoint import Strict, Tolerant, logger
from labelloop.errors import InvalidRequestError, PermissionMissingError


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
IAM_TAKES = timedelta(seconds=90)
"""For as long as permissions may be refused that were given a moment ago."""
ASK_AGAIN_S = 5.0


def custom_resource(
    answer: Callable[[str, bytes], None], invoke_again: Callable[[str, bytes], None]
) -> Callable[[ResourceHandler], Callable[[Any, Any], None]]:
    """A Lambda handler that always answers CloudFormation, whatever happens.

    The handler gets the request and a function that says how many seconds are left; it raises
    NotYetDone to go on in another invocation. ``answer`` puts a body to CloudFormation's address,
    ``invoke_again`` starts this function anew with a payload. A handler that lacks a permission is
    called again for a while: its role was made, or changed, right before.
    """

    def decorate(handler: ResourceHandler) -> Callable[[Any, Any], None]:
        @wraps(handler)
        def lambda_handler(event: Any, context: Any) -> None:
            logger.append_keys(request_id=context.aws_request_id)
            response = begun(event)

            def seconds_left() -> float:
                return float(context.get_remaining_time_in_millis() / 1000)

            try:
                request = ResourceRequest.model_validate(event)
                try:
                    made = _patiently(handler, request, seconds_left)
                except NotYetDone:
                    invoke_again(context.invoked_function_arn, json.dumps(event).encode())
                    return
                response |= {
                    "PhysicalResourceId": made.physical_resource_id,
                    "Data": made.attributes,
                }
            except Exception as error:
                logger.exception("custom resource failed")
                response |= failed(error, context)
            answer(event["ResponseURL"], json.dumps(response).encode())

        return lambda_handler

    return decorate


def _patiently(
    handler: ResourceHandler, request: ResourceRequest, seconds_left: Callable[[], float]
) -> ResourceAnswer:
    end = clock.now() + IAM_TAKES
    while True:
        try:
            return handler(request, seconds_left)
        except (PermissionMissingError, InvalidRequestError) as error:
            if not _may_be_iams_delay(error) or clock.now() >= end:
                raise
            logger.info("refused, perhaps for the moment", extra={"refusal": str(error)})
            clock.sleep(ASK_AGAIN_S)


def _may_be_iams_delay(error: PermissionMissingError | InvalidRequestError) -> bool:
    """Whether a permission is missing; or SageMaker "could not assume" a role that it is given."""
    return isinstance(error, PermissionMissingError) or "assume" in str(error)
