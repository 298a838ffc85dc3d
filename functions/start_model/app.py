"""StartModel: begin to start a version, so that it can be proven.

Invoked by  statemachine/model_training.asl.yaml, states ``StartModel`` and
            ``StartServing``
Raises      QuotaExceededError   retried, since a model that stops counts until it is gone
            NotFoundError        caught: the version, or a deployed one, is not there
            BusyError, ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; a version that starts or runs already is left so
"""

from datetime import timedelta

from labelloop import clock
from labelloop.aws import model_registry, parameters, rekognition
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError, QuotaExceededError

LONGEST_START = timedelta(hours=1)
"""Starting usually takes ten to twenty minutes."""


class Input(Strict):
    """Which version; none is the deployed one."""

    version: str | None


class Output(Strict):
    """Which version it is, its ARN, and when to wait no longer."""

    version: str
    version_arn: str
    give_up_after: str


@task
def lambda_handler(request: Input) -> Output:
    """Start it with as many inference units as the operator wants now."""
    settings = parameters.settings()
    version = rekognition.version(request.version or _deployed())
    try:
        rekognition.start_version(
            version.arn, settings.minimum_inference_units, settings.maximum_inference_units
        )
    except QuotaExceededError as error:
        raise QuotaExceededError(_in_words(version.name, error)) from error
    give_up_after = clock.iso(clock.now() + LONGEST_START)
    return Output(version=version.name, version_arn=version.arn, give_up_after=give_up_after)


def _deployed() -> str:
    deployed = model_registry.deployed()
    if deployed is None:
        raise NotFoundError("No version is deployed.")
    return deployed.version


def _in_words(version: str, error: QuotaExceededError) -> str:
    active = [one.name for one in rekognition.versions() if rekognition.is_active(one.status)]
    here = f" In this project there run: {', '.join(active)}." if active else ""
    return (
        "The account runs as many models, or inference units, as it may already: two models unless "
        f"AWS raised the quota.{here} To put {version} in the place of the model that serves: "
        f"labelloop deploy {version} --in-place. To stop one by hand: labelloop stop VERSION. "
        f"Rekognition said: {error}"
    )
