"""To the operator, and to who asks, about a day's ceilings that are reached."""

from collections.abc import Callable, Mapping

from labelloop.domain.messages import Facts, Message, message
from labelloop.domain.parameters import API_IMAGES, MODEL_HOURS
from labelloop.domain.wording import images_in_words


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
    return message(
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
    return message(
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


MAILS: Mapping[str, Callable[[Facts], Message]] = {
    "model_hours_spent": _model_hours_spent,
    "api_images_spent": _api_images_spent,
}
