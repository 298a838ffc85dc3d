"""What is said over the API that detects: what is asked, and what is answered.

``ServeDetectApi`` speaks it, and the API's document is written from it.
"""

from typing import Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from labelloop.domain.manifests import DETECTION_FOLDER, MAX_KEY_BYTES
from labelloop.entrypoint import Strict

FOLDER = DETECTION_FOLDER
"""Whose objects may be named. What comes into it is detected and logged by itself."""
_NAME = r"([^/.][^/]*|\.[^/.][^/]*|\.\.[^/]+)"
"""Of a folder or file in a key: not empty, nor one or two dots."""


class ObjectToDetect(Strict):
    """An image that is in the stack's bucket."""

    key: str = Field(
        description=f"Its key, under {FOLDER}: up to {MAX_KEY_BYTES:,} bytes in UTF-8.",
        max_length=MAX_KEY_BYTES,
        pattern=f"^{FOLDER}({_NAME}/)*{_NAME}$",
    )


class DetectedBox(TypedDict):
    """Where in the image a label is, in ratios of the image's width and height."""

    left: float
    top: float
    width: float
    height: float


class DetectedLabel(TypedDict):
    """One label that the model gave the image, or a part of it."""

    name: str
    confidence_pct: float
    chance_pct: NotRequired[float]
    """How likely it is there, by the model's own test results, where that is known: what is held
    against the minimum."""
    box: NotRequired[DetectedBox]
    """The part, where the model is one that gives boxes."""


class SaidLabel(TypedDict):
    """A label that is known to be in the image, or in a part of it."""

    name: str
    box: NotRequired[DetectedBox]
    """The part, where there are boxes."""


class Detected(TypedDict):
    """What the model found in an image."""

    outcome: Literal["confident", "review", "deferred"]
    """Whether the model is sure; if not, whether a person is asked, or nobody."""
    version: str
    """Of the model."""
    label: str | None
    """The label that decided, "none of them" among them; null where nothing was found."""
    confidence_pct: float | None
    """The confidence in it."""
    minimum_confidence_pct: float
    """With less than this, a detection is doubtful."""
    labels: list[DetectedLabel]
    """All that it found, the surest first; of a classification model, all that it knows."""
    unsure: NotRequired[list[DetectedLabel]]
    """What it did not find, and may be there, the likeliest first; where that is known."""
    labels_left_out: NotRequired[int]
    """How many more there were than a record holds."""
    detection_id: NotRequired[str]
    """The record's name in the inference log, where it is logged."""
    human_loop: NotRequired[str]
    """The review task's name, where a person is asked."""
    agreement: NotRequired[str]
    """What people's answers came to, where they have answered: decided, none (of the labels) or
    undecided."""
    decided_by: NotRequired[Literal["people", "model"] | None]
    """Whose answer counts now, of what is logged; null where nobody has decided."""
    final_labels: NotRequired[list[SaidLabel]]
    """What was decided to be in the image; empty for nothing, and where nobody has decided."""


class Waiting(TypedDict):
    """An image that is logged, and will be detected when a model runs."""

    outcome: Literal["waiting"]
    detection_id: str
    """The record's name in the inference log."""
