"""labelloop.entrypoint: what every handler wears."""

from typing import Any

import pytest

from labelloop.entrypoint import Invocation, Strict, Tolerant, task
from labelloop.errors import BusyError, InvalidRequestError
from tests.unit.account import Context


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
