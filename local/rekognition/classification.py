"""Models of image-level labels, one an image or several: how they are trained, and what they find.

Called by ``training``, which chooses between this and ``localization``; the models are asked by
``detection``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from labelvision import classifier, evaluation, images, multilabel
from labelvision.backbone import EMBEDDING_SIZE, Backbone, Embedding
from labelvision.boxes import Finding
from labelvision.classifier import Classifier
from labelvision.evaluation import Evaluation, Verdict
from labelvision.multilabel import MultiLabelClassifier
from local.rekognition import snapshots
from local.rekognition.manifest import Entry, UseCase
from local.rekognition.trainers import Json, Trained, Usable

Confidences = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClassificationModel:
    """A trained model of image-level labels."""

    classifier: Classifier | MultiLabelClassifier
    evaluation: Evaluation

    decoded_side_px = images.DECODED_SIDE_PX

    def find(self, content: bytes, image: Image.Image, backbone: Backbone) -> list[Finding]:
        """Every label with its confidence."""
        embedding = backbone.embed_content(content, image)
        (confidences,) = self.classifier.confidences(embedding[None])
        return [
            Finding(label, float(confidence))
            for label, confidence in zip(self.classifier.labels, confidences, strict=True)
        ]


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
        labels = sorted({label for image in training for label in image.labels})
        if self._several:
            return self._train_several(labels, training, testing)
        numbers = {label: number for number, label in enumerate(labels)}
        known = [image for image in testing if image.labels[0] in numbers]
        trained = classifier.train(
            labels,
            _embeddings(training),
            np.array([numbers[image.labels[0]] for image in training], dtype=np.intp),
            _embeddings(known),
            np.array([numbers[image.labels[0]] for image in known], dtype=np.intp),
        )
        confidences = trained.confidences(_embeddings(testing))
        truths = [image.labels[0] for image in testing]
        judged = evaluation.evaluate(labels, truths, confidences)
        model = ClassificationModel(trained, judged)
        return _Results(model, training, testing, confidences)

    def _train_several(
        self,
        labels: Sequence[str],
        training: Sequence[Usable[Embedding]],
        testing: Sequence[Usable[Embedding]],
    ) -> Trained:
        trained = multilabel.train(
            labels,
            _embeddings(training),
            _flags(labels, training),
            _embeddings(testing),
            _flags(labels, testing),
        )
        confidences = trained.confidences(_embeddings(testing))
        truths = [image.labels for image in testing]
        judged = evaluation.evaluate_sets(labels, truths, confidences)
        model = ClassificationModel(trained, judged)
        return _Results(model, training, testing, confidences)


@dataclass(frozen=True)
class _Results:
    """What a training leaves."""

    model: ClassificationModel
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


def _embeddings(usable: Sequence[Usable[Embedding]]) -> npt.NDArray[np.float32]:
    if not usable:
        return np.zeros((0, EMBEDDING_SIZE), dtype=np.float32)
    return np.stack([image.prepared for image in usable])


def _flags(labels: Sequence[str], usable: Sequence[Usable[Embedding]]) -> npt.NDArray[np.bool_]:
    flags = [[label in image.labels for label in labels] for image in usable]
    return np.array(flags, dtype=bool).reshape(-1, len(labels))
