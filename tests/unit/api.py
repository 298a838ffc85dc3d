"""Answers of the HTTP API against what ``openapi.json`` says of them."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.contract.files import ROOT

DESCRIPTION = ROOT / "functions/serve_console/openapi.json"


@cache
def document() -> dict[str, Any]:
    """The document as it is checked in."""
    content: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    return content


@cache
def _schemas() -> dict[str, Any]:
    """The document's schemas, such that nothing may be in an answer that they do not have."""
    schemas: dict[str, Any] = json.loads(json.dumps(document()["components"]["schemas"]))
    for schema in schemas.values():
        schema["additionalProperties"] = False
    return schemas


def check(route: str, status: int, content: Any) -> None:
    """Fail where the document does not tell of such an answer to ``POST /detect``."""
    method, path = route.split(" ")
    told = document()["paths"][path][method.lower()]["responses"][str(status)]
    if "content" not in told:
        assert content is None
        return
    schema = told["content"]["application/json"]["schema"]
    root = {**schema, "components": {"schemas": _schemas()}}
    errors = [error.message for error in Draft202012Validator(root).iter_errors(content)]
    assert not errors, (route, status, errors)


NO_GROUPS = [
    "[]",
    "",
    "[x,operators]",
    "[operators,reviewers]",
    "[[operators]]",
    "[operators]]",
    "[x [reviewers]]",
    "operators",
    "[OPERATORS]",
    "[x\toperators]",
]
"""What API Gateway makes of the claim of people in none of the groups that count."""
