"""How versions do on one's own labelled pictures: figures with their intervals, and pairs.

Scores, weights and intervals are those with which trainings are judged. Called by the evaluation of
versions, which shows them.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from labelloop.domain import comparing, estimates, scoring
from labelloop.domain.accuracy import Accuracy
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import Case, Comparison, Difference, Party
from labelloop.domain.estimates import Estimate, Weighed
from labelloop.domain.origins import GIVEN
from labelloop.domain.scoring import METRICS, Counts, Metric
from labelloop.domain.sign_test import p_worse

from .labelled_pictures import Picture, Pictures

BINS = 10
"""Of confidences."""


@dataclass(frozen=True)
class Share:
    """So many of so many, with the interval in which the true share lies with 95 % confidence."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """The share; of none, 0."""
        return Accuracy(self.part, self.whole).share

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return Accuracy(self.part, self.whole).interval

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        low, high = self.interval
        return {"value": round(self.value, 4), "low": round(low, 4), "high": round(high, 4)}


@dataclass(frozen=True)
class LabelResult:
    """How a version does with one label: labels of images, or boxes."""

    label: str
    images: int
    """How many pictures show it."""
    counts: Counts

    def figure(self, metric: Metric) -> Estimate:
        """F1, precision or recall."""
        return estimates.of_counts(self.counts, metric)


@dataclass(frozen=True)
class Bin:
    """Answers of about one confidence."""

    low: float
    high: float
    confidence: float
    """Their mean, from 0 to 1."""
    right: Share


@dataclass(frozen=True)
class Seen:
    """A picture that a version has answered about, as far as it knows the labels."""

    picture: Picture
    truth: Annotation
    said: tuple[Finding, ...]
    """All that it thinks, the surest first."""
    found: tuple[Finding, ...]
    score: float

    @property
    def is_right(self) -> bool:
        """Whether nothing is missing, too many or wrong."""
        return self.score == 1.0


@dataclass(frozen=True)
class Trial:
    """A version, and what it said of pictures."""

    version: str
    model_type: ModelType
    metric: Metric
    thresholds: Mapping[str, float]
    """Of each label that it knows, from 0 to 1; empty where that is not known."""
    answers: Mapping[str, Answer]
    """By content."""
    pictures: tuple[Picture, ...]
    """Those that count and that it has answered."""
    trained: tuple[Picture, ...] = ()
    """Those that trained it."""
    refused: tuple[tuple[Picture, str], ...] = ()
    """Those that the service does not take, and why."""
    failed: tuple[tuple[Picture, str], ...] = ()
    """Those about which it did not answer, and why."""

    @property
    def party(self) -> Party:
        """What comparisons need of it."""
        return Party(self.answers, self.thresholds)

    @cached_property
    def known(self) -> frozenset[str]:
        """The labels that it knows, by its summary, or else by what it says."""
        if self.thresholds:
            return frozenset(self.thresholds)
        answers = self.answers.values()
        return frozenset(finding.label for answer in answers for finding in answer.findings)

    @cached_property
    def seen(self) -> tuple[Seen, ...]:
        """The pictures on which it can be right."""
        return tuple(
            self._seen(picture, truth)
            for picture in self.pictures
            if (truth := picture.truth.only(self.known)).labels or not picture.truth.labels
        )

    def _seen(self, picture: Picture, truth: Annotation) -> Seen:
        said = self.answers[picture.content].findings
        what = scoring.found(said, self.model_type, self.thresholds)
        score = scoring.score(truth, what, self.model_type, self.metric)
        return Seen(picture, truth, said, what, float(score))

    # --- In all -----------------------------------------------------------------------------------

    @property
    def right(self) -> Share:
        """The pictures on which it is wholly right."""
        return Share(sum(one.is_right for one in self.seen), len(self.seen))

    @cached_property
    def score(self) -> Estimate:
        """The mean of the pictures' scores."""
        return estimates.mean([Weighed("", 1.0, one.score) for one in self.seen])

    @cached_property
    def in_all(self) -> dict[Metric, Estimate]:
        """F1, precision and recall: the means over the labels that pictures show."""
        counts = [self._counts(one) for one in self.seen]
        return {metric: estimates.over_labels(counts, metric) for metric in METRICS}

    def _counts(self, one: Seen) -> dict[str, Counts]:
        return scoring.counts(one.truth, one.found, self.model_type)

    # --- By label ---------------------------------------------------------------------------------

    @cached_property
    def labels(self) -> list[LabelResult]:
        """Every label that pictures show or that it found, the worst first."""
        images = Counter(label for one in self.seen for label in one.truth.labels)
        totals = scoring.together(self._counts(one) for one in self.seen)
        results = (LabelResult(label, images[label], of) for label, of in totals.items())
        return sorted(results, key=lambda one: (one.figure("f1").value, one.label))

    @cached_property
    def confusion(self) -> dict[tuple[str, str | None], int]:
        """How many pictures of a label were taken for which; of classification models only."""
        if self.model_type is not ModelType.CLASSIFICATION:
            return {}
        return Counter(
            (one.truth.labels[0], one.found[0].label if one.found else None) for one in self.seen
        )

    @cached_property
    def unknown(self) -> dict[str, Counter[str]]:
        """Labels that it does not know, each with what it was surest of in pictures of it.

        An empty name stands for nothing.
        """
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for picture in self.pictures:
            what = scoring.found(
                self.answers[picture.content].findings, self.model_type, self.thresholds
            )
            for label in set(picture.truth.labels) - self.known:
                found[label][what[0].label if what else ""] += 1
        return dict(sorted(found.items()))

    # --- Confidence -------------------------------------------------------------------------------

    @cached_property
    def calibration(self) -> list[Bin]:
        """How often it is right, by how sure it is: of classification models, in what it found."""
        bins: defaultdict[int, list[tuple[float, bool]]] = defaultdict(list)
        for one in self.seen:
            for confidence, right in _claims(one, self.model_type):
                bins[min(BINS - 1, int(confidence * BINS))].append((confidence, right))
        return [
            Bin(
                number / BINS,
                (number + 1) / BINS,
                sum(confidence for confidence, _ in claims) / len(claims),
                Share(sum(right for _, right in claims), len(claims)),
            )
            for number, claims in sorted(bins.items())
        ]


def _claims(one: Seen, model_type: ModelType) -> list[tuple[float, bool]]:
    """Each thing that the version says of a picture: how sure it is of it, and whether it is so."""
    if model_type is ModelType.CLASSIFICATION:
        return [(finding.confidence, one.is_right) for finding in one.found]
    if model_type is ModelType.DETECTION:
        right = scoring.are_right(one.truth.boxes, one.said)
    else:
        right = [finding.label in one.truth.labels for finding in one.said]
    return [(finding.confidence, so) for finding, so in zip(one.said, right, strict=True)]


# --- Two versions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Apart:
    """A label that only one of two versions knows."""

    label: str
    known_to: str
    score: Estimate
    """The mean of that version's scores on the pictures of it."""


@dataclass(frozen=True)
class Pair:
    """A version against another one, on the pictures that both have answered."""

    first: Trial
    other: Trial
    compared: Comparison
    differ: tuple[tuple[Seen, Seen], ...] = field(default=())
    """The pictures on which their scores differ: the first version's, the other's."""

    @property
    def p_value(self) -> float:
        """How likely they differ so much one way or the other by chance: the exact sign test."""
        better, worse = self.difference.better, self.difference.worse
        sides = (p_worse(better, worse), p_worse(worse, better))
        return min(1.0, 2 * min(sides))

    @cached_property
    def apart(self) -> list[Apart]:
        """The labels of pictures that only one of the two knows."""
        return [
            Apart(label, trial.version, estimates.mean([Weighed("", 1.0, one) for one in scores]))
            for trial, other in ((self.first, self.other), (self.other, self.first))
            for label in sorted(trial.known - other.known)
            if (scores := [one.score for one in trial.seen if label in one.truth.labels])
        ]

    @property
    def difference(self) -> Difference:
        """How much better the other one is, both as they are deployed."""
        return self.compared.as_deployed or self.compared.test_set


def pair(first: Trial, other: Trial) -> Pair | None:
    """Compare two versions; None where there is no picture that both have answered."""
    both = {picture.content: picture for picture in first.pictures}
    pictures = [both[one.content] for one in other.pictures if one.content in both]
    cases = [Case(picture.content, picture.truth, GIVEN) for picture in pictures]
    compared = comparing.compare(
        cases, other.party, first.party, model_type=first.model_type, metric=first.metric
    )
    if not compared.test_set.images:
        return None
    mine = {one.picture.content: one for one in first.seen}
    theirs = {one.picture.content: one for one in other.seen}
    differ = tuple(
        (mine[content], theirs[content])
        for content in mine
        if content in theirs and mine[content].score != theirs[content].score
    )
    return Pair(first, other, compared, differ)


# --- All of it ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    """Versions on pictures."""

    source: str
    model_type: ModelType
    metric: Metric
    pictures: Pictures
    with_trained: bool
    """Whether pictures count that trained one of the versions."""
    trials: tuple[Trial, ...]
    serving: str | None
    """The version that is deployed."""

    @cached_property
    def pairs(self) -> list[Pair]:
        """Each of the other versions against the first, where there are pictures for that."""
        found = (pair(self.trials[0], other) for other in self.trials[1:])
        return [one for one in found if one is not None]
