"""What the functions behind the HTTP API share: who asks, and how a refusal is told."""

import base64
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from typing_extensions import TypedDict

from labelloop.entrypoint import Strict
from labelloop.errors import (
    ChangedMeanwhileError,
    InvalidImageError,
    InvalidRequestError,
    LabelLoopError,
    MalformedAnswerError,
    ModelNotReadyError,
    NotAllowedError,
    NotFoundError,
    ObjectUnreadableError,
    ServiceFailedError,
    ThrottledError,
    TooLargeError,
)

GROUPS = {"reviewers", "operators"}
DETECT_SCOPE = "labelloop/detect"
"""What a token of a machine may be for; the template gives it to the machine client."""

STATUS: dict[type[LabelLoopError], int] = {
    InvalidRequestError: 400,
    MalformedAnswerError: 400,
    NotAllowedError: 403,
    NotFoundError: 404,
    ObjectUnreadableError: 404,
    ChangedMeanwhileError: 409,
    TooLargeError: 413,
    InvalidImageError: 422,
    ThrottledError: 429,
    ModelNotReadyError: 503,
    ServiceFailedError: 503,
}
RETRY_AFTER_S: dict[type[LabelLoopError], int] = {
    ThrottledError: 1,
    ModelNotReadyError: 120,
    ServiceFailedError: 5,
}
"""After how long it is worth the while to ask again."""


class Refusal(TypedDict):
    """Why a request was refused."""

    code: str
    """A word for programs: NotFound."""
    message: str
    """A sentence for people."""


class Refused(TypedDict):
    """The answer to a request that was refused."""

    error: Refusal


class Caller(Strict):
    """Who asks: a signed-in person, or a machine with a token of its own."""

    sub: str
    issuer: str
    groups: frozenset[str]
    scopes: frozenset[str]

    @property
    def may_review(self) -> bool:
        """Whether it is a person who is in one of the groups."""
        return bool(self.groups & GROUPS)

    @property
    def may_detect(self) -> bool:
        """Whether it is such a person, or a machine whose token is for that."""
        return self.may_review or DETECT_SCOPE in self.scopes


def caller(api: APIGatewayHttpResolver) -> Caller:
    """Who sent the request, by the token that API Gateway has checked."""
    claims: dict[str, Any] = api.current_event.request_context.authorizer.jwt_claim
    return Caller(
        sub=claims["sub"],
        issuer=claims["iss"],
        # API Gateway hands a list over as "[reviewers operators]".
        groups=frozenset(
            str(claims.get("cognito:groups", "")).strip("[]").replace(",", " ").split()
        ),
        scopes=frozenset(str(claims.get("scope", "")).split()),
    )


def body(api: APIGatewayHttpResolver) -> bytes:
    """The request's body; API Gateway puts some types into base64, JSON under a wrong one too."""
    text = api.current_event.body or ""
    return base64.b64decode(text) if api.current_event.is_base64_encoded else text.encode()


def answer_refusals(api: APIGatewayHttpResolver) -> None:
    """Let the API answer what is the caller's fault, or will pass, with its status and reason."""
    api.exception_handler(list(STATUS))(_refused)


def _refused(error: Exception) -> Response[Any]:
    kind: Any = type(error)
    body = {"error": {"code": kind.__name__.removesuffix("Error"), "message": str(error)}}
    headers = {"Retry-After": str(RETRY_AFTER_S[kind])} if kind in RETRY_AFTER_S else {}
    return Response(STATUS[kind], content_types.APPLICATION_JSON, body, headers)
