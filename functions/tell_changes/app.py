"""TellChanges: tell the operator, once, what is to be mended, what an update has changed, and
what could not be told before.

Invoked by  statemachine/parameter_change.asl.yaml, state ``TellChanges``, after each deployment
            and hourly
Raises      ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; what was told is not told again, however long ago that was
"""

import hashlib
import json

from labelloop.aws import model_versions, told_news
from labelloop.entrypoint import Strict, task
from labelloop.services import operator_news

JUDGEMENT = "judgement_changed"


class Input(Strict):
    """Which execution tells, and what is to be mended, each in a sentence."""

    teller: str
    to_mend: list[str]


class Output(Strict):
    """Whether something was told now."""

    sent: bool


@task
def lambda_handler(request: Input) -> Output:
    """Tell what there is to tell, and what could not be told.

    What is still to be mended after a month is told again.
    """
    mend = bool(request.to_mend) and operator_news.tell(
        "to_mend", _name(request.to_mend), request.teller, {"to_mend": request.to_mend}
    )
    before = operator_news.tell_what_was_not(request.teller)
    return Output(sent=_tell_of_judgement(request.teller) or mend or before)


def _name(to_mend: list[str]) -> str:
    return f"to-mend-{hashlib.sha256(json.dumps(to_mend).encode()).hexdigest()[:16]}"


def _tell_of_judgement(teller: str) -> bool:
    """Look for a version that was made before its attempts were counted: only an old stack has it.

    A new stack is noted as told, since its versions will all be new ones.
    """
    if told_news.was_told(JUDGEMENT):
        return False
    if all(version.attempt is not None for version in model_versions.known()):
        told_news.told(JUDGEMENT)
        return False
    return operator_news.tell("judgement_changed", JUDGEMENT, teller, {}, for_good=True)
