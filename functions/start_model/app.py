"""StartModel: begin to start a version, so that it can be proven.

Invoked by  statemachine/model_training.asl.yaml, state ``StartModel``
Raises      QuotaExceededError   caught: the account runs as many models as it may
            BusyError, ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; a version that starts or runs already is left so
"""

from datetime import timedelta

from labelloop import clock
from labelloop.aws import parameters, rekognition
from labelloop.entrypoint import Strict, task

LONGEST_START = timedelta(hours=1)
"""Starting usually takes ten to twenty minutes."""


class Input(Strict):
    """Which version."""

    version: str


class Output(Strict):
    """Its ARN, and when to wait no longer."""

    version_arn: str
    give_up_after: str


@task
def lambda_handler(request: Input) -> Output:
    """Start it with as many inference units as the operator wants now."""
    settings = parameters.settings()
    version = rekognition.version(request.version)
    rekognition.start_version(
        version.arn, settings.minimum_inference_units, settings.maximum_inference_units
    )
    give_up_after = clock.iso(clock.now() + LONGEST_START)
    return Output(version_arn=version.arn, give_up_after=give_up_after)
