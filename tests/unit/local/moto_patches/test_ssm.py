"""Parameters as moto has them patched."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.unit.local.conftest import ACCOUNT, REGION


def test_parameters_make_events_without_their_values(runtime: Any, seen: Any) -> None:
    ssm = runtime.client("ssm")
    fetch = seen({"source": ["aws.ssm"], "detail": {"name": [{"prefix": "/stack/"}]}})
    ssm.put_parameter(Name="/stack/A", Value="1", Type="String", Description="d")
    ssm.put_parameter(Name="/stack/A", Value="2", Overwrite=True)
    ssm.delete_parameter(Name="/stack/A")
    events = fetch(3)
    assert {event["detail"]["operation"] for event in events} == {"Create", "Update", "Delete"}
    created = next(event for event in events if event["detail"]["operation"] == "Create")
    assert created["resources"] == [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/stack/A"]
    assert created["detail"] == {
        "operation": "Create",
        "name": "/stack/A",
        "type": "String",
        "description": "d",
    }


def test_a_value_outside_the_allowed_pattern_is_refused(runtime: Any) -> None:
    ssm = runtime.client("ssm")
    name = f"/p/{uuid.uuid4()}"
    ssm.put_parameter(Name=name, Value="12", Type="String", AllowedPattern=r"\d{1,4}")
    with pytest.raises(ssm.exceptions.ParameterPatternMismatchException, match="allowedPattern: "):
        ssm.put_parameter(Name=name, Value="12345", Overwrite=True)
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "12"
