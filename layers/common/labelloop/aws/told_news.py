"""What the operator has been told: each message once."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from labelloop import clock
from labelloop.aws import model_versions_table as table
from labelloop.clock import epoch_s, iso
from labelloop.errors import ChangedMeanwhileError

_TELLING_TAKES = timedelta(minutes=5)
_KEPT = timedelta(days=30)


def begin(once: str, teller: str, news: Mapping[str, Any], for_good: bool = False) -> bool:
    """Whether the caller should send this message: nobody has, and no other teller is about to.

    A teller that tries again after a crash goes on from its own beginning; one that died before
    ``told`` is forgotten after five minutes, and ``news`` is what another one needs to tell it.
    What is not ``for_good`` is forgotten after a month.
    """
    now = clock.now()
    expires = None if for_good else epoch_s(now, _KEPT)
    try:
        table.put(
            "message",
            once,
            {
                "teller": teller,
                "begun": iso(now),
                "expires": expires,
                "news": json.dumps(news, default=str),
            },
            "attribute_not_exists(kind) OR (attribute_not_exists(told) AND "
            "(teller = :me OR begun < :stale OR begun > :ahead))",
            ExpressionAttributeValues={
                ":me": {"S": teller},
                ":stale": {"S": iso(now - _TELLING_TAKES)},
                # Of a teller whose clock was ahead.
                ":ahead": {"S": iso(now + _TELLING_TAKES)},
            },
        )
    except ChangedMeanwhileError:
        return False
    return True


def was_told(once: str) -> bool:
    """Whether the message was sent, and that is not forgotten."""
    values = table.get("message", once)
    return values is not None and "told" in values


def told(once: str) -> None:
    """Note that the message was sent."""
    table.add_facts("message", once, {"told": iso(clock.now())})


def not_told(once: str) -> None:
    """Note that the message could not be sent: whoever comes next may."""
    table.add_facts("message", once, {"begun": ""}, "attribute_exists(kind)")


def untold() -> Iterator[tuple[str, dict[str, Any], bool]]:
    """What was to be told and was not: its name, its news, and whether it is said for good."""
    stale = iso(clock.now() - _TELLING_TAKES)
    for item in table.every("message"):
        if "told" not in item and "news" in item and item["begun"] < stale:
            yield item["name"], json.loads(item["news"]), "expires" not in item


def forget(once: str) -> None:
    """Let the message be sent again: what it was about is over."""
    table.delete("message", once)
