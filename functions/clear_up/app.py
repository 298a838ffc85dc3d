"""ClearUp: stop what a run that did not come to its end has left running.

Invoked by  statemachine/model_training.asl.yaml, state ``ClearUp``, under the training lock, again
            and again until it is done
Raises      BusyError   retried: the service cannot stop a version while it starts
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; a version that is stopped or gone is left so
"""

from labelloop.aws import deployed_version, model_versions, rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop.entrypoint import Strict, task


class Input(Strict):
    """The versions that earlier calls have stopped."""

    stopped: list[str]


class Output(Strict):
    """Whether nothing runs any more beside the version that serves, and what was stopped for it."""

    done: bool
    stopped: list[str]
    serves: bool
    """Whether the deployed version runs."""
    proven: str | None
    """A newer version than the deployed one that was found better, and never came to serve."""


@task
def lambda_handler(request: Input) -> Output:
    """Stop whatever this deployment made and runs beside the version that serves."""
    deployed = deployed_version.now()
    served = {deployed.version, deployed.previous} if deployed else set()
    records = {record.name: record for record in model_versions.known()}
    # What somebody made by hand in the project is theirs.
    versions = {one.name: one for one in rekognition.versions() if one.name in records}
    serving = versions.pop(deployed.version, None) if deployed else None
    strays = [one for one in versions.values() if rekognition.is_active(one.status)]
    for stray in strays:
        rekognition.stop_version(stray.arn)
    newest = next(reversed(records), None)
    proven = newest in versions.keys() - served and records[newest].promote
    return Output(
        done=not strays,
        stopped=sorted({*request.stopped, *(stray.name for stray in strays)}),
        serves=serving is not None and serving.status is VersionStatus.RUNNING,
        proven=newest if proven else None,
    )
