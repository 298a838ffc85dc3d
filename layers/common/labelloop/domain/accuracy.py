"""What sampled answers say of the detections that nobody doubted.

Every n-th detection goes to a person, whatever its confidence. Of those that were accepted, the
share that the model got right is an estimate for all that were accepted.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

NORMAL_95 = 1.959964
"""So many standard deviations around the mean hold 95 % of a normal distribution."""
LEAST_ANSWERS = 30
"""With fewer, chance alone leaves too much open for a warning."""


def share_interval(share: float, count: float) -> tuple[float, float]:
    """Between which shares of so many the true one lies with 95 % confidence, after Wilson.

    https://www.itl.nist.gov/div898/handbook/prc/section2/prc241.htm
    """
    doubt = NORMAL_95**2 / count
    middle = share + doubt / 2
    spread = math.sqrt(doubt * (share * (1 - share) + doubt / 4))
    # What rounding leaves of the bounds 0 and 1, which are exact.
    low = 0.0 if share <= 0.0 else (middle - spread) / (1 + doubt)
    high = 1.0 if share >= 1.0 else (middle + spread) / (1 + doubt)
    return low, high


@dataclass(frozen=True)
class Sample:
    """What an answer says of an accepted detection."""

    labels: tuple[str, ...]
    """The labels that the model had found."""
    right: bool


@dataclass(frozen=True)
class Accuracy:
    """How often the model was right, of the times that people looked."""

    right: int
    answers: int

    @property
    def share(self) -> float:
        """The share that was right; of none, 0."""
        return self.right / self.answers if self.answers else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies with 95 % confidence."""
        return share_interval(self.share, self.answers) if self.answers else (0.0, 1.0)

    def has_drifted_from(self, before: float, at_least: float) -> bool:
        """Whether the model is surely worse by now than it was when it was tested.

        ``before`` is what it had then, ``at_least`` the lower limit of that with 95 % confidence.
        The difference of the two shares has an interval made of theirs: Newcombe, Statistics in
        Medicine 17 (1998), 873, method 10.
        """
        fallen = before - self.share
        open_yet = math.hypot(before - at_least, self.interval[1] - self.share)
        return self.answers >= LEAST_ANSWERS and fallen > open_yet


def of(samples: Iterable[Sample]) -> Accuracy:
    """The accuracy of these together."""
    right = [sample.right for sample in samples]
    return Accuracy(sum(right), len(right))


def by_label(samples: Iterable[Sample]) -> dict[str, Accuracy]:
    """The accuracy of the images in which the model had found a label, by its name."""
    with_label: dict[str, list[Sample]] = {}
    for sample in samples:
        for label in sample.labels:
            with_label.setdefault(label, []).append(sample)
    return {label: of(with_label[label]) for label in sorted(with_label)}
