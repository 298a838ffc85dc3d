"""NotifyOperator: write to the operator, once about each thing.

Invoked by  every state machine, wherever the operator should know or act
Raises      ThrottledError, ServiceFailedError   retried by the state machine
            InvalidRequestError   a kind of message that nobody wrote: a mistake in a state machine
Idempotent  yes; a message that was sent is not sent again. A crash before sending leaves it to the
            same execution's next try; a crash right after sending sends twice
"""

from typing import Any

from labelloop.aws import model_registry, topics
from labelloop.domain import messages
from labelloop.entrypoint import Strict, logger, task
from labelloop.errors import InvalidRequestError, LabelLoopError


class Input(Strict):
    """What to say, the name under which it is said once, and which execution says it."""

    kind: str
    once: str
    teller: str
    facts: dict[str, Any]


class Output(Strict):
    """Whether it was sent now."""

    sent: bool


@task
def lambda_handler(request: Input) -> Output:
    """Send the message unless it was sent."""
    if request.kind not in messages.OPERATOR_MESSAGES:
        raise InvalidRequestError(f"There is no message of the kind {request.kind!r}.")
    if not model_registry.begin_to_tell(request.once, request.teller):
        return Output(sent=False)
    serving = model_registry.deployed()
    facts = {"serving": serving.version if serving else None, **request.facts}
    try:
        topics.tell_operator(messages.to_operator(request.kind, facts), request.kind)
    except Exception:
        model_registry.forget_telling(request.once)
        raise
    try:
        model_registry.told(request.once)
    except LabelLoopError:
        # It has been sent: trying all of this again would send it again.
        logger.exception("sent, but not noted", extra={"once": request.once})
    return Output(sent=True)
