"""StartTraining: begin the training of a version on the project's datasets.

Invoked by  statemachine/model_training.asl.yaml, state ``StartTraining``, under the training lock
Raises      QuotaExceededError   retried slowly: the account trains as many models as it may
            BusyError, ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the version's name is unique in the project, and a second call finds the first's
"""

from datetime import timedelta

from labelloop import clock
from labelloop.aws import model_versions, objects, rekognition
from labelloop.domain.model_versions import VersionRecord
from labelloop.entrypoint import Strict, task

LONGEST_TRAINING = timedelta(hours=30)
"""The service ends a training after 24 hours."""


class Input(Strict):
    """The version and where its results go."""

    version: str
    evaluation_folder: str


class Output(Strict):
    """The version's ARN, which the service made, and when to wait no longer."""

    version_arn: str
    give_up_after: str


@task
def lambda_handler(request: Input) -> Output:
    """Ask the service, and note the ARN that it gave."""
    arn = rekognition.create_version(request.version, objects.bucket(), request.evaluation_folder)
    model_versions.note(VersionRecord(name=request.version, arn=arn))
    give_up_after = clock.iso(clock.now() + LONGEST_TRAINING)
    return Output(version_arn=arn, give_up_after=give_up_after)
