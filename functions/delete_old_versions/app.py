"""DeleteOldVersions: keep as many versions in the service as the operator wants.

Invoked by  statemachine/model_training.asl.yaml, state ``DeleteOldVersions``
Raises      ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; what is deleted already is not there any more

What a version was made of, its report and its record stay.
"""

from labelloop import clock
from labelloop.aws import deployed_version, model_versions, parameters, rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop.domain.model_versions import VersionRecord
from labelloop.entrypoint import Strict, logger, task
from labelloop.errors import BusyError

IN_USE = {
    VersionStatus.TRAINING_IN_PROGRESS,
    VersionStatus.COPYING_IN_PROGRESS,
    VersionStatus.STARTING,
    VersionStatus.RUNNING,
    VersionStatus.STOPPING,
    VersionStatus.DELETING,
}


class Input(Strict):
    """Nothing: the registry and the parameters say what is to be kept."""


class Output(Strict):
    """The versions whose deletion was begun."""

    deleted: list[str]


@task
def lambda_handler(_: Input) -> Output:
    """Delete the oldest ones, never the deployed or the previous one, nor one that is in use."""
    most = parameters.settings().maximum_model_versions
    deployed = deployed_version.now()
    kept = {deployed.version, deployed.previous} if deployed else set()
    known = {record.name for record in model_versions.known()}
    newest_first = rekognition.versions()
    others = [version for version in newest_first if version.name not in kept]
    surplus = others[max(0, most - (len(newest_first) - len(others))) :]
    deleted = []
    for version in surplus:
        # What somebody made by hand in the project is theirs.
        if version.status in IN_USE or version.name not in known:
            continue
        try:
            rekognition.delete_version(version.arn)
        except BusyError:
            logger.info("version is in use", extra={"version": version.name})
            continue
        model_versions.note(VersionRecord(name=version.name, deleted=clock.iso(clock.now())))
        deleted.append(version.name)
    return Output(deleted=deleted)
