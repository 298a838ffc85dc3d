"""What the functions behind the HTTP API share: who asks, and how a refusal is told."""

import base64
from math import ceil
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from pydantic import BaseModel, BeforeValidator, ValidationError
from typing_extensions import TypedDict

from labelloop import clock
from labelloop.aws.wiring import wiring
from labelloop.domain import ceilings
from labelloop.entrypoint import Strict
from labelloop.errors import (
    ApiImagesSpentError,
    BusyError,
    ChangedMeanwhileError,
    ConflictError,
    InvalidImageError,
    InvalidRequestError,
    LabelLoopError,
    MalformedAnswerError,
    ModelHoursSpentError,
    ModelNotReadyError,
    NotAllowedError,
    NotFoundError,
    ObjectUnreadableError,
    ServiceFailedError,
    ThrottledError,
    TooLargeError,
)
from labelloop.settings import Variable

STATUS: dict[type[LabelLoopError], int] = {
    InvalidRequestError: 400,
    MalformedAnswerError: 400,
    NotAllowedError: 403,
    NotFoundError: 404,
    ObjectUnreadableError: 404,
    BusyError: 409,
    ChangedMeanwhileError: 409,
    ConflictError: 409,
    TooLargeError: 413,
    InvalidImageError: 422,
    ApiImagesSpentError: 429,
    ThrottledError: 429,
    ModelHoursSpentError: 503,
    ModelNotReadyError: 503,
    ServiceFailedError: 503,
}
RETRY_AFTER_S: dict[type[LabelLoopError], int] = {
    ThrottledError: 1,
    ModelNotReadyError: 120,
    ServiceFailedError: 5,
}
"""After how long it is worth the while to ask again."""
TOMORROW = frozenset({ApiImagesSpentError, ModelHoursSpentError})
"""What is over at midnight (UTC), after which it is worth the while."""


HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Of every answer: none is to be kept on its way, or taken for anything but what it says it is."""
MOST_BODY_BYTES = 1024 * 1024
"""Of a body in JSON; an image may have ``MAX_REQUEST_BYTES`` of ``domain/images.py``."""
MOST_MESSAGE = 1000
"""Characters of a refusal, which may repeat what was sent."""


def _whole(number: Any) -> Any:
    return int(number) if isinstance(number, float) and number.is_integer() else number


AS_IN_JSON = BeforeValidator(_whole)
"""Makes a StrictInt JSON Schema's integer: 1.0 is one, true and "1" are none. Bounds stand before
it, or the schema would not have them as its own."""


_Body = TypeVar("_Body", bound=BaseModel)


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
    """What decides whose something is: nobody can change their own."""
    name: str
    """For people to read: the e-mail address of a person, where Cognito has verified it."""
    issuer: str
    groups: frozenset[str]
    scopes: frozenset[str]

    @property
    def may_review(self) -> bool:
        """Whether it is a person who is in one of the groups."""
        return self.is_operator or wiring[Variable.REVIEWERS_GROUP] in self.groups

    @property
    def is_operator(self) -> bool:
        """Whether it is a person who may see everything."""
        return wiring[Variable.OPERATORS_GROUP] in self.groups

    @property
    def may_detect(self) -> bool:
        """Whether it is such a person, or a machine whose token is for that."""
        return self.may_review or wiring[Variable.DETECT_SCOPE] in self.scopes


def groups_in_words() -> str:
    """The groups whose members may review, for messages."""
    return f"{wiring[Variable.REVIEWERS_GROUP]} and {wiring[Variable.OPERATORS_GROUP]}"


def caller(api: APIGatewayHttpResolver) -> Caller:
    """Who sent the request, by the token that API Gateway has checked."""
    claims: dict[str, Any] = api.current_event.request_context.authorizer.jwt_claim
    verified = claims.get("email_verified") == "true"
    return Caller(
        sub=claims["sub"],
        name=(verified and claims.get("email")) or claims["sub"],
        issuer=claims["iss"],
        groups=_groups(str(claims.get("cognito:groups", ""))),
        scopes=frozenset(str(claims.get("scope", "")).split(" ")),
    )


def _groups(claim: str) -> frozenset[str]:
    """The groups in a claim, which API Gateway hands over as "[reviewers operators]".

    A group's name has no space, and may have brackets and commas: "x,operators" is one that gives
    no rights, and so is "[operators]".
    """
    if not (claim.startswith("[") and claim.endswith("]")):
        return frozenset()
    return frozenset(claim[1:-1].split(" "))


def body(api: APIGatewayHttpResolver) -> bytes:
    """The request's body; API Gateway puts some types into base64, JSON under a wrong one too."""
    text = api.current_event.body or ""
    try:
        return base64.b64decode(text) if api.current_event.is_base64_encoded else text.encode()
    except ValueError as error:
        raise InvalidRequestError("The body is no text.") from error


def parsed(api: APIGatewayHttpResolver, model: type[_Body]) -> _Body:
    """The request's body as this model; without a body, what the model is by itself."""
    content = body(api)
    if len(content) > MOST_BODY_BYTES:
        raise TooLargeError("The body has more than a megabyte.")
    try:
        return model.model_validate_json(content or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"The body is wrong at {where or 'its start'}: {first['msg']}"
        raise InvalidRequestError(reason) from error


def resolve(api: APIGatewayHttpResolver, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The answer to a request: for whoever asked alone, and of the type that it says."""
    answer = api.resolve(event, context)
    answer["headers"] = {**answer.get("headers", {}), **HEADERS}
    return answer


def answer_refusals(api: APIGatewayHttpResolver) -> None:
    """Let the API answer what is the caller's fault, or will pass, with its status and reason."""
    api.exception_handler(list(STATUS))(_refused)
    api.not_found(_no_such_route)


def _no_such_route(_: Exception) -> Response[Any]:
    return _refused(NotFoundError("There is nothing at this path."))


def _refused(error: Exception) -> Response[Any]:
    kind: Any = type(error)
    message = str(error)
    if len(message) > MOST_MESSAGE:
        message = f"{message[:MOST_MESSAGE]}…"
    body = {"error": {"code": kind.__name__.removesuffix("Error"), "message": message}}
    again_s = RETRY_AFTER_S.get(kind)
    if kind in TOMORROW:
        again_s = ceil(ceilings.until_next_day(clock.now()).total_seconds())
    headers = {"Retry-After": str(again_s)} if again_s else {}
    return Response(STATUS[kind], content_types.APPLICATION_JSON, body, headers)
