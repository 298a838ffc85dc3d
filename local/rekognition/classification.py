"""Image-level labels, one an image or several: from a manifest's images to a model, and its files.

Called by ``training``, which chooses between this and ``localization``; the models are asked by
``detection``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from labelvision import images, label_model
from labelvision.backbone import Backbone, Embedding
from labelvision.evaluation import Verdict
from labelvision.label_model import Confidences, LabelModel, Shown
from local.rekognition import snapshots
from local.rekognition.manifest import Entry, UseCase
from local.rekognition.trainers import Json, Trained, Usable


class ClassificationTrainer:
    """Trains models of image-level labels; ``several`` if an image may have more than one."""

    use_case = UseCase.IMAGE_LEVEL_LABELS
    minimum_labels = 2

    def __init__(self, backbone: Backbone, *, several: bool) -> None:
        self._backbone = backbone
        self._several = several

    def prepare(self, entry: Entry, content: bytes) -> Usable[Embedding]:
        """The image as it is trained on. Raises UnusableImageError."""
        image = images.decode(content)
        embedding = self._backbone.embed_content(content, image)
        return Usable(entry, entry.labels, embedding)

    def train(
        self, training: Sequence[Usable[Embedding]], testing: Sequence[Usable[Embedding]]
    ) -> Trained:
        """The model, and what it says of the test images."""
        model, confidences = label_model.train(
            _shown(training), _shown(testing), several=self._several
        )
        return _Results(model, training, testing, confidences)


def _shown(usable: Sequence[Usable[Embedding]]) -> list[Shown]:
    return [Shown(image.prepared, image.labels) for image in usable]


@dataclass(frozen=True)
class _Results:
    """What a training leaves."""

    model: LabelModel
    training: Sequence[Usable[Embedding]]
    testing: Sequence[Usable[Embedding]]
    confidences: Confidences

    def training_lines(self, written_at: float) -> list[Json]:
        """The lines of the training snapshot."""
        return [
            snapshots.labels_line(image.entry.source_ref, image.labels, written_at)
            for image in self.training
        ]

    def testing_lines(self, written_at: float) -> list[Json]:
        """The lines of the evaluation snapshot: each test image with a verdict on every label."""
        return [
            snapshots.judged_labels_line(
                image.entry.source_ref,
                image.labels,
                [
                    Verdict(
                        result.label,
                        float(confidence),
                        result.label in image.labels,
                        bool(confidence >= result.threshold),
                    )
                    for result, confidence in zip(self.model.evaluation.results, row, strict=True)
                ],
                written_at,
            )
            for image, row in zip(self.testing, self.confidences, strict=True)
        ]
