"""StartModel: begin to start a version, so that it can be proven, or asked.

Invoked by  statemachine/model_training.asl.yaml, states ``StartModel``, ``StartServing`` and
            ``StartChampion``
Raises      QuotaExceededError   retried, since a model that stops counts until it is gone
            ModelHoursSpentError retried until the next day has begun, or the operator allows more
            ConflictError        caught: the operator has stopped it, and wants none started
            NotFoundError        caught: the version, or a deployed one, is not there
            BusyError, ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; a version that starts or runs already is left so
"""

from datetime import timedelta

from labelloop import clock
from labelloop.aws import deployed_version, hosting_state, parameters, rekognition
from labelloop.domain.hosting import ASKING_TAKES
from labelloop.domain.mails import about_ceilings
from labelloop.entrypoint import Strict, task
from labelloop.errors import ConflictError, ModelHoursSpentError, NotFoundError, QuotaExceededError
from labelloop.services import model_hours

LONGEST_START = timedelta(hours=1)
"""Starting usually takes ten to twenty minutes."""


class Input(Strict):
    """Which version, where none is the deployed one."""

    version: str | None
    unless_paused: bool
    """Whether it is left alone where the operator has stopped the deployed model by hand."""


class Output(Strict):
    """Which version it is, its ARN, from when on it is started, and when to wait no longer."""

    version: str
    version_arn: str
    started: str
    give_up_after: str
    ask_until: str


@task
def lambda_handler(request: Input) -> Output:
    """Start it with as many inference units as the operator wants now."""
    settings = parameters.settings()
    version = rekognition.version(request.version or _deployed())
    if request.unless_paused and hosting_state.is_paused():
        raise ConflictError(f"{version.name} was stopped by hand, and so is not started.")
    runs = rekognition.is_active(version.status, stopping=False)
    if not runs and model_hours.are_spent(settings):
        raise ModelHoursSpentError(
            about_ceilings.model_hours_spent(settings.maximum_daily_model_hours)
        )
    started = clock.now()
    try:
        rekognition.start_version(
            version.arn, settings.minimum_inference_units, settings.maximum_inference_units
        )
    except QuotaExceededError as error:
        words = _in_words(version.name, error, request.unless_paused)
        raise QuotaExceededError(words) from error
    return Output(
        version=version.name,
        version_arn=version.arn,
        started=clock.iso(started),
        give_up_after=clock.iso(started + LONGEST_START),
        ask_until=clock.iso(started + ASKING_TAKES),
    )


def _deployed() -> str:
    deployed = deployed_version.now()
    if deployed is None:
        raise NotFoundError("No version is deployed.")
    return deployed.version


def _in_words(version: str, error: QuotaExceededError, serves: bool) -> str:
    active = [one.name for one in rekognition.versions() if rekognition.is_active(one.status)]
    here = f" In this project there run: {', '.join(active)}." if active else ""
    in_place = (
        f" To put {version} in the place of the model that serves: labelloop deploy {version} "
        "--in-place."
    )
    return (
        "The account runs as many models, or inference units, as it may already: two models unless "
        f"AWS raised the quota.{here}{'' if serves else in_place} To stop one by hand: labelloop "
        f"stop VERSION. Rekognition said: {error}"
    )
