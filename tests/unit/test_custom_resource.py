"""labelloop.custom_resource: CloudFormation always gets an answer."""

import json
from typing import Any

import pytest

from labelloop import clock
from labelloop.answering import NEVER_MADE
from labelloop.custom_resource import (
    ASK_AGAIN_S,
    IAM_TAKES,
    NotYetDone,
    ResourceAnswer,
    ResourceRequest,
    custom_resource,
)
from labelloop.errors import BusyError, InvalidRequestError, PermissionMissingError
from tests.unit.account import Clock, Context, Json, event


class _Stack:
    """CloudFormation, and what a custom resource does to it: one outcome a call, the last again."""

    def __init__(self, *outcomes: ResourceAnswer | Exception) -> None:
        self.answers: list[tuple[str, Json]] = []
        self.invoked: list[tuple[str, Json]] = []
        self.requests: list[ResourceRequest] = []
        self.seconds_left = 0.0
        self.refusal: Exception | None = None
        """Of another invocation."""
        coming = list(outcomes)

        def invoke_again(arn: str, body: bytes) -> None:
            if self.refusal:
                raise self.refusal
            self.invoked.append((arn, json.loads(body)))

        @custom_resource(
            lambda url, body: self.answers.append((url, json.loads(body))), invoke_again
        )
        def handler(request: ResourceRequest, seconds_left: Any) -> ResourceAnswer:
            self.requests.append(request)
            self.seconds_left = seconds_left()
            outcome = coming.pop(0) if len(coming) > 1 else coming[0]
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


def test_an_invocation_that_cannot_go_on_in_another_is_answered() -> None:
    stack = _Stack(NotYetDone())
    stack.refusal = PermissionMissingError("No lambda:InvokeFunction.")
    stack.handler(CREATE, Context())
    ((_, answer),) = stack.answers
    assert answer["Status"] == "FAILED"
    assert "lambda:InvokeFunction" in answer["Reason"]


# --- Permissions that were given a moment ago -----------------------------------------------------


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, which only waiting moves."""
    standing = Clock()
    monkeypatch.setattr(clock, "_time", standing)
    monkeypatch.setattr(clock, "_sleep", standing.advance)
    return standing


@pytest.mark.parametrize("case", ["create", "update", "delete"])
@pytest.mark.parametrize(
    "refusal",
    [
        PermissionMissingError("User is not authorized to perform: rekognition:CreateProject"),
        InvalidRequestError("Could not assume role arn:aws:iam::123456789012:role/r."),
    ],
)
def test_a_permission_that_is_not_known_everywhere_yet_is_waited_for(
    standing: Clock, refusal: Exception, case: str
) -> None:
    stack = _Stack(refusal, refusal, MADE)
    began = standing.now_s
    stack.handler(event(f"set_up_stack.{case}"), Context())
    ((_, answer),) = stack.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "arn:made")
    assert standing.now_s - began == 2 * ASK_AGAIN_S


def test_a_permission_that_stays_missing_is_told_after_a_while(standing: Clock) -> None:
    stack = _Stack(PermissionMissingError("No."))
    began = standing.now_s
    stack.handler(CREATE, Context())
    ((_, answer),) = stack.answers
    assert answer["Reason"].startswith("PermissionMissingError: No.")
    assert standing.now_s - began == IAM_TAKES.total_seconds()


def test_what_no_time_will_mend_is_told_at_once(standing: Clock) -> None:
    began = standing.now_s
    for refusal in (InvalidRequestError("No such page."), BusyError("Busy.")):
        stack = _Stack(refusal)
        stack.handler(CREATE, Context())
        assert stack.answers[0][1]["Status"] == "FAILED"
    assert standing.now_s == began
