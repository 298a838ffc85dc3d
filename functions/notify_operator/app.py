"""NotifyOperator: write to the operator, and tell programs, once about each thing.

Invoked by  every state machine, wherever the operator should know or act, or programs may follow
Raises      ThrottledError, ServiceFailedError   retried by the state machine
            InvalidRequestError   a kind of news that nobody wrote: a mistake in a state machine
Idempotent  yes; what was sent is not sent again. A crash before sending leaves it to the
            same execution's next try; a crash right after sending sends twice
"""

from typing import Any

from labelloop.entrypoint import Strict, task
from labelloop.errors import InvalidRequestError
from labelloop.services import operator_news


class Input(Strict):
    """What to say, the name under which it is said once, and which execution says it."""

    kind: str
    once: str
    teller: str
    facts: dict[str, Any]


class Output(Strict):
    """Whether any was sent now."""

    sent: bool


@task
def lambda_handler(request: Input) -> Output:
    """Send the message and the event, each unless it was sent."""
    if request.kind not in operator_news.KINDS:
        raise InvalidRequestError(f"There is no news of the kind {request.kind!r}.")
    return Output(
        sent=operator_news.tell(request.kind, request.once, request.teller, request.facts)
    )
