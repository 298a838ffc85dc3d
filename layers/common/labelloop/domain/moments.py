"""Points in time as people and programs write them."""

import re
from datetime import UTC, datetime, timedelta

from labelloop.errors import InvalidRequestError

MOMENT = r"^([0-9]{1,5}[mhd]|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].+)?)$"
"""How long ago (30m, 24h, 7d), or a date (2026-11-21, 2026-11-21T15:30), which is of UTC where it
does not say."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_FIRST_YEAR = 2000


def read_moment(text: str) -> datetime | timedelta:
    """The point in time, in UTC, or how long ago. Raises InvalidRequestError for no such text."""
    wrong = f"{text} is neither like 24h nor like 2026-11-21."
    if not re.fullmatch(MOMENT, text):
        raise InvalidRequestError(wrong)
    if text[-1] in _UNITS:
        return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequestError(wrong) from error
    if moment.year < _FIRST_YEAR:
        raise InvalidRequestError(f"{text} is long before anything was detected.")
    return moment
