"""The OpenAPI document of the HTTP API, from the code that serves it: ``openapi.json``.

Paths, methods, words and answers are those of the handlers. What a handler's signature cannot say
is in ``ROUTES``; tests hold the document against the template and against real answers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

from aws_lambda_powertools.event_handler import Response
from pydantic import ConfigDict, TypeAdapter
from typing_extensions import is_typeddict

from functions.serve_detect_api import app as detect_api
from functions.serve_detections_api import app as detections_api
from functions.serve_review_api import app as review_api
from labelloop import detect_contract, http_api, review_contract
from labelloop.domain.detections import DETECTION_ID, Outcome
from labelloop.domain.labels import MOST_GIVEN
from labelloop.domain.manifests import MAX_KEY_BYTES
from labelloop.domain.moments import MOMENT
from labelloop.domain.review_tasks import TASK_ID
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
    ServiceFailedError,
    ThrottledError,
    TooLargeError,
)
from labelloop.log_contract import NEXT

Json = dict[str, Any]
APIS = (review_api, detect_api, detections_api)
SCHEMAS = "#/components/schemas/"
PEOPLE: Json = {"person": []}
SCOPE = "labelloop/detect"
"""In a user pool of the stack's own."""
LOG_SCOPE = "labelloop/log"
READ_SCOPE = "labelloop/read"
OPERATORS: Json = {"operator": []}
MACHINES: Json = {"machine": [SCOPE]}
READERS: Json = {"machine": [READ_SCOPE]}
JSON_TYPE = "application/json"
PLACES = {"task_id": ("id", TASK_ID), "detection": ("detection_id", DETECTION_ID)}
"""What handlers call the one thing in a path, with the template's name for it and its pattern."""


@dataclass(frozen=True)
class Route:
    """What the signature of a handler does not say."""

    refusals: tuple[type[LabelLoopError], ...]
    tells: str = ""
    """More than the handler's first line."""
    body: Any = None
    body_required: bool = True
    images: bool = False
    """Whether the body may be an image, too."""
    parameters: tuple[Json, ...] = ()
    answers: dict[int, str] = field(default_factory=dict)
    """What the answers mean that are no plain 200."""
    callers: tuple[Json, ...] = (PEOPLE,)


def _asked(name: str, told: str, pattern: str | None = None, most: int | None = None) -> Json:
    """A parameter of a query that may be left out."""
    schema = {"pattern": pattern} if pattern else {"minLength": 1, "maxLength": most}
    return {
        "name": name,
        "in": "query",
        "description": told,
        "schema": {"type": "string", **schema},
    }


PASSING = (ThrottledError, ServiceFailedError)
"""What any route may answer, since each asks AWS."""

OVER_ITS_LIMIT = (
    'Over the limit of the route it is API Gateway\'s own, {"message": "Too Many Requests"}, '
    "without Retry-After: ask again after a second."
)
"""What the description of each route's 429 ends with."""

ROUTES = {
    "list_tasks": Route(
        (InvalidRequestError, NotAllowedError),
        parameters=(
            {
                "name": "status",
                "in": "query",
                "description": "Which tasks; there are only open ones.",
                "schema": {"type": "string", "enum": ["open"], "default": "open"},
            },
        ),
    ),
    "session": Route((NotAllowedError,)),
    "summary": Route((NotAllowedError,)),
    "take_next": Route(
        (InvalidRequestError, NotAllowedError, TooLargeError),
        body=review_contract.NextBody,
        body_required=False,
        answers={204: "There is none."},
    ),
    "extend": Route(
        (NotAllowedError, NotFoundError, BusyError, ChangedMeanwhileError, ConflictError)
    ),
    "answer": Route(
        (
            *(InvalidRequestError, MalformedAnswerError, NotAllowedError, NotFoundError),
            *(BusyError, ChangedMeanwhileError, ConflictError, TooLargeError),
        ),
        body=review_contract.AnswerBody,
    ),
    "release": Route(
        (
            *(InvalidRequestError, NotAllowedError, NotFoundError),
            *(BusyError, ChangedMeanwhileError, TooLargeError),
        ),
        body=review_contract.ReleaseBody,
        body_required=False,
    ),
    "undo": Route(
        (NotAllowedError, NotFoundError, BusyError, ChangedMeanwhileError, ConflictError)
    ),
    "detect": Route(
        (
            *(InvalidRequestError, NotAllowedError, NotFoundError, ChangedMeanwhileError),
            *(TooLargeError, InvalidImageError, ModelNotReadyError),
            *(ModelHoursSpentError, ApiImagesSpentError),
        ),
        tells=(
            "An image in the body has up to 4 MB, one in the bucket up to 15 MB; PNG or JPEG, 64 "
            "to 4,096 pixels a side."
        ),
        body=detect_contract.ObjectToDetect,
        images=True,
        parameters=(
            {
                "name": "log",
                "in": "query",
                "description": (
                    "Whether the image goes into the inference log, and to a person if the model "
                    "is not sure. The same image on the same day, or the same object version, is "
                    "logged and detected once."
                ),
                "schema": {"type": "boolean", "default": False},
            },
        ),
        answers={202: "It is logged, and will be detected when a model runs."},
        callers=(PEOPLE, MACHINES),
    ),
    "get_detection": Route((NotAllowedError, NotFoundError), callers=(OPERATORS, READERS)),
    "list_detections": Route(
        (InvalidRequestError, NotAllowedError),
        tells=(
            "An answer has up to 100 detections, and ends, too, where it has looked at many that "
            "are none of those; while it has a next, the same question with that goes on."
        ),
        parameters=(
            _asked("key", "All versions of this object; without the others.", most=MAX_KEY_BYTES),
            {
                "name": "outcome",
                "in": "query",
                "description": "Only with this outcome.",
                "schema": {"type": "string", "enum": [outcome.value for outcome in Outcome]},
            },
            _asked("label", "Only where this label of the model decided.", most=MOST_GIVEN),
            _asked("since", "24h, 7d, 2026-11-21 or 2026-11-21T15:30Z; 24h by itself.", MOMENT),
            _asked("until", "Likewise; now, by itself.", MOMENT),
            _asked("next", "That of the answer before, to the same question.", NEXT),
        ),
        callers=(OPERATORS, READERS),
    ),
}


def document() -> Json:
    """All of it."""
    operations = [(path, method, handler) for path, method, handler in _served()]
    refs, schemas = _schemas([kind for *_, handler in operations for kind in _kinds(handler)])
    paths: Json = {}
    for path, method, handler in operations:
        paths.setdefault(path, {})[method] = _operation(path, handler, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Label Loop",
            "version": "1",
            "description": (
                "Detects images at once, tells what became of them, and lets people review "
                "doubtful ones."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "{api_url}",
                "variables": {
                    "api_url": {
                        "default": "https://example.execute-api.us-east-1.amazonaws.com",
                        "description": "The stack's output ApiUrl.",
                    }
                },
            }
        ],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas, "securitySchemes": _security()},
    }


def _security() -> Json:
    return {
        "person": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": (
                "A token of Amazon Cognito, for a member of reviewers or operators who has signed "
                "in with the client in the stack's output UserPoolClientId."
            ),
        },
        "operator": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Likewise, for a member of operators.",
        },
        "machine": {
            "type": "oauth2",
            "description": (
                "The token's real address is the stack's output TokenUrl, the scopes the outputs "
                "DetectScope, LogScope and ReadScope. labelloop clients add makes a client, and "
                "shows its id and secret."
            ),
            "flows": {
                "clientCredentials": {
                    "tokenUrl": "https://example.auth.us-east-1.amazoncognito.com/oauth2/token",
                    "scopes": {
                        SCOPE: "May have images detected.",
                        LOG_SCOPE: "May have them logged, and people asked (log=true).",
                        READ_SCOPE: "May read the inference log.",
                    },
                }
            },
        },
    }


# --- What the handlers say ------------------------------------------------------------------------


def _served() -> Iterator[tuple[str, str, Any]]:
    """Path, method and handler of every route."""
    for module in APIS:
        for route in _routes(module):
            yield template_path(route.path), route.method.lower(), route.func


def template_path(path: str) -> str:
    """A handler's path as the template has it."""
    return re.sub(r"<(\w+)>", lambda found: f"{{{PLACES[found[1]][0]}}}", path)


def _routes(module: ModuleType) -> list[Any]:
    return [*module.api._static_routes, *module.api._dynamic_routes]  # noqa: SLF001


def _answers(handler: Any) -> Iterator[tuple[int, Any]]:
    """Status and kind of every answer that is no refusal; None where it has no body."""
    given = get_type_hints(handler)["return"]
    for kind in get_args(given) or (given,):
        if get_origin(kind) is Response:
            (status,) = ROUTES[handler.__name__].answers
            (content,) = get_args(kind)
            yield status, None if content is type(None) else content
        else:
            yield 200, kind


def _kinds(handler: Any) -> list[Any]:
    """What a handler takes and gives, as far as it has a schema."""
    kinds = [kind for _, kind in _answers(handler)] + [ROUTES[handler.__name__].body]
    return [kind for kind in kinds if kind is not None]


def _schemas(kinds: list[Any]) -> tuple[dict[Any, Json], Json]:
    """A reference to each kind, and the schemas themselves."""
    all_kinds = list(dict.fromkeys([*kinds, http_api.Refused]))
    for kind in all_kinds:
        _let_docstrings_describe(kind)
    found, shared = TypeAdapter.json_schemas(
        [(kind, "validation", TypeAdapter(kind)) for kind in all_kinds],
        ref_template=f"{SCHEMAS}{{model}}",
    )
    schemas = dict(shared["$defs"])
    refs = {}
    for kind in all_kinds:
        schema = found[kind, "validation"]
        if "$ref" not in schema:
            schemas[kind.__name__] = schema
        refs[kind] = {"$ref": f"{SCHEMAS}{kind.__name__}"}
    return refs, dict(sorted(schemas.items()))


def _let_docstrings_describe(kind: Any) -> None:
    """Here alone: reading them takes long, which a function's start should not."""
    if is_typeddict(kind):
        kind.__pydantic_config__ = ConfigDict(use_attribute_docstrings=True)
        for part in get_type_hints(kind).values():
            for inner in (part, *get_args(part)):
                _let_docstrings_describe(inner)


# --- What is made of it ---------------------------------------------------------------------------


def _operation(path: str, handler: Any, refs: dict[Any, Json]) -> Json:
    route, doc = ROUTES[handler.__name__], (handler.__doc__ or "").strip().split("\n")[0]
    parameters = list(route.parameters)
    for name, pattern in PLACES.values():
        if f"{{{name}}}" in path:
            told: Json = {"name": name, "in": "path", "required": True}
            parameters.append({**told, "schema": {"type": "string", "pattern": pattern}})
    operation: Json = {
        "operationId": handler.__name__,
        "summary": doc,
        "tags": [path.split("/")[1]],
        "security": list(route.callers),
    }
    if route.tells:
        operation["description"] = route.tells
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        content = _body(route, refs)
        operation["requestBody"] = {"required": route.body_required, "content": content}
    operation["responses"] = _responses(route, handler, refs)
    return operation


def _body(route: Route, refs: dict[Any, Json]) -> Json:
    content: Json = {JSON_TYPE: {"schema": refs[route.body]}}
    if route.images:
        # Without a schema, and a type that they know, generated clients have no way to send bytes.
        binary: Json = {"schema": {"type": "string", "format": "binary"}}
        content |= dict.fromkeys(("image/jpeg", "image/png", "application/octet-stream"), binary)
    return content


def _responses(route: Route, handler: Any, refs: dict[Any, Json]) -> Json:
    responses: Json = {}
    for status, kind in _answers(handler):
        answer: Json = {"description": route.answers.get(status, "Done.")}
        if kind is not None:
            answer["content"] = {JSON_TYPE: {"schema": refs[kind]}}
        responses[str(status)] = answer
    responses["401"] = {"description": "The token is missing, wrong or too old: API Gateway's own."}
    for error in (*route.refusals, *PASSING):
        told = str(http_api.STATUS[error])
        said = f"{error.__name__.removesuffix('Error')}: {(error.__doc__ or '').strip()}"
        if told in responses:
            responses[told]["description"] += f" {said}"
            continue
        refusal: Json = {"description": said}
        if error in {*http_api.RETRY_AFTER_S, *http_api.TOMORROW}:
            refusal["headers"] = {
                "Retry-After": {
                    "description": "After how many seconds to ask again.",
                    "schema": {"type": "integer"},
                }
            }
        refusal["content"] = {JSON_TYPE: {"schema": refs[http_api.Refused]}}
        responses[told] = refusal
    responses["429"]["description"] += f" {OVER_ITS_LIMIT}"
    return dict(sorted(responses.items()))
