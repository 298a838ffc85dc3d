"""What Label Loop writes to people: one message a subject, worded for somebody who reads e-mail.

Programs that subscribe to the same topics get the same facts as JSON.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.domain.detections import Label, Outcome
from labelloop.domain.images import ImageObject

SUBJECT_CHARACTERS = 99
"""SNS takes fewer than 100, in ASCII, without line breaks."""

IMAGES_WAITING_ONCE = "images-waiting"
"""The name under which the operator is told, once, that images wait for a model."""

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """One message, for people and for programs."""

    subject: str
    text: str
    data: Mapping[str, Any]

    def sns_message(self) -> str:
        """The message as SNS wants it with ``MessageStructure=json``: text by e-mail, else JSON."""
        data = json.dumps(self.data, ensure_ascii=False, default=str)
        return json.dumps({"default": data, "email": self.text}, ensure_ascii=False)


def _message(subject: str, paragraphs: list[str], data: Mapping[str, Any]) -> Message:
    return Message(subject_line(subject), "\n\n".join(paragraphs) + "\n", data)


def subject_line(text: str) -> str:
    """The text as SNS takes it for a subject: printable ASCII, all else as question marks."""
    words = " ".join(text.split())
    one_line = "".join(sign if " " <= sign <= "~" else "?" for sign in words)
    if len(one_line) <= SUBJECT_CHARACTERS:
        return one_line
    return one_line[: SUBJECT_CHARACTERS - 3] + "..."


# --- To the operator ------------------------------------------------------------------------------


def _images(count: int) -> str:
    return "one image" if count == 1 else f"{count} images"


def _bullets(reasons: list[str]) -> str:
    return "\n".join(f"- {reason}" for reason in reasons)


def _training_started(facts: Facts) -> Message:
    new = facts["new_images"]
    came = "new labelled image has" if new == 1 else "new labelled images have"
    if new:
        why = f"{new} {came} come in, so a new version of the model is being trained"
    else:
        why = "As you asked, a new version of the model is being trained"
    return _message(
        f"Training of {facts['version']} has started",
        [
            f"{why}: {facts['version']}.",
            f"It learns from {_images(facts['train_images'])} and is tested on "
            f"{_images(facts['test_images'])}. Training usually takes between half an hour and a "
            "few hours. Until it is done and proven, nothing changes in detection.",
            *_what_was_left_out(facts),
        ],
        facts,
    )


def _what_was_left_out(facts: Facts) -> list[str]:
    if not facts.get("left_out"):
        return []
    return ["Not everything can be trained on:\n" + _bullets(facts["left_out"])]


def _model_deployed(facts: Facts) -> Message:
    before = facts.get("previous")
    if before == facts["version"]:
        news = f"Version {facts['version']} runs again and detects images from now on."
    elif before:
        news = f"Version {facts['version']} has taken the place of {before}, which was stopped."
    else:
        news = f"Version {facts['version']} is the first model, and detects images from now on."
    paragraphs = [news]
    if facts.get("reasons"):
        paragraphs.append("Why:\n" + _bullets(facts["reasons"]))
    if facts.get("resent"):
        waited = _images(facts["resent"]).capitalize()
        paragraphs.append(f"{waited} had waited for a model and will be detected now.")
    paragraphs.append(
        "A running model is billed for every minute, whether it has work or not. To stop it: "
        "labelloop stop"
    )
    return _message(f"Model {facts['version']} is in service", paragraphs, facts)


def _model_rejected(facts: Facts) -> Message:
    serving = facts.get("serving")
    stays = f"{serving} stays in service." if serving else "No model is in service yet."
    return _message(
        f"Model {facts['version']} was trained, but not good enough",
        [
            f"Version {facts['version']} was trained and will not be deployed. {stays}",
            "Why:\n" + _bullets(facts["reasons"]),
            "More labelled images usually help most. What it confuses, and labels that may be "
            f"wrong: labelloop report {facts['version']}",
            f"It is not trained again on the same images. To put it into service all the same: "
            f"labelloop deploy {facts['version']}",
        ],
        facts,
    )


def _untrainable(facts: Facts) -> Message:
    return _message(
        "New labelled images cannot be trained on yet",
        [
            "New labelled images have come in, but no model can be trained on them as they are.",
            cause_in_words(facts),
            "Nothing was lost; the next look comes by schedule.",
        ],
        facts,
    )


def _training_failed(facts: Facts) -> Message:
    serving = facts.get("serving")
    stays = f"{serving} stays in service." if serving else "No model is in service yet."
    return _message(
        f"Training of {facts.get('version') or 'a model'} has failed",
        [
            f"The training did not finish. {stays}",
            f"What happened:\n{cause_in_words(facts)}",
            "If Rekognition refused the images, they are not trained on before new ones come. "
            "Anything else is tried again at the next look by schedule, or with: labelloop train",
        ],
        facts,
    )


def _deployment_failed(facts: Facts) -> Message:
    serving = facts.get("serving")
    stays = f"{serving} still serves." if serving else "No model is in service."
    if serving and facts.get("in_place"):
        stays = f"{serving} had been stopped to make room for it, and is being started again."
    return _message(
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
    return _message(
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
    return _message(
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
    return _message(
        f"Model {facts['version']} is in service, but something is left to do",
        [
            f"Version {facts['version']} serves. What comes after the switch did not work.{check}",
            f"What happened: {cause_in_words(facts)}",
            f"Images that waited for a model are sent round again by: "
            f"labelloop deploy {facts['version']}",
        ],
        facts,
    )


def _run_unfinished(facts: Facts) -> Message:
    serving, stopped = facts.get("serving"), facts["stopped"]
    state = "No model is in service yet."
    if serving and facts["serves"]:
        state = f"{serving} serves."
    elif serving:
        state = f"{serving} is the deployed version, but does not run. To start it: labelloop start"
    left = f" Stopped now, since it served nobody: {', '.join(stopped)}." if stopped else ""
    paragraphs = [
        "A run of the workflow model_training was ended from outside, or ran out of time. "
        f"{state}{left}",
        "Images that it had not trained on are trained on by a later run.",
    ]
    if facts["proven"]:
        paragraphs.append(
            f"Version {facts['proven']} was trained and found good, but does not serve. To put it "
            f"into service: labelloop deploy {facts['proven']}"
        )
    paragraphs.append(f"Its steps can be seen in the Step Functions console: {facts['execution']}")
    return _message("A training or deployment ended before it was finished", paragraphs, facts)


def _workflow_failed(facts: Facts) -> Message:
    return _message(
        f"Something went wrong in {facts['workflow']}",
        [
            f"The workflow {facts['workflow']} has stopped with an error.",
            f"What happened: {cause_in_words(facts)}",
            f"Its steps can be seen in the Step Functions console: {facts['execution']}",
        ],
        facts,
    )


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
    return _message(
        "Images are waiting for a model",
        [
            f"Images have come in for detection, but there is no model to look at them. {why}",
            f"They are kept and will be detected as soon as a model runs. {act}",
            "This is said once, not for every image.",
        ],
        facts,
    )


def _answer_problem(facts: Facts) -> Message:
    return _message(
        "An answer from human review cannot be used",
        [
            f"The answers in {facts['key']} cannot be used: {cause_in_words(facts)}",
            "The image is not added to training, and its record says so. When the file is mended, "
            "put it into the bucket again under the same name.",
        ],
        facts,
    )


OPERATOR_MESSAGES: Mapping[str, Callable[[Facts], Message]] = {
    "training_started": _training_started,
    "model_deployed": _model_deployed,
    "model_rejected": _model_rejected,
    "untrainable": _untrainable,
    "training_failed": _training_failed,
    "deployment_failed": _deployment_failed,
    "nothing_serves": _nothing_serves,
    "model_left_running": _model_left_running,
    "after_switch_failed": _after_switch_failed,
    "run_unfinished": _run_unfinished,
    "workflow_failed": _workflow_failed,
    "images_waiting": _images_waiting,
    "answer_problem": _answer_problem,
}


def to_operator(kind: str, facts: Facts) -> Message:
    """The message of this kind about these facts. Raises KeyError for an unknown kind."""
    return OPERATOR_MESSAGES[kind](facts)


def cause_in_words(facts: Facts) -> str:
    """The sentence in a Step Functions cause, which is JSON where a function raised it."""
    cause = str(facts.get("cause") or facts.get("error") or "no cause was given")
    try:
        content = json.loads(cause)
    except ValueError:
        return cause
    if isinstance(content, dict) and content.get("errorMessage"):
        return str(content["errorMessage"])
    return cause


# --- To the consumer ------------------------------------------------------------------------------


def detection_result(
    image: ImageObject,
    detection: str,
    outcome: Outcome,
    *,
    label: Label | None,
    reason: str | None,
    human_loop: str | None,
) -> Message:
    """What became of an image."""
    data = {
        "detection_id": detection,
        "bucket": image.bucket,
        "key": image.key,
        "version_id": image.version_id,
        "outcome": outcome.value,
        "label": label.name if label else None,
        "confidence_pct": label.confidence_pct if label else None,
        "reason": reason,
        "human_loop": human_loop,
    }
    found = f"{label.name} ({label.confidence_pct:.1f} %)" if label else "nothing that it knows"
    file_name = image.key.rsplit("/", 1)[-1]
    if outcome is Outcome.REJECTED:
        return _message(
            f"{file_name}: not an image we can use", [f"{image.key} was refused. {reason}"], data
        )
    sentences = f"In {image.key} the model found {found}."
    if outcome is Outcome.REVIEW:
        sentences += " That is not certain enough, so a person is being asked."
    elif outcome is Outcome.DEFERRED:
        sentences += " That is not certain, and human review is switched off."
    return _message(f"{file_name}: {label.name if label else 'nothing found'}", [sentences], data)
