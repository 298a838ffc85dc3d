"""Points in time as people and programs write them."""

from datetime import UTC, datetime, timedelta

import pytest

from labelloop.domain.moments import read_moment
from labelloop.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("99999d", timedelta(days=99999)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T15:30", datetime(2026, 11, 21, 15, 30, tzinfo=UTC)),
        ("2026-11-21 15:30:10.5Z", datetime(2026, 11, 21, 15, 30, 10, 500_000, UTC)),
        ("2026-11-21T01:30+02:00", datetime(2026, 11, 20, 23, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_how_long_ago_or_a_date_of_utc(text: str, moment: datetime | timedelta) -> None:
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "24", "h", "-1h", "100000d", "\u0662h", "24h\n"),
        *("2026-02-30", "20261121", "2026-11-21T", "2026-11-21T25:00", "2026-11-21T15:30 02:00"),
        *("1999-12-31", "0001-01-01T00:00+10:00", "9999-12-31T23:00-10:00"),
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_moment(text)
