"""How the AWS services speak: finding the operation in a request, and writing refusals.

botocore's own models say which protocol a service speaks and which path belongs to which operation.
Only what the gateway needs is read: names and parameters, never signatures
(local/permissions/same_machine.py keeps others out).
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ServiceModel, Shape

from local.http_messages import Response

# The name in a signature's scope, where IAM and the logs say something else.
SERVICE_OF_SIGNING_NAME = {
    "monitoring": "cloudwatch",
    "eventbridge": "events",
    "apigateway": "apigatewayv2",
}
_MODEL_OF_SERVICE = {"states": "stepfunctions"}

# AWS documents other words for "access denied" here; the rest say AccessDeniedException.
_ACCESS_DENIED = {
    "s3": "AccessDenied",
    "sns": "AuthorizationError",
    "sqs": "AccessDenied",
    "cloudwatch": "AccessDenied",
    "iam": "AccessDenied",
    "sts": "AccessDenied",
    "cloudformation": "AccessDenied",
}


@lru_cache(maxsize=1)
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@lru_cache(maxsize=64)
def service_model(service: str) -> ServiceModel:
    """botocore's description of the service."""
    return _session().get_service_model(_MODEL_OF_SERVICE.get(service, service))


@lru_cache(maxsize=64)
def protocol(service: str) -> str:
    """json, query, rest-json or rest-xml."""
    chosen = service_model(service).resolved_protocol
    return "json" if chosen == "smithy-rpc-v2-cbor" else str(chosen)


@lru_cache(maxsize=16)
def _rest_routes(service: str) -> list[tuple[str, re.Pattern[str], str, int]]:
    names = [service, "sagemaker-a2i-runtime"] if service == "sagemaker" else [service]
    routes = []
    for name in names:
        model = service_model(name)
        for operation in model.operation_names:
            http = model.operation_model(operation).http
            path = str(http["requestUri"]).split("?")[0].rstrip("/") or "/"
            parts = re.split(r"\{([^}]+)\}", path)
            pattern = "".join(
                re.escape(part)
                if i % 2 == 0
                else f"(?P<{_group(part)}>{'.+' if part.endswith('+') else '[^/]+'})"
                for i, part in enumerate(parts)
            )
            fixed = sum(len(part) for part in parts[::2])
            routes.append((str(http["method"]), re.compile(pattern), operation, fixed))
    return sorted(routes, key=lambda route: -route[3])


def _group(part: str) -> str:
    """The name of a path's part, as a regular expression can have it."""
    return part.rstrip("+").replace("-", "_")


def rest_operation(
    service: str, method: str, raw_path: str, query: str, body: bytes
) -> tuple[str, dict[str, Any]] | None:
    """Operation and parameters of a rest-json request; None when no path fits."""
    path = raw_path.rstrip("/") or "/"
    for wanted, pattern, operation, _ in _rest_routes(service):
        found = pattern.fullmatch(path) if wanted == method else None
        if found is None:
            continue
        params: dict[str, Any] = {k: v[0] for k, v in parse_qs(query).items()}
        if body[:1] == b"{" and operation != "Invoke":
            params.update(json.loads(body))
        params.update({name: unquote(value) for name, value in found.groupdict().items()})
        return operation, params
    return None


def query_operation(body: bytes, query: str) -> tuple[str, dict[str, Any]] | None:
    """Operation and flat parameters of a request in the query protocol."""
    params: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    params.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    operation = params.get("Action")
    return (operation, params) if operation else None


def access_denied_code(service: str) -> str:
    """The error code that the service refuses with."""
    return _ACCESS_DENIED.get(service, "AccessDeniedException")


def access_denied_status(service: str) -> int:
    """400 in the JSON protocol; 403 elsewhere, and where the query protocol was spoken before."""
    return 400 if protocol(service) == "json" and service not in ("sqs", "cloudwatch") else 403


def error_response(
    service: str, code: str, message: str, status: int, method: str = "POST"
) -> Response:
    """The error as the service's protocol writes it."""
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-requestid", request_id)]
    kind = protocol(service)
    if kind in ("json", "rest-json"):
        headers += [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-errortype", code)]
        if service == "sqs":  # SDKs read the code of the older query protocol from this header
            fault = "Sender" if status < 500 else "Receiver"
            headers.append(("x-amzn-query-error", f"{code};{fault}"))
        body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
    elif kind == "rest-xml":
        headers += [("Content-Type", "application/xml"), ("x-amz-request-id", request_id)]
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
            f"<RequestId>{request_id}</RequestId></Error>"
        ).encode()
    else:
        headers.append(("Content-Type", "text/xml"))
        fault = "Sender" if status < 500 else "Receiver"
        body = (
            f"<ErrorResponse><Error><Type>{fault}</Type><Code>{escape(code)}</Code>"
            f"<Message>{escape(message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        ).encode()
    return Response(status, headers, b"" if method == "HEAD" else body)


_XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")


def error_code(response: Response) -> str | None:
    """The code of an error answer; None for a good one."""
    if response.status < 400:
        return None
    found = _XML_CODE.search(response.body[:4096])
    if found:
        return found.group(1).decode()
    for name, value in response.headers:
        if name.lower() == "x-amzn-query-error":
            return value.split(";")[0]
    try:
        code = json.loads(response.body).get("__type")
    except (ValueError, AttributeError):
        code = None
    if code is None:
        headers = {name.lower(): value for name, value in response.headers}
        code = headers.get("x-amzn-errortype")
    return str(code).rsplit("#", 1)[-1].split(":")[0] if code else str(response.status)


def decode_blobs(value: Any, shape: Shape | None) -> Any:
    """The JSON request with its base64 members as bytes, as boto3's caller wrote them."""
    if shape is None or value is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members  # type: ignore[attr-defined]
        return {name: decode_blobs(item, members.get(name)) for name, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [decode_blobs(item, shape.member) for item in value]  # type: ignore[attr-defined]
    if shape.type_name == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    return value


def json_default(value: Any) -> Any:
    """Times as epoch seconds and bytes as base64, as the JSON protocol writes them."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def json_response(body: Any, status: int = 200) -> Response:
    """A good answer in the JSON protocol."""
    headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("x-amzn-requestid", str(uuid.uuid4())),
    ]
    return Response(status, headers, json.dumps(body, default=json_default).encode())
