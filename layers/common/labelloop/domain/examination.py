"""What a version's snapshot comes to by the labels as they are now, image by image.

Those may have been corrected after the version was trained. Answers are kept of as many images as
a comparison looks at.
"""

import heapq
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from labelloop.domain import scoring
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.answers import Answer
from labelloop.domain.comparing import MOST_COMPARED
from labelloop.domain.comparison import Case
from labelloop.domain.evaluation_snapshot import TestedImage
from labelloop.domain.manifests import SplitImage
from labelloop.domain.origins import GIVEN, Provenance
from labelloop.domain.splits import Split

CONFIDENT = 0.9
"""From here on a model that contradicts a label makes the label suspect."""
MOST_SUSPECTED = 100


@dataclass(frozen=True)
class TestImages:
    """A version's test images by its index: what lies where, what it shows, and how it came."""

    contents: Mapping[str, str] = field(default_factory=dict)
    """Each key's content."""
    truths: Mapping[str, Annotation] = field(default_factory=dict)
    """Each content's annotation; of a picture that is there twice, that of the first key."""
    came: Mapping[str, Provenance] = field(default_factory=dict)
    """How each content came that was not given."""


def test_images(index: Iterable[SplitImage]) -> TestImages:
    """The test images among those of an index."""
    contents: dict[str, str] = {}
    truths: dict[str, Annotation] = {}
    came: dict[str, Provenance] = {}
    same: dict[tuple[str, ...], Annotation] = {}
    for image in index:
        if image.split is not Split.TEST:
            continue
        contents[image.key] = image.content
        truth = image.annotation
        if not truth.boxes:
            # There are as many sets of labels as there are labels, give or take: kept once each.
            truth = same.setdefault(truth.labels, truth)
        if image.content not in truths and image.provenance != GIVEN:
            came[image.content] = image.provenance
        truths.setdefault(image.content, truth)
    return TestImages(contents, truths, came)


def test_contents(index: Iterable[SplitImage]) -> dict[str, str]:
    """The content at the key of each test image: what is needed of a champion's index."""
    return {image.key: image.content for image in index if image.split is Split.TEST}


@dataclass(frozen=True)
class SuspectedLabelError:
    """A test image of which the model is sure that it shows something else."""

    key: str
    labels: tuple[str, ...]
    predicted: tuple[str, ...]
    """What the model is sure of, against the label; the surest first."""
    confidence_pct: float
    """Of the surest of them."""


@dataclass(frozen=True)
class Examined:
    """What a version's snapshot comes to, by the labels as they are now."""

    model_type: ModelType
    cases: tuple[Case, ...]
    """The test images that are compared, up to ``MOST_COMPARED``."""
    answers: Mapping[str, Answer]
    """What the version said of each of them, by content."""
    confusion: Mapping[tuple[str, str | None], int]
    """How many images of a label were taken for which; of classification models only."""
    suspected: tuple[SuspectedLabelError, ...]
    """The surest first."""


def examine(images: Iterable[TestedImage], model_type: ModelType, index: TestImages) -> Examined:
    """The candidate's test images, each looked at once.

    Without an index the snapshot's own labels count, and images are known by their keys.
    """
    # Contents are named by hashes, so that the first ones are drawn at random.
    compared = sorted(index.truths)[:MOST_COMPARED]
    wanted = set(compared)
    cases: dict[str, Case] = {}
    said: dict[str, TestedImage] = {}
    confusion: Counter[tuple[str, str | None]] = Counter()
    surest: list[tuple[float, int, SuspectedLabelError]] = []
    for number, image in enumerate(images):
        content = index.contents.get(image.key, image.key)
        truth = index.truths.get(content, image.truth)
        if truth is None:
            continue
        is_wanted = content in wanted if index.truths else len(cases) < MOST_COMPARED
        if is_wanted and content not in cases:
            cases[content] = Case(content, truth, index.came.get(content, GIVEN))
            said[content] = image
        if model_type is ModelType.CLASSIFICATION:
            confusion[truth.labels[0], image.found[0].label if image.found else None] += 1
        suspect = _suspect(image, truth, model_type)
        if suspect:
            heapq.heappush(surest, (suspect.confidence_pct, -number, suspect))
            if len(surest) > MOST_SUSPECTED:
                heapq.heappop(surest)
    suspected = tuple(suspect for _, _, suspect in sorted(surest, reverse=True))
    return Examined(model_type, tuple(cases.values()), _answers(said), confusion, suspected)


def answers(
    images: Iterable[TestedImage],
    contents: Mapping[str, str],
    wanted: Container[str],
) -> dict[str, Answer]:
    """What a snapshot has about the wanted contents, each once.

    ``contents`` has the content at each key, by the index of the version that the snapshot is of;
    where that is missing, the key itself stands for it.
    """
    said: dict[str, TestedImage] = {}
    for image in images:
        content = contents.get(image.key, image.key)
        if content in wanted and content not in said:
            said[content] = image
    return _answers(said)


def _answers(said: Mapping[str, TestedImage]) -> dict[str, Answer]:
    """The answers, complete where the snapshot has what is under the thresholds of any image."""
    complete = any(len(image.said) > len(image.found) for image in said.values())
    return {content: Answer(content, image.said, complete) for content, image in said.items()}


def _suspect(
    image: TestedImage, truth: Annotation, model_type: ModelType
) -> SuspectedLabelError | None:
    if model_type is ModelType.DETECTION:
        right = scoring.are_right(truth.boxes, image.found)
    else:
        right = [finding.label in truth.labels for finding in image.found]
    against = [
        finding
        for finding, is_right in zip(image.found, right, strict=True)
        if not is_right and finding.confidence >= CONFIDENT
    ]
    if not against:
        return None
    predicted = tuple(dict.fromkeys(finding.label for finding in against))
    return SuspectedLabelError(
        image.key, truth.labels, predicted, round(against[0].confidence * 100, 2)
    )
