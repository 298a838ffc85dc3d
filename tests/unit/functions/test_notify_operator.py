"""NotifyOperator: once about each thing."""

import pytest

from functions.notify_operator.app import lambda_handler
from labelloop.aws import deployed_version, told_news
from labelloop.errors import InvalidRequestError, ServiceFailedError
from labelloop.services import operator_news
from tests.unit.account import Account, Answer, Context, event

STARTED = event("notify_operator.training_started")


def test_a_message_is_sent_once_however_often_it_is_asked_for(account: Account) -> None:
    assert lambda_handler(STARTED, Context()) == {"sent": True}
    assert lambda_handler(STARTED, Context()) == {"sent": False}
    (mail,) = account.operator_mail()
    assert mail["Subject"] == "Training of v12-0a1b2c3d has started"
    assert mail["MessageAttributes"]["kind"]["Value"] == "training_started"


def test_programs_get_the_facts_and_which_model_serves(account: Account) -> None:
    deployed_version.switch("v11", "arn:v11", None)
    lambda_handler(STARTED, Context())
    assert account.operator_facts() == [
        {
            "serving": "v11",
            "execution": STARTED["teller"],
            **STARTED["facts"],
            "stack": "label-loop",
            "region": "eu-west-1",
        }
    ]


@pytest.mark.parametrize("case", ["images_waiting", "workflow_failed"])
def test_other_things_are_told_beside_it(account: Account, case: str) -> None:
    lambda_handler(STARTED, Context())
    assert lambda_handler(event(f"notify_operator.{case}"), Context()) == {"sent": True}
    assert len(account.operator_mail()) == 2


def test_a_message_that_could_not_be_sent_is_sent_at_the_next_try(account: Account) -> None:
    class Unavailable:
        status_code = 500

    failing = [True]

    def fail(**_: object) -> object:
        if failing:
            return Unavailable(), {"Error": {"Code": "InternalError", "Message": "Sorry."}}
        return None

    account.hook("sns", "before-call.sns.Publish", fail)
    with pytest.raises(ServiceFailedError):
        lambda_handler(STARTED, Context())
    failing.clear()
    assert lambda_handler(STARTED, Context()) == {"sent": True}
    assert len(account.operator_mail()) == 1


def test_a_sender_that_died_is_forgotten_after_some_minutes(account: Account) -> None:
    failed = event("notify_operator.workflow_failed")
    assert told_news.begin(failed["once"], "another execution", {})
    assert lambda_handler(failed, Context()) == {"sent": False}
    account.clock.advance(301)
    assert lambda_handler(failed, Context()) == {"sent": True}


def test_a_kind_that_nobody_wrote_is_a_mistake(account: Account) -> None:
    with pytest.raises(InvalidRequestError):
        lambda_handler({"kind": "weather", "once": "x", "teller": "me", "facts": {}}, Context())
    assert account.items("ModelVersionsTable") == []


# --- Events for programs --------------------------------------------------------------------------


def _names(account: Account) -> list[str]:
    return [sent["detail"]["event_id"] for sent in account.sent_events()]


def _refuse_events(account: Account) -> Answer:
    """Let the service refuse events inside an answer that says 200; how it answered before."""
    before = account.events.answers["PutEvents"]
    account.events.answers["PutEvents"] = lambda request: {
        "FailedEntryCount": len(request["Entries"]),
        "Entries": [{"ErrorCode": "InternalFailure"} for _ in request["Entries"]],
    }
    return before


def test_programs_hear_of_what_the_operator_is_told_once(account: Account) -> None:
    lambda_handler(STARTED, Context())
    lambda_handler(STARTED, Context())
    (sent,) = account.sent_events()
    assert (sent["detail-type"], sent["resources"]) == ("Training Started", ["label-loop"])
    told = {name: STARTED["facts"][name] for name in ("version", "new_images", "train_images")}
    assert sent["detail"].items() >= {"event_id": STARTED["once"], **told}.items()


def test_news_that_is_no_event_is_none(account: Account) -> None:
    lambda_handler(event("notify_operator.workflow_failed"), Context())
    assert account.sent_events() == []
    assert len(account.operator_mail()) == 1


def test_an_event_that_is_no_mail_is_sent_once(account: Account) -> None:
    ended = {**STARTED, "kind": "training_ended", "facts": {"version": "v1", "f1": 0.9}}
    assert lambda_handler(ended, Context()) == {"sent": True}
    assert lambda_handler(ended, Context()) == {"sent": False}
    assert _names(account) == [STARTED["once"]]
    assert account.operator_mail() == []


def test_the_operator_hears_of_it_although_the_event_is_refused_which_is_sent_at_the_next_try(
    account: Account,
) -> None:
    answer = _refuse_events(account)
    with pytest.raises(ServiceFailedError, match="InternalFailure"):
        lambda_handler(STARTED, Context())
    assert len(account.operator_mail()) == 1
    account.events.requests.clear()
    account.events.answers["PutEvents"] = answer
    assert lambda_handler(STARTED, Context()) == {"sent": True}
    assert _names(account) == [STARTED["once"]]
    assert account.operator_mail() == []


def test_an_event_whose_sender_died_right_after_it_comes_again_with_the_same_name(
    account: Account,
) -> None:
    def die(**_: object) -> None:
        raise SystemExit

    account.hook("events", "after-call.events.PutEvents", die)
    with pytest.raises(SystemExit):
        lambda_handler(STARTED, Context())
    account.unhook()
    lambda_handler(STARTED, Context())
    assert _names(account) == [STARTED["once"]] * 2


def test_an_event_that_could_not_be_sent_at_all_is_sent_later(account: Account) -> None:
    answer = _refuse_events(account)
    with pytest.raises(ServiceFailedError):
        lambda_handler(STARTED, Context())
    account.events.requests.clear()
    account.events.answers["PutEvents"] = answer
    account.clock.advance(301)
    assert operator_news.tell_what_was_not("another execution")
    assert not operator_news.tell_what_was_not("another execution")
    assert _names(account) == [STARTED["once"]]
    assert len(account.operator_mail()) == 1
