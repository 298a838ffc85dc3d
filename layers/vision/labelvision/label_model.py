"""Models of image-level labels, one an image or several: trained, calibrated, judged, and asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from labelvision import classifier, evaluation, images, multilabel
from labelvision.backbone import EMBEDDING_SIZE, Backbone, Embedding
from labelvision.boxes import Finding
from labelvision.classifier import Classifier
from labelvision.evaluation import Evaluation
from labelvision.multilabel import MultiLabelClassifier

Confidences = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelModel:
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


class Shown(NamedTuple):
    """An image as it is trained on or tested with."""

    embedding: Embedding
    labels: tuple[str, ...]


def train(
    training: Sequence[Shown], testing: Sequence[Shown], *, several: bool
) -> tuple[LabelModel, Confidences]:
    """The model, and its confidences about the test images: a row an image, a column a label.

    ``several`` if an image may show more than one label.
    """
    labels = sorted({label for image in training for label in image.labels})
    if several:
        return _train_several(labels, training, testing)
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
    return LabelModel(trained, evaluation.evaluate(labels, truths, confidences)), confidences


def _train_several(
    labels: Sequence[str], training: Sequence[Shown], testing: Sequence[Shown]
) -> tuple[LabelModel, Confidences]:
    trained = multilabel.train(
        labels,
        _embeddings(training),
        _flags(labels, training),
        _embeddings(testing),
        _flags(labels, testing),
    )
    confidences = trained.confidences(_embeddings(testing))
    truths = [image.labels for image in testing]
    return LabelModel(trained, evaluation.evaluate_sets(labels, truths, confidences)), confidences


def _embeddings(images: Sequence[Shown]) -> npt.NDArray[np.float32]:
    if not images:
        return np.zeros((0, EMBEDDING_SIZE), dtype=np.float32)
    return np.stack([image.embedding for image in images])


def _flags(labels: Sequence[str], images: Sequence[Shown]) -> npt.NDArray[np.bool_]:
    flags = [[label in image.labels for label in labels] for image in images]
    return np.array(flags, dtype=bool).reshape(-1, len(labels))
