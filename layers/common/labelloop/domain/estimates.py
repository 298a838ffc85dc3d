"""Means over test images, with the interval in which the true one lies with 95 % confidence.

There are two ways to weight test images, and both are told:

    the test set as it is   each image counts once
    what comes in           only images whose chance to be asked about is known count. They are
                            weighted by its inverse, and by the share that their stratum has of the
                            inference log: what a version accepted, or doubted. A stratum that has
                            no image is named, and nothing stands in for it.

Weights have a limit, since a few heavy images make an estimate of a few images; how many images of
equal weight would say as much is the effective number (Kish).

Intervals are from a bootstrap, stratified and seeded, as for survey samples: images are drawn anew
within each stratum. Efron and Tibshirani, An Introduction to the Bootstrap, chapter 8.
"""

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from labelloop.domain import scoring
from labelloop.domain.accuracy import share_interval
from labelloop.domain.origins import LogShares, Provenance, Stratum
from labelloop.domain.scoring import Counts, Metric

RESAMPLES = 1000
SEED = 20_260_101
"""Any; the same figures come of the same images."""
MANY = 400
"""Of so many images in a stratum the mean is drawn as normally distributed: it is, by then."""
HEAVIEST = 10.0
"""As many times the mean weight an image may have."""
FEWEST_OF_A_GROUP = 5
"""Smaller groups are drawn from together: one image alone is always drawn as it is."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A test image's value, its weight, and of what it was drawn."""

    group: str
    weight: float
    value: float


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval, and how many images it rests on."""

    value: float
    low: float
    high: float
    images: int
    effective_images: float
    """How many images of equal weight would say as much."""

    def as_json(self) -> dict[str, float]:
        """The form in reports."""
        return {
            "value": round(self.value, 6),
            "low": round(self.low, 6),
            "high": round(self.high, 6),
            "images": self.images,
            "effective_images": round(self.effective_images, 1),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, float]) -> "Estimate":
        """The estimate that ``as_json`` told."""
        value, low, high = (float(stored[name]) for name in ("value", "low", "high"))
        return cls(value, low, high, int(stored["images"]), float(stored["effective_images"]))


@dataclass(frozen=True)
class Weights:
    """What each test image weighs as one of those that come in."""

    weights: tuple[float, ...]
    """As the images are given; 0 of one that estimates nothing."""
    covers: float = 0.0
    """The share of the log that has a test image, from 0 to 1."""
    empty: Mapping[Stratum, float] = field(default_factory=dict)
    """The share of the log of each stratum that has none."""


def of_incoming(images: Sequence[Provenance], shares: LogShares) -> Weights:
    """The weights with which these test images stand for what comes in; they add up to 1."""
    logged = sum(shares.values())
    by_stratum: defaultdict[Stratum, list[int]] = defaultdict(list)
    for at, image in enumerate(images):
        stratum = image.stratum
        if image.estimates and stratum is not None and shares.get(stratum):
            by_stratum[stratum].append(at)
    if not by_stratum:
        return Weights(
            (0.0,) * len(images),
            0.0,
            {stratum: count / logged for stratum, count in sorted(shares.items()) if count},
        )
    covered = sum(shares[stratum] for stratum in by_stratum)
    weights = [0.0] * len(images)
    for stratum, members in by_stratum.items():
        inverse = {at: 1 / (images[at].chance or 1.0) for at in members}
        together = sum(inverse.values())
        for at in members:
            weights[at] = shares[stratum] / covered * inverse[at] / together
    empty = {
        stratum: count / logged
        for stratum, count in sorted(shares.items())
        if count and stratum not in by_stratum
    }
    return Weights(_limited(weights), covered / logged, empty)


def _limited(weights: Sequence[float]) -> tuple[float, ...]:
    """The weights, none over its limit, adding up to 1."""
    limit = HEAVIEST / sum(weight > 0 for weight in weights)
    limited = [min(weight, limit) for weight in weights]
    together = sum(limited)
    return tuple(weight / together for weight in limited)


def in_words(stratum: Stratum) -> str:
    """The stratum's name for people."""
    return f"{'accepted' if stratum.accepted else 'doubted'} by {stratum.version}"


def effective(weights: Iterable[float]) -> float:
    """How many images of equal weight would say as much as these."""
    total = squares = 0.0
    for weight in weights:
        total += weight
        squares += weight * weight
    return total * total / squares if squares else 0.0


def mean(images: Sequence[Weighed]) -> Estimate:
    """The weighted mean of scores from 0 to 1."""
    count = effective(image.weight for image in images)
    if not count:
        return Estimate(0.0, 0.0, 1.0, 0, 0.0)
    value = _mean(images)
    if all(image.value in {0.0, 1.0} for image in images):
        low, high = share_interval(value, count)
    else:
        low, high = interval(drawn(images))
        if low == high:
            low, high = share_interval(value, count)
    return Estimate(value, low, high, len(images), count)


def _mean(images: Iterable[Weighed]) -> float:
    total = weights = 0.0
    for image in images:
        total += image.weight * image.value
        weights += image.weight
    return total / weights if weights else 0.0


def of_counts(counts: Counts, metric: Metric) -> Estimate:
    """F1, precision or recall of one label."""
    if metric != "f1":
        part, whole = counts.ratio(metric)
        return _share(part, whole)
    # It grows with the share of what is right among all that is found or there.
    share = _share(counts.right, counts.found + counts.there - counts.right)
    value, low, high = (2 * one / (1 + one) for one in (share.value, share.low, share.high))
    return Estimate(value, low, high, share.images, share.effective_images)


def _share(part: int, whole: int) -> Estimate:
    if not whole:
        return Estimate(0.0, 0.0, 1.0, 0, 0.0)
    share = part / whole
    return Estimate(share, *share_interval(share, whole), whole, whole)


def over_labels(images: Sequence[Mapping[str, Counts]], metric: Metric) -> Estimate:
    """F1, precision or recall: the mean over the labels that images show.

    Its interval is Wilson's for as many labels or boxes as would leave as much to chance, by what
    each image moves the mean, to first order; for as many as there are at most. That holds for few
    images and for figures near 1 too. Intervals of the labels put together are too narrow, since
    what is missing of one is too much of another.
    """
    totals = scoring.together(images)
    shown = {label: counts.ratio(metric) for label, counts in totals.items() if counts.there}
    if not shown:
        return Estimate(0.0, 0.0, 1.0, 0, 0.0)
    value = sum(part / whole if whole else 0.0 for part, whole in shown.values()) / len(shown)
    variance = 0.0
    for image in images:
        moved = 0.0
        for label, counts in image.items():
            total_part, total = shown.get(label, (0, 0))
            if total:
                part, whole = counts.ratio(metric)
                moved += (part - total_part / total * whole) / total
        variance += (moved / len(shown)) ** 2
    count = float(sum(counts.there for counts in totals.values()))
    if variance:
        count = min(count, value * (1 - value) / variance)
    return Estimate(value, *share_interval(value, count), len(images), count)


def drawn(images: Sequence[Weighed]) -> list[float]:
    """The means of as many resamples, in rising order."""
    groups: defaultdict[str, list[Weighed]] = defaultdict(list)
    for image in images:
        groups[image.group].append(image)
    small = [name for name, members in groups.items() if len(members) < FEWEST_OF_A_GROUP]
    together = [image for name in sorted(small) for image in groups.pop(name)]
    strata = [groups[name] for name in sorted(groups)]
    if together:
        strata.append(together)
    total = sum(image.weight for image in images)
    rng = random.Random(SEED)  # noqa: S311  # repeatable, and no secret
    sums = [0.0] * RESAMPLES
    for members in strata:
        share = sum(image.weight for image in members) / total
        for at, value in enumerate(_means(members, rng)):
            sums[at] += share * value
    return sorted(sums)


def _means(members: Sequence[Weighed], rng: random.Random) -> list[float]:
    """The means of resamples of one stratum."""
    count = len(members)
    if count >= MANY:
        middle = _mean(members)
        total = sum(image.weight for image in members)
        variance = sum((image.weight * (image.value - middle)) ** 2 for image in members)
        return [rng.gauss(middle, math.sqrt(variance) / total) for _ in range(RESAMPLES)]
    if len({image.weight for image in members}) == 1:
        values = [image.value for image in members]
        if len(set(values)) == 1:
            return [values[0]] * RESAMPLES
        return [sum(rng.choices(values, k=count)) / count for _ in range(RESAMPLES)]
    return [_mean(rng.choices(members, k=count)) for _ in range(RESAMPLES)]


def interval(means: Sequence[float]) -> tuple[float, float]:
    """Between which values 95 % of these lie, which are in rising order."""
    edge = round(len(means) * 0.025)
    return means[edge], means[-1 - edge]


def std_error(means: Sequence[float]) -> float:
    """The standard deviation of resamples' means: how far the estimate may be off."""
    return statistics.pstdev(means)
