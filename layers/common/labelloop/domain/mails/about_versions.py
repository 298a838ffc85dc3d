"""To the operator, about trained versions: deployed or not, why, and what is left to do by hand."""

from collections.abc import Callable, Mapping

from labelloop.domain.mails.about_hosting import ran
from labelloop.domain.messages import Facts, Message, message
from labelloop.domain.wording import bullets, cause_in_words, images_in_words


def _model_deployed(facts: Facts) -> Message:
    before = facts.get("previous")
    if facts.get("again"):
        news = f"Version {facts['version']} runs again and detects images from now on."
    elif before:
        news = f"Version {facts['version']} has taken the place of {before}, which was stopped."
        if facts.get("previous_run"):
            news += f" That one {ran(facts['previous_run'], 'ran')}"
    else:
        news = (
            f"Version {facts['version']} detects images from now on. No model was in service "
            "before it."
        )
    paragraphs = [news]
    if facts.get("reasons"):
        paragraphs.append("Why:\n" + bullets(facts["reasons"]))
    paragraphs += _what_was_asked(facts)
    if facts.get("resent"):
        waited = images_in_words(facts["resent"]).capitalize()
        paragraphs.append(f"{waited} had waited for a model and will be detected now.")
    paragraphs.append(
        "A running model is billed for every minute, whether it has work or not. By Model-Hosting "
        "it runs always or while there is work; to stop it until you start it: labelloop stop"
    )
    return message(f"Model {facts['version']} is in service", paragraphs, facts)


def _model_rejected(facts: Facts) -> Message:
    serving = facts.get("serving")
    stays = f"{serving} stays in service." if serving else "Nothing serves: images that come wait."
    return message(
        f"Model {facts['version']} was trained, but not good enough",
        [
            f"Version {facts['version']} was trained and will not be deployed. {stays}",
            "Why:\n" + bullets(facts["reasons"]),
            *_what_was_asked(facts),
            "More labelled images usually help most. What it confuses, and labels that may be "
            f"wrong: labelloop report {facts['version']}",
            f"It is not trained again on the same images. To put it into service all the same: "
            f"labelloop deploy {facts['version']}",
        ],
        facts,
    )


def _model_not_compared(facts: Facts) -> Message:
    version, serving = facts["version"], facts.get("serving") or "the model that serves"
    return message(
        f"Model {version} could not be compared, and is not deployed",
        [
            f"Version {version} was trained. Whether it is better than {serving} depends on what "
            f"that one says of today's test images, and it could not be asked. It stays in "
            "service.",
            f"What kept it from being asked: {cause_in_words(facts)}",
            "What is known:\n" + bullets(facts["reasons"]),
            *_what_was_asked(facts),
            "To ask it and compare the two when that is mended, without another training: "
            "labelloop train --force (where new images have come, they are trained on instead)",
            f"To put {version} into service all the same: labelloop deploy {version}",
        ],
        facts,
    )


def _what_was_asked(facts: Facts) -> list[str]:
    """What was asked of the model that served, and what it has cost to start it for that."""
    asked = facts.get("asked")
    if not asked or not (asked["answered"] or asked["run"]):
        return []
    about = f"{asked['answered']} of {images_in_words(asked['images'])}"
    told = f"To compare them, {asked['version']} was asked about {about} from today's test set."
    if asked["run"]:
        return [f"{told} It was started for that, and {ran(asked['run'], 'ran')}"]
    return [f"{told} It ran anyway."]


def _deployment_failed(facts: Facts) -> Message:
    serving = facts.get("serving")
    stays = f"{serving} stays in service." if serving else "No model is in service."
    if serving and facts.get("in_place"):
        stays = f"{serving} had been stopped to make room for it, and is to be started again."
    return message(
        f"Model {facts['version']} could not be put into service",
        [
            f"Version {facts['version']} could not be put into service. {stays}",
            f"What happened: {cause_in_words(facts)}",
            f"When the cause is mended: labelloop deploy {facts['version']}",
        ],
        facts,
    )


def _nothing_serves(facts: Facts) -> Message:
    serving = facts.get("serving") or "the model that served"
    return message(
        f"No model serves: please start {serving}",
        [
            f"To make room for {facts['version']}, {serving} had been stopped. Then "
            f"{facts['version']} could not be put into service, and starting {serving} again did "
            "not work, or not wholly. Images that come in are kept.",
            "To start it, and send images that waited round again: labelloop start",
        ],
        facts,
    )


def _model_left_running(facts: Facts) -> Message:
    return message(
        f"Please stop model {facts['version']} by hand: it runs and is billed",
        [
            f"Version {facts['version']} could not be put into service, and then it could not be "
            "stopped either. It runs, serves nothing and is billed for every minute.",
            f"Please stop it: labelloop stop {facts['version']}",
            f"What happened first: {cause_in_words(facts)}",
            f"Why it was not stopped: {cause_in_words({'cause': facts['why_not_stopped']})}",
        ],
        facts,
    )


def _after_switch_failed(facts: Facts) -> Message:
    before = facts.get("previous")
    check = f" Please see whether {before} was stopped: labelloop stop {before}" if before else ""
    return message(
        f"Model {facts['version']} is in service, but something is left to do",
        [
            f"Version {facts['version']} serves. What comes after the switch did not work.{check}",
            f"What happened: {cause_in_words(facts)}",
            f"Images that waited for a model are sent round again by: "
            f"labelloop deploy {facts['version']}",
        ],
        facts,
    )


def _drift(facts: Facts) -> Message:
    share, accepted = facts["right"] / facts["answers"], facts.get("accepted")
    before = f"its F1 score was {facts['f1']:.2f}."
    if accepted:
        before = (
            f"it was right about {accepted['value']:.0%} ({accepted['low']:.0%} to "
            f"{accepted['high']:.0%}) of the {accepted['images']:.0f} test images of which it was "
            "sure."
        )
    return message(
        f"Model {facts['version']} has become worse than it was when it was tested",
        [
            f"People looked at {facts['answers']} sampled detections of which version "
            f"{facts['version']} was sure. It was right about {facts['right']} of them "
            f"({share:.0%}): with 95 % confidence it is right about {facts['at_most']:.0%} at "
            f"most. When it was tested, {before}",
            "Images may look otherwise than those that it learned from. By label: "
            f"labelloop accuracy {facts['version']}",
            "What helps is to train with images as they come in now: upload labelled ones, set "
            "Train-On-Sampled-Answers to true, or raise Minimum-Label-Detection-Confidence, so "
            "that people look at more of them.",
            "This is said once for each version.",
        ],
        facts,
    )


MAILS: Mapping[str, Callable[[Facts], Message]] = {
    "model_deployed": _model_deployed,
    "model_rejected": _model_rejected,
    "model_not_compared": _model_not_compared,
    "deployment_failed": _deployment_failed,
    "nothing_serves": _nothing_serves,
    "model_left_running": _model_left_running,
    "after_switch_failed": _after_switch_failed,
    "drift": _drift,
}
