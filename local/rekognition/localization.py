"""Models that give boxes: how they are trained, and what they find.

Called by ``training``, which chooses between this and ``classification``; the models are asked by
``detection``.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from PIL import Image

from labelvision import detection_evaluation, detector_training, images
from labelvision.backbone import Backbone
from labelvision.boxes import Box, Finding, LabelledRegion
from labelvision.detector import LONGEST_LONG_SIDE_PX, Detector
from labelvision.detector_training import Scene
from labelvision.evaluation import Evaluation, Verdict
from local.rekognition import snapshots
from local.rekognition.annotations import LabelledBox, LineProblem, box_problem
from local.rekognition.manifest import Entry, UseCase
from local.rekognition.trainers import Json, Usable


@dataclass(frozen=True)
class Boxed:
    """An image with the boxes in it; its content is kept, since decoded it is much larger."""

    content: bytes
    size_px: tuple[int, int]
    regions: tuple[LabelledRegion, ...]

    def load(self) -> Image.Image:
        """The image."""
        return images.decode(self.content, least_side_px=LONGEST_LONG_SIDE_PX)


@dataclass(frozen=True)
class LocalizationModel:
    """A trained model that gives boxes."""

    detector: Detector
    evaluation: Evaluation

    decoded_side_px = LONGEST_LONG_SIDE_PX

    def find(self, content: bytes, image: Image.Image, backbone: Backbone) -> list[Finding]:  # noqa: ARG002
        """Every candidate box, with its label and confidence."""
        return self.detector.find(image, backbone)


class LocalizationTrainer:
    """Trains models that give boxes, on so many threads."""

    use_case = UseCase.OBJECT_LOCALIZATION
    minimum_labels = 1

    def __init__(self, backbone: Backbone, threads: int) -> None:
        self._backbone = backbone
        self._threads = threads

    def prepare(self, entry: Entry, content: bytes) -> Usable[Boxed]:
        """The image with those of its boxes that are inside it. Raises UnusableImageError.

        A manifest says how large an image is, and may be wrong about that: the image decides.
        """
        images.decode(content)
        size_px = images.size_px(content)
        regions: list[LabelledRegion] = []
        problems: list[LineProblem] = []
        for box in entry.boxes:
            problem = box_problem(box, *size_px)
            if problem:
                problems.append(problem)
            else:
                regions.append(LabelledRegion(box.label, _ratios(box, size_px)))
        if problems and not regions:
            message = "None of the boxes is inside the image."
            problems.append(LineProblem("ERROR_NO_VALID_ANNOTATIONS", message))
        labels = tuple(dict.fromkeys(region.label for region in regions))
        boxed = Boxed(content, size_px, tuple(regions))
        return Usable(entry, labels, boxed, tuple(problems))

    def train(
        self, training: Sequence[Usable[Boxed]], testing: Sequence[Usable[Boxed]]
    ) -> "LocalizationResults":
        """The model, and what it says of the test images."""
        labels = sorted({label for image in training for label in image.labels})
        boxed = [image.prepared for image in training]
        object_share = detector_training.typical_share(
            (region.box, *image.size_px) for image in boxed for region in image.regions
        )
        raw = detector_training.train(
            labels,
            [Scene(image.load, image.regions) for image in boxed],
            object_share,
            grids=self._backbone,
            threads=self._threads,
        )
        tests = [image.prepared for image in testing]
        with ThreadPoolExecutor(self._threads, thread_name_prefix="test-scenes") as pool:
            found = list(pool.map(partial(_look, raw, self._backbone), tests))
        right = [
            detection_evaluation.are_right(of_image, test.regions)
            for of_image, test in zip(found, tests, strict=True)
        ]
        detector = raw.calibrated(found, right)
        calibrated = [
            sorted(map(detector.recalibrated, of_image), key=lambda finding: -finding.confidence)
            for of_image in found
        ]
        judged = detection_evaluation.evaluate(labels, calibrated, [test.regions for test in tests])
        model = LocalizationModel(detector, judged)
        return LocalizationResults(model, labels, training, testing, calibrated)


def _look(detector: Detector, backbone: Backbone, boxed: Boxed) -> list[Finding]:
    return detector.find(boxed.load(), backbone)


def _ratios(box: LabelledBox, size_px: tuple[int, int]) -> Box:
    width_px, height_px = size_px
    return Box(
        box.left / width_px, box.top / height_px, box.width / width_px, box.height / height_px
    )


@dataclass(frozen=True)
class LocalizationResults:
    """What a training leaves."""

    model: LocalizationModel
    labels: Sequence[str]
    training: Sequence[Usable[Boxed]]
    testing: Sequence[Usable[Boxed]]
    findings: Sequence[Sequence[Finding]]

    def training_lines(self, written_at: float) -> list[Json]:
        """The lines of the training snapshot."""
        return [
            snapshots.boxes_line(
                image.entry.source_ref,
                image.prepared.regions,
                image.prepared.size_px,
                self._all_labels,
                written_at,
            )
            for image in self.training
        ]

    def testing_lines(self, written_at: float) -> list[Json]:
        """The lines of the evaluation snapshot: each test image with what was found or missed."""
        return [
            snapshots.judged_boxes_line(
                image.entry.source_ref,
                image.prepared.regions,
                image.prepared.size_px,
                self._all_labels,
                verdicts=self._verdicts(found, image.prepared),
                written_at=written_at,
            )
            for image, found in zip(self.testing, self.findings, strict=True)
        ]

    def _verdicts(self, found: Sequence[Finding], boxed: Boxed) -> list[Verdict]:
        thresholds = self.model.evaluation.thresholds
        return detection_evaluation.verdicts(found, boxed.regions, thresholds)

    @property
    def _all_labels(self) -> list[str]:
        """The model's labels, then those that only test images show: a class-map needs both."""
        tested = {label for image in self.testing for label in image.labels}
        return [*self.labels, *sorted(tested - set(self.labels))]
