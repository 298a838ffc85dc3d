"""labelloop.entrypoint: what every handler wears."""

import json
from typing import Any

import pytest

from labelloop.entrypoint import (
    NEVER_MADE,
    Invocation,
    NotYetDone,
    ResourceAnswer,
    ResourceRequest,
    Strict,
    Tolerant,
    custom_resource,
    task,
)
from labelloop.errors import BusyError, InvalidRequestError
from tests.unit.account import Context, Json, event


class Question(Strict):
    """What the task of these tests takes."""

    number: int


class Reply(Strict):
    """What it gives."""

    twice: int
    nothing: str | None = None


@task
def double(question: Question) -> Reply:
    """Double, but never seven."""
    if question.number == 7:
        raise BusyError("Seven is busy.")
    return Reply(twice=question.number * 2)


def test_a_task_takes_and_gives_plain_json() -> None:
    assert double({"number": 4}, Context()) == {"twice": 8, "nothing": None}


@pytest.mark.parametrize("given", [None, [], "4", {}, {"number": "four"}, {"number": 4, "more": 1}])
def test_an_event_that_the_model_does_not_take_is_an_invalid_request(given: Any) -> None:
    with pytest.raises(InvalidRequestError, match="not what this function takes"):
        double(given, Context())


@pytest.mark.parametrize(
    ("header", "trace_id"),
    [
        (
            "Root=1-692030cf-0c1f5a8d7e218f5e0a1c6d2b;Parent=53995c3f42cd8ad8;Sampled=1",
            "1-692030cf-0c1f5a8d7e218f5e0a1c6d2b",
        ),
        ("Sampled=0", None),
        ("", None),
    ],
)
def test_a_task_is_told_of_its_invocation_where_it_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, header: str, trace_id: str | None
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    told = []

    @task
    def ask(question: Question, invocation: Invocation) -> Reply:
        told.append(invocation)
        return Reply(twice=question.number)

    assert ask({"number": 4}, Context())["twice"] == 4
    assert told == [Invocation(Context().aws_request_id, trace_id)]


def test_what_a_handler_raises_goes_through_with_its_name() -> None:
    """The class's name is the contract with the state machine."""
    with pytest.raises(BusyError, match="Seven is busy"):
        double({"number": 7}, Context())


def test_a_mistake_in_what_a_handler_gives_is_not_taken_for_one_in_what_it_got() -> None:
    @task
    def broken(_: Question) -> Reply:
        return Reply.model_validate({})

    with pytest.raises(ValueError, match="Reply") as raised:
        broken({"number": 1}, Context())
    assert not isinstance(raised.value, InvalidRequestError)


def test_what_aws_sends_may_have_new_fields() -> None:
    class Event(Tolerant):
        number: int

    assert Event.model_validate({"number": 1, "new": 2}) == Event(number=1)


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
