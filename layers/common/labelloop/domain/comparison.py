"""What comparing two versions on the same images comes to, and of what: see ``comparing``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from labelloop.domain.annotations import Annotation
from labelloop.domain.answers import Answer
from labelloop.domain.estimates import Estimate
from labelloop.domain.origins import Provenance
from labelloop.domain.scoring import Metric
from labelloop.domain.sign_test import p_worse

TOLD_DIFFERENCES = (0.02, 0.05, 0.10)

Basis = Literal["incoming", "test_set"]


@dataclass(frozen=True, slots=True)
class Case:
    """A test image of today: what it shows by today's labels, and how it came."""

    content: str
    truth: Annotation
    provenance: Provenance


@dataclass(frozen=True)
class Party:
    """A version in a comparison."""

    answers: Mapping[str, Answer]
    """By content."""
    thresholds: Mapping[str, float]
    """From 0 to 1 for each label that it knows; empty where its summary is gone."""


@dataclass(frozen=True)
class Difference:
    """How much better the candidate is: its mean score minus the champion's, from -1 to 1."""

    gain: float
    low: float
    high: float
    std_error: float
    candidate: Estimate
    champion: Estimate
    better: int
    """On how many images the candidate's score is higher."""
    worse: int

    @property
    def images(self) -> int:
        """How many images it rests on."""
        return self.candidate.images

    def as_json(self) -> dict[str, Any]:
        """The form in reports."""
        return {
            "gain": round(self.gain, 6),
            "interval": [round(self.low, 6), round(self.high, 6)],
            "std_error": round(self.std_error, 6),
            "images": self.images,
            "effective_images": round(self.candidate.effective_images, 1),
            "candidate": self.candidate.as_json(),
            "champion": self.champion.as_json(),
            "candidate_better": self.better,
            "champion_better": self.worse,
        }


@dataclass(frozen=True)
class GroupResult:
    """The two versions on images that came in one way."""

    name: str
    images: int
    better: int
    worse: int

    @property
    def p_worse(self) -> float:
        """How likely so many losses are for a candidate that is as good: the exact sign test."""
        return p_worse(self.better, self.worse)


@dataclass(frozen=True)
class LabelChange:
    """The two versions on one label that both know."""

    label: str
    images: int
    better: int
    worse: int
    is_worse: bool
    """Whether it has become worse, and that is no chance: together for all labels at 1 %."""

    @property
    def p_worse(self) -> float:
        """How likely so many losses are for a candidate that is as good at it."""
        return p_worse(self.better, self.worse)


@dataclass(frozen=True)
class Apart:
    """A label that only one of the two versions knows."""

    label: str
    known_to: Literal["candidate", "champion"]
    images: int
    """Test images with it; of one that today's labels lack, images in which it was found."""
    score: float | None = None
    """The mean score of that version on the test images with it; None where there are none."""


@dataclass(frozen=True)
class Comparison:
    """All that comparing two versions came to."""

    metric: Metric
    basis: Basis
    test_set: Difference
    """Each image counting once."""
    incoming: Difference | None
    """Weighted as what comes in; None where nothing stands for it."""
    covers: float = 0.0
    """Of what share of the log ``incoming`` speaks."""
    empty: Mapping[str, float] = field(default_factory=dict)
    """The share of the log of each stratum that no test image stands for."""
    as_deployed: Difference | None = None
    """With the assumed thresholds; None where a model has none."""
    fresh: Difference | None = None
    """On images that did not test the champion when it was trained; None where there are none."""
    groups: tuple[GroupResult, ...] = ()
    labels: tuple[LabelChange, ...] = ()
    apart: tuple[Apart, ...] = ()
    missing: int = 0
    """Test images about which the champion's answer is not known."""

    @property
    def decides(self) -> Difference:
        """The difference that the decision rests on."""
        return self.incoming if self.basis == "incoming" and self.incoming else self.test_set

    @property
    def worse_labels(self) -> tuple[LabelChange, ...]:
        """The labels that have become worse for sure."""
        return tuple(label for label in self.labels if label.is_worse)

    @property
    def p_worse(self) -> float:
        """The exact sign test over all compared images."""
        return p_worse(self.test_set.better, self.test_set.worse)

    def wrong_way(self, difference: float) -> float:
        """How often a candidate that is better, or worse, by this much is judged the wrong way."""
        error = self.decides.std_error or _error_of_none(self.decides.images)
        return 0.5 * math.erfc(difference / error / math.sqrt(2))

    def as_json(self) -> dict[str, Any]:
        """The form in reports."""
        return {
            "metric": self.metric,
            "basis": self.basis,
            "test_set": self.test_set.as_json(),
            "incoming": self.incoming.as_json() if self.incoming else None,
            "covers": round(self.covers, 4),
            "empty": {name: round(share, 4) for name, share in self.empty.items()},
            "as_deployed": self.as_deployed.as_json() if self.as_deployed else None,
            "fresh": self.fresh.as_json() if self.fresh else None,
            "groups": [
                {
                    "name": group.name,
                    "images": group.images,
                    "candidate_better": group.better,
                    "champion_better": group.worse,
                    "p_worse": group.p_worse,
                }
                for group in self.groups
            ],
            "labels": [
                {
                    "label": label.label,
                    "images": label.images,
                    "candidate_better": label.better,
                    "champion_better": label.worse,
                    "p_worse": label.p_worse,
                    "is_worse": label.is_worse,
                }
                for label in self.labels
            ],
            "apart": [
                {
                    "label": one.label,
                    "known_to": one.known_to,
                    "images": one.images,
                    "score": None if one.score is None else round(one.score, 6),
                }
                for one in self.apart
            ],
            "missing": self.missing,
            "error_rates": [
                {"difference": difference, "wrong_way": round(self.wrong_way(difference), 4)}
                for difference in TOLD_DIFFERENCES
            ],
            # As reports had them before there were weights.
            "shared_images": self.test_set.images,
            "candidate_score": self.test_set.candidate.value,
            "champion_score": self.test_set.champion.value,
            "candidate_better": self.test_set.better,
            "champion_better": self.test_set.worse,
            "p_worse": self.p_worse,
        }


def _error_of_none(images: int) -> float:
    """The standard error where no image differs: as if one in as many and one more did."""
    return 1 / (images + 1)
