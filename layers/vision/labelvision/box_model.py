"""Models that give boxes: trained, calibrated, judged, and asked."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from PIL import Image

from labelvision import detection_evaluation, detector_training, images
from labelvision.backbone import Backbone
from labelvision.boxes import Finding, LabelledRegion
from labelvision.detector import LONGEST_LONG_SIDE_PX, Detector
from labelvision.detector_training import Scene
from labelvision.evaluation import Evaluation


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
class BoxModel:
    """A trained model that gives boxes."""

    detector: Detector
    evaluation: Evaluation

    decoded_side_px = LONGEST_LONG_SIDE_PX

    def find(self, content: bytes, image: Image.Image, backbone: Backbone) -> list[Finding]:  # noqa: ARG002
        """Every candidate box, with its label and confidence."""
        return self.detector.find(image, backbone)


def train(
    training: Sequence[Boxed], testing: Sequence[Boxed], backbone: Backbone, threads: int
) -> tuple[BoxModel, list[list[Finding]]]:
    """The model, and what it finds in each of the test images."""
    labels = sorted({region.label for image in training for region in image.regions})
    object_share = detector_training.typical_share(
        (region.box, *image.size_px) for image in training for region in image.regions
    )
    raw = detector_training.train(
        labels,
        [Scene(image.load, image.regions) for image in training],
        object_share,
        grids=backbone,
        threads=threads,
    )
    with ThreadPoolExecutor(threads, thread_name_prefix="test-scenes") as pool:
        found = list(pool.map(partial(_look, raw, backbone), testing))
    right = [
        detection_evaluation.are_right(of_image, test.regions)
        for of_image, test in zip(found, testing, strict=True)
    ]
    detector = raw.calibrated(found, right)
    calibrated = [
        sorted(map(detector.recalibrated, of_image), key=lambda finding: -finding.confidence)
        for of_image in found
    ]
    judged = detection_evaluation.evaluate(labels, calibrated, [test.regions for test in testing])
    return BoxModel(detector, judged), calibrated


def _look(detector: Detector, backbone: Backbone, boxed: Boxed) -> list[Finding]:
    return detector.find(boxed.load(), backbone)
