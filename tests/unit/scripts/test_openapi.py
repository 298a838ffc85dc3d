"""The OpenAPI document: valid, up to date, and of all routes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import ValidationError
from openapi_spec_validator import validate

from labelloop.errors import LabelLoopError
from labelloop.http_api import RETRY_AFTER_S, STATUS
from scripts import openapi
from tests.contract import files
from tests.unit import api


def test_the_document_is_what_the_standard_allows() -> None:
    validate(api.document())


def test_the_document_is_that_of_the_code() -> None:
    assert api.document() == json.loads(json.dumps(openapi.document()))


def test_every_route_behind_the_authoriser_is_described_and_no_other() -> None:
    routes = {
        route["Properties"]["RouteKey"]
        for route in files.resources("AWS::ApiGatewayV2::Route").values()
        if route["Properties"].get("AuthorizationType") == "JWT"
    }
    described = {
        f"{method.upper()} {path}"
        for path, methods in api.document()["paths"].items()
        for method in methods
    }
    assert described == routes


def test_generated_clients_can_send_an_image() -> None:
    content = api.document()["paths"]["/detect"]["post"]["requestBody"]["content"]
    images = {kind: told["schema"] for kind, told in content.items() if kind != "application/json"}
    # What the generators for Python, Java and TypeScript take for bytes.
    assert set(images) == {"image/jpeg", "image/png", "application/octet-stream"}
    assert all(told == {"type": "string", "format": "binary"} for told in images.values())


def test_every_field_of_a_detection_is_described() -> None:
    schema = api.document()["components"]["schemas"]["Detected"]
    assert all(
        "description" in field or "$ref" in field.get("items", {})
        for field in schema["properties"].values()
    )


_SAID_OF_NUMBERS = {"type", "title", "description", "default", "minimum", "maximum"}


def _numbers(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") in {"integer", "number"}:
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _numbers(part)


def test_the_bounds_of_numbers_are_said_in_the_words_of_json_schema() -> None:
    schemas = api.document()["components"]["schemas"]
    assert all(number.keys() <= _SAID_OF_NUMBERS for number in _numbers(schemas))
    sent = [*_numbers(schemas["BoxBody"]), *_numbers(schemas["NextBody"])]
    bounds = [(number["minimum"], number["maximum"]) for number in sent]
    assert bounds == [(0, 100_000), (0, 100_000), (1, 100_000), (1, 100_000), (1, 10)]


def test_machines_get_tokens_for_scopes_that_the_template_makes() -> None:
    outputs = files.template()["Outputs"]
    names = ("DetectScope", "LogScope", "ReadScope")
    scopes = [outputs[name]["Value"]["Fn::If"] for name in names]
    assert {condition for condition, *_ in scopes} == {"MakesUserPool"}
    flow = api.document()["components"]["securitySchemes"]["machine"]["flows"]["clientCredentials"]
    assert list(flow["scopes"]) == [name for _, name, _ in scopes]


@pytest.mark.parametrize("error", RETRY_AFTER_S)
def test_what_may_succeed_later_is_a_status_that_says_so(error: type[LabelLoopError]) -> None:
    assert STATUS[error] in {429, 503}


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, {"outcome": "waiting"}), (418, {}), (403, {"message": "Forbidden"})],
)
def test_an_answer_that_is_not_described_is_found(status: int, content: object) -> None:
    with pytest.raises((AssertionError, KeyError, ValidationError)):
        api.check("POST /detect", status, content)
