"""Events leave whole, and what the service refuses of them is sent again or said."""

import json
from itertools import chain
from typing import Any

import pytest

from labelloop.aws import event_bus
from labelloop.domain.events import Event, EventType
from labelloop.errors import InvalidRequestError, LabelLoopError, ServiceFailedError, ThrottledError
from tests.unit.account import Account, Answer, refuses

Json = dict[str, Any]


def _events(count: int, characters: int = 0) -> list[Event]:
    facts = {"label": "x" * characters}
    return [Event(EventType.IMAGE_DECIDED, str(number), facts) for number in range(count)]


def _takes_all_but(*refused: str, code: str = "InternalFailure", times: int = 99) -> Answer:
    """The service's answer where it refuses events of these names, so many times."""
    left = [times]

    def answer(request: Json) -> Json:
        left[0] -= 1
        entries: list[Json] = []
        for entry in request["Entries"]:
            refuse = left[0] >= 0 and json.loads(entry["Detail"])["event_id"] in refused
            entries.append({"ErrorCode": code} if refuse else {"EventId": "1"})
        failed = sum("ErrorCode" in entry for entry in entries)
        return {"FailedEntryCount": failed, "Entries": entries}

    return answer


def _asked(account: Account) -> list[list[str]]:
    """The names of the events in each call."""
    return [
        [json.loads(entry["Detail"])["event_id"] for entry in request["Entries"]]
        for request in account.events.asked("PutEvents")
    ]


def test_an_event_says_whose_it_is_what_it_is_about_and_by_what_it_is_known(
    account: Account,
) -> None:
    event_bus.put([Event(EventType.MODEL_DEPLOYED, "deployed-v1", {"version": "v1"})])
    (request,) = account.events.asked("PutEvents")
    (entry,) = request["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("labelloop", "Model Deployed")
    assert entry["Resources"] == ["label-loop"]
    assert json.loads(entry["Detail"]) == {
        "schema_version": 1,
        "event_id": "deployed-v1",
        "stack": "label-loop",
        "version": "v1",
    }


def test_nothing_to_send_is_no_call(account: Account) -> None:
    event_bus.put([])
    assert not account.events.requests


def test_more_events_than_a_call_takes_are_sent_in_several(account: Account) -> None:
    event_bus.put(_events(23))
    assert [len(names) for names in _asked(account)] == [10, 10, 3]
    assert list(chain(*_asked(account))) == [str(number) for number in range(23)]


def test_events_too_large_together_are_sent_apart(account: Account) -> None:
    event_bus.put(_events(5, characters=100_000))
    assert _asked(account) == [["0", "1"], ["2", "3"], ["4"]]


def test_only_what_was_refused_inside_an_answer_is_sent_again(account: Account) -> None:
    account.events.answers["PutEvents"] = _takes_all_but("1", "3", times=1)
    event_bus.put(_events(4))
    assert _asked(account) == [["0", "1", "2", "3"], ["1", "3"]]


@pytest.mark.parametrize(
    ("code", "error"),
    [("ThrottlingException", ThrottledError), ("InternalFailure", ServiceFailedError)],
)
def test_what_stays_refused_is_an_error_that_may_pass(
    account: Account, code: str, error: type[LabelLoopError]
) -> None:
    account.events.answers["PutEvents"] = _takes_all_but("1", code=code)
    with pytest.raises(error, match=code):
        event_bus.put(_events(2))
    assert _asked(account)[-1] == ["1"]


def test_a_call_that_is_refused_whole_is_an_error_by_its_own_name(account: Account) -> None:
    account.events.answers["PutEvents"] = refuses("ValidationException")
    with pytest.raises(InvalidRequestError):
        event_bus.put(_events(1))
