"""TakeTrainingLock: let one training or deployment run at a time.

Invoked by  statemachine/model_training.asl.yaml, state ``TakeTrainingLock``
Raises      TrainingInProgressError   caught: this execution ends, the other one goes on
            ThrottledError, ServiceFailedError, ChangedMeanwhileError   retried
Idempotent  yes; the holder may take it again
"""

from labelloop.aws import executions, training_lock
from labelloop.aws.training_lock import Lock
from labelloop.entrypoint import Strict, logger, task
from labelloop.errors import TrainingInProgressError


class Input(Strict):
    """Who wants the lock, and whether to stop the model that serves first."""

    execution_arn: str
    in_place: bool
    asked_by: str = ""
    """Who asked for it, as they say themselves; empty for a schedule."""


class Output(Strict):
    """The holder before, when it ended before its work was done: somebody must clear up."""

    unfinished: str | None


@task
def lambda_handler(request: Input) -> Output:
    """Take the lock from nobody, or from an execution that no longer runs."""
    lock = training_lock.read()
    if lock is None:
        training_lock.take(Lock(request.execution_arn, None, request.in_place))
        _note(request)
        return Output(unfinished=None)
    if lock.owner == request.execution_arn:
        return Output(unfinished=lock.unfinished)
    status = executions.status(lock.owner)
    if status == "RUNNING":
        raise TrainingInProgressError(f"Another training or deployment is going on: {lock.owner}")
    # One that succeeded could not give the lock back, and nothing else is left to do.
    unfinished = lock.unfinished if status == "SUCCEEDED" else lock.owner
    mine = Lock(request.execution_arn, unfinished, request.in_place)
    training_lock.take(mine, from_owner=lock.owner)
    _note(request)
    return Output(unfinished=unfinished)


def _note(request: Input) -> None:
    """Leave one line of whose training or deployment goes on from now."""
    facts = {"asked_by": request.asked_by, "in_place": request.in_place}
    logger.info("training or deployment begun", extra={"execution": request.execution_arn, **facts})
