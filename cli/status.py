"""`labelloop status`: what serves, what waits, and what needs a person."""

from datetime import datetime
from typing import Any

import click

from labelloop import clock
from labelloop.aws import (
    detections_by_time,
    hosting_state,
    none_answers,
    rekognition,
    review_tasks,
    sampling_position,
)
from labelloop.aws.rekognition import Version, VersionStatus
from labelloop.domain.hosting import run_in_figures
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.review_tasks import HELD_QUEUE, OPEN_QUEUE

from . import ceilings, costs, label, models, rejection, schedules
from .stack import Stack, on_stack, show

DEAD_LETTERS = {
    "detection": "DetectionDeadLetterQueueUrl",
    "answers": "AnswersDeadLetterQueueUrl",
    "events": "UndeliveredEventsQueueUrl",
}
VERSIONS_SHOWN = 5


@click.command()
@on_stack
def status(stack: Stack, as_json: bool) -> None:
    """Show the deployed model, what waits, when Label Loop looks next, and the last versions."""
    found = _look(stack)
    show(as_json, found, _text(found, clock.now()))


def _look(stack: Stack) -> dict[str, Any]:
    serving = models.serving()
    versions = rekognition.listed()
    statuses = {version.name: version.status for version in versions}
    free, held = map(review_tasks.count_in, (OPEN_QUEUE, HELD_QUEUE))
    return {
        "stack": stack.name,
        "deployed": serving,
        "deployed_status": serving and statuses.get(serving, "GONE"),
        "hosting_is_paused": hosting_state.is_paused(),
        "running": _running(stack, serving, versions),
        "billed": [name for name, status in statuses.items() if rekognition.is_active(status)],
        "in_progress": models.running_deployment(),
        "waiting_images": detections_by_time.count_waiting(),
        "open_reviews": free + held,
        "held_reviews": held,
        "not_labelled": label.left_out_lately(stack),
        "today": ceilings.today(),
        "counted": _counted(),
        "none_of_them": _nones(serving) if serving else None,
        "dead_letters": {kind: messages_in(stack, url) for kind, url in DEAD_LETTERS.items()},
        "schedules": schedules.found(stack),
        "versions": [
            {**record.as_json(), "status": statuses.get(record.name, "not in the service")}
            for record in models.records()[:VERSIONS_SHOWN]
        ],
        "costs": costs.by_tag(stack),
    }


def _running(stack: Stack, serving: str | None, versions: list[Version]) -> dict[str, Any] | None:
    """How long the deployed model has run, and what that cost; None while it does not run."""
    for version in versions:
        if version.name == serving and version.status == VersionStatus.RUNNING:
            units, price = version.inference_units, models.unit_hour_usd(stack)
            ran_for = models.ran_for(version.name)
            if ran_for is None:
                return {"usd_per_hour": units * price}
            return run_in_figures(ran_for, units, price)
    return None


def _counted() -> dict[str, Any] | None:
    """What became of the images that sampling has passed; None where it has passed none."""
    log = sampling_position.read().log
    accepted = sum(count for stratum, count in log.shares.items() if stratum.accepted)
    detected = sum(log.shares.values())
    if not detected + log.refused:
        return None
    return {
        "accepted": accepted,
        "doubted": detected - accepted,
        "none_of_them": sum(log.nones.values()),
        "refused": log.refused,
    }


def _nones(serving: str) -> dict[str, Any] | None:
    """What people say of images that the deployed model takes for none of its labels."""
    nones = rejection.of_version(none_answers.read(), serving)
    return nones.as_json() if nones else None


def messages_in(stack: Stack, url_output: str) -> int:
    answer = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.output(url_output), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _text(found: dict[str, Any], now: datetime) -> str:
    dead = {kind: count for kind, count in found["dead_letters"].items() if count}
    lines = [
        f"stack            {found['stack']}",
        f"deployed         {_deployed(found)}",
        f"billed now       {', '.join(found['billed']) or 'no model'}",
        f"in progress      {found['in_progress'] or 'no training or deployment'}",
        f"waiting images   {found['waiting_images']}",
        f"open reviews     {_open_reviews(found)}",
        *ceilings.in_words(found["today"]),
        *_counted_in_words(found["counted"]),
        *_nones_in_words(found["none_of_them"]),
        f"dead letters     {', '.join(f'{n} {kind}' for kind, n in dead.items()) or 'none'}",
    ]
    lines += ["", "schedules", *schedules.in_words(found["schedules"], now)]
    if found["versions"]:
        lines += ["", "last versions"]
        lines += [f"  {_version(version)}" for version in found["versions"]]
    not_labelled = label.left_out_in_words(found["not_labelled"])
    if not_labelled:
        lines += ["", *not_labelled]
    if found["waiting_images"] and found["deployed_status"] != VersionStatus.RUNNING:
        lines += ["", f"Images wait {_for_what(found)}"]
    if dead:
        lines += ["", "To see why there are dead letters, and what to do: labelloop doctor"]
    lines += ["", *costs.by_tag_in_words(found["costs"])]
    return "\n".join(lines)


def _open_reviews(found: dict[str, Any]) -> str:
    """How many wait; the page offers nobody what somebody else has taken."""
    held = found["held_reviews"]
    return f"{found['open_reviews']}{f', of which people have taken {held}' if held else ''}"


def _counted_in_words(counted: dict[str, Any] | None) -> list[str]:
    """Images as sampling has counted them, which begins when it is switched on."""
    if not counted:
        return []
    of = counted["accepted"] + counted["doubted"]
    share = f" ({counted['accepted'] / of:.0%})" if of else ""
    accepted = f"{counted['accepted']} of {of} accepted{share}"
    return [f"counted so far   {accepted}, {counted['refused']} refused"]


def _nones_in_words(nones: dict[str, Any] | None) -> list[str]:
    if not nones:
        return []
    right = f"right about {nones['right']} of {nones['answers']}"
    if nones["answers"]:
        right += f" ({nones['low']:.0%} to {nones['high']:.0%})"
    return [f"none of them     {right}; {nones['becomes']}"]


def _for_what(found: dict[str, Any]) -> str:
    if not found["deployed"]:
        return "until a first model is trained and deployed."
    if found["hosting_is_paused"]:
        return "for the model, which was stopped by hand. To start it: labelloop start"
    if ceilings.no_model_runs(found["today"]):
        return "for the next day (UTC): models have run as long today as they may."
    if found["deployed_status"] == VersionStatus.STARTING:
        return "for the model. It is starting, which usually takes ten to twenty minutes."
    return "for the model. It is started within some minutes; now: labelloop start"


def _deployed(found: dict[str, Any]) -> str:
    if not found["deployed"]:
        return "none yet"
    text = f"{found['deployed']}, {found['deployed_status']}"
    running = found["running"]
    if running and "hours" in running:
        text += f" for {running['hours']:.1f} hours, about US${running['usd']:.2f} so far"
    if running:
        text += f", US${running['usd_per_hour']:.2f} an hour"
    if found["hosting_is_paused"]:
        text += "; neither started nor stopped by itself until: labelloop start"
    return text


def _version(version: dict[str, Any]) -> str:
    record = VersionRecord.from_json(version)
    if record.f1 is not None:
        result = f"{models.f1_of(record)}, {models.verdict(record, 'promoted')}"
    else:
        result = record.failure or "no result yet"
    return f"{record.name:<24} {version['status']:<20} {result}"
