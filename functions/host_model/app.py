"""HostModel: let the deployed model run while it should, and no longer.

Invoked by  HostingSchedule, every two minutes, and statemachine/detection.asl.yaml, state
            ``AskForModel``, when an image finds no model
Raises      whatever fails it: the schedule comes again
Idempotent  yes; it looks at what there is and does the next step

Each call does one step and remembers little, so nothing is lost by one that dies. It may meet a
deployment: what is deployed is read anew each time, and a version that is no longer the deployed
one is stopped by the deployment that replaced it. One in place has stopped the model by intention.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from labelloop import clock
from labelloop.aws import (
    daily_counts,
    deployed_version,
    detections,
    executions,
    hosting_state,
    metrics,
    model_use,
    parameters,
    rekognition,
    review_tasks,
    training_lock,
)
from labelloop.aws.rekognition import Version, VersionStatus
from labelloop.aws.wiring import wiring
from labelloop.clock import from_iso, iso
from labelloop.domain import ceilings
from labelloop.domain import hosting as rules
from labelloop.domain.hosting import Hosting, Situation, Step
from labelloop.domain.mails.about_hosting import IMAGES_WAITING_ONCE
from labelloop.domain.metrics import (
    MODEL_COST,
    MODEL_RUNNING,
    MODEL_RUNNING_HOURS,
    OTHER_MODELS_RUNNING,
    REVIEWS_WAITING,
    Metric,
)
from labelloop.domain.parameters import OperatorSettings
from labelloop.entrypoint import Strict, task
from labelloop.errors import BusyError, NotFoundError, QuotaExceededError, RefusedError
from labelloop.services import model_hours, operator_news, waiting_images
from labelloop.settings import Variable

ONE_LOOK_FOR = timedelta(minutes=1)
"""Of images that find no model in that time, one has the model looked at."""
LOOK_TAKES = timedelta(minutes=5)
"""At most: then the function is ended."""
ANSWERS = timedelta(minutes=10)
"""After so long that it runs a model answers: before, an image may have come too early."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""At most, where they are right."""


class Input(Strict):
    """Whether an image has just found no model."""

    images_wait: bool


class Output(Strict):
    """What was done."""

    step: Step
    resent: int
    """How many waiting images were sent round again."""


NOTHING = Output(step=Step.NOTHING, resent=0)


@task
def lambda_handler(request: Input) -> Output:
    """Look at the deployed version, and do what brings it to where the operator wants it."""
    if request.images_wait:
        if not hosting_state.begin_to_look(ONE_LOOK_FOR):
            return NOTHING
        return _look_after(*_hosted(), request)
    try:
        listed = rekognition.versions()
    except NotFoundError as error:
        _mention("project_gone", f"gone-{rekognition.project_arn()}", {"cause": str(error)})
        metrics.publish({MODEL_RUNNING: 0})
        return NOTHING
    model_hours.count(sum(rekognition.is_active(one.status) for one in listed))
    version, now = _hosted()
    if version is None:
        _tell_gone()
    try:
        done = _look_after(version, now, request)
        _tell_ceilings(version)
    except Exception:
        # A model that cannot be stopped costs all the same.
        metrics.publish(_measured(listed, now))
        raise
    # Last: an alarm takes silence for a look that failed.
    metrics.publish({MODEL_RUNNING: _serving(listed, now), **_measured(listed, now)})
    return done


def _hosted() -> tuple[Version | None, Hosting | None]:
    version = _deployed()
    return version, _noted(version) if version else None


def _look_after(version: Version | None, now: Hosting | None, request: Input) -> Output:
    if version is None or now is None or hosting_state.is_paused():
        if request.images_wait:
            _tell_images_wait(version)
        return NOTHING
    if _is_deployed_in_place():
        return NOTHING
    if now.stopping and version.status is not VersionStatus.RUNNING:
        now = _tell_stopped(now, now.stopping)
    # Of a look that has died; one that goes on does it itself.
    unfinished = now.untold if _since(now.asked) >= LOOK_TAKES else None
    if unfinished and version.status not in rules.STARTABLE:
        now = _tell_starting(now, unfinished)
    settings = parameters.settings()
    spent = model_hours.are_spent(settings)
    if version.status is VersionStatus.RUNNING:
        # An image that has just found none is sent round by the schedule: that may take long.
        if request.images_wait:
            return NOTHING
        return _look_after_running(version, now, settings, spent=spent)
    images_wait = request.images_wait or waiting_images.any_wait()
    situation = Situation(
        status=version.status,
        images_wait=images_wait,
        since_last_start=timedelta.max if unfinished else _since(now.asked),
        idle_for=timedelta(),
        hours_are_spent=spent,
    )
    step = rules.next_step(situation, settings)
    if step is Step.START:
        _start(version, now, settings, images_wait=images_wait)
    return Output(step=step, resent=0)


def _deployed() -> Version | None:
    """The deployed version as the service knows it; None where there is none, or it was deleted."""
    deployed = deployed_version.now()
    try:
        return rekognition.version(deployed.version) if deployed else None
    except NotFoundError:
        return None


def _noted(version: Version) -> Hosting:
    """What is known of its hosting, now that its status is known too."""
    now = hosting_state.of(version.name)
    runs = version.status is VersionStatus.RUNNING
    if now.runs == runs:
        return now
    seen = iso(clock.now())
    if runs:
        units = version.inference_units
        now = replace(now, running_since=seen, stopped=None, inference_units=units)
    else:
        now = replace(now, stopped=seen)
    hosting_state.note(now)
    return now


def _is_deployed_in_place() -> bool:
    """Whether a deployment goes on for which the model that serves was stopped."""
    lock = training_lock.read()
    return lock is not None and lock.in_place and executions.status(lock.owner) == "RUNNING"


# --- While it runs --------------------------------------------------------------------------------


def _look_after_running(
    version: Version, now: Hosting, settings: OperatorSettings, *, spent: bool
) -> Output:
    # What waits when the day's hours are spent waits for the next day.
    resent = _send_round(now, settings) if not spent and waiting_images.any_wait() else 0
    situation = Situation(
        status=version.status,
        images_wait=resent > 0,
        since_last_start=_since(now.asked),
        idle_for=timedelta() if spent else _idle_for(now, settings),
        hours_are_spent=spent,
    )
    step = rules.next_step(situation, settings)
    if step is Step.STOP:
        _stop(version, now, None if spent else _run(now, settings))
    if step is Step.MENTION_IDLENESS:
        _mention("model_idle", f"idle-{version.name}-{_today()}", _run(now, settings))
    return Output(step=step, resent=resent)


def _send_round(now: Hosting, settings: OperatorSettings) -> int:
    """Send the images that wait round again; where the model refuses them, one to try it."""
    answers_from = iso(from_iso(now.running_since or iso(clock.now())) + ANSWERS)
    if not waiting_images.any_since(max(answers_from, now.tried or "")):
        return waiting_images.send_round()
    _mention("model_not_answering", f"silent-{now.version}-{_today()}", _run(now, settings))
    hosting_state.note(replace(now, tried=iso(clock.now())))
    return waiting_images.send_round(1)


def _idle_for(now: Hosting, settings: OperatorSettings) -> timedelta:
    """How long it has run without work, as far as it matters."""
    limit = rules.idle_limit(settings)
    runs = _since(now.running_since)
    since = clock.now() - limit
    if (
        runs < limit
        or model_use.asked_directly_since(since)
        or model_use.asked_to_compare_since(since)
        or detections.any_since(since)
    ):
        return timedelta()
    return runs


def _stop(version: Version, now: Hosting, facts: Mapping[str, Any] | None) -> None:
    """Stop it, and tell so when it is. Without facts another message tells that."""
    # Noted first: whatever happens then, a later look tells of it.
    stopping = replace(now, stopping=facts)
    hosting_state.note(stopping)
    try:
        rekognition.stop_version(version.arn)
    except (RefusedError, BusyError) as error:
        refused = {"version": version.name, "cause": str(error)}
        _mention("model_not_stopped", f"not-stopped-{version.name}-{_today()}", refused)
        return
    if facts:
        _tell_stopped(stopping, facts)


def _tell_stopped(stopping: Hosting, facts: Mapping[str, Any]) -> Hosting:
    once = f"stopped-{stopping.version}-{stopping.running_since}"
    return _tell_noted("model_stopped", once, facts, replace(stopping, stopping=None))


# --- While it does not ----------------------------------------------------------------------------


def _start(version: Version, now: Hosting, settings: OperatorSettings, images_wait: bool) -> None:
    facts = {
        "version": version.name,
        "images_wait": images_wait,
        "status": version.status,
        "usd_an_hour": settings.minimum_inference_units * _usd_per_unit_hour(),
        **_last_run(now),
    }
    # Noted first: whatever happens then, a later look tells of it.
    started = replace(now, asked=iso(clock.now()), untold=facts)
    hosting_state.note(started)
    try:
        rekognition.start_version(
            version.arn, settings.minimum_inference_units, settings.maximum_inference_units
        )
    except (QuotaExceededError, BusyError) as error:
        hosting_state.note(now)
        cause = f"{error} {version.status_message}".strip()
        _mention(
            "model_not_started",
            f"not-started-{version.name}-{_today()}",
            {"version": version.name, "status": version.status, "cause": cause},
        )
        return
    _tell_starting(started, facts)


def _tell_starting(started: Hosting, facts: Mapping[str, Any]) -> Hosting:
    once = f"starting-{started.version}-{started.asked}"
    return _tell_noted("model_starting", once, facts, replace(started, untold=None))


# --- Daily ceilings -------------------------------------------------------------------------------


def _tell_ceilings(version: Version | None) -> None:
    """Tell once a day of each ceiling that is met."""
    settings, day = parameters.settings(), _today()
    if model_hours.are_spent(settings):
        facts = {
            "version": version.name if version else None,
            "ceiling": settings.maximum_daily_model_hours,
        }
        _mention("model_hours_spent", f"model-hours-{day}", facts)
    ceiling = settings.maximum_daily_api_images
    if ceiling and daily_counts.api_images(day) >= ceiling:
        facts = {"ceiling": ceiling}
        _mention("api_images_spent", f"api-images-{day}", facts)


# --- Figures --------------------------------------------------------------------------------------


def _serving(listed: list[Version], hosting: Hosting | None) -> int:
    """Of the versions that run, how many are the deployed one."""
    running = [one for one in listed if one.status is VersionStatus.RUNNING]
    return sum(hosting is not None and one.name == hosting.version for one in running)


def _measured(listed: list[Version], hosting: Hosting | None) -> dict[Metric, float]:
    """What CloudWatch is told of other models, of what all cost, and of what waits for people."""
    running = [one for one in listed if one.status is VersionStatus.RUNNING]
    measured: dict[Metric, float] = {
        OTHER_MODELS_RUNNING: len(running) - _serving(listed, hosting),
        MODEL_COST: rules.cost_usd(
            ceilings.LOOK_EVERY, sum(one.inference_units for one in running), _usd_per_unit_hour()
        ),
        REVIEWS_WAITING: review_tasks.count_waiting(),
    }
    if hosting and hosting.runs and parameters.settings().model_hosting == "on-demand":
        measured[MODEL_RUNNING_HOURS] = _since(hosting.running_since) / timedelta(hours=1)
    # A metric is billed in the hours in which it is published: what is nothing is left out.
    return {metric: value for metric, value in measured.items() if value}


def _usd_per_unit_hour() -> float:
    return float(wiring[Variable.USD_PER_INFERENCE_UNIT_HOUR])


# --- Words ----------------------------------------------------------------------------------------


def _tell_gone() -> None:
    """Tell once that the deployed version was deleted, where one is deployed."""
    if deployed := deployed_version.now():
        _mention("version_gone", f"gone-{deployed.version}", {"version": deployed.version})


def _tell_images_wait(version: Version | None) -> None:
    if version is None and deployed_version.now():
        return  # The schedule tells that it was deleted, or the whole project.
    facts = {"version": version.name if version else None}
    _mention("images_waiting", IMAGES_WAITING_ONCE, facts)


def _mention(kind: str, once: str, facts: Mapping[str, Any]) -> None:
    """Tell what every look would tell: of those at the same time one does."""
    operator_news.tell(kind, once, uuid4().hex, facts)


def _tell_noted(kind: str, once: str, facts: Mapping[str, Any], told: Hosting) -> Hosting:
    """Tell what was noted to be told, and note that it was: rather twice than never."""
    operator_news.tell(kind, once, "HostModel", facts)
    hosting_state.note(told)
    return told


def _run(now: Hosting, settings: OperatorSettings) -> dict[str, Any]:
    """The figures of a model that runs: how long it has, and what that has cost at least."""
    ran_for = _since(now.running_since)
    return {
        "version": now.version,
        **rules.run_in_figures(ran_for, now.inference_units, _usd_per_unit_hour()),
        "idle_minutes": settings.idle_minutes,
    }


def _last_run(now: Hosting) -> dict[str, Any]:
    """The figures of a run that is over, which nobody was told of where it failed."""
    if not now.running_since or not now.stopped:
        return {}
    ran_for = from_iso(now.stopped) - from_iso(now.running_since)
    return rules.run_in_figures(ran_for, now.inference_units, _usd_per_unit_hour())


def _since(moment: str | None) -> timedelta:
    """How long ago that was; as long as can be where it never was.

    Nor was what is still to come: a clock noted it that was ahead.
    """
    ago = clock.now() - from_iso(moment) if moment else timedelta.max
    return ago if ago >= -CLOCKS_DIFFER else timedelta.max


def _today() -> str:
    return ceilings.day_of(clock.now())
