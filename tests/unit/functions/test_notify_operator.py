"""NotifyOperator: once about each thing."""

import pytest

from functions.notify_operator.app import lambda_handler
from labelloop.aws import deployed_version, told_news
from labelloop.errors import InvalidRequestError, ServiceFailedError
from tests.unit.account import Account, Context, event

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
    assert told_news.begin(STARTED["once"], "another execution", {})
    assert lambda_handler(STARTED, Context()) == {"sent": False}
    account.clock.advance(301)
    assert lambda_handler(STARTED, Context()) == {"sent": True}


def test_a_kind_that_nobody_wrote_is_a_mistake(account: Account) -> None:
    with pytest.raises(InvalidRequestError):
        lambda_handler({"kind": "weather", "once": "x", "teller": "me", "facts": {}}, Context())
    assert account.items("ModelVersionsTable") == []
