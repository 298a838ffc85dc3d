"""Whether a version that runs does what its evaluation says, by a few of its own test images."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from labelloop.domain.annotations import ModelType
from labelloop.domain.image_labels import Label, found
from labelloop.domain.manifests import SplitImage
from labelloop.domain.scoring import UNKNOWN_THRESHOLD
from labelloop.domain.splits import Split

MOST_IMAGES = 20
FEWEST_COMPARED = 5
"""With fewer answers a few differences say too little."""
MOST_DIFFERING_PERCENT = 20
"""An image at the edge of a threshold may come out otherwise; a wrong model differs in most."""


@dataclass(frozen=True)
class Answer:
    """What a running version said of one of its test images."""

    found: frozenset[str]
    expected: frozenset[str] | None
    """What its evaluation had found; None where that is not known."""
    refusal: str = ""
    """Why it would not take the image, where it did not."""

    @property
    def is_as_expected(self) -> bool:
        """Whether there is nothing to say about it."""
        if self.refusal:
            return False
        return bool(self.found) if self.expected is None else self.found == self.expected


def choose(index: Iterable[SplitImage]) -> list[SplitImage]:
    """Up to 20 test images, spread over the labels: the same ones for the same index."""
    by_label: defaultdict[str, list[SplitImage]] = defaultdict(list)
    for image in index:
        if image.split is Split.TEST:
            for label in image.annotation.labels:
                if len(by_label[label]) < MOST_IMAGES:
                    by_label[label].append(image)
    ordered = sorted(by_label)
    count = min(MOST_IMAGES, len(ordered))
    labels = [ordered[i * len(ordered) // count] for i in range(count)]
    rounds = zip_longest(*(by_label[label] for label in labels))
    chosen = {image.key: image for one_each in rounds for image in one_each if image}
    return list(chosen.values())[:MOST_IMAGES]


def found_labels(
    labels: Sequence[Label], model_type: ModelType, thresholds: Mapping[str, float] | None
) -> frozenset[str]:
    """The labels that count as found among all that a model knows.

    As in evaluations: the surest one of a classification model, those that reach their assumed
    thresholds (from 0 to 1) of the others; all of them where the thresholds are not known.
    """
    if thresholds is None:
        return frozenset(label.name for label in labels)
    if model_type is not ModelType.CLASSIFICATION:
        labels = [
            label
            for label in labels
            if label.confidence_pct / 100 >= thresholds.get(label.name, UNKNOWN_THRESHOLD)
        ]
    return frozenset(label.name for label in found(labels, model_type))


def complaint(answers: Sequence[Answer]) -> str | None:
    """What is wrong with a version that answers so: the end of a sentence; None for nothing."""
    refused = [answer for answer in answers if answer.refusal]
    # An image that the service may not have evaluated either says nothing, unless all are refused.
    if any(answer.expected is not None for answer in refused) or 0 < len(answers) == len(refused):
        return (
            f"refused {len(refused)} of {len(answers)} of its own test images: {refused[0].refusal}"
        )
    answers = [answer for answer in answers if not answer.refusal]
    telling = [answer for answer in answers if answer.expected is None or answer.expected]
    if telling and not any(answer.found for answer in telling):
        return f"found nothing in any of {len(telling)} of its own test images that show something."
    compared = [answer for answer in answers if answer.expected is not None]
    differing = sum(not answer.is_as_expected for answer in compared)
    too_many = differing * 100 > MOST_DIFFERING_PERCENT * len(compared)
    if len(compared) >= FEWEST_COMPARED and too_many:
        return (
            f"said something else than in its evaluation on {differing} of {len(compared)} of its "
            "own test images."
        )
    return None
