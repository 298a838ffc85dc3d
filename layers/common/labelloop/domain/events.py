"""Events for programs outside: what every one of them tells, whatever it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SOURCE = "labelloop"
SCHEMA_VERSION = 1
"""Counts up where a field goes or means something else; one that is new changes nothing."""


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
        told = {"schema_version": SCHEMA_VERSION, "event_id": self.event_id, "stack": stack}
        return {**told, **self.facts}
