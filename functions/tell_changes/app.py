"""TellChanges: tell the operator of an updated stack, once, what means something else by now.

Invoked by  statemachine/parameter_change.asl.yaml, state ``TellChanges``, after each deployment
            and hourly
Raises      ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; what was told is not told again, however long ago that was
"""

from labelloop.aws import model_registry, operator_news
from labelloop.entrypoint import Strict, task

JUDGEMENT = "judgement_changed"


class Input(Strict):
    """Which execution tells."""

    teller: str


class Output(Strict):
    """Whether something was told now."""

    sent: bool


@task
def lambda_handler(request: Input) -> Output:
    """Look for a version that was made before its attempts were counted: only an old stack has it.

    A new stack is noted as told, since its versions will all be new ones.
    """
    if model_registry.was_told(JUDGEMENT):
        return Output(sent=False)
    if all("attempt" in version for version in model_registry.versions()):
        model_registry.told(JUDGEMENT)
        return Output(sent=False)
    return Output(
        sent=operator_news.tell("judgement_changed", JUDGEMENT, request.teller, {}, for_good=True)
    )
