"""TakeTrainingLock: let one training or deployment run at a time.

Invoked by  statemachine/model_training.asl.yaml, state ``TakeTrainingLock``
Raises      TrainingInProgressError   caught: this execution ends, the other one goes on
            ThrottledError, ServiceFailedError, ChangedMeanwhileError   retried
Idempotent  yes; the holder may take it again
"""

from labelloop.aws import executions, model_registry
from labelloop.aws.model_registry import Lock
from labelloop.entrypoint import Strict, task
from labelloop.errors import TrainingInProgressError


class Input(Strict):
    """Who wants the lock, and whether to stop the model that serves first."""

    execution_arn: str
    in_place: bool


class Output(Strict):
    """The holder before, when it ended before its work was done: somebody must clear up."""

    unfinished: str | None


@task
def lambda_handler(request: Input) -> Output:
    """Take the lock from nobody, or from an execution that no longer runs."""
    lock = model_registry.lock()
    if lock is None:
        model_registry.take_lock(Lock(request.execution_arn, None, request.in_place))
        return Output(unfinished=None)
    if lock.owner == request.execution_arn:
        return Output(unfinished=lock.unfinished)
    status = executions.status(lock.owner)
    if status == "RUNNING":
        raise TrainingInProgressError(f"Another training or deployment is going on: {lock.owner}")
    # One that succeeded could not give the lock back, and nothing else is left to do.
    unfinished = lock.unfinished if status == "SUCCEEDED" else lock.owner
    mine = Lock(request.execution_arn, unfinished, request.in_place)
    model_registry.take_lock(mine, from_owner=lock.owner)
    return Output(unfinished=unfinished)
