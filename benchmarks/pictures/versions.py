"""Trains a version on pictures of a set, and asks it about others, as the emulator does.

The labels that it is taught may be wrong ones. What it says has all labels, those under their
assumed thresholds too. For boxes the changed copies of scenes are left out, since their features
would have to be computed for each training, and a third of the passes over them is enough.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.pictures.sets import SCENE_PX, PictureSet
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.evaluation_summary import Summary, read_summary
from labelloop.domain.image_labels import Label, LabelBox
from labelvision import classifier, detection_evaluation, detector_training, evaluation, multilabel
from labelvision.boxes import Box, Finding, LabelledRegion
from labelvision.detector import OBJECT_PX, Detector
from labelvision.detector_training import Scene
from labelvision.evaluation import Evaluation
from labelvision.feature_grid import STRIDE_PX, FeatureGrid
from local.rekognition import summaries

Taught = Mapping[int, Annotation]
"""What people said of pictures, by their numbers."""
Said = list[Label]
"""All labels or boxes that a version says of a picture."""

EPOCHS = 10
_OBJECT_SHARE = OBJECT_PX / max(SCENE_PX)
"""At which the detector looks at scenes in the size that they have."""


@dataclass
class Version:
    """A trained version."""

    name: str
    labels: tuple[str, ...]
    summary: Summary
    _say: Callable[[Sequence[int]], list[Said]]
    _said: dict[int, Said]

    @property
    def thresholds(self) -> dict[str, float]:
        """The assumed thresholds, by its own test images."""
        return self.summary.thresholds

    def says(self, numbers: Sequence[int]) -> list[Said]:
        """All that it says of each of these pictures."""
        unknown = [number for number in numbers if number not in self._said]
        self._said.update(zip(unknown, self._say(unknown), strict=True))
        return [self._said[number] for number in numbers]


def train(name: str, pictures: PictureSet, training: Taught, testing: Taught) -> Version:
    """A version that learned from these pictures, and is judged by those."""
    labels = sorted({label for shown in training.values() for label in shown.labels})
    trained = {
        ModelType.CLASSIFICATION: _classifier,
        ModelType.MULTI_LABEL: _multilabel,
        ModelType.DETECTION: _detector,
    }[pictures.model_type]
    judged, say = trained(labels, pictures, training, testing)
    summary = summaries.summary(judged, name, 0.0, len(training), len(testing))
    read = read_summary(json.dumps(summary).encode())
    return Version(name, tuple(labels), read, say, {})


# --- Labels of whole images -----------------------------------------------------------------------


class _Confidences(Protocol):
    """What both classifiers are."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What the columns are."""

    def confidences(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """A row a picture, a column a label."""


def _classifier(
    labels: list[str], pictures: PictureSet, training: Taught, testing: Taught
) -> tuple[Evaluation, Callable[[Sequence[int]], list[Said]]]:
    numbers = {label: number for number, label in enumerate(labels)}
    known = {number: shown for number, shown in testing.items() if shown.labels[0] in numbers}

    def indices(taught: Taught) -> npt.NDArray[np.intp]:
        return np.array([numbers[shown.labels[0]] for shown in taught.values()], dtype=np.intp)

    trained = classifier.train(
        labels,
        pictures.features[list(training)],
        indices(training),
        pictures.features[list(known)],
        indices(known),
    )
    confidences = trained.confidences(pictures.features[list(testing)])
    judged = evaluation.evaluate(
        labels, [shown.labels[0] for shown in testing.values()], confidences
    )
    return judged, partial(_say_labels, trained, pictures)


def _multilabel(
    labels: list[str], pictures: PictureSet, training: Taught, testing: Taught
) -> tuple[Evaluation, Callable[[Sequence[int]], list[Said]]]:
    def flags(taught: Taught) -> npt.NDArray[np.bool_]:
        rows = [[label in shown.labels for label in labels] for shown in taught.values()]
        return np.array(rows, dtype=bool).reshape(-1, len(labels))

    trained = multilabel.train(
        labels,
        pictures.features[list(training)],
        flags(training),
        pictures.features[list(testing)],
        flags(testing),
    )
    confidences = trained.confidences(pictures.features[list(testing)])
    judged = evaluation.evaluate_sets(
        labels, [shown.labels for shown in testing.values()], confidences
    )
    return judged, partial(_say_labels, trained, pictures)


def _say_labels(trained: _Confidences, pictures: PictureSet, numbers: Sequence[int]) -> list[Said]:
    if not numbers:
        return []
    pct = (100 * trained.confidences(pictures.features[list(numbers)])).tolist()
    return [[Label(*each) for each in zip(trained.labels, row, strict=True)] for row in pct]


# --- Boxes ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Grids:
    """Gives the features that have been computed for the picture whose number an image bears."""

    pictures: PictureSet

    def feature_grid(self, image: Image.Image) -> FeatureGrid:
        features = self.pictures.features[image.info["number"]].astype(np.float32)
        return FeatureGrid(SCENE_PX[1] // STRIDE_PX, SCENE_PX[0] // STRIDE_PX, features)


def _stand_in(number: int) -> Image.Image:
    """An image of the size of a scene that only tells which one it stands for."""
    image = Image.new("RGB", SCENE_PX)
    image.info["number"] = number
    return image


def _detector(
    labels: list[str], pictures: PictureSet, training: Taught, testing: Taught
) -> tuple[Evaluation, Callable[[Sequence[int]], list[Said]]]:
    grids = _Grids(pictures)
    raw = detector_training.train(
        labels,
        [Scene(partial(_stand_in, number), _regions(shown)) for number, shown in training.items()],
        _OBJECT_SHARE,
        grids=grids,
        threads=1,
        epochs=EPOCHS,
        copies=0,
    )
    found = [raw.find(_stand_in(number), grids) for number in testing]
    truths = [_regions(shown) for shown in testing.values()]
    right = [
        detection_evaluation.are_right(of_image, true)
        for of_image, true in zip(found, truths, strict=True)
    ]
    trained = raw.calibrated(found, right)
    calibrated = [
        sorted(map(trained.recalibrated, of_image), key=attrgetter("confidence"), reverse=True)
        for of_image in found
    ]
    judged = detection_evaluation.evaluate(labels, calibrated, truths)
    return judged, partial(_say_boxes, trained, grids)


def _regions(shown: Annotation) -> tuple[LabelledRegion, ...]:
    width, height = SCENE_PX
    return tuple(
        LabelledRegion(
            box.label,
            Box(box.left / width, box.top / height, box.width / width, box.height / height),
        )
        for box in shown.boxes
    )


def _say_boxes(trained: Detector, grids: _Grids, numbers: Sequence[int]) -> list[Said]:
    return [
        [_label(finding) for finding in trained.find(_stand_in(number), grids)]
        for number in numbers
    ]


def _label(finding: Finding) -> Label:
    box = LabelBox(*finding.box) if finding.box else None
    return Label(finding.label, 100 * finding.confidence, box)
