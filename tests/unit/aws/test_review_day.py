"""labelloop.aws.review_day: read as it was kept."""

from labelloop.aws import review_day
from labelloop.domain.selection import Day
from tests.unit.account import Account


def test_a_review_day_is_read_as_it_was_kept(account: Account) -> None:
    before = review_day.read()
    day = Day("2026-11-21", {"cat": 2, "": 1}, ("a",), 1, {"a": 0.25}, "2026-11-21T09~", 0.25)
    review_day.keep(before, day)
    assert review_day.read() == day
