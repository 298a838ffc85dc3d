"""What is said over the API that tells what the inference log has of detections.

``ServeDetectionsApi`` speaks it, and the API's document is written from it.
"""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from labelloop.detect_contract import DetectedLabel, SaidLabel

NEXT = "^[A-Za-z0-9_-]+$"
"""What a parameter next looks like."""


class Logged(TypedDict):
    """What the inference log has of a detection; what does not apply is not there."""

    detection_id: str
    outcome: str
    """What became of the image at once: confident, review, deferred, rejected or waiting; labeling
    for one that people label from nothing."""
    date: NotRequired[str]
    """When that was."""
    bucket: NotRequired[str]
    key: NotRequired[str]
    version_id: NotRequired[str]
    """Which version of the object it is."""
    etag: NotRequired[str]
    size_bytes: NotRequired[int]
    reason: NotRequired[str]
    """Why the service will never take it."""
    version: NotRequired[str]
    """Of the model."""
    label: NotRequired[str]
    """The model's label that decided."""
    confidence_pct: NotRequired[float]
    """The confidence in it."""
    minimum_confidence_pct: NotRequired[float]
    """With less than this, it was doubtful."""
    labels: NotRequired[list[DetectedLabel]]
    """The surest that the model gave; of a classification model, of all that it knows."""
    labels_left_out: NotRequired[int]
    """How many more there were than a record holds."""
    unsure: NotRequired[list[DetectedLabel]]
    """What it did not find, and may be there, where that is known."""
    review_enabled: NotRequired[bool]
    """Whether people were asked about what was doubtful."""
    sampled: NotRequired[bool]
    """Whether people are asked to see how good the model is."""
    drawn: NotRequired[bool]
    """Whether chance has chosen it of those that waited."""
    chance: NotRequired[float]
    """With which chance one like it is asked about."""
    human_loop: NotRequired[str]
    """The review task's name, where a person is asked."""
    labeling_job: NotRequired[str]
    left_out: NotRequired[str]
    """Why nobody is asked about an image to be labelled."""
    agreement: NotRequired[str]
    """What people's answers came to, where they have answered: decided, none (of the labels) or
    undecided."""
    answers: NotRequired[int]
    """How many people it is from; 0 where the answer was taken back."""
    revision: NotRequired[int]
    """The how manieth thing that people have said of it, as in the messages about that."""
    human_label: NotRequired[str]
    """What they said, in short."""
    human_labels: NotRequired[list[SaidLabel]]
    """What they said."""
    answered_by_sender: NotRequired[bool]
    """Whether among the answers is one of who has sent the image."""
    completed: NotRequired[str]
    """When their answers were read."""
    copied_key: NotRequired[str]
    """Where the image is in the training data; empty where it is not."""
    review_problem: NotRequired[str]
    """Why their answers cannot be used; or that the image is gone, so that it cannot train."""
    decided_by: Literal["people", "model"] | None
    """Whose answer counts now; null where nobody has decided."""
    final_labels: list[SaidLabel]
    """What was decided to be in the image; empty for nothing, and where nobody has decided."""


class ListedDetections(TypedDict):
    """Some of the detections that were asked for, the newest first."""

    detections: list[Logged]
    """None of them where none of those that were looked at is one: ask on while there is a next."""
    next: NotRequired[str]
    """The parameter next of the same question, for those that follow; without it there are no
    more."""
