"""What commands ask of the model's versions, beyond what the gateways say."""

from datetime import timedelta

from labelloop import clock
from labelloop.aws import deployed_version, executions, hosting_state, model_versions, rekognition
from labelloop.aws import training_lock as lock
from labelloop.aws.rekognition import Version
from labelloop.clock import from_iso
from labelloop.domain.hosting import STARTABLE
from labelloop.domain.model_versions import VersionRecord
from labelloop.services import model_hours
from labelloop_pages.figures import counted, estimated

from .failures import CommandError
from .stack import Stack, deployment_parameter

UNIT_HOUR_USD = 4.00
"""What an inference unit costs an hour where the stack is older than InferenceUnitHourPrice."""


def serving() -> str | None:
    """The name of the version that serves; None before the first one does."""
    deployed = deployed_version.now()
    return deployed.version if deployed else None


def who_paused_hosting() -> str:
    """Who has stopped the deployed model by hand, and when, as far as that is known: in words."""
    pause = hosting_state.paused()
    return f"by {pause.by} at {pause.at}" if pause and pause.by else ""


def ran_for(name: str) -> timedelta | None:
    """How long a version that runs has done so; None where nobody has seen it begin."""
    hosting = hosting_state.of(name)
    if hosting.running_since is None or not hosting.runs:
        return None
    return clock.now() - from_iso(hosting.running_since)


def hours_today() -> float:
    """For how many hours models have run today (UTC), all of the project together."""
    counted = model_hours.counted()
    return counted.hours_on(clock.now()) if counted else 0.0


def unit_hour_usd(stack: Stack) -> float:
    """What an inference unit costs an hour, as the stack was deployed with."""
    return float(deployment_parameter(stack, "InferenceUnitHourPrice") or UNIT_HOUR_USD)


def running_deployment() -> str | None:
    """The execution that trains or deploys now."""
    execution, status = training_lock()
    return execution if status == "RUNNING" else None


def training_lock() -> tuple[str | None, str]:
    """The execution that holds the lock of trainings and deployments, and its status.

    A status of "GONE" is that of an execution which Step Functions has forgotten.
    """
    held = lock.read()
    if held is None:
        return None, ""
    return held.owner, executions.status(held.owner) or "GONE"


def records() -> list[VersionRecord]:
    """What is known of every version, the newest first."""
    return model_versions.known()[::-1]


def record(name: str) -> VersionRecord:
    """What is known of the version of this name; nothing is an empty record."""
    return model_versions.read(name) or VersionRecord(name=name)


def verdict(judged: VersionRecord, good: str) -> str:
    """What was found of a version that was judged, by its record; ``good`` is the word for good."""
    if judged.promote:
        return good
    return "not compared" if judged.uncompared else "rejected"


def f1_of(judged: VersionRecord) -> str:
    """The F1 in a version's record: with its interval, or with how many images it rests on."""
    if "f1" in judged.figures:
        return f"F1 {estimated(judged.figures['f1'])}"
    return f"F1 {judged.f1 or 0:.2f} of {counted(judged.test_images or 0, 'test image')}"


def find(name: str) -> Version:
    """The version of this name. Raises CommandError with the names that there are."""
    known = rekognition.listed()
    for version in known:
        if version.name == name:
            return version
    names = ", ".join(version.name for version in known[:5]) or "none yet"
    raise CommandError(f"The project has no version {name}. Its newest versions: {names}.")


def may_be_started(version: Version) -> bool:
    """Whether a deployment can begin with it; one that runs or stops is waited for."""
    return version.status in STARTABLE or rekognition.is_active(version.status)
