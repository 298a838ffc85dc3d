"""What the operator and programs are told of hosting: what each look would tell, what was done."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from labelloop import clock
from labelloop.aws import daily_counts, deployed_version, event_bus, hosting_state, parameters
from labelloop.aws.rekognition import Version
from labelloop.aws.wiring import wiring
from labelloop.clock import from_iso
from labelloop.domain import ceilings
from labelloop.domain import hosting as rules
from labelloop.domain.events import Event
from labelloop.domain.hosting import Hosting
from labelloop.domain.mails.about_hosting import IMAGES_WAITING_ONCE
from labelloop.domain.parameters import OperatorSettings
from labelloop.services import model_hours, operator_news
from labelloop.settings import Variable

log = logging.getLogger(__name__)

CLOCKS_DIFFER = timedelta(minutes=1)
"""At most, where they are right."""


def tell_starting(started: Hosting, facts: Mapping[str, Any]) -> Hosting:
    """Tell that it is being started, and note that that is told."""
    once = f"starting-{started.version}-{started.asked}"
    return _tell_noted("model_starting", once, facts, replace(started, untold=None))


def tell_stopped(stopping: Hosting, facts: Mapping[str, Any]) -> Hosting:
    """Tell that it is being stopped, and note that that is told."""
    once = f"stopped-{stopping.version}-{stopping.running_since}"
    return _tell_noted("model_stopped", once, facts, replace(stopping, stopping=None))


def tell_programs(now: Hosting) -> Hosting:
    """Send the events that are still to be sent, and note that they were.

    It fails no look, since a model that cannot be stopped costs: the next one sends them.
    """
    if not now.unsent:
        return now
    try:
        event_bus.put([Event.from_json(event) for event in now.unsent])
    except Exception:
        log.exception("programs were not told of %s", now.version)
        return now
    sent = replace(now, unsent=None)
    hosting_state.note(sent)
    return sent


def tell_gone(deployed: str) -> None:
    """Tell once that the deployed version was deleted."""
    mention("version_gone", f"gone-{deployed}", {"version": deployed})


def tell_images_wait(version: Version | None) -> None:
    """Tell once that images wait for a model."""
    if version is None and deployed_version.now():
        return  # The schedule tells that it was deleted, or the whole project.
    facts = {"version": version.name if version else None}
    mention("images_waiting", IMAGES_WAITING_ONCE, facts)


def mention(kind: str, once: str, facts: Mapping[str, Any]) -> None:
    """Tell what every look would tell: of those at the same time one does."""
    operator_news.tell(kind, once, uuid4().hex, facts)


def mention_today(kind: str, what: str, facts: Mapping[str, Any]) -> None:
    """Tell it once a day."""
    mention(kind, f"{what}-{_today()}", facts)


def tell_ceilings(version: Version | None) -> None:
    """Tell once a day of each ceiling that is met."""
    settings, day = parameters.settings(), _today()
    if model_hours.are_spent(settings):
        facts = {
            "version": version.name if version else None,
            "ceiling": settings.maximum_daily_model_hours,
        }
        mention("model_hours_spent", f"model-hours-{day}", facts)
    ceiling = settings.maximum_daily_api_images
    if ceiling and daily_counts.api_images(day) >= ceiling:
        mention("api_images_spent", f"api-images-{day}", {"ceiling": ceiling})


def _tell_noted(kind: str, once: str, facts: Mapping[str, Any], told: Hosting) -> Hosting:
    """Tell what was noted to be told, and note that it was: rather twice than never."""
    operator_news.tell(kind, once, "HostModel", facts)
    hosting_state.note(told)
    return told


def run(now: Hosting, settings: OperatorSettings) -> dict[str, Any]:
    """The figures of a model that runs: how long it has, and what that has cost at least."""
    ran_for = since(now.running_since)
    return {
        "version": now.version,
        **rules.run_in_figures(ran_for, now.inference_units, usd_per_unit_hour()),
        "idle_minutes": settings.idle_minutes,
    }


def last_run(now: Hosting) -> dict[str, Any]:
    """The figures of a run that is over, which nobody was told of where it failed."""
    if not now.running_since or not now.stopped:
        return {}
    ran_for = from_iso(now.stopped) - from_iso(now.running_since)
    return rules.run_in_figures(ran_for, now.inference_units, usd_per_unit_hour())


def usd_per_unit_hour() -> float:
    """What a model costs an hour, for each inference unit."""
    return float(wiring[Variable.USD_PER_INFERENCE_UNIT_HOUR])


def since(moment: str | None) -> timedelta:
    """How long ago that was; as long as can be where it never was.

    Nor was what is still to come: a clock noted it that was ahead.
    """
    ago = clock.now() - from_iso(moment) if moment else timedelta.max
    return ago if ago >= -CLOCKS_DIFFER else timedelta.max


def _today() -> str:
    return ceilings.day_of(clock.now())
