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

from labelloop import clock
from labelloop.aws import (
    deployed_version,
    detections_by_time,
    executions,
    hosting_state,
    metrics,
    model_use,
    parameters,
    rekognition,
    review_tasks,
    training_lock,
)
from labelloop.aws.deployed_version import Deployed
from labelloop.aws.rekognition import Version, VersionStatus
from labelloop.clock import from_iso, iso
from labelloop.domain import ceilings, events
from labelloop.domain import hosting as rules
from labelloop.domain.events import Event
from labelloop.domain.hosting import Hosting, Situation, Step
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
from labelloop.services import hosting_news, model_hours, waiting_images
from labelloop.services.hosting_news import since, usd_per_unit_hour

ONE_LOOK_FOR = timedelta(minutes=1)
"""Of images that find no model in that time, one has the model looked at."""
LOOK_TAKES = timedelta(minutes=5)
"""At most: then the function is ended."""
ANSWERS = timedelta(minutes=10)
"""After so long that it runs a model answers: before, an image may have come too early."""


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
        return _look_after(*_hosted(deployed_version.now()), request)
    try:
        listed = rekognition.versions()
    except NotFoundError as error:
        hosting_news.mention(
            "project_gone", f"gone-{rekognition.project_arn()}", {"cause": str(error)}
        )
        metrics.publish({MODEL_RUNNING: 0})
        return NOTHING
    model_hours.count(sum(rekognition.is_active(one.status) for one in listed))
    # Read once: what is deployed a moment later was not deleted.
    deployed = deployed_version.now()
    version, now = _hosted(deployed)
    if deployed and version is None:
        hosting_news.tell_gone(deployed.version)
    try:
        done = _look_after(version, now, request)
        hosting_news.tell_ceilings(version)
    except Exception:
        # A model that cannot be stopped costs all the same.
        metrics.publish(_measured(listed, now))
        raise
    # Last: an alarm takes silence for a look that failed.
    metrics.publish({MODEL_RUNNING: _serving(listed, now), **_measured(listed, now)})
    return done


def _hosted(deployed: Deployed | None) -> tuple[Version | None, Hosting | None]:
    version = _known(deployed)
    return version, _noted(version) if version else None


def _look_after(version: Version | None, now: Hosting | None, request: Input) -> Output:
    if version is None or now is None or hosting_state.is_paused():
        if request.images_wait:
            hosting_news.tell_images_wait(version)
        return NOTHING
    if _is_deployed_in_place():
        return NOTHING
    if now.stopping and version.status is not VersionStatus.RUNNING:
        now = hosting_news.tell_stopped(now, now.stopping)
    # Of a look that has died; one that goes on does it itself.
    unfinished = now.untold if since(now.asked) >= LOOK_TAKES else None
    if unfinished and version.status not in rules.STARTABLE:
        now = hosting_news.tell_starting(now, unfinished)
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
        since_last_start=timedelta.max if unfinished else since(now.asked),
        idle_for=timedelta(),
        hours_are_spent=spent,
    )
    step = rules.next_step(situation, settings)
    if step is Step.START:
        _start(version, now, settings, images_wait=images_wait)
    return Output(step=step, resent=0)


def _known(deployed: Deployed | None) -> Version | None:
    """The deployed version as the service knows it; None where there is none, or it was deleted."""
    try:
        return rekognition.version(deployed.version) if deployed else None
    except NotFoundError:
        return None


def _noted(version: Version) -> Hosting:
    """What is known of its hosting, now that its status is known too."""
    now = hosting_state.of(version.name)
    runs = version.status is VersionStatus.RUNNING
    if now.runs != runs:
        now = _begun(now, version.inference_units) if runs else _ended(now)
        hosting_state.note(now)
    return hosting_news.tell_programs(now)


def _begun(before: Hosting, units: int) -> Hosting:
    seen = iso(clock.now())
    # Of looks at the same time, each sees it.
    after = before.stopped or before.asked or seen
    event = events.run_began(before.version, units, seen, after)
    now = replace(before, running_since=seen, stopped=None, inference_units=units)
    return _untold(now, event)


def _ended(before: Hosting) -> Hosting:
    now = replace(before, stopped=iso(clock.now()))
    return _untold(now, events.run_ended(now.version, now.running_since or "", now.stopped or ""))


def _untold(now: Hosting, event: Event) -> Hosting:
    return replace(now, unsent=[*(now.unsent or []), event.as_json()])


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
        since_last_start=since(now.asked),
        idle_for=timedelta() if spent else _idle_for(now, settings),
        hours_are_spent=spent,
    )
    step = rules.next_step(situation, settings)
    if step is Step.STOP:
        _stop(version, now, None if spent else hosting_news.run(now, settings))
    if step is Step.MENTION_IDLENESS:
        facts = hosting_news.run(now, settings)
        hosting_news.mention_today("model_idle", f"idle-{version.name}", facts)
    return Output(step=step, resent=resent)


def _send_round(now: Hosting, settings: OperatorSettings) -> int:
    """Send the images that wait round again; where the model refuses them, one to try it."""
    answers_from = iso(from_iso(now.running_since or iso(clock.now())) + ANSWERS)
    if not waiting_images.any_since(max(answers_from, now.tried or "")):
        return waiting_images.send_round()
    facts = hosting_news.run(now, settings)
    hosting_news.mention_today("model_not_answering", f"silent-{now.version}", facts)
    hosting_state.note(replace(now, tried=iso(clock.now())))
    return waiting_images.send_round(1)


def _idle_for(now: Hosting, settings: OperatorSettings) -> timedelta:
    """How long it has run without work, as far as it matters."""
    limit = rules.idle_limit(settings)
    runs = since(now.running_since)
    lately = clock.now() - limit
    if (
        runs < limit
        or model_use.asked_directly_since(lately)
        or model_use.asked_to_compare_since(lately)
        or detections_by_time.any_since(lately)
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
        hosting_news.mention_today("model_not_stopped", f"not-stopped-{version.name}", refused)
        return
    if facts:
        hosting_news.tell_stopped(stopping, facts)


# --- While it does not ----------------------------------------------------------------------------


def _start(version: Version, now: Hosting, settings: OperatorSettings, images_wait: bool) -> None:
    facts = {
        "version": version.name,
        "images_wait": images_wait,
        "status": version.status,
        "usd_an_hour": settings.minimum_inference_units * usd_per_unit_hour(),
        **hosting_news.last_run(now),
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
        hosting_news.mention_today(
            "model_not_started",
            f"not-started-{version.name}",
            {"version": version.name, "status": version.status, "cause": cause},
        )
        return
    hosting_news.tell_starting(started, facts)


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
            ceilings.LOOK_EVERY,
            sum(one.inference_units for one in running),
            usd_per_unit_hour(),
        ),
        REVIEWS_WAITING: review_tasks.count_waiting(),
    }
    if hosting and hosting.runs and parameters.settings().model_hosting == "on-demand":
        measured[MODEL_RUNNING_HOURS] = since(hosting.running_since) / timedelta(hours=1)
    # A metric is billed in the hours in which it is published: what is nothing is left out.
    return {metric: value for metric, value in measured.items() if value}
