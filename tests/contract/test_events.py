"""Sample events ↔ functions: each parses with the function's own model, and is what AWS sends."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    APIGatewayProxyEventV2Model,
    CloudFormationCustomResourceCreateModel,
    CloudFormationCustomResourceDeleteModel,
    CloudFormationCustomResourceUpdateModel,
    DynamoDBStreamModel,
    SqsModel,
)
from pydantic import BaseModel

from labelloop.custom_resource import ResourceRequest
from labelloop.errors import InvalidRequestError
from scripts.openapi import template_path
from tests.contract import files
from tests.contract.files import ROOT

EVENTS = sorted((ROOT / "events").glob("*.json"))
every_event = pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)

HTTP_APIS = ("serve_review_api", "serve_detect_api", "serve_detections_api")
BEHIND_HTTP = (*HTTP_APIS, "serve_console")
CUSTOM_RESOURCES = ("set_up_stack", "set_up_human_review", "admit_clients")
TAKEN_FROM_AWS = (
    "archive_log",
    "dispatch_events",
    "detect_labels",
    "read_answers",
    "requeue_review",
)
CUSTOM_RESOURCE: dict[str, type[BaseModel]] = {
    "Create": CloudFormationCustomResourceCreateModel,
    "Update": CloudFormationCustomResourceUpdateModel,
    "Delete": CloudFormationCustomResourceDeleteModel,
}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@every_event
def test_a_sample_event_is_taken_by_its_function(path: Path) -> None:
    stem, event = path.name.split(".")[0], _read(path)
    module = files.app(stem)
    if stem in CUSTOM_RESOURCES:
        ResourceRequest.model_validate(event)
        CUSTOM_RESOURCE[event["RequestType"]].model_validate(event)
    elif stem in BEHIND_HTTP:
        APIGatewayProxyEventV2Model.model_validate(event)
        assert event["routeKey"] in _routes()
    else:
        module.Input.from_event(event)
    if stem == "dispatch_events":
        SqsModel.model_validate(event)
    if stem == "archive_log":
        DynamoDBStreamModel.model_validate(event)


@every_event
def test_a_field_that_nobody_knows_is_refused_from_ourselves_and_passed_over_from_others(
    path: Path,
) -> None:
    stem = path.name.split(".")[0]
    if stem in BEHIND_HTTP:
        return
    model = ResourceRequest if stem in CUSTOM_RESOURCES else files.app(stem).Input
    event = {**_read(path), "a-field-that-nobody-knows": 1}
    # What AWS sends us gets new fields without warning.
    if stem in {*CUSTOM_RESOURCES, *TAKEN_FROM_AWS}:
        model.from_event(event)
    else:
        with pytest.raises(InvalidRequestError):
            model.from_event(event)


def _routes() -> set[str]:
    return {
        route["Properties"]["RouteKey"]
        for route in files.resources("AWS::ApiGatewayV2::Route").values()
    }


def _routes_to(stem: str) -> set[str]:
    """The routes that lead to the function of this folder."""
    integrations = {
        name
        for name, resource in files.resources("AWS::ApiGatewayV2::Integration").items()
        if f"{files.camel(stem)}Function"
        in files.references(resource["Properties"]["IntegrationUri"])
    }
    return {
        route["Properties"]["RouteKey"]
        for route in files.resources("AWS::ApiGatewayV2::Route").values()
        if files.references(route["Properties"]["Target"]) & integrations
    }


@pytest.mark.parametrize("stem", HTTP_APIS)
def test_every_route_has_a_sample_event(stem: str) -> None:
    sampled = {_read(path)["routeKey"] for path in EVENTS if path.name.startswith(f"{stem}.")}
    assert sampled == _routes_to(stem)


@pytest.mark.parametrize("stem", HTTP_APIS)
def test_the_function_serves_every_route_that_leads_to_it_and_no_other(stem: str) -> None:
    module = files.app(stem)
    served = {
        f"{route.method} {template_path(route.path)}"
        for route in module.api._static_routes + module.api._dynamic_routes
    }
    assert served == _routes_to(stem)
