"""ReleaseModel: stop the model that serves after it was started to be asked, unless it has work.

Invoked by  statemachine/model_training.asl.yaml, state ``ReleaseChampion``
Raises      NotFoundError   caught: somebody deleted the version
            BusyError, ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; a version that does not run is left so. What it leaves running, HostModel looks
            after, as after any other run
"""

from datetime import datetime

from labelloop import clock
from labelloop.aws import detections_by_time, model_use, parameters, queues, rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop.entrypoint import Strict, task
from labelloop.services import waiting_images
from labelloop.settings import Variable


class Input(Strict):
    """Which version, and when it was started."""

    version: str
    started: str


class Output(Strict):
    """Whether it was stopped."""

    stopped: bool


@task
def lambda_handler(request: Input) -> Output:
    """Stop it where nothing has come in for it since it was started."""
    version = rekognition.version(request.version)
    if version.status is not VersionStatus.RUNNING or _has_work(clock.from_iso(request.started)):
        return Output(stopped=False)
    rekognition.stop_version(version.arn)
    return Output(stopped=True)


def _has_work(since: datetime) -> bool:
    return (
        parameters.settings().model_hosting == "always-on"
        or queues.any_wait(Variable.DETECTION_QUEUE_URL)
        or waiting_images.any_wait()
        or model_use.asked_directly_since(since)
        or detections_by_time.any_since(since)
    )
