"""TakeTrainingLock: let one training or deployment run at a time.

Invoked by  statemachine/model_training.asl.yaml, state ``TakeTrainingLock``
Raises      TrainingInProgressError   caught: this execution ends, the other one goes on
            ThrottledError, ServiceFailedError, ChangedMeanwhileError   retried
Idempotent  yes; the holder may take it again
"""

from labelloop.aws import executions, model_registry
from labelloop.entrypoint import Strict, task
from labelloop.errors import TrainingInProgressError


class Input(Strict):
    """Who wants the lock."""

    execution_arn: str


class Output(Strict):
    """From whom the lock was taken, when its holder had died."""

    taken_from: str | None


@task
def lambda_handler(request: Input) -> Output:
    """Take the lock from nobody, or from an execution that no longer runs."""
    owner = model_registry.lock_owner()
    if owner in {None, request.execution_arn}:
        model_registry.take_lock(request.execution_arn, None)
        return Output(taken_from=None)
    if executions.is_running(str(owner)):
        raise TrainingInProgressError(f"Another training or deployment is going on: {owner}")
    model_registry.take_lock(request.execution_arn, owner)
    return Output(taken_from=owner)
