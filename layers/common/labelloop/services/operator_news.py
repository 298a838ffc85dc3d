"""News for the operator, and for programs that follow events, each told once."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from labelloop.aws import deployed_version, event_bus, told_news, topics
from labelloop.aws.wiring import place
from labelloop.domain import events
from labelloop.domain.mails import to_operator
from labelloop.errors import LabelLoopError
from labelloop.settings import Variable

log = logging.getLogger(__name__)

KINDS = to_operator.MAILS.keys() | events.KINDS
_EVENT = "event-"
"""Before the name under which a message is told once, where its event is told."""


def tell(
    kind: str, once: str, teller: str, facts: Mapping[str, Any], *, for_good: bool = False
) -> bool:
    """Send the message and the event that there are of this kind, each unless it was sent; whether
    any was sent now.

    ``once`` is the name under which it is said once, in a month or ``for_good``; ``teller`` who
    says it: one that died before sending goes on. What cannot be sent is kept, and sent within the
    hour after that is mended; of message and event, neither waits for the other. Raises KeyError
    for an unknown kind.
    """
    facts = {**_execution(teller), **facts}
    news = {"kind": kind, "facts": facts}

    def told(name: str, send: Callable[[], None]) -> bool:
        return _told_once(name, teller, news, send, for_good=for_good)

    sent = False
    try:
        if kind in events.KINDS:
            event = events.news(kind, once, facts)
            sent = told(f"{_EVENT}{once}", lambda: event_bus.put([event]))
    finally:
        if kind not in events.KINDS or kind in to_operator.MAILS:
            sent |= told(once, lambda: _mail(kind, facts))
    return sent


def _told_once(
    name: str, teller: str, news: Mapping[str, Any], send: Callable[[], None], *, for_good: bool
) -> bool:
    """Send it unless it was sent; whether it was sent now."""
    if not told_news.begin(name, teller, news, for_good):
        return False
    try:
        send()
    except Exception:
        # Where that is not noted either, whoever comes after some minutes may tell it.
        with suppress(LabelLoopError):
            told_news.not_told(name)
        raise
    try:
        told_news.told(name)
    except LabelLoopError:
        # It has been sent: trying all of this again would send it again.
        log.exception("%s was sent, but that is not noted", name)
    return True


def _mail(kind: str, facts: Mapping[str, Any]) -> None:
    serving = deployed_version.now()
    known = {"serving": serving.version if serving else None, **facts}
    message = to_operator.whole(kind, known, place(Variable.OPERATOR_TOPIC_ARN))
    topics.tell_operator(message, kind)


def _execution(teller: str) -> dict[str, str]:
    """The execution of a Standard workflow that tells: the steps of others are not kept."""
    return {"execution": teller} if ":states:" in teller and ":execution:" in teller else {}


def tell_what_was_not(teller: str) -> bool:
    """Send what was to be told and could not be sent, or whose teller died; whether any was."""
    sent = False
    for name, untold, for_good in told_news.untold():
        kind, once = untold["kind"], name.removeprefix(_EVENT)
        if kind in KINDS:
            sent |= tell(kind, once, teller, untold["facts"], for_good=for_good)
    return sent
