"""To the operator, about the model that serves: started, stopped, without work, not answering."""

from collections.abc import Callable, Mapping

from labelloop.domain.messages import Facts, Message, message
from labelloop.domain.wording import cause_in_words

IMAGES_WAITING_ONCE = "images-waiting"
"""The name under which the operator is told, once, that images wait for a model."""


def _images_waiting(facts: Facts) -> Message:
    if facts.get("version"):
        why = f"The deployed model, {facts['version']}, is not running."
        act = "To start it: labelloop start"
    else:
        why = "No model has been deployed yet."
        act = (
            "The first model is deployed when enough labelled images are in "
            "images_labeled_by_folder/ and its training has succeeded."
        )
    return message(
        "Images are waiting for a model",
        [
            f"Images have come in for detection, but there is no model to look at them. {why}",
            f"They are kept and will be detected as soon as a model runs. {act}",
            "This is said once, not for every image.",
        ],
        facts,
    )


def _version_gone(facts: Facts) -> Message:
    return message(
        f"The deployed model {facts['version']} was deleted",
        [
            f"Version {facts['version']} is deployed, but Rekognition does not have it any more: "
            "somebody has deleted it there. Images that come in are kept.",
            "To put another version into service: labelloop versions, then labelloop deploy "
            "VERSION; where there is none, to train one: labelloop train --force",
        ],
        facts,
    )


def _model_not_answering(facts: Facts) -> Message:
    return message(
        f"Model {facts['version']} runs, but does not answer",
        [
            f"By Rekognition {facts['version']} is RUNNING, but asked about images it says that it "
            f"is not ready. Images wait; one of them is tried every few minutes. It {ran(facts)}",
            "What helps is to start it anew: labelloop stop, then labelloop start",
            "This is said once a day.",
        ],
        facts,
    )


def _model_not_stopped(facts: Facts) -> Message:
    return message(
        f"Model {facts['version']} cannot be stopped, and is billed",
        [
            f"Version {facts['version']} should not run any more, but stopping it was refused.",
            f"What happened: {cause_in_words(facts)}",
            "It is tried again every few minutes, and this is said once a day. To stop it by hand: "
            f"labelloop stop {facts['version']}",
        ],
        facts,
    )


def _model_starting(facts: Facts) -> Message:
    why = "Images have come in" if facts["images_wait"] else f"It was {facts['status']}"
    by = "only while there is work (on-demand)" if facts["images_wait"] else "always (always-on)"
    before = [f"Its last run is over. It {ran(facts, 'ran')}"] if "hours" in facts else []
    return message(
        f"Model {facts['version']} is being started",
        [
            f"{why}, and by Model-Hosting a model runs {by}. Starting usually takes ten to twenty "
            "minutes; images that come in wait for it.",
            *before,
            f"It is billed until it is stopped{_at_price(facts)}. To stop it, and start none: "
            "labelloop stop",
        ],
        facts,
    )


def _at_price(facts: Facts) -> str:
    """What it costs from now on; nothing where an earlier release has noted the facts."""
    price = facts.get("usd_an_hour")
    return "" if price is None else f", about US${price:.2f} an hour"


def _model_not_started(facts: Facts) -> Message:
    return message(
        f"Model {facts['version']} cannot be started",
        [
            f"Version {facts['version']} should run, but its status is {facts['status']}, and it "
            "could not be started. Images that come in wait for it.",
            f"What happened: {cause_in_words(facts)}",
            "It is tried again every few minutes, and this is said once a day. To put another "
            "version into service: labelloop deploy VERSION",
        ],
        facts,
    )


def _model_stopped(facts: Facts) -> Message:
    return message(
        f"Model {facts['version']} had no work and is being stopped",
        [
            f"Nothing has come in for {facts['idle_minutes']} minutes (Idle-Minutes-Before-Stop). "
            f"It {ran(facts)}",
            "It is started again when images come in; they wait for ten to twenty minutes then.",
        ],
        facts,
    )


def _model_idle(facts: Facts) -> Message:
    return message(
        f"Model {facts['version']} runs without work",
        [
            f"Nothing has come in for an hour. It {ran(facts)}",
            "By Model-Hosting it runs always (always-on). To let it run only while there is work: "
            "labelloop params set Model-Hosting on-demand",
            "This is said once a day.",
        ],
        facts,
    )


def ran(facts: Facts, verb: str = "has run") -> str:
    """How long a model ran and what that cost, after its subject."""
    return (
        f"{verb} for {facts['hours']:.1f} hours, which cost about US${facts['usd']:.2f} at "
        f"US${facts['usd_per_hour']:.2f} an hour."
    )


MAILS: Mapping[str, Callable[[Facts], Message]] = {
    "images_waiting": _images_waiting,
    "model_starting": _model_starting,
    "model_not_started": _model_not_started,
    "model_stopped": _model_stopped,
    "model_not_stopped": _model_not_stopped,
    "model_not_answering": _model_not_answering,
    "version_gone": _version_gone,
    "model_idle": _model_idle,
}
