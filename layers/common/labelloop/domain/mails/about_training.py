"""To the operator, about trainings: begun, refused, failed, ended from outside."""

from collections.abc import Callable, Mapping

from labelloop.domain.messages import Facts, Message, message
from labelloop.domain.wording import bullets, cause_in_words, images_in_words

TRAINING_HOUR_USD = 1.00
"""What a training costs an hour where it succeeds; second-hand, as docs/costs.md says."""


def _training_started(facts: Facts) -> Message:
    new = facts["new_images"]
    came = "new labelled image has" if new == 1 else "new labelled images have"
    if new:
        why = f"{new} {came} come in, so a new version of the model is being trained"
    else:
        why = "As you asked, a new version of the model is being trained"
    return message(
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
    return ["Not everything can be trained on:\n" + bullets(facts["left_out"])]


def _untrainable(facts: Facts) -> Message:
    return message(
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
    return message(
        f"Training of {facts.get('version') or 'a model'} has failed",
        [
            f"The training did not finish. {stays}",
            f"What happened:\n{cause_in_words(facts)}",
            "If Rekognition refused the images, they are not trained on before new ones come. "
            "Anything else is tried again at the next look by schedule, or with: labelloop train",
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
    return message("A training or deployment ended before it was finished", paragraphs, facts)


MAILS: Mapping[str, Callable[[Facts], Message]] = {
    "training_started": _training_started,
    "untrainable": _untrainable,
    "training_failed": _training_failed,
    "run_unfinished": _run_unfinished,
}
