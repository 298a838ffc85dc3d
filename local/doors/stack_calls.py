"""What the command line asks of CloudFormation, which finds outputs, functions and what is left.

The stack is deployed by local/stack/deployed.py; of what changes it, only its deletion is here.
Everything else of CloudFormation is refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from local.constants import REGION
from local.doors import protocols
from local.doors.calls import Call
from local.http_messages import Response
from local.stack.deployed import Stack
from local.stack.resources.base import Resource

_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
_GONE = "DELETE_COMPLETE"


def handle(call: Call, stack: Stack) -> Response:
    """The answer to one of the calls that are answered here."""
    answer = _ANSWERS.get(call.operation)
    if answer is None:
        message = f"the embedded runtime has no cloudformation.{call.operation}"
        return protocols.error_response("cloudformation", "NotImplemented", message, 501)
    name = call.params.get("StackName")
    # One that is gone is known by its id alone.
    known = {stack.stack_id} if stack.status == _GONE else {stack.name, stack.stack_id}
    if call.region != REGION or (name and name not in known):
        return _refused(f"Stack with id {name or 'of any name'} does not exist")
    return answer(stack, call.params)


def _describe_stacks(stack: Stack, asked: Mapping[str, object]) -> Response:
    if stack.status == _GONE and "StackName" not in asked:
        return _answer("DescribeStacks", "<Stacks/>")
    described = stack.describe()
    body = (
        f"<StackName>{escape(stack.name)}</StackName>"
        f"<StackId>{escape(stack.stack_id)}</StackId>"
        f"<Description>{escape(stack.description)}</Description>"
        f"<StackStatus>{described['status']}</StackStatus>"
        f"<StackStatusReason>{escape(stack.reason)}</StackStatusReason>"
        f"<CreationTime>{described['created']}</CreationTime>"
        f"<Outputs>{_members('Output', described['outputs'])}</Outputs>"
        f"<Parameters>{_members('Parameter', described['parameters'])}</Parameters>"
    )
    return _answer("DescribeStacks", f"<Stacks><member>{body}</member></Stacks>")


def _list_stacks(stack: Stack, _: Mapping[str, object]) -> Response:
    body = (
        f"<StackName>{escape(stack.name)}</StackName>"
        f"<StackId>{escape(stack.stack_id)}</StackId>"
        f"<TemplateDescription>{escape(stack.description)}</TemplateDescription>"
        f"<StackStatus>{stack.status}</StackStatus>"
        f"<CreationTime>{stack.created}</CreationTime>"
    )
    return _answer("ListStacks", f"<StackSummaries><member>{body}</member></StackSummaries>")


def _describe_resource(stack: Stack, asked: Mapping[str, object]) -> Response:
    logical_id = str(asked.get("LogicalResourceId", ""))
    for resource, status in stack.resources():
        if resource.logical_id == logical_id:
            told = _told(stack, resource, status)
            detail = f"<StackResourceDetail>{told}</StackResourceDetail>"
            return _answer("DescribeStackResource", detail)
    return _refused(f"Resource {logical_id} does not exist for stack {stack.name}")


def _describe_resources(stack: Stack, asked: Mapping[str, object]) -> Response:
    """Those of the stack, or that which is meant by its physical id."""
    wanted = asked.get("PhysicalResourceId")
    members = _resources(stack, lambda one: wanted in (None, one.physical_id))
    if wanted and not members:
        return _refused(f"Stack for {wanted} does not exist")
    return _answer("DescribeStackResources", f"<StackResources>{members}</StackResources>")


def _list_resources(stack: Stack, _: Mapping[str, object]) -> Response:
    members = _resources(stack, lambda _: True)
    tag = "StackResourceSummaries"
    return _answer("ListStackResources", f"<{tag}>{members}</{tag}>")


def _delete(stack: Stack, _: Mapping[str, object]) -> Response:
    stack.begin_to_delete()
    return _answer("DeleteStack", "")


_ANSWERS: dict[str, Callable[[Stack, Mapping[str, object]], Response]] = {
    "DescribeStacks": _describe_stacks,
    "ListStacks": _list_stacks,
    "DescribeStackResource": _describe_resource,
    "DescribeStackResources": _describe_resources,
    "ListStackResources": _list_resources,
    "DeleteStack": _delete,
}


def _resources(stack: Stack, wanted: Callable[[Resource], bool]) -> str:
    return "".join(
        f"<member>{_told(stack, resource, status)}</member>"
        for resource, status in stack.resources()
        if wanted(resource)
    )


def _told(stack: Stack, resource: Resource, status: str) -> str:
    """What every answer says of a resource."""
    return (
        f"<StackName>{escape(stack.name)}</StackName>"
        f"<LogicalResourceId>{escape(resource.logical_id)}</LogicalResourceId>"
        f"<PhysicalResourceId>{escape(resource.physical_id)}</PhysicalResourceId>"
        f"<ResourceType>{escape(resource.type_name)}</ResourceType>"
        f"<ResourceStatus>{status}</ResourceStatus>"
        f"<LastUpdatedTimestamp>{stack.created}</LastUpdatedTimestamp>"
    )


def _members(kind: str, values: Mapping[str, object]) -> str:
    return "".join(
        f"<member><{kind}Key>{escape(key)}</{kind}Key>"
        f"<{kind}Value>{escape(str(value))}</{kind}Value></member>"
        for key, value in values.items()
    )


def _answer(operation: str, result: str) -> Response:
    body = (
        f'<{operation}Response xmlns="{_NAMESPACE}">'
        f"<{operation}Result>{result}</{operation}Result>"
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        f"</{operation}Response>"
    )
    return Response(200, [("Content-Type", "text/xml")], body.encode())


def _refused(message: str) -> Response:
    return protocols.error_response("cloudformation", "ValidationError", message, 400)
