"""StopModel: begin to stop a version, so that it is no longer billed.

Invoked by  statemachine/model_training.asl.yaml, states ``StopPrevious`` and ``StopCandidate``
Raises      BusyError   retried: the service cannot stop a version while it starts
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; a version that is stopped or gone is left so
"""

from contextlib import suppress

from labelloop.aws import deployed_version, rekognition
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError


class Input(Strict):
    """Which version, by its name: its ARN may be what an earlier step failed to learn."""

    version: str


class Output(Strict):
    """Whether it was stopped: the version that serves never is, from here."""

    stopped: bool


@task
def lambda_handler(request: Input) -> Output:
    """Stop it, unless it is the one that serves."""
    serving = deployed_version.now()
    if serving is not None and serving.version == request.version:
        return Output(stopped=False)
    with suppress(NotFoundError):
        rekognition.stop_version(rekognition.version(request.version).arn)
    return Output(stopped=True)
