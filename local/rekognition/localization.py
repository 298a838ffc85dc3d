"""Boxes: from a manifest's images to a model, and its files.

Called by ``training``, which chooses between this and ``classification``; the models are asked by
``detection``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from labelvision import box_model, detection_evaluation, images
from labelvision.backbone import Backbone
from labelvision.box_model import Boxed, BoxModel
from labelvision.boxes import Box, Finding, LabelledRegion
from labelvision.evaluation import Verdict
from local.rekognition import snapshots
from local.rekognition.annotations import LabelledBox, LineProblem, box_problem
from local.rekognition.manifest import Entry, UseCase
from local.rekognition.trainers import Json, Usable


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
        model, findings = box_model.train(
            [image.prepared for image in training],
            [image.prepared for image in testing],
            self._backbone,
            self._threads,
        )
        return LocalizationResults(model, training, testing, findings)


def _ratios(box: LabelledBox, size_px: tuple[int, int]) -> Box:
    width_px, height_px = size_px
    return Box(
        box.left / width_px, box.top / height_px, box.width / width_px, box.height / height_px
    )


@dataclass(frozen=True)
class LocalizationResults:
    """What a training leaves."""

    model: BoxModel
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
        labels = self.model.detector.labels
        return [*labels, *sorted(tested - set(labels))]
