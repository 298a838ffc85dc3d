"""News for the operator, each told once."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from labelloop.aws import deployed_version, told_news, topics
from labelloop.aws.wiring import place
from labelloop.domain.mails import to_operator
from labelloop.errors import LabelLoopError
from labelloop.settings import Variable

log = logging.getLogger(__name__)


def tell(
    kind: str, once: str, teller: str, facts: Mapping[str, Any], *, for_good: bool = False
) -> bool:
    """Send a message of this kind unless it was sent; whether it was sent now.

    ``once`` is the name under which it is said once, in a month or ``for_good``; ``teller`` who
    says it: one that died before sending goes on. What cannot be sent is kept, and sent within the
    hour after that is mended. Raises KeyError for an unknown kind.
    """
    facts = {**_execution(teller), **facts}
    if not told_news.begin(once, teller, {"kind": kind, "facts": facts}, for_good):
        return False
    serving = deployed_version.now()
    known = {"serving": serving.version if serving else None, **facts}
    try:
        topics.tell_operator(
            to_operator.whole(kind, known, place(Variable.OPERATOR_TOPIC_ARN)), kind
        )
    except Exception:
        # Where that is not noted either, whoever comes after some minutes may tell it.
        with suppress(LabelLoopError):
            told_news.not_told(once)
        raise
    try:
        told_news.told(once)
    except LabelLoopError:
        # It has been sent: trying all of this again would send it again.
        log.exception("%s was sent, but that is not noted", once)
    return True


def _execution(teller: str) -> dict[str, str]:
    """The execution of a Standard workflow that tells: the steps of others are not kept."""
    return {"execution": teller} if ":states:" in teller and ":execution:" in teller else {}


def tell_what_was_not(teller: str) -> bool:
    """Send what was to be told and could not be sent, or whose teller died; whether any was."""
    sent = False
    for once, untold, for_good in told_news.untold():
        if untold["kind"] in to_operator.MAILS:
            sent |= tell(untold["kind"], once, teller, untold["facts"], for_good=for_good)
    return sent
