"""DescribeVersion: say where a version stands, in words that a state machine can choose by.

Invoked by  statemachine/model_training.asl.yaml, wherever it waits for a version
Raises      UnknownStatusError   caught: neither success nor failure
            TookTooLongError     caught: it will not get there any more
            NotFoundError        caught: somebody deleted the version
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; it only reads
"""

from labelloop import clock
from labelloop.aws import rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop.entrypoint import Strict, task
from labelloop.errors import TookTooLongError


class Input(Strict):
    """Which version, and the moment after which nobody waits for it any more."""

    version: str
    give_up_after: str


class Output(Strict):
    """The service's own status, and its message."""

    status: VersionStatus
    message: str


@task
def lambda_handler(request: Input) -> Output:
    """Ask the service, as long as it makes sense."""
    version = rekognition.version(request.version)
    underway = version.status in {VersionStatus.TRAINING_IN_PROGRESS, VersionStatus.STARTING}
    if underway and clock.now() > clock.from_iso(request.give_up_after):
        raise TookTooLongError(
            f"Version {version.name} was still {version.status} at {request.give_up_after}."
        )
    return Output(
        status=version.status, message=version.status_message or "The service gave no reason."
    )
