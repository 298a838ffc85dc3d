"""What Label Loop writes to people: one message a subject, worded for somebody who reads e-mail.

Programs that subscribe to the same topics get the same body: SNS can send each protocol a body of
its own, but then sends no message attributes, by which subscribers choose what they get.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.domain.annotations import MOST_BOXES, ModelType
from labelloop.domain.detections import (
    Label,
    Outcome,
    first_that_fit,
    found,
    may_lack_boxes,
    surest_that_fit,
)
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.parameters import API_IMAGES, MODEL_HOURS
from labelloop.domain.places import Place

SUBJECT_CHARACTERS = 99
"""SNS takes fewer than 100, in ASCII, without line breaks."""

IMAGES_WAITING_ONCE = "images-waiting"
"""The name under which the operator is told, once, that images wait for a model."""

TRAINING_HOUR_USD = 1.00
"""What a training costs an hour where it succeeds; second-hand, as docs/costs.md says."""

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """One message, for people and for programs."""

    subject: str
    text: str
    data: Mapping[str, Any]

    def as_text(self) -> str:
        """The text, and in its last line the facts as JSON."""
        return f"{self.text}\nFor programs: {_json(self.data)}\n"

    def as_json(self) -> str:
        """A JSON object that people can read, too: its first field says all in words, and each
        field has a line."""
        fields = {"summary": self.text.strip(), **self.data}
        lines = (f"  {_json(name)}: {_json(value)}" for name, value in fields.items())
        return "{\n" + ",\n".join(lines) + "\n}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _message(subject: str, paragraphs: list[str], data: Mapping[str, Any]) -> Message:
    return Message(subject_line(subject), plain_text("\n\n".join(paragraphs) + "\n"), data)


def subject_line(text: str) -> str:
    """The text as SNS takes it for a subject: printable ASCII, all else as question marks."""
    words = " ".join(text.split())
    one_line = "".join(sign if " " <= sign <= "~" else "?" for sign in words)
    if len(one_line) <= SUBJECT_CHARACTERS:
        return one_line
    return one_line[: SUBJECT_CHARACTERS - 3] + "..."


# --- Names that others gave -----------------------------------------------------------------------


# A terminal obeys control characters; others turn a line around, or are not seen at all.
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Without the joiners, which several languages cannot be written without, nor many emoji."""
_OBEYED_BUT_BREAKS = re.compile(f"(?!\n){_OBEYED.pattern}")


def one_line(text: str) -> str:
    """The text with such characters as Python writes them, line breaks too: a line is one line."""
    return _OBEYED.sub(_written_out, text)


def plain_text(text: str) -> str:
    """The same of a text whose line breaks are its own."""
    return _OBEYED_BUT_BREAKS.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode-escape", "backslashreplace").decode("ascii")


# --- To the operator ------------------------------------------------------------------------------


def images_in_words(count: int) -> str:
    """The number of images as it stands in a sentence."""
    return "one image" if count == 1 else f"{count} images"


def _bullets(reasons: list[str]) -> str:
    return "\n".join(f"- {reason}" for reason in reasons)


_NAMES = re.compile(r"\S*/\S*|\d[\d.,]*")
"""What differs between reasons of one kind: keys and folders, and numbers."""


def alike(things: Iterable[tuple[str, str]]) -> list[tuple[int, str, str]]:
    """Of things and why they are so, one for each kind of reason, with how many there are: the most
    frequent first. Reasons are of one kind where only names and numbers in them differ.
    """
    kinds: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, reason in things:
        kinds[_NAMES.sub("", reason)].append((name, reason))
    found = [(len(same), *same[0]) for same in kinds.values()]
    return sorted(found, key=lambda kind: -kind[0])


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
            f"It learns from {images_in_words(facts['train_images'])} and is tested on "
            f"{images_in_words(facts['test_images'])}. Training usually takes between half an hour "
            "and a few hours. Until it is done and proven, nothing changes in detection.",
            f"It is billed where it succeeds, about US${TRAINING_HOUR_USD:.2f} an hour. Nobody can "
            "stop it: it goes on, and is billed, even where the stack is deleted meanwhile.",
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
    if facts.get("again"):
        news = f"Version {facts['version']} runs again and detects images from now on."
    elif before:
        news = f"Version {facts['version']} has taken the place of {before}, which was stopped."
        if facts.get("previous_run"):
            news += f" That one {_ran(facts['previous_run'], 'ran')}"
    else:
        news = (
            f"Version {facts['version']} detects images from now on. No model was in service "
            "before it."
        )
    paragraphs = [news]
    if facts.get("reasons"):
        paragraphs.append("Why:\n" + _bullets(facts["reasons"]))
    paragraphs += _what_was_asked(facts)
    if facts.get("resent"):
        waited = images_in_words(facts["resent"]).capitalize()
        paragraphs.append(f"{waited} had waited for a model and will be detected now.")
    paragraphs.append(
        "A running model is billed for every minute, whether it has work or not. By Model-Hosting "
        "it runs always or while there is work; to stop it until you start it: labelloop stop"
    )
    return _message(f"Model {facts['version']} is in service", paragraphs, facts)


def _model_rejected(facts: Facts) -> Message:
    serving = facts.get("serving")
    stays = f"{serving} stays in service." if serving else "Nothing serves: images that come wait."
    return _message(
        f"Model {facts['version']} was trained, but not good enough",
        [
            f"Version {facts['version']} was trained and will not be deployed. {stays}",
            "Why:\n" + _bullets(facts["reasons"]),
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
    return _message(
        f"Model {version} could not be compared, and is not deployed",
        [
            f"Version {version} was trained. Whether it is better than {serving} depends on what "
            f"that one says of today's test images, and it could not be asked. It stays in "
            "service.",
            f"What kept it from being asked: {cause_in_words(facts)}",
            "What is known:\n" + _bullets(facts["reasons"]),
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
        return [f"{told} It was started for that, and {_ran(asked['run'], 'ran')}"]
    return [f"{told} It ran anyway."]


def _untrainable(facts: Facts) -> Message:
    return _message(
        "New labelled images cannot be trained on yet",
        [
            "No model can be trained on the labelled images as they are.",
            cause_in_words(facts),
            "Nothing was lost; the next look comes by schedule, or with: labelloop train",
        ],
        facts,
    )


def _training_failed(facts: Facts) -> Message:
    serving = facts.get("serving")
    stays = f"{serving} stays in service." if serving else "No model is in service."
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
    stays = f"{serving} stays in service." if serving else "No model is in service."
    if serving and facts.get("in_place"):
        stays = f"{serving} had been stopped to make room for it, and is to be started again."
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
    state = "No model is in service."
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
    return _message("A training or deployment ended before it was finished", paragraphs, facts)


def _workflow_failed(facts: Facts) -> Message:
    return _message(
        f"Something went wrong in {facts['workflow']}",
        [
            f"A step of the workflow {facts['workflow']} has failed.",
            f"What happened: {cause_in_words(facts)}",
            f"When that is mended: {_GOES_ON.get(facts['workflow'], 'it comes again by itself.')}",
        ],
        facts,
    )


_GOES_ON = {
    "model_training": "the next look comes by schedule, or with: labelloop train",
    "image_labeling": "the next look comes by schedule, or with: labelloop label",
    "human_sampling": "the next run by schedule goes on from the same place.",
    "parameter_change": "it is tried again once an hour.",
}


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


def _version_gone(facts: Facts) -> Message:
    return _message(
        f"The deployed model {facts['version']} was deleted",
        [
            f"Version {facts['version']} is deployed, but Rekognition does not have it any more: "
            "somebody has deleted it there. Images that come in are kept.",
            "To put another version into service: labelloop versions, then labelloop deploy "
            "VERSION; where there is none, to train one: labelloop train --force",
        ],
        facts,
    )


def _project_gone(facts: Facts) -> Message:
    return _message(
        "The project was deleted in Rekognition",
        [cause_in_words(facts), "Images that come in are kept, and so is what was labelled."],
        facts,
    )


def _model_not_answering(facts: Facts) -> Message:
    return _message(
        f"Model {facts['version']} runs, but does not answer",
        [
            f"By Rekognition {facts['version']} is RUNNING, but asked about images it says that it "
            f"is not ready. Images wait; one of them is tried every few minutes. It {_ran(facts)}",
            "What helps is to start it anew: labelloop stop, then labelloop start",
            "This is said once a day.",
        ],
        facts,
    )


def _model_not_stopped(facts: Facts) -> Message:
    return _message(
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
    before = [f"Its last run is over. It {_ran(facts, 'ran')}"] if "hours" in facts else []
    return _message(
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
    return _message(
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
    return _message(
        f"Model {facts['version']} had no work and is being stopped",
        [
            f"Nothing has come in for {facts['idle_minutes']} minutes (Idle-Minutes-Before-Stop). "
            f"It {_ran(facts)}",
            "It is started again when images come in; they wait for ten to twenty minutes then.",
        ],
        facts,
    )


def model_hours_spent(ceiling_h: int) -> str:
    """That no model runs any more today, and what to do about it: sentences."""
    hours = "one hour" if ceiling_h == 1 else f"{ceiling_h} hours"
    return (
        f"Models have run for {hours} today, the most that {MODEL_HOURS} allows. It goes on after "
        f"midnight (UTC); to go on at once, allow more: labelloop params set {MODEL_HOURS} HOURS"
    )


def _model_hours_spent(facts: Facts) -> Message:
    serving = facts.get("version")
    stopped = f"If it runs, {serving} is stopped as soon as that can be. " if serving else ""
    return _message(
        "Models have run for as many hours today as they may",
        [
            model_hours_spent(facts["ceiling"]),
            f"{stopped}Nothing is lost: images that come in wait, and so does a new version that "
            "is to be compared or put into service.",
            "Each model of the project counts from its start to its end. What runs, and why: "
            "labelloop status",
            "This is said once a day.",
        ],
        facts,
    )


def api_images_spent(ceiling: int) -> str:
    """That the API takes no more images today, and what to do about it: sentences."""
    came = images_in_words(ceiling).capitalize()
    return (
        f"{came} came by the API today, the most that {API_IMAGES} allows. More are taken after "
        "midnight (UTC)."
    )


def _api_images_spent(facts: Facts) -> Message:
    return _message(
        "As many images have come by the API today as may",
        [
            api_images_spent(facts["ceiling"]),
            "Programs that send more are told so, with the status 429 and after how long to send "
            "them again; images in the bucket are detected as always.",
            f"To take more at once: labelloop params set {API_IMAGES} IMAGES",
            "Whoever has a token can send images: programs, and all who may review (labelloop "
            "reviewers list).",
            "This is said once a day.",
        ],
        facts,
    )


def _model_idle(facts: Facts) -> Message:
    return _message(
        f"Model {facts['version']} runs without work",
        [
            f"Nothing has come in for an hour. It {_ran(facts)}",
            "By Model-Hosting it runs always (always-on). To let it run only while there is work: "
            "labelloop params set Model-Hosting on-demand",
            "This is said once a day.",
        ],
        facts,
    )


def _ran(facts: Facts, verb: str = "has run") -> str:
    return (
        f"{verb} for {facts['hours']:.1f} hours, which cost about US${facts['usd']:.2f} at "
        f"US${facts['usd_per_hour']:.2f} an hour."
    )


def _judgement_changed(facts: Facts) -> Message:
    return _message(
        "Label Loop was updated: new models are judged in another way",
        [
            "This release judges models in another way than the one before. Your parameters keep "
            "their names and values; some of them mean something else now:",
            _bullets(
                [
                    "Minimum-F1-Score decides while no model serves. Where one serves, the "
                    "comparison with it decides: a better model is deployed under the minimum, "
                    "too, and a worse one is not deployed above it. To let none be deployed under "
                    "the minimum, as before: labelloop params set Minimum-Decides always",
                    "A new model is compared with the one that serves on all test images as they "
                    "are today, and no longer on those that both were tested with. Of up to 300 "
                    "that the serving one has not seen, it is asked. Where the decision needs it, "
                    "it is started for that; what that costs is in the message about the verdict.",
                    "Minimum-Improvement is the difference of the two models' mean scores, by "
                    "Evaluation-Metric, image by image; where enough test images stand for those "
                    "that come in, they are weighted so.",
                    "Answers to sampled detections test. With Train-On-Sampled-Answers, "
                    "TestSetPercentage of them do, and the others train.",
                    "Several labels, and boxes: Minimum-Label-Detection-Confidence is held against "
                    "the chance, by the version's own test results, that what was found is there; "
                    "and what was not found, but is likely to be there, is doubtful, too. Both "
                    "begin when the next version is evaluated.",
                    "One label an image: the answer that none of the labels fits teaches the model "
                    "to say so, too (Train-None-Of-The-Above).",
                    "A day has ceilings: models run for Maximum-Daily-Model-Hours at the most "
                    "(48), and POST /detect takes Maximum-Daily-API-Images (20000). 0 switches one "
                    "off.",
                ]
            ),
            "Versions that were trained before stay as they are. This is said once.",
        ],
        facts,
    )


def _to_mend(facts: Facts) -> Message:
    return _message(
        "Please mend settings or parts of Label Loop",
        [
            "Something was changed by hand that Label Loop needs. All the rest goes on.",
            _bullets(facts["to_mend"]),
            "All that can be looked at from outside: labelloop doctor",
            "This is said once, and again after a month.",
        ],
        facts,
    )


def _answer_problem(facts: Facts) -> Message:
    return _message(
        "An answer from human review cannot be used",
        [
            f"The answers in {one_line(facts['key'])} cannot be used: {cause_in_words(facts)}",
            "The image is not added to training, and its record says so. When the file is mended, "
            "put it into the bucket again under the same name.",
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
    return _message(
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


def _labeling_problem(facts: Facts) -> Message:
    return _message(
        "Nobody can be asked about images to label",
        [
            f"There are new images in images_to_label/, but: {cause_in_words(facts)}",
            "Nothing was lost; the next look comes by schedule, or with: labelloop label",
        ],
        facts,
    )


def _images_not_labelled(facts: Facts) -> Message:
    left_out, count = facts["left_out"], facts["refused"]
    kinds = alike((one["key"], one["reason"]) for one in left_out)
    named = [
        f"{one_line(key)}{f' and {same - 1} more' if same > 1 else ''}: {reason}"
        for same, key, reason in kinds[:_MOST_NAMED]
    ]
    others = count - sum(same for same, _, _ in kinds[:_MOST_NAMED])
    if others:
        named.append(f"{others} more")
    return _message(
        "Nobody is asked about some images to label",
        [
            f"In images_to_label/ {'is one file' if count == 1 else f'are {count} files'} from "
            "which no training could learn, so nobody is asked about them:\n" + _bullets(named),
            "All others are asked about. Put better copies in their place, or delete them. What is "
            "left out is also named by: labelloop label",
        ],
        facts,
    )


_MOST_NAMED = 20


def _labeling_job_ended(facts: Facts) -> Message:
    return _message(
        "A labelling job has not labelled all of its images",
        [
            f"The labelling job {facts['job']} of Ground Truth is {facts['status']}. Labelled: "
            f"{facts['labelled']}; the others, {facts['on_console']}, are in the review queue of "
            "the console instead.",
            f"What happened: {cause_in_words(facts)}",
        ],
        facts,
    )


def _ground_truth_refused(facts: Facts) -> Message:
    return _message(
        "Ground Truth does not take images to label",
        [
            "Ground Truth was asked to have images labelled, and refused. They are in the review "
            "queue of the console instead, and nothing is lost.",
            f"What happened: {cause_in_words(facts)}",
            "Since 30 July 2026 Ground Truth takes no new customers. If your account should be one "
            "of the existing ones, ask AWS Support; otherwise deploy with ReviewBackend=console.",
            "This is said once a month.",
        ],
        facts,
    )


def _a2i_refused(facts: Facts) -> Message:
    return _message(
        "Amazon A2I does not take images for review",
        [
            "A2I was asked to show an image to its workers, and refused. Such images are in the "
            "review queue of the console instead, and nothing is lost.",
            f"What happened: {cause_in_words(facts)}",
            "Since 30 July 2026 A2I takes no new customers. If your account should be one of the "
            "existing ones, ask AWS Support; otherwise deploy with ReviewBackend=console.",
            "This is said once a month for each kind of refusal, not for every image.",
        ],
        facts,
    )


def _loops_unanswered(facts: Facts) -> Message:
    return _message(
        "Workers of Amazon A2I did not answer",
        [
            f"The human loop {facts['loop']} is {facts['status']}: it has ended without answers. "
            "Its image is in the review queue of the console instead.",
            f"What happened: {cause_in_words(facts)}",
            "This is said once a day, however many there are.",
        ],
        facts,
    )


OPERATOR_MESSAGES: Mapping[str, Callable[[Facts], Message]] = {
    "training_started": _training_started,
    "model_deployed": _model_deployed,
    "model_rejected": _model_rejected,
    "model_not_compared": _model_not_compared,
    "untrainable": _untrainable,
    "training_failed": _training_failed,
    "deployment_failed": _deployment_failed,
    "nothing_serves": _nothing_serves,
    "model_left_running": _model_left_running,
    "after_switch_failed": _after_switch_failed,
    "run_unfinished": _run_unfinished,
    "workflow_failed": _workflow_failed,
    "images_waiting": _images_waiting,
    "model_starting": _model_starting,
    "model_not_started": _model_not_started,
    "model_stopped": _model_stopped,
    "model_not_stopped": _model_not_stopped,
    "model_not_answering": _model_not_answering,
    "version_gone": _version_gone,
    "project_gone": _project_gone,
    "model_idle": _model_idle,
    "model_hours_spent": _model_hours_spent,
    "api_images_spent": _api_images_spent,
    "judgement_changed": _judgement_changed,
    "to_mend": _to_mend,
    "answer_problem": _answer_problem,
    "drift": _drift,
    "labeling_problem": _labeling_problem,
    "images_not_labelled": _images_not_labelled,
    "labeling_job_ended": _labeling_job_ended,
    "ground_truth_refused": _ground_truth_refused,
    "a2i_refused": _a2i_refused,
    "loops_unanswered": _loops_unanswered,
}


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


MOST_SAID = 10
"""So many labels or boxes are said in words; programs get them all."""
MOST_BYTES_OF_LABELS = 120_000
"""A message and a state machine's data have up to 256 KB; labels are in both the message and what
it may be filtered by."""
MOST_BYTES_OF_UNSURE = 10_000


@dataclass(frozen=True)
class DetectionResult:
    """What became of an image."""

    image: ImageObject
    detection_id: str
    outcome: Outcome
    model_type: ModelType
    version: str | None
    label: Label | None
    """The one that decided; None where nothing was found."""
    labels: Sequence[Label]
    """All that the model gave."""
    labels_left_out: int
    """How many more there were, less sure ones."""
    unsure: Sequence[Label]
    """What the model did not find, and may be there; the likeliest first."""
    reason: str | None
    human_loop: str | None
    review_enabled: bool
    """Whether people are asked about what is doubtful, be it later."""
    minimum_confidence_pct: float
    """With less than this, it is doubtful."""


def detection_result(result: DetectionResult, place: Place) -> Message:
    """The message about what became of an image, with addresses to see it and to answer."""
    image, label = result.image, result.label.shown() if result.label else None
    labels = surest_that_fit([each.shown() for each in result.labels], MOST_BYTES_OF_LABELS)
    unsure = first_that_fit(result.unsure[:MOST_SAID], MOST_BYTES_OF_UNSURE)
    data = {
        "detection_id": result.detection_id,
        "bucket": image.bucket,
        "key": image.key,
        "version_id": image.version_id,
        "outcome": result.outcome.value,
        "version": result.version,
        "label": label.name if label else None,
        "confidence_pct": label.confidence_pct if label else None,
        "labels": [each.as_json() for each in labels],
        "labels_left_out": result.labels_left_out + len(result.labels) - len(labels),
        "reason": result.reason,
        "human_loop": result.human_loop,
    }
    if unsure:
        data["unsure"] = [each.as_json() for each in unsure]
    data |= {"stack": place.stack, "region": place.region}
    data["image_url"] = place.file(image.key, image.version_id)
    if result.outcome is Outcome.REVIEW and place.review_page:
        data["review_url"] = place.review_page
    key = one_line(image.key)
    file_name = key.rsplit("/", 1)[-1]
    if result.outcome is Outcome.REJECTED:
        return _message(
            f"{file_name}: not an image we can use",
            [f"{key} was refused. {result.reason}"],
            data,
        )
    names = list(dict.fromkeys(each.shown().name for each in _found(result)))
    return _message(
        f"{file_name}: {listed(names) or 'nothing found'}",
        [" ".join([*_what_was_found(result), *_what_is_done(result)])],
        data,
    )


def filter_label(result: DetectionResult) -> str:
    """The names of the labels that were found, as a JSON array: SNS's type ``String.Array``.

    Nothing found is the value null, since SNS takes no empty text.
    """
    labels = surest_that_fit(_found(result), MOST_BYTES_OF_LABELS)
    names = list(dict.fromkeys(label.shown().name for label in labels))
    return json.dumps(names or [None], ensure_ascii=False)


def filter_confidence(result: DetectionResult) -> str:
    """The confidence that decided, in percent, to the five decimals that SNS compares; else 0."""
    return f"{result.label.confidence_pct if result.label else 0:.5f}"


def filter_version(result: DetectionResult) -> str:
    """The version that looked at the image; ``none`` where none has."""
    return result.version or "none"


def _found(result: DetectionResult) -> list[Label]:
    return found(result.labels, result.model_type)


def _what_was_found(result: DetectionResult) -> list[str]:
    if result.label and result.label.name == NONE_OF_THEM:
        pct = result.label.confidence_pct
        return [
            f"The model takes {one_line(result.image.key)} for none of its labels ({pct:.1f} %)."
        ]
    said = [_with_confidence(label) for label in _found(result)]
    # What a classification model gave beside its one label, it did not find.
    more = 0 if result.model_type is ModelType.CLASSIFICATION else result.labels_left_out
    found_here = listed(said, more) or "nothing that it knows"
    sentences = [f"In {one_line(result.image.key)} the model found {found_here}."]
    if result.label and len(said) > 1:
        sentences.append(f"The least sure is {_with_confidence(result.label)}.")
    chances = _chances(result)
    if chances:
        sentences.append(f"By its test results, the chance is {listed(chances)}.")
    return sentences


def _chances(result: DetectionResult) -> list[str]:
    """How likely that is which is not certain enough, where a chance is known."""
    least_pct = result.minimum_confidence_pct
    found_here = [
        f"{label.chance_pct:.0f} % that there is {label.name}"
        for label in _found(result)
        if label.chance_pct is not None and label.chance_pct < least_pct
    ]
    missed = [
        f"{label.sure_pct:.0f} % that there is {label.name}, which it did not find"
        for label in result.unsure
        if 100 - label.sure_pct < least_pct
    ]
    return found_here + missed


def _what_is_done(result: DetectionResult) -> list[str]:
    why = "That is not certain enough"
    if _is_sure_of_none(result):
        why = "People have not said often enough yet that it is right about such images"
    if may_lack_boxes(result.labels):
        why = f"Where there are {MOST_BOXES} boxes or more, some may be missing"
    if result.outcome is Outcome.REVIEW:
        return [f"{why}, so a person is being asked."]
    if result.outcome is Outcome.DEFERRED and result.review_enabled:
        return [f"{why}. It waits: a person is asked if it is among the most useful images."]
    if result.outcome is Outcome.DEFERRED:
        return [f"{why}, and human review is switched off."]
    return []


def _is_sure_of_none(result: DetectionResult) -> bool:
    label = result.label
    return (
        label is not None
        and label.name == NONE_OF_THEM
        and label.confidence_pct >= result.minimum_confidence_pct
    )


def _with_confidence(label: Label) -> str:
    return f"{label.name} ({label.confidence_pct:.1f} %)"


def listed(words: Sequence[str], more: int = 0) -> str:
    """The words as part of a sentence, up to ten of them, and how many more there are."""
    said = list(words[:MOST_SAID])
    more += len(words) - len(said)
    if more:
        said.append(f"{more} more")
    return " and ".join(part for part in (", ".join(said[:-1]), *said[-1:]) if part)
