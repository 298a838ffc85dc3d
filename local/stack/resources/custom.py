"""Custom resources: functions that CloudFormation asks to create, update and delete something."""

from __future__ import annotations

import json
import uuid
from typing import Any

from local.constants import CONTROL_PREFIX
from local.stack.resources.base import Created, Resource, ResourceType

_DEFAULT_TIMEOUT_S = 3600.0


class CustomResource(ResourceType):
    """Also Custom::Anything."""

    type_name = "AWS::CloudFormation::CustomResource"
    any_properties = True
    ignored = frozenset()

    def create(self, resource: Resource) -> Created:
        return _ask(resource, "Create", {})

    def update(self, resource: Resource) -> Created:
        before = resource.physical_id
        created = _ask(
            resource, "Update", {"OldResourceProperties": _plain(resource.old_properties)}
        )
        if created.physical_id != before:  # CloudFormation then deletes what was replaced
            new = resource.properties
            resource.properties = resource.old_properties
            _ask(resource, "Delete", {})
            resource.properties = new
        return created

    def delete(self, resource: Resource) -> None:
        _ask(resource, "Delete", {})


def _ask(resource: Resource, request_type: str, more: dict[str, Any]) -> Created:
    services, token = resource.services, str(uuid.uuid4())
    answers_to = f"{services.clients.endpoint}{CONTROL_PREFIX}cloudformation-response/"
    service_token = str(resource.properties["ServiceToken"])
    timeout_s = float(resource.properties.get("ServiceTimeout", _DEFAULT_TIMEOUT_S))
    event = {
        "RequestType": request_type,
        "RequestId": token,
        "ResponseURL": f"{answers_to}{token}",
        "StackId": resource.deployment.stack_id,
        "ResourceType": resource.type_name,
        "LogicalResourceId": resource.logical_id,
        "ServiceToken": service_token,
        "ResourceProperties": _plain(resource.properties),
        **more,
    }
    if resource.physical_id:
        event["PhysicalResourceId"] = resource.physical_id
    # CloudFormation invokes asynchronously and waits for the answer alone; a function that fails
    # without one would keep it waiting for an hour, so its failure is taken for an answer here.
    invocation = services.functions.invoke(service_token, json.dumps(event).encode())
    if invocation.error is not None:
        raise RuntimeError(
            f"{request_type}: the function failed without answering: {invocation.body.decode()}"
        )
    answer = resource.deployment.answers.wait(token, timeout_s)
    if answer is None:
        raise RuntimeError(f"{request_type}: no answer within {timeout_s:.0f} s")
    if answer.get("Status") != "SUCCESS":
        raise RuntimeError(f"Received response status [FAILED]: {answer.get('Reason')}")
    physical_id = str(answer.get("PhysicalResourceId") or resource.physical_id or token)
    return Created(physical_id, answer.get("Data") or {})


def _plain(value: Any) -> Any:
    """Properties as CloudFormation passes them on: every scalar as text."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value
