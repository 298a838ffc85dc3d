"""The one door to every service: who calls, may they, should it fail, and who answers.

Every AWS call of the stack comes through here over HTTP. The gateway finds out which call it is
(local/doors/calls.py), checks it against the caller's role (local/permissions/authorization.py),
lets ordered faults happen (local/services/faults.py) and hands it to the service: the Rekognition
emulator, the function pool, synchronous executions, or moto.
"""

from __future__ import annotations

import http
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import ServiceException
from moto.s3.models import s3_backends
from werkzeug.exceptions import HTTPException

from local.clock import Clock
from local.constants import (
    ACCOUNT_ID,
    API_PREFIX,
    CONTROL_PREFIX,
    REGION,
    SIGN_IN_PREFIX,
    STATES_TIMEOUT,
)
from local.doors import (
    authorizer_calls,
    lambda_calls,
    protocols,
    s3_requests,
    sagemaker_calls,
    stack_calls,
)
from local.doors.calls import Call, CallLog, LoggedCall, UnknownCallError, identify, not_here
from local.doors.moto_services import MotoServices
from local.doors.rekognition_calls import RekognitionCalls
from local.http_messages import Request, Response
from local.permissions import same_machine
from local.permissions.actions import Requirement
from local.permissions.authorization import Authorizer
from local.permissions.identity import Identities, Principal, UnknownKeyError
from local.sagemaker.service import SageMaker
from local.services.faults import Fault, Faults
from local.services.function_pool import FunctionPool
from local.services.http_apis import HttpApis
from local.services.mail import Mailbox
from local.services.sign_in import SignIn
from local.services.state_machines import ExecutionRefusedError, Executions
from local.stack.deployed import Stack

log = logging.getLogger(__name__)

Page = Callable[[Request], Response]

_UNSIGNED_OPERATIONS = frozenset(
    (
        "InitiateAuth",
        "RespondToAuthChallenge",
        "ForgotPassword",
        "ConfirmForgotPassword",
        "ChangePassword",
        "GetUser",
        "GlobalSignOut",
        "RevokeToken",
        "UpdateUserAttributes",
    )
)
_OF_WORKGROUPS = frozenset(("CreateWorkGroup", "DeleteWorkGroup", "ListWorkGroups"))
_PAGES = (API_PREFIX, SIGN_IN_PREFIX)
_READING = frozenset(("GetObject", "HeadObject", "CopyObject", "UploadPartCopy"))
_FORM = "application/x-www-form-urlencoded"
_MAX_KEY_BYTES = 1024


@dataclass(kw_only=True)
class Gateway:
    """The WSGI application in front of everything."""

    clock: Clock
    identities: Identities
    authorizer: Authorizer
    calls: CallLog
    faults: Faults
    functions: FunctionPool
    executions: Executions
    mailbox: Mailbox
    http_apis: HttpApis
    sign_in: SignIn
    rekognition: RekognitionCalls
    sagemaker: SageMaker
    stack: Stack
    control: Page

    def __post_init__(self) -> None:
        self._pages: Mapping[str, Page] = {
            CONTROL_PREFIX: self.control,
            API_PREFIX: self.http_apis,
            SIGN_IN_PREFIX: self.sign_in,
        }
        self._moto = MotoServices()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        response = self._answer(environ)
        phrase = _PHRASES.get(response.status, "Unknown")
        start_response(f"{response.status} {phrase}", response.headers)
        return [response.body]

    def _answer(self, environ: dict[str, Any]) -> Response:
        request = _read(environ)
        foreign = self._foreign(request)
        if foreign is not None:
            log.warning("refused: %s %s: %s", request.method, request.path, foreign)
            return Response(403, [("Content-Type", "text/plain")], f"{foreign}\n".encode())
        for prefix, page in self._pages.items():
            if request.path.startswith(prefix):
                return page(request)
        if request.path.endswith("/.well-known/openid-configuration"):
            return self.sign_in.discovery(request)
        if request.method == "OPTIONS" or "/.well-known/" in request.path:
            return self._moto.answer(
                None, environ
            )  # a browser's CORS question; Cognito's public keys
        try:
            call = identify(request)
        except UnknownCallError as error:
            return protocols.error_response(
                error.service, "UnknownOperationException", str(error), 501, request.method
            )
        return self._make(call, request, environ)

    def _foreign(self, request: Request) -> str | None:
        """Why nobody answers: the request is not of this machine."""
        return same_machine.refusal(
            request.headers,
            origin_admitted=self.http_apis.names(request),
            is_page=request.method == "GET" and request.path.startswith(_PAGES),
        )

    def _make(self, call: Call, request: Request, environ: dict[str, Any]) -> Response:
        time_iso = _iso(self.clock.now())
        principal: Principal | None = None
        refusal: Response | None
        try:
            principal = self._principal(call)
            refusal = self._refusal(call, principal, request.method)
        except UnknownKeyError:
            message = "The security token included in the request is invalid"
            refusal = protocols.error_response(
                call.service, "InvalidClientTokenId", message, 403, request.method
            )
        function = principal.function if principal else None
        response = refusal or self._pass(call, principal, request, environ)
        self.calls.add(
            LoggedCall(
                time=time_iso,
                function=function,
                role=principal.role_name if principal else None,
                service=call.service,
                operation=call.operation,
                resource=call.resource,
                error=protocols.error_code(response),
            )
        )
        return response

    def _principal(self, call: Call) -> Principal | None:
        if call.access_key_id is None:
            return None
        return self.identities.principal(call.access_key_id)

    # Permission

    def _refusal(  # noqa: PLR0911 - a case each
        self, call: Call, principal: Principal | None, method: str
    ) -> Response | None:
        if call.access_key_id is None and call.operation not in _UNSIGNED_OPERATIONS:
            return protocols.error_response(
                call.service, "AccessDenied", "Access Denied", 403, method
            )
        if call.expires_at is not None and time.time() > call.expires_at:
            return protocols.error_response(
                "s3", "AccessDenied", "Request has expired", 403, method
            )
        if call.service == "s3" and len(call.params.get("Key", "").encode()) > _MAX_KEY_BYTES:
            return protocols.error_response(
                "s3", "KeyTooLongError", "Your key is too long", 400, method
            )
        if principal is None:
            return None
        if call.requirements is None:
            message = (
                f"{principal.role_name} called {call.service}.{call.operation}, and nobody has "
                "written down which permission that needs: add it to local/permissions/actions.py"
            )
            log.error(message)
            return protocols.error_response(call.service, "NotImplemented", message, 501, method)
        for requirement in (*call.requirements, *_for_copied_tags(call)):
            denied = self._denied(call.service, principal, requirement, method)
            if denied is not None:
                return denied
        if call.service == "rekognition":
            return self.rekognition.refusal(call, principal)
        return None

    def _denied(
        self, service: str, principal: Principal, requirement: Requirement, method: str
    ) -> Response | None:
        decision = self.authorizer.check(principal.role_arn, *requirement)
        if decision:
            return None
        action, resource = requirement.action, requirement.resource
        if service == "s3":
            resource = f'"{resource}"'  # S3 alone puts the ARN in quotation marks
        message = (
            f"User: {principal.session_arn} is not authorized to perform: {action} "
            f"on resource: {resource} {decision.reason}"
        )
        log.warning("refused: %s", message)
        code, status = (
            protocols.access_denied_code(service),
            protocols.access_denied_status(service),
        )
        return protocols.error_response(service, code, message, status, method)

    # Faults

    def _pass(
        self, call: Call, principal: Principal | None, request: Request, environ: dict[str, Any]
    ) -> Response:
        function = principal.function if principal else None
        fault = self.faults.take(call.service, call.operation, function, lambda: _content(request))
        if fault is not None:
            self.clock.sleep(fault.late_s)
        fails = fault is not None and bool(fault.error or fault.kill or fault.hang)
        if fault is not None and fails and fault.when == "before":
            return self._fail(fault, call, request.method)
        response = self._dispatch(call, principal, request, environ)
        if fault is not None and fails:
            return self._fail(fault, call, request.method)
        return response

    def _fail(self, fault: Fault, call: Call, method: str) -> Response:
        fault.wait()
        if call.session_token and (fault.kill or fault.hang):
            self.functions.kill_worker(call.session_token, out_of_time=fault.hang)
        code = fault.error or (STATES_TIMEOUT if fault.hang else "ServiceUnavailable")
        status = fault.status if fault.error else 503
        return protocols.error_response(call.service, code, fault.message, status, method)

    # Services

    def _dispatch(
        self, call: Call, principal: Principal | None, request: Request, environ: dict[str, Any]
    ) -> Response:
        try:
            own = self._answered_here(call, principal, request, environ)
            if own is not None:
                return own
            if set(call.params.get("Owners", ())) - {ACCOUNT_ID}:
                # moto does not look: every bucket here is this account's.
                return protocols.error_response(
                    "s3", "AccessDenied", "Access Denied", 403, request.method
                )
            if call.operation == "PutObject" and _FORM in environ.get("CONTENT_TYPE", ""):
                del environ[
                    "CONTENT_TYPE"
                ]  # curl's default, for which moto takes the content apart
            response = self._moto.answer(call.service, environ)
        except Exception as error:
            log.exception("%s.%s failed in the runtime itself", call.service, call.operation)
            message = f"the embedded runtime failed: {error!r}"
            return protocols.error_response(
                call.service, "InternalFailure", message, 500, request.method
            )
        return self._after(call, principal, request, response)

    def _answered_here(  # noqa: PLR0911 - a case each
        self, call: Call, principal: Principal | None, request: Request, environ: dict[str, Any]
    ) -> Response | None:
        """The answer of a service that is the runtime's own; None of those that are moto's."""
        match call.service:
            case "rekognition":
                return self.rekognition.handle(call, principal)
            case "lambda":
                return lambda_calls.handle(call, request, self.functions)
            case "cloudformation":
                return stack_calls.handle(call, self.stack)
            case "apigatewayv2":
                return authorizer_calls.handle(call, self.http_apis)
            case "sagemaker" if call.region == REGION:
                return sagemaker_calls.handle(call, self.sagemaker)
            case "sagemaker":
                return not_here(call)
            case "athena" if call.operation not in _OF_WORKGROUPS:
                return not_here(call)  # moto would answer, and has asked nobody
        match call.operation:
            case "AssumeRole":
                return self._assume_role(call, environ)
            case "StartSyncExecution":
                return self._start_sync(call, principal)
        return None

    def _after(
        self, call: Call, principal: Principal | None, request: Request, response: Response
    ) -> Response:
        """What AWS does beside what moto does."""
        if call.service == "sns" and call.operation == "Publish" and response.status == 200:
            self.mailbox.deliver(call.params, _iso(self.clock.now()))
        if response.status == 404 and call.operation in _READING and principal is not None:
            # S3 tells only those who may list the bucket that an object is not there.
            bucket = call.params.get("CopySource", call.params["Bucket"]).split("/", 1)[0]
            may_list = Requirement("s3:ListBucket", f"arn:aws:s3:::{bucket}")
            return self._denied("s3", principal, may_list, request.method) or response
        return response

    def _assume_role(self, call: Call, environ: dict[str, Any]) -> Response:
        """moto's keys, which then stand for the role."""
        role_arn = str(call.params.get("RoleArn"))
        if not self.authorizer.trusts_account(role_arn):
            message = (
                f"User: arn:aws:iam::{ACCOUNT_ID}:root is not authorized to perform: "
                f"sts:AssumeRole on resource: {role_arn}"
            )
            return protocols.error_response("sts", "AccessDenied", message, 403)
        response = self._moto.answer("sts", environ)
        key = re.search(rb"<AccessKeyId>(\w+)</AccessKeyId>", response.body)
        if key is not None:
            self.identities.lend(key[1].decode(), role_arn)
        return response

    def _start_sync(self, call: Call, principal: Principal | None) -> Response:
        params = call.params
        caller = principal.role_name if principal else None
        if call.region != REGION:
            message = f"State Machine Does Not Exist: '{params['stateMachineArn']}'"
            return protocols.error_response("states", "StateMachineDoesNotExist", message, 400)
        try:
            answer = self.executions.start_sync(
                str(params["stateMachineArn"]), params.get("name"), params.get("input"), caller
            )
        except ExecutionRefusedError as error:
            return protocols.error_response("states", error.code, error.message, 400)
        return protocols.json_response(answer)


def _for_copied_tags(call: Call) -> list[Requirement]:
    """The permissions that a copy needs only because what is copied has tags."""
    if call.service != "s3":
        return []
    needed = s3_requests.requirements_of_tags(call.operation, call.params)
    if not needed:
        return []
    bucket, _, key = str(call.params["CopySource"]).partition("/")
    backend = s3_backends[ACCOUNT_ID]["aws"]
    try:
        source = backend.get_object(bucket, key, version_id=call.params["CopySourceVersionId"])
    except (ServiceException, HTTPException):
        return []  # S3 itself says that it is not there
    tagged = source is not None and backend.get_object_tagging(source)["Tags"]
    return needed if tagged else []


_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}


def _read(environ: dict[str, Any]) -> Request:
    body = environ["wsgi.input"].read()
    environ["wsgi.input"].seek(0)
    headers = {
        key[5:].lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        raw_path=environ["RAW_URI"].split("?", 1)[0],
        query=environ["QUERY_STRING"],
        headers=headers,
        body=body,
    )


def _content(request: Request) -> str:
    """What the request says, wherever its protocol puts it."""
    body = request.body.decode("utf-8", "replace")
    source = request.headers.get("x-amz-copy-source", "")
    return "\n".join((request.path, request.query, source, body))


def _iso(epoch_s: float) -> str:
    text = datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
