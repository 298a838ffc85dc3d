"""Who may call which route: every one of ``openapi.json``, by every kind of token."""

import json
from typing import Any

import pytest

from functions.serve_detect_api import app as detect_api
from functions.serve_detections_api import app as detections_api
from functions.serve_review_api import app as review_api
from scripts.openapi import READ_SCOPE, SCOPE
from tests.contract import files
from tests.unit import api
from tests.unit.account import Account, Context, Json, account

__all__ = ["account"]

APIS = (review_api, detect_api, detections_api)
ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"
PERSON = {"sub": "ann", "iss": ISSUER, "email": "ann@example.com", "email_verified": "true"}
MACHINE = {"sub": "7m8n9o0p", "iss": ISSUER, "client_id": "7m8n9o0p"}
CALLERS: dict[str, tuple[Json, set[str]]] = {
    # What the token claims, and which of the document's kinds of callers that is.
    "reviewer": ({**PERSON, "cognito:groups": "[reviewers]"}, {"person"}),
    "operator": ({**PERSON, "cognito:groups": "[operators x]"}, {"person", "operator"}),
    **{
        f"machine for {scope}": ({**MACHINE, "scope": scope}, {f"machine {scope}"})
        for scope in (SCOPE, READ_SCOPE)
    },
    "machine for something else": ({**MACHINE, "scope": "labelloop/detection"}, set()),
    "machine for nothing": (MACHINE, set()),
    "person of no group": (PERSON, set()),
    "person whose scope is nothing of ours": (
        {**PERSON, "scope": "aws.cognito.signin.user.admin openid"},
        set(),
    ),
    **{
        f"person of the groups {groups!r}": ({**PERSON, "cognito:groups": groups}, set())
        for groups in api.NO_GROUPS
    },
}


def _samples() -> dict[str, Json]:
    """A sample request of each route."""
    samples: dict[str, Json] = {}
    for path in sorted((files.ROOT / "events").glob("serve_*_api.*.json")):
        request: Json = json.loads(path.read_text(encoding="utf-8"))
        samples.setdefault(request["routeKey"], request)
    return samples


def _routes() -> dict[str, set[str]]:
    """The routes of the document, with who may call them by it."""
    return {
        f"{method.upper()} {path}": {
            " ".join([kind, *scopes]) for one in route["security"] for kind, scopes in one.items()
        }
        for path, methods in api.document()["paths"].items()
        for method, route in methods.items()
    }


SAMPLES, ROUTES = _samples(), _routes()


def _status(route: str, claims: Json) -> int:
    request = {**SAMPLES[route]}
    authorizer: Any = {"jwt": {"claims": claims, "scopes": None}}
    request["requestContext"] = {**request["requestContext"], "authorizer": authorizer}
    (handles,) = (one for one in APIS if one.__name__.split(".")[1] == _function(route))
    return int(handles.lambda_handler(request, Context())["statusCode"])


def _function(route: str) -> str:
    return {"review": "serve_review_api", "detect": "serve_detect_api"}.get(
        route.split("/")[1], "serve_detections_api"
    )


def test_every_route_has_a_sample_and_says_who_may_call_it() -> None:
    assert set(ROUTES) <= set(SAMPLES)
    assert all(ROUTES.values())


@pytest.mark.parametrize("caller", CALLERS)
def test_a_route_answers_those_whom_the_document_names_and_nobody_else(
    account: Account, caller: str
) -> None:
    claims, kinds = CALLERS[caller]
    written: list[str] = []
    account.hook(
        "dynamodb", "before-call.dynamodb.*", lambda model, **_: written.append(model.name)
    )
    for route, may in ROUTES.items():
        before = len(written)
        refused = _status(route, claims) == 403
        assert refused is not bool(kinds & may), route
        if refused:
            assert len(written) == before, route
