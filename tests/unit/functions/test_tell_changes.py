"""TellChanges: who updates an old stack hears once what means something else now."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from functions.tell_changes.app import JUDGEMENT, lambda_handler
from labelloop.aws import told_news
from labelloop.services import operator_news
from tests.unit import version_records
from tests.unit.account import Account, Context, event

DEPLOYED = event("tell_changes.deployment")
A_YEAR_S = timedelta(days=365).total_seconds()


@pytest.fixture
def old(account: Account) -> Account:
    """A stack with a version of the release before."""
    version_records.add("v1-9f8e7d6c", {"number": 1, "data": "x"})
    return account


def _tell(teller: str = DEPLOYED["teller"], *to_mend: str) -> bool:
    event = {**DEPLOYED, "teller": teller, "to_mend": list(to_mend)}
    sent: bool = lambda_handler(event, Context())["sent"]
    return sent


def test_the_operator_of_an_old_stack_is_told_once_and_for_good(old: Account) -> None:
    assert _tell()
    (mail,) = old.operator_mail()
    assert mail["MessageAttributes"]["kind"]["Value"] == "judgement_changed"
    assert "labelloop params set Minimum-Decides always" in mail["Message"]
    for _ in range(2):
        # DynamoDB forgets other messages after a month.
        assert all("expires" not in item for item in old.items("ModelVersionsTable"))
        old.clock.advance(A_YEAR_S)
        assert not _tell("another")
    assert not old.operator_mail()


def test_a_new_stack_is_told_nothing_however_many_versions_it_gets(account: Account) -> None:
    assert not _tell()
    version_records.add("v1-9f8e7d6c", {"number": 1, "data": "x", "attempt": 1})
    assert not _tell()
    assert not account.operator_mail()


def test_a_stack_that_had_begun_with_this_release_when_it_was_first_looked_at_is_no_old_one(
    account: Account,
) -> None:
    version_records.add("v1-9f8e7d6c", {"number": 1, "data": "x", "attempt": 1})
    assert not _tell()
    assert told_news.was_told(JUDGEMENT)


def test_two_at_once_tell_it_once(old: Account) -> None:
    news = {"kind": JUDGEMENT, "facts": {}}
    assert told_news.begin(JUDGEMENT, "one", news, for_good=True)
    assert not _tell("two")
    assert not old.operator_mail()
    # The one that had begun has died.
    old.clock.advance(600)
    assert _tell("two")
    assert len(old.operator_mail()) == 1


def test_what_could_not_be_sent_is_sent_by_the_next(
    old: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = old.boto3("sns").list_topics()["Topics"][0]["TopicArn"]
    monkeypatch.setenv("OPERATOR_TOPIC_ARN", f"{topic}-gone")
    with pytest.raises(ClientError):
        _tell()
    monkeypatch.setenv("OPERATOR_TOPIC_ARN", topic)
    assert _tell("the next")
    assert len(old.operator_mail()) == 1
    assert not _tell("the one after")


def test_news_of_others_that_the_topic_refused_are_kept_and_sent_later(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = account.boto3("sns").list_topics()["Topics"][0]["TopicArn"]
    facts = {"version": "v7-9f8e7d6c", "cause": "The image is too small."}
    monkeypatch.setenv("OPERATOR_TOPIC_ARN", f"{topic}-gone")
    with pytest.raises(ClientError):
        operator_news.tell("training_failed", "one", "a run that ended", facts)
    monkeypatch.setenv("OPERATOR_TOPIC_ARN", topic)
    # One that died between the two lines, a moment ago: it may still be about to tell.
    news = {"kind": "untrainable", "facts": {"cause": "Too few."}}
    assert told_news.begin("two", "a run that died", news)
    assert _tell()
    assert [mail["MessageAttributes"]["kind"]["Value"] for mail in account.operator_mail()] == [
        "training_failed"
    ]
    account.clock.advance(301)
    assert _tell()
    (mail,) = account.operator_mail()
    assert "Too few." in mail["Message"]
    assert not _tell()


def test_what_is_to_be_mended_is_told_once_and_again_when_it_is_something_else(
    account: Account,
) -> None:
    assert _tell("one", "Model-Hosting is missing.")
    (mail,) = account.operator_mail()
    assert mail["MessageAttributes"]["kind"]["Value"] == "to_mend"
    assert "- Model-Hosting is missing." in mail["Message"]
    assert not _tell("two", "Model-Hosting is missing.")
    assert not _tell("three")
    assert _tell("four", "Model-Hosting is missing.", "The schedule x was deleted.")
    assert len(account.operator_mail()) == 1
