"""Events for programs outside: what every one of them tells, and which news are events."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from labelloop.domain.messages import Facts, Message, event_heading
from labelloop.domain.version_files import VersionFiles
from labelloop.domain.wording import cause_in_words

SOURCE = "labelloop"


class EventType(StrEnum):
    """What an event is about, as EventBridge's ``detail-type`` says it."""

    IMAGE_DETECTED = "Image Detected"
    IMAGE_DECIDED = "Image Decided"
    TRAINING_STARTED = "Training Started"
    TRAINING_ENDED = "Training Ended"
    MODEL_DEPLOYED = "Model Deployed"
    MODEL_REJECTED = "Model Rejected"
    MODEL_STARTED = "Model Started"
    MODEL_STOPPED = "Model Stopped"
    DRIFT_SUSPECTED = "Drift Suspected"


@dataclass(frozen=True)
class Event:
    """One event, before it leaves."""

    type: EventType
    event_id: str
    """The same however often this is sent: by it a receiver drops what it has had."""
    facts: Mapping[str, Any]

    def detail(self, stack: str) -> dict[str, Any]:
        """All that EventBridge brings to whoever wants it."""
        return {**event_heading(self.event_id, stack), **self.facts}

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept until it is sent."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Event":
        """The event that ``as_json`` told."""
        return cls(EventType(stored["type"]), stored["event_id"], stored["facts"])


def image_decided(detection_id: str, revision: int, message: Message) -> Event:
    """The event of what people have said of a detection, with all that its message says."""
    return Event(EventType.IMAGE_DECIDED, f"{detection_id}-{revision}", message.fields())


def _training_started(facts: Facts) -> dict[str, Any]:
    return {
        "version": facts["version"],
        "new_images": facts["new_images"],
        "train_images": facts["train_images"],
        "test_images": facts["test_images"],
    }


def _training_ended(facts: Facts) -> dict[str, Any]:
    return {
        "version": facts["version"],
        "outcome": "trained",
        "f1": facts["f1"],
        "report": VersionFiles(facts["version"]).report,
        "cause": None,
    }


def _training_failed(facts: Facts) -> dict[str, Any]:
    return {
        "version": facts["version"] or None,
        "outcome": "failed",
        "f1": None,
        "report": None,
        "cause": cause_in_words(facts),
    }


def _model_deployed(facts: Facts) -> dict[str, Any]:
    return {
        "version": facts["version"],
        "previous": facts.get("previous"),
        "again": bool(facts.get("again")),
        "reasons": facts.get("reasons", []),
    }


def _model_rejected(why: str) -> Callable[[Facts], dict[str, Any]]:
    def told(facts: Facts) -> dict[str, Any]:
        return {
            "version": facts["version"],
            "why": why,
            "reasons": facts.get("reasons", []),
            "cause": cause_in_words(facts) if "cause" in facts else None,
        }

    return told


def _drift_suspected(facts: Facts) -> dict[str, Any]:
    return {
        "version": facts["version"],
        "right": facts["right"],
        "answers": facts["answers"],
        "accuracy_at_most": facts["at_most"],
        "f1": facts["f1"],
    }


_ABOUT: Mapping[str, tuple[EventType, Callable[[Facts], dict[str, Any]]]] = {
    "training_started": (EventType.TRAINING_STARTED, _training_started),
    "training_ended": (EventType.TRAINING_ENDED, _training_ended),
    "training_failed": (EventType.TRAINING_ENDED, _training_failed),
    "model_deployed": (EventType.MODEL_DEPLOYED, _model_deployed),
    "model_rejected": (EventType.MODEL_REJECTED, _model_rejected("not_good_enough")),
    "model_not_compared": (EventType.MODEL_REJECTED, _model_rejected("not_compared")),
    "deployment_failed": (EventType.MODEL_REJECTED, _model_rejected("not_deployed")),
    "drift": (EventType.DRIFT_SUSPECTED, _drift_suspected),
}
KINDS = _ABOUT.keys()
"""The news that programs hear of, too; by the names that messages to the operator have."""


def news(kind: str, once: str, facts: Facts) -> Event:
    """The event of one of these kinds, about the facts that the operator is told.

    ``once`` is the name under which that is told once. Raises KeyError for another kind.
    """
    event_type, told = _ABOUT[kind]
    return Event(event_type, once, told(facts))


def run_began(version: str, inference_units: int, running_since: str, before: str) -> Event:
    """That the deployed version runs; what came ``before`` tells this run from others."""
    facts = {
        "version": version,
        "inference_units": inference_units,
        "running_since": running_since,
    }
    return Event(EventType.MODEL_STARTED, f"started-{version}-{before}", facts)


def run_ended(version: str, running_since: str, stopped: str) -> Event:
    """That the deployed version no longer runs."""
    facts = {"version": version, "running_since": running_since, "stopped": stopped}
    return Event(EventType.MODEL_STOPPED, f"stopped-{version}-{running_since}", facts)
