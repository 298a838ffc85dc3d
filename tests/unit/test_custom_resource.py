"""labelloop.custom_resource: CloudFormation always gets an answer."""

import json
from typing import Any

import pytest

from labelloop.custom_resource import (
    NEVER_MADE,
    NotYetDone,
    ResourceAnswer,
    ResourceRequest,
    custom_resource,
)
from labelloop.errors import BusyError
from tests.unit.account import Context, Json, event


class _Stack:
    """CloudFormation, and what a custom resource does to it."""

    def __init__(self, outcome: ResourceAnswer | Exception) -> None:
        self.answers: list[tuple[str, Json]] = []
        self.invoked: list[tuple[str, Json]] = []
        self.requests: list[ResourceRequest] = []
        self.seconds_left = 0.0

        @custom_resource(
            lambda url, body: self.answers.append((url, json.loads(body))),
            lambda arn, body: self.invoked.append((arn, json.loads(body))),
        )
        def handler(request: ResourceRequest, seconds_left: Any) -> ResourceAnswer:
            self.requests.append(request)
            self.seconds_left = seconds_left()
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        self.handler = handler


MADE = ResourceAnswer(physical_resource_id="arn:made", attributes={"ProjectArn": "arn:made"})
CREATE = event("set_up_stack.create")


def test_what_was_made_is_answered_with_its_identity_and_attributes() -> None:
    stack = _Stack(MADE)
    stack.handler(CREATE, Context(seconds_left=lambda: 12.5))
    ((url, answer),) = stack.answers
    assert url == CREATE["ResponseURL"]
    assert answer == {
        "Status": "SUCCESS",
        "StackId": CREATE["StackId"],
        "RequestId": CREATE["RequestId"],
        "LogicalResourceId": "Setup",
        "PhysicalResourceId": "arn:made",
        "Data": {"ProjectArn": "arn:made"},
    }
    assert stack.seconds_left == 12.5


@pytest.mark.parametrize("case", ["create", "update", "delete"])
def test_a_failure_of_any_kind_is_answered_and_keeps_the_identity(case: str) -> None:
    request = event(f"set_up_stack.{case}")
    for error in (BusyError("Busy."), KeyError("ProjectName"), ZeroDivisionError()):
        stack = _Stack(error)
        stack.handler(request, Context())
        ((_, answer),) = stack.answers
        assert answer["Status"] == "FAILED"
        assert answer["Reason"].startswith(f"{type(error).__name__}: ")
        assert "label-loop-functions" in answer["Reason"]
        assert answer["PhysicalResourceId"] == request.get("PhysicalResourceId", NEVER_MADE)


def test_a_long_reason_fits_into_the_answer() -> None:
    stack = _Stack(BusyError("x" * 10_000))
    stack.handler(CREATE, Context())
    assert len(json.dumps(stack.answers[0][1])) < 4096


@pytest.mark.parametrize("broken", [{"RequestType": "Adopt"}, {"ResourceProperties": None}])
def test_a_request_that_cannot_be_read_is_answered_too(broken: Json) -> None:
    stack = _Stack(MADE)
    stack.handler({**CREATE, **broken}, Context())
    ((_, answer),) = stack.answers
    assert answer["Status"] == "FAILED"
    assert stack.requests == []


def test_work_that_is_not_yet_done_goes_on_in_another_invocation_and_is_not_answered() -> None:
    stack = _Stack(NotYetDone())
    stack.handler(CREATE, Context())
    assert stack.answers == []
    assert stack.invoked == [(Context().invoked_function_arn, CREATE)]
