"""What training, hosting and detection ask of a model, whatever its use case.

``classification`` and ``localization`` each bring their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from PIL import Image

from labelvision.backbone import Backbone
from labelvision.boxes import Finding
from labelvision.evaluation import Evaluation
from local.rekognition.annotations import LineProblem
from local.rekognition.manifest import Entry, UseCase

Json = dict[str, Any]
Prepared = TypeVar("Prepared")


class TrainedModel(Protocol):
    """A model that can be hosted."""

    @property
    def evaluation(self) -> Evaluation:
        """Its results on its test images."""

    @property
    def decoded_side_px(self) -> int:
        """Images may be given to it decoded to this side."""

    def find(self, content: bytes, image: Image.Image, backbone: Backbone) -> list[Finding]:
        """All that may be in the image that was decoded from ``content``."""


@dataclass(frozen=True)
class Usable(Generic[Prepared]):
    """An image that can be trained on, and what has been made of it for that."""

    entry: Entry
    labels: tuple[str, ...]
    prepared: Prepared
    problems: tuple[LineProblem, ...] = ()
    """What was found wrong with parts of it when it was read."""


class Trained(Protocol):
    """What a training leaves."""

    @property
    def model(self) -> TrainedModel:
        """The model."""

    def training_lines(self, written_at: float) -> list[Json]:
        """The lines of the training snapshot."""

    def testing_lines(self, written_at: float) -> list[Json]:
        """The lines of the evaluation snapshot."""


class Trainer(Protocol[Prepared]):
    """Trains the models of one use case."""

    @property
    def use_case(self) -> UseCase:
        """The use case."""

    @property
    def minimum_labels(self) -> int:
        """How many labels a dataset needs at least."""

    def prepare(self, entry: Entry, content: bytes) -> Usable[Prepared]:
        """The image as it is trained on. Raises UnusableImageError."""

    def train(
        self, training: Sequence[Usable[Prepared]], testing: Sequence[Usable[Prepared]]
    ) -> Trained:
        """The model, and what it says of the test images."""
