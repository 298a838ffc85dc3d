"""CloudFormation's DescribeStacks and DescribeStackResource, so that the command line finds the
stack's outputs and functions as on AWS.

Everything else of CloudFormation is refused: the stack is deployed by local/stack/deployed.py.
"""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

from local.constants import REGION
from local.doors import protocols
from local.doors.calls import Call
from local.http_messages import Response
from local.stack.deployed import Stack

_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


def handle(call: Call, stack: Stack) -> Response:
    """The answer to one of the two."""
    if call.operation not in ("DescribeStacks", "DescribeStackResource"):
        message = f"the embedded runtime has no cloudformation.{call.operation}"
        return protocols.error_response("cloudformation", "NotImplemented", message, 501)
    name = call.params.get("StackName")
    if call.region != REGION or (name and name not in (stack.name, stack.stack_id)):
        message = f"Stack with id {name or 'of any name'} does not exist"
        return protocols.error_response("cloudformation", "ValidationError", message, 400)
    if call.operation == "DescribeStackResource":
        return _resource(stack, str(call.params.get("LogicalResourceId", "")))
    described = stack.describe()
    outputs = _members("Output", described["outputs"])
    parameters = _members("Parameter", described["parameters"])
    body = (
        f'<DescribeStacksResponse xmlns="{_NAMESPACE}"><DescribeStacksResult><Stacks><member>'
        f"<StackName>{escape(stack.name)}</StackName>"
        f"<StackId>{escape(stack.stack_id)}</StackId>"
        f"<StackStatus>{described['status']}</StackStatus>"
        f"<CreationTime>{described['created']}</CreationTime>"
        f"<Outputs>{outputs}</Outputs><Parameters>{parameters}</Parameters>"
        "</member></Stacks></DescribeStacksResult>"
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        "</DescribeStacksResponse>"
    )
    return Response(200, [("Content-Type", "text/xml")], body.encode())


def _resource(stack: Stack, logical_id: str) -> Response:
    found = stack.describe()["resources"].get(logical_id)
    if found is None:
        message = f"Resource {logical_id} does not exist for stack {stack.name}"
        return protocols.error_response("cloudformation", "ValidationError", message, 400)
    body = (
        f'<DescribeStackResourceResponse xmlns="{_NAMESPACE}"><DescribeStackResourceResult>'
        "<StackResourceDetail>"
        f"<LogicalResourceId>{escape(logical_id)}</LogicalResourceId>"
        f"<PhysicalResourceId>{escape(found['physical_id'])}</PhysicalResourceId>"
        f"<ResourceType>{escape(found['type'])}</ResourceType>"
        "<ResourceStatus>CREATE_COMPLETE</ResourceStatus>"
        f"<LastUpdatedTimestamp>{stack.describe()['created']}</LastUpdatedTimestamp>"
        "</StackResourceDetail></DescribeStackResourceResult>"
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        "</DescribeStackResourceResponse>"
    )
    return Response(200, [("Content-Type", "text/xml")], body.encode())


def _members(kind: str, values: dict[str, object]) -> str:
    return "".join(
        f"<member><{kind}Key>{escape(key)}</{kind}Key>"
        f"<{kind}Value>{escape(str(value))}</{kind}Value></member>"
        for key, value in values.items()
    )
