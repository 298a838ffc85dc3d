"""Which call a request is: service, operation, who makes it and what it needs permission for.

`identify` reads a request without changing it. `CallLog` keeps what went through the gateway for
`GET /_local/calls` and `/_local/summary`.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from local.constants import REGION
from local.doors import protocols, s3_requests
from local.http_messages import Request, Response
from local.permissions import actions
from local.permissions.actions import Requirement

log = logging.getLogger(__name__)

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_UNSIGNED_TARGETS = {"AWSCognitoIdentityProviderService": "cognito-idp"}


@dataclass
class Call:
    """One call of an AWS operation."""

    service: str
    operation: str
    params: dict[str, Any]
    access_key_id: str | None
    region: str = REGION
    """Which the caller has signed the request for."""
    session_token: str | None = None
    expires_at: float | None = None
    requirements: list[Requirement] | None = field(default=None)

    @property
    def resource(self) -> str | None:
        """The ARN that the call is mostly about."""
        return self.requirements[0].resource if self.requirements else None


class UnknownCallError(Exception):
    """The request belongs to no operation that could be found."""

    def __init__(self, service: str, message: str) -> None:
        super().__init__(message)
        self.service = service


def identify(request: Request) -> Call:
    """The call behind the request; UnknownCallError when there is none."""
    signer = _signer(request)
    operation, params = _operation(signer.service, request)
    call = Call(
        signer.service,
        operation,
        params,
        signer.access_key_id,
        signer.region,
        signer.session_token,
        signer.expires_at,
    )
    call.requirements = _requirements(call)
    return call


class _Signer(NamedTuple):
    """What a signature says; a presigned URL's has a time at which it ends."""

    service: str
    access_key_id: str | None = None
    region: str = REGION
    session_token: str | None = None
    expires_at: float | None = None


def _signer(request: Request) -> _Signer:
    found = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if found:
        token = request.headers.get("x-amz-security-token")
        return _Signer(_service(found.group(3)), found.group(1), found.group(2), token)
    query = (
        parse_qs(request.query) if "X-Amz-" in request.query or "Expires=" in request.query else {}
    )
    if "X-Amz-Credential" in query:
        parts = query["X-Amz-Credential"][0].split("/")
        signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        expires_at = signed.timestamp() + int(query.get("X-Amz-Expires", ["0"])[0])
        token = query.get("X-Amz-Security-Token", [None])[0]
        return _Signer(_service(parts[3]), parts[0], parts[2], token, expires_at)
    if "AWSAccessKeyId" in query and "Signature" in query:  # the older signature of S3
        token = query.get("x-amz-security-token", [None])[0]
        return _Signer("s3", query["AWSAccessKeyId"][0], REGION, token, float(query["Expires"][0]))
    prefix = request.headers.get("x-amz-target", "").split(".")[0]
    return _Signer(_UNSIGNED_TARGETS.get(prefix, "s3"))


def _service(signing_name: str) -> str:
    name = signing_name.lower()
    return protocols.SERVICE_OF_SIGNING_NAME.get(name, name)


def _operation(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    if service == "s3":
        return _s3_operation(request)
    target = request.headers.get("x-amz-target")
    if target:
        params = json.loads(request.body) if request.body else {}
        return target.rsplit(".", 1)[-1], params
    try:
        kind = protocols.protocol(service)
    except Exception as error:
        raise UnknownCallError("s3", f"there is no service {service}") from error
    found = (
        protocols.rest_operation(
            service, request.method, request.raw_path, request.query, request.body
        )
        if kind.startswith("rest-") or service == "sagemaker"
        else protocols.query_operation(request.body, request.query)
    )
    if found is None:
        raise UnknownCallError(service, f"{request.method} {request.raw_path} is no operation")
    return found


def _s3_operation(request: Request) -> tuple[str, dict[str, Any]]:
    bucket, key = s3_requests.split_path(request.path, request.headers.get("host", ""))
    query = parse_qs(request.query, keep_blank_values=True)
    s3_request = s3_requests.S3Request(request.method, bucket, key, query, request.headers)
    operation = s3_requests.identify(s3_request)
    params = s3_requests.parameters(s3_request)
    if operation == "DeleteObjects":
        params["Objects"] = s3_requests.deleted_objects(request.body)
    return operation, params


def _requirements(call: Call) -> list[Requirement] | None:
    if call.service == "s3":
        return s3_requests.requirements(call.operation, call.params)
    rule = actions.RULES.get(f"{call.service}.{call.operation}")
    if rule is None:
        return None
    try:
        return rule(call.params)
    except (KeyError, TypeError, AttributeError):
        return []  # the service itself says which parameter is missing


@dataclass(frozen=True)
class LoggedCall:
    """A line of GET /_local/calls."""

    time: str
    function: str | None
    role: str | None
    service: str
    operation: str
    resource: str | None
    error: str | None


class CallLog:
    """The last calls, and how many there were of each kind."""

    def __init__(self, size: int = 100_000) -> None:
        self._calls: deque[LoggedCall] = deque(maxlen=size)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, call: LoggedCall) -> None:
        """Note one call."""
        with self._lock:
            self._calls.append(call)
            self._counts[f"{call.service}.{call.operation}"] += 1

    def as_json(self) -> list[dict[str, Any]]:
        """Every call that is still kept, oldest first."""
        with self._lock:
            calls = list(self._calls)
        return [dict(vars(call)) for call in calls]

    def counts(self) -> dict[str, int]:
        """How many calls of each operation there were: {"dynamodb.PutItem": 3}."""
        with self._lock:
            return dict(self._counts)


def not_here(call: Call) -> Response:
    """The answer to what nobody has built: it is logged, and fails."""
    message = f"the embedded runtime has no {call.service}.{call.operation} in {call.region}"
    log.error(message)
    return protocols.error_response(call.service, "NotImplemented", message, 501)
