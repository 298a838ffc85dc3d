"""labelloop.clock: moments as text, in the order of time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop import clock

moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    berlin = timezone(timedelta(hours=1))
    moment = datetime(2026, 11, 21, 10, 15, 27, 123_999, tzinfo=berlin)
    assert clock.iso(moment) == "2026-11-21T09:15:27.123Z"


@given(moments, moments)
def test_the_order_of_text_is_the_order_of_time(one: datetime, other: datetime) -> None:
    if clock.iso(one) < clock.iso(other):
        assert one < other
    if other - one >= timedelta(milliseconds=1):
        assert clock.iso(one) < clock.iso(other)


@given(moments)
def test_what_is_written_is_read_to_the_millisecond(moment: datetime) -> None:
    read = clock.from_iso(clock.iso(moment))
    assert read == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert clock.iso(read) == clock.iso(moment)


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        clock.from_iso("tomorrow")


def test_an_expiry_is_in_whole_seconds() -> None:
    moment = datetime(2026, 11, 21, 9, 15, 27, 999_000, tzinfo=UTC)
    assert clock.epoch_s(moment) == 1_795_252_527
    assert clock.epoch_s(moment, timedelta(days=1)) == 1_795_252_527 + 86_400
