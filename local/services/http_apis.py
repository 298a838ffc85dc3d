"""API Gateway's HTTP APIs under /_api/<api id>/: routes, the JWT authorizer, Lambda integrations.

Requests become events of payload format 2.0, and refusals are API Gateway's own: 401 without a good
token, 403 without the scope, 404 without a route, 413 over 10 MB or over what a function may be
given, 429 over the limits of the stage (in the time of the runtime's clock), 500 for what the
function cannot answer, 503 after 30 seconds.
"""

from __future__ import annotations

import base64
import concurrent.futures
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from moto.logs.models import logs_backends

from local.clock import Clock
from local.constants import ACCOUNT_ID, API_PREFIX, REGION
from local.http_messages import Request, Response
from local.permissions import authorization
from local.services import tokens
from local.services.function_pool import FunctionPool
from local.services.http_api_parts import AccessLog, Api, Route

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024  # Lambda's, and binary bodies grow by a third in base64
_TEXT = re.compile(r"^(text/|application/(json|.*\+json|xml|.*\+xml|javascript))")


class _Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _Target(NamedTuple):
    api: Api
    stage: str
    path: str


@dataclass(frozen=True)
class _Seen:
    """What a request turned out to be, for the access log, by the names of its variables."""

    values: dict[str, str] = field(default_factory=lambda: {"requestId": uuid.uuid4().hex[:16]})


_ERRORS = {
    401: "UNAUTHORIZED",
    403: "ACCESS_DENIED",
    404: "MISSING_ROUTE",
    413: "REQUEST_TOO_LARGE",
    429: "THROTTLED",
}
"""API Gateway's words for what it refuses itself."""


class HttpApis:
    """Every HTTP API of the stack."""

    def __init__(
        self,
        endpoint: str,
        clock: Clock,
        authorizer: authorization.Authorizer,
        functions: FunctionPool,
    ) -> None:
        self.base = f"{endpoint}{API_PREFIX}"
        """Where the APIs are: an API's id follows."""
        self._clock = clock
        self._authorizer = authorizer
        self._functions = functions
        self.apis: dict[str, Api] = {}
        self._lock = threading.Lock()
        self._invocations = concurrent.futures.ThreadPoolExecutor(32, thread_name_prefix="http-api")

    def close(self) -> None:
        """Take no more requests."""
        self._invocations.shutdown(wait=False, cancel_futures=True)

    def names(self, request: Request) -> bool:
        """Whether the API that is asked names the origin of the page that asks."""
        api_id = request.path.removeprefix(API_PREFIX).partition("/")[0]
        api = self.apis.get(api_id) if request.path.startswith(API_PREFIX) else None
        return api is not None and bool(_cors_headers(api.cors or {}, request))

    def __call__(self, request: Request) -> Response:
        cors: Mapping[str, Any] | None = None
        try:
            target = self._target(request.path)
            cors = target.api.cors
            if cors is not None and _is_preflight(request):
                return Response(204, _cors_headers(cors, request), b"")
            response = self._logged(target, request)
        except _Refused as refused:
            response = _message(refused.status, refused.message)
        if cors is not None:
            response = Response(
                response.status, [*response.headers, *_cors_headers(cors, request)], response.body
            )
        return response

    def _target(self, path: str) -> _Target:
        api_id, slash, rest = path.removeprefix(API_PREFIX).partition("/")
        api = self.apis.get(api_id)
        if api is None or not api.stages:
            raise _Refused(404, "Not Found")
        stage, _, _ = rest.partition("/")
        if stage in api.stages:
            return _Target(api, stage, f"{slash}{rest}".removeprefix(f"/{stage}") or "/")
        if "$default" not in api.stages:
            raise _Refused(404, "Not Found")
        return _Target(api, "$default", f"/{rest}")

    def _logged(self, target: _Target, request: Request) -> Response:
        """The answer, after the stage has written down who asked for what, and how it ended."""
        began, seen = time.monotonic(), _Seen()
        try:
            response = self._answer(target, request, seen)
        except _Refused as refused:
            response = _message(refused.status, refused.message)
            seen.values["error.responseType"] = _ERRORS.get(refused.status, "DEFAULT_5XX")
        kept = target.api.stages[target.stage].log
        if kept is not None:
            took_ms = round(1000 * (time.monotonic() - began))
            self._write(
                kept,
                {
                    **seen.values,
                    "identity.sourceIp": "127.0.0.1",
                    "requestTimeEpoch": str(int(1000 * self._clock.now())),
                    "responseLatency": str(took_ms),
                    "responseLength": str(len(response.body)),
                    "status": str(response.status),
                },
            )
        return response

    def _write(self, kept: AccessLog, values: Mapping[str, str]) -> None:
        backend = logs_backends[ACCOUNT_ID][REGION]
        stream = "access"
        with self._lock:
            if stream not in backend.groups[kept.group].streams:
                backend.create_log_stream(kept.group, stream)
            event = {"timestamp": int(time.time() * 1000), "message": kept.line(values)}
            backend.put_log_events(kept.group, stream, [event])

    def _answer(self, target: _Target, request: Request, seen: _Seen) -> Response:
        route, path_parameters = _route(target, request.method)
        seen.values["routeKey"] = route.key
        if not target.api.stages[target.stage].takes(route.key, self._clock.now()):
            raise _Refused(429, "Too Many Requests")
        claims = self._claims(target.api, route, request)
        seen.values["authorizer.claims.sub"] = str((claims or {}).get("sub", ""))
        if len(request.body) > MAX_BODY_BYTES:
            raise _Refused(413, "Request Entity Too Large")
        integration = target.api.integrations[route.integration_id]
        allowed = self._authorizer.check_service_principal(
            "apigateway.amazonaws.com",
            "lambda:InvokeFunction",
            integration.function_arn,
            source_arn=_source_arn(target, route),
        )
        if not allowed:
            log.error("%s: %s", route.key, allowed.reason)
            raise _Refused(500, "Internal Server Error")
        event = self._event(target, request, route, path_parameters, claims)
        seen.values["requestId"] = event["requestContext"]["requestId"]
        payload = json.dumps(event).encode()
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise _Refused(413, "Request Entity Too Large")
        future = self._invocations.submit(self._functions.invoke, integration.function_arn, payload)
        try:
            invocation = future.result(timeout=integration.timeout_s)
        except concurrent.futures.TimeoutError:
            raise _Refused(503, "Service Unavailable") from None
        seen.values["integration.requestId"] = invocation.request_id
        if invocation.error is not None:
            log.error("%s: the function failed: %s", route.key, invocation.body[:500])
            raise _Refused(500, "Internal Server Error")
        return _response(json.loads(invocation.body))

    def _claims(self, api: Api, route: Route, request: Request) -> dict[str, Any] | None:
        if route.authorizer_id is None:
            return None
        authorizer = api.authorizers[route.authorizer_id]
        header = request.headers.get("authorization", "")
        token = header.removeprefix("Bearer ").removeprefix("bearer ").strip()
        try:
            claims = tokens.verify(token, authorizer.issuer, authorizer.audience)
        except tokens.BadTokenError as error:
            log.info("401 for %s: %s", route.key, error)
            raise _Refused(401, "Unauthorized") from error
        granted = str(claims.get("scope", "")).split()
        if route.scopes and not set(route.scopes) & set(granted):
            raise _Refused(403, "Forbidden")
        return claims

    def _event(
        self,
        target: _Target,
        request: Request,
        route: Route,
        path_parameters: dict[str, str],
        claims: dict[str, Any] | None,
    ) -> dict[str, Any]:
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        headers = {
            name: value for name, value in request.headers.items() if name != "cookie" and value
        }
        path = target.path if target.stage == "$default" else f"/{target.stage}{target.path}"
        context: dict[str, Any] = {
            "accountId": ACCOUNT_ID,
            "apiId": target.api.api_id,
            "domainName": request.headers.get("host", ""),
            "domainPrefix": target.api.api_id,
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": uuid.uuid4().hex[:16],
            "routeKey": route.key,
            "stage": target.stage,
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        }
        if claims is not None:
            scopes = str(claims.get("scope", "")).split() if route.scopes else None
            context["authorizer"] = {
                "jwt": {"claims": {k: _flat(v) for k, v in claims.items()}, "scopes": scopes}
            }
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": path,
            "rawQueryString": request.query,
            "headers": headers,
            "requestContext": context,
            "isBase64Encoded": False,
        }
        if request.headers.get("cookie"):
            event["cookies"] = [part.strip() for part in request.headers["cookie"].split(";")]
        if request.query:
            event["queryStringParameters"] = _joined(request.query)
        if path_parameters:
            event["pathParameters"] = path_parameters
        if variables := target.api.stages[target.stage].variables:
            event["stageVariables"] = dict(variables)
        if request.body:
            is_text = _TEXT.match(request.headers.get("content-type", "text/plain") or "text/plain")
            # Bytes that are no text, whatever their type says, do not survive.
            text = request.body.decode(errors="replace")
            body = text if is_text else base64.b64encode(request.body).decode()
            event.update(body=body, isBase64Encoded=not is_text)
        return event


def _route(target: _Target, method: str) -> tuple[Route, dict[str, str]]:
    for route in sorted(target.api.routes.values(), key=lambda r: r.rank):
        parameters = route.match(method, target.path)
        if parameters is not None:
            return route, parameters
    raise _Refused(404, "Not Found")


def _source_arn(target: _Target, route: Route) -> str:
    method, _, path = route.key.partition(" ")
    rest = route.key if route.key == "$default" else f"{method.replace('ANY', '*')}{path}"
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{target.api.api_id}/{target.stage}/{rest}"


def _flat(value: Any) -> str:
    """A claim as API Gateway passes it on: always text, lists as `[a b]`."""
    if isinstance(value, list):
        return "[" + " ".join(str(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _joined(query: str) -> dict[str, str]:
    """Repeated names are joined with commas."""
    joined: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _response(answer: Any) -> Response:
    """The function's answer as HTTP; without a statusCode the whole of it is the body."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return Response(200, [("Content-Type", "application/json")], json.dumps(answer).encode())
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise _Refused(500, "Internal Server Error")
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    headers = [(str(name), _flat(value)) for name, value in (answer.get("headers") or {}).items()]
    if content and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "text/plain;charset=utf-8"))
    headers += [("Set-Cookie", str(cookie)) for cookie in answer.get("cookies") or []]
    return Response(int(answer["statusCode"]), headers, content)


def _message(status: int, text: str) -> Response:
    headers = [("Content-Type", "application/json")]
    if status == 401:
        headers.append(("www-authenticate", "Bearer"))
    return Response(status, headers, json.dumps({"message": text}).encode())


def _is_preflight(request: Request) -> bool:
    return request.method == "OPTIONS" and "access-control-request-method" in request.headers


def _cors_headers(cors: Mapping[str, Any], request: Request) -> list[tuple[str, str]]:
    origin = request.headers.get("origin", "")
    origins = cors.get("AllowOrigins", [])
    if not origin or not ({"*", origin} & set(origins)):
        return []
    headers = [("access-control-allow-origin", "*" if "*" in origins else origin)]
    if str(cors.get("AllowCredentials", "")).lower() == "true":
        headers.append(("access-control-allow-credentials", "true"))
    if cors.get("ExposeHeaders"):
        headers.append(("access-control-expose-headers", ",".join(cors["ExposeHeaders"])))
    if _is_preflight(request):
        headers.append(("access-control-allow-methods", ",".join(cors.get("AllowMethods", []))))
        headers.append(("access-control-allow-headers", ",".join(cors.get("AllowHeaders", []))))
        if "MaxAge" in cors:
            headers.append(("access-control-max-age", str(cors["MaxAge"])))
    return headers
