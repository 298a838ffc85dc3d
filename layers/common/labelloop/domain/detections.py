"""What a detection is, and which detections are doubtful."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from labelloop.domain.annotations import ModelType
from labelloop.domain.image_labels import Label, found, may_lack_boxes
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import NONE_OF_THEM


class Outcome(StrEnum):
    """Where an image ended."""

    CONFIDENT = "confident"
    REVIEW = "review"
    """Doubtful: a person is asked."""
    DEFERRED = "deferred"
    """Doubtful, and nobody is asked, or not yet."""
    REJECTED = "rejected"
    """The service will never take it."""
    WAITING = "waiting"
    """No model serves; it is sent round again when one does."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a detected image."""

    outcome: Outcome
    label: Label | None
    """The one that decided; None where the model found nothing."""


DETECTION_ID = r"^[0-9a-f]{32}$"


def detection_id(image: ImageObject) -> str:
    """The name of the detection of this object version: 32 hexadecimal digits.

    One bucket, key and version always makes the same name, however often its event arrives.
    An unversioned object is told apart by its ETag instead.
    """
    version = image.version_id or f"etag:{image.etag}"
    text = "\n".join((image.bucket, image.key, version))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def human_loop_name(detection: str) -> str:
    """The name of the human loop of a detection: within A2I's 63 characters of a-z, 0-9 and -."""
    return f"detection-{detection}"


def detection_of_loop(human_loop: str) -> str | None:
    """The detection that the human loop of this name is about; None for another kind of loop."""
    prefix, _, detection = human_loop.partition("-")
    return detection if prefix == "detection" and len(detection) == 32 else None


def decide(
    labels: Sequence[Label],
    model_type: ModelType,
    minimum_confidence_pct: Decimal,
    asked_at_once: bool,
    *,
    unsure: Sequence[Label] = (),
    accepts_none: bool = False,
) -> Decision:
    """Whether what a model found in an image, and what it did not, is certain enough.

    All that it found must be certain, so the least sure label or box decides; of a classification
    model, which finds one label, that is the surest of all. What is ``unsure`` was not found, and
    is there with some chance: over what the minimum leaves to 100, it is doubtful, too. What equals
    the minimum is certain. Nothing found is doubtful, and so are 50 boxes or more, and an image
    that it takes for none of its labels unless the model may do so.
    """
    what = found(labels, model_type)
    deciding = min(reversed(what), key=lambda label: label.sure_pct, default=None)
    certain_pct = certainty_pct(what, unsure)
    if (
        deciding is not None
        and certain_pct is not None
        and Decimal(str(certain_pct)) >= minimum_confidence_pct
        and not may_lack_boxes(labels)
        and (accepts_none or deciding.name != NONE_OF_THEM)
    ):
        return Decision(Outcome.CONFIDENT, deciding)
    return Decision(Outcome.REVIEW if asked_at_once else Outcome.DEFERRED, deciding)


def certainty_pct(what: Sequence[Label], unsure: Sequence[Label]) -> float | None:
    """How sure the least sure decision about an image is; None where nothing was found.

    What was found counts with its chance, or with its confidence where no chance is known; what was
    not, with the chance that it is not there.
    """
    if not what:
        return None
    sides = [label.sure_pct for label in what] + [100 - label.sure_pct for label in unsure]
    return min(sides)


Notifications = Literal["all", "low-confidence", "decisions", "off"]


def wants_message(outcome: Outcome, notifications: Notifications) -> bool:
    """Whether the consumer gets a message about a detection with this outcome."""
    if outcome is Outcome.WAITING or notifications in {"decisions", "off"}:
        return False
    return notifications == "all" or outcome is not Outcome.CONFIDENT


def wants_decision(outcome: str, notifications: Notifications) -> bool:
    """Whether the consumer gets a message about what people said of a detection with this outcome.

    Of a sample of what the model was sure of, nobody who hears of doubtful images alone knows.
    """
    if notifications == "off":
        return False
    return notifications in {"all", "decisions"} or outcome != Outcome.CONFIDENT
