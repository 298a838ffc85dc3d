"""Lambda's own API, as far as something calls it: Invoke."""

from __future__ import annotations

import base64
import uuid

from local.constants import REGION
from local.doors import protocols
from local.doors.calls import Call, not_here
from local.http_messages import Request, Response
from local.services.function_pool import STOPPED, FunctionNotFoundError, FunctionPool
from local.services.lineage import HEADER, RecursionStoppedError

_MAX_PAYLOAD_BYTES = 6 * 1024 * 1024


def handle(call: Call, request: Request, functions: FunctionPool) -> Response:
    """The answer."""
    if call.operation != "Invoke":
        return not_here(call)
    name = str(call.params["FunctionName"])
    kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
    traces = [request.headers[HEADER.lower()]] if HEADER.lower() in request.headers else []
    if len(request.body) > _MAX_PAYLOAD_BYTES:
        message = f"Request must be smaller than {_MAX_PAYLOAD_BYTES} bytes"
        return protocols.error_response("lambda", "RequestTooLargeException", message, 413)
    try:
        if call.region != REGION:
            raise FunctionNotFoundError(name)
        if kind == "Event":
            functions.invoke_async(name, request.body, traces)
            return Response(202, [("x-amzn-requestid", str(uuid.uuid4()))], b"")
        invocation = functions.invoke(name, request.body, traces)
    except FunctionNotFoundError:
        message = f"Function not found: {call.resource}"
        return protocols.error_response("lambda", "ResourceNotFoundException", message, 404)
    except RecursionStoppedError:
        message = STOPPED.format(call.resource)
        return protocols.error_response("lambda", "RecursiveInvocationException", message, 400)
    headers = [
        ("Content-Type", "application/json"),
        ("x-amzn-requestid", str(uuid.uuid4())),
        ("X-Amz-Executed-Version", "$LATEST"),
    ]
    if invocation.error:
        headers.append(("X-Amz-Function-Error", invocation.error))
    if request.headers.get("x-amz-log-type") == "Tail":
        tail = base64.b64encode(invocation.log.encode()[-4096:]).decode()
        headers.append(("X-Amz-Log-Result", tail))
    return Response(200, headers, invocation.body)
