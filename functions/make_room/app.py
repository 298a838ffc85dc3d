"""MakeRoom: stop the model that serves, for an account that cannot run another one beside it.

Invoked by  statemachine/model_training.asl.yaml, state ``MakeRoom``, again and again until it is
            done
Raises      BusyError   retried: the service cannot stop a version while it starts
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; each call looks at what there is and does the next step
"""

from labelloop.aws import deployed_version, rekognition
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError


class Input(Strict):
    """The version that is to be started."""

    version: str


class Output(Strict):
    """Whether nothing of this deployment runs any more."""

    done: bool


@task
def lambda_handler(request: Input) -> Output:
    """Begin to stop it, or see whether it has stopped. It stays the deployed one meanwhile."""
    deployed = deployed_version.now()
    if deployed is None or deployed.version == request.version:
        return Output(done=True)
    try:
        rekognition.stop_version(deployed.version_arn)
        active = rekognition.is_active(rekognition.version(deployed.version).status)
    except NotFoundError:
        return Output(done=True)
    return Output(done=not active)
