"""What a detection is, and which detections are doubtful."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from labelloop.domain.images import ImageObject


class Outcome(StrEnum):
    """Where an image ended."""

    CONFIDENT = "confident"
    REVIEW = "review"
    """Doubtful: a person is asked."""
    DEFERRED = "deferred"
    """Doubtful, and nobody is asked."""
    REJECTED = "rejected"
    """The service will never take it."""
    WAITING = "waiting"
    """No model serves; it is sent round again when one does."""


@dataclass(frozen=True)
class Label:
    """One label that the model found in an image."""

    name: str
    confidence_pct: float


@dataclass(frozen=True)
class Decision:
    """What becomes of a detected image."""

    outcome: Outcome
    label: Label | None
    """The label with the most confidence; None where the model found nothing."""


OUTCOME_SHARDS = 8


def outcome_shard(outcome: Outcome, detection: str) -> str | None:
    """The partition of the log's index ``by_outcome`` for a detection; None for a confident one."""
    if outcome is Outcome.CONFIDENT:
        return None
    return outcome_shards(outcome)[int(detection[-4:], 16) % OUTCOME_SHARDS]


def outcome_shards(outcome: Outcome) -> list[str]:
    """All partitions of the index that hold detections with this outcome."""
    return [f"{outcome}#{shard}" for shard in range(OUTCOME_SHARDS)]


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
    labels: Sequence[Label], minimum_confidence_pct: Decimal, review_enabled: bool
) -> Decision:
    """Whether an image's labels are certain enough.

    The label with the most confidence counts; nothing found is as doubtful as a low confidence.
    A confidence equal to the minimum is certain.
    """
    top = max(labels, key=lambda label: label.confidence_pct, default=None)
    if top is not None and Decimal(str(top.confidence_pct)) >= minimum_confidence_pct:
        return Decision(Outcome.CONFIDENT, top)
    return Decision(Outcome.REVIEW if review_enabled else Outcome.DEFERRED, top)


def wants_message(outcome: Outcome, notifications: Literal["all", "low-confidence", "off"]) -> bool:
    """Whether the consumer gets a message about a detection with this outcome."""
    if outcome is Outcome.WAITING or notifications == "off":
        return False
    return notifications == "all" or outcome is not Outcome.CONFIDENT
