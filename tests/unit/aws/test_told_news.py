"""labelloop.aws.told_news: a message is one teller's until it is told."""

from labelloop.aws import told_news
from tests.unit.account import Account


def test_a_message_is_one_tellers_until_it_is_told_or_given_up(account: Account) -> None:
    assert told_news.begin("x", "one", {})
    assert not told_news.begin("x", "two", {})
    assert told_news.begin("x", "one", {}), "its own next try goes on"
    account.clock.advance(301)
    assert told_news.begin("x", "two", {})
    told_news.told("x")
    account.clock.advance(86_400)
    assert not told_news.begin("x", "two", {})
    told_news.forget("x")
    assert told_news.begin("x", "three", {})
