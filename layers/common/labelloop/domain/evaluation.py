"""Whether a candidate may take the deployed model's place.

Figures come from the service's summary file; the comparison from both versions' evaluation
snapshots, image by image on the test images they share, since the F1 scores of two test sets
cannot be compared.

Files: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/im-summary-file-api.html and
im-evaluation-manifest-snapshot-api.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import comb
from typing import Any, Literal

from labelloop.errors import InconsistentError

Metric = Literal["f1", "precision", "recall"]

FEWEST_SHARED_IMAGES = 20
"""With fewer shared test images a comparison says too little."""
SIGNIFICANT = 0.05
# The service names the label that it trained on so; our own attribute may stand beside it.
_TRUTH_ATTRIBUTES = ("rekognition-custom-labels-training-0", "label")


@dataclass(frozen=True)
class LabelResult:
    """How well one label does on its test images; figures from 0 to 1."""

    label: str
    test_images: int
    f1: float
    precision: float
    recall: float
    assumed_threshold: float


@dataclass(frozen=True)
class Summary:
    """A version's figures, from 0 to 1."""

    f1: float
    precision: float
    recall: float
    train_images: int
    test_images: int
    labels: tuple[LabelResult, ...]

    def metric(self, name: Metric) -> float:
        """The figure of this name."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall}[name]


@dataclass(frozen=True)
class TestedImage:
    """What a model said of one test image."""

    source: str
    truth: str
    predicted: str | None
    """The label with the most confidence; None where it found nothing."""
    confidence: float
    """From 0 to 1."""

    @property
    def correct(self) -> bool:
        """Whether the model said what the label says."""
        return self.predicted == self.truth


@dataclass(frozen=True)
class Comparison:
    """Candidate and champion on the test images they share."""

    shared_images: int
    candidate_accuracy: float
    champion_accuracy: float
    only_candidate_right: int
    only_champion_right: int

    @property
    def gain(self) -> Fraction:
        """The candidate's accuracy minus the champion's, exactly: 0.7 - 0.6 is 0.1."""
        return Fraction(self.only_candidate_right - self.only_champion_right, self.shared_images)

    @property
    def p_worse(self) -> float:
        """How likely so many losses are for a candidate that is as good: the exact sign test.

        One-sided, over the images on which the two differ; 1.0 where they never do.
        """
        differing = self.only_candidate_right + self.only_champion_right
        tail = sum(comb(differing, k) for k in range(self.only_champion_right, differing + 1))
        return float(tail / 2**differing)


@dataclass(frozen=True)
class Verdict:
    """Whether to deploy, and why: each reason is a sentence."""

    promote: bool
    reasons: tuple[str, ...]
    comparison: Comparison | None


def read_summary(body: bytes) -> Summary:
    """The figures in a summary file, in either of its documented forms.

    Raises InconsistentError when it is neither.
    """
    try:
        content = json.loads(body)
        details = content["EvaluationDetails"]
        aggregated = content["AggregatedEvaluationResults"]
        figures = aggregated.get("Metrics", aggregated)
        return Summary(
            f1=float(figures["F1Score"]),
            precision=float(figures["Precision"]),
            recall=float(figures["Recall"]),
            train_images=int(details["NumberOfTrainingImages"]),
            test_images=int(details["NumberOfTestingImages"]),
            labels=tuple(_label_result(entry) for entry in content["LabelEvaluationResults"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InconsistentError(f"The evaluation summary cannot be read: {error!r}") from error


def _label_result(entry: Mapping[str, Any]) -> LabelResult:
    metrics = entry["Metrics"]
    return LabelResult(
        label=str(entry["Label"]),
        test_images=int(entry["NumberOfTestingImages"]),
        f1=float(metrics["F1Score"]),
        precision=float(metrics["Precision"]),
        recall=float(metrics["Recall"]),
        assumed_threshold=float(metrics["Threshold"]),
    )


def read_snapshot(body: bytes) -> dict[str, TestedImage]:
    """What a version said of its test images, by their ``source-ref``.

    A line without a label or an evaluation is passed over. Raises InconsistentError for a line
    that is not JSON.
    """
    images: dict[str, TestedImage] = {}
    for number, line in enumerate(body.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise InconsistentError(
                f"Line {number} of an evaluation snapshot is no JSON."
            ) from error
        truth = next(
            (
                metadata.get("class-name")
                for name in _TRUTH_ATTRIBUTES
                if (metadata := entry.get(f"{name}-metadata"))
            ),
            None,
        )
        # "…-evaluation-0-metadata" in one page of the guide, "…-evaluation-metadata" in another.
        said = [
            metadata
            for name, metadata in entry.items()
            if name.startswith("rekognition-custom-labels-evaluation")
            and name.endswith("-metadata")
        ]
        if truth is None or not said:
            continue
        best = max(said, key=lambda metadata: float(metadata.get("confidence", 0.0)))
        images[entry["source-ref"]] = TestedImage(
            source=entry["source-ref"],
            truth=truth,
            predicted=best.get("class-name"),
            confidence=float(best.get("confidence", 0.0)),
        )
    return images


def compare(
    candidate: Mapping[str, TestedImage], champion: Mapping[str, TestedImage]
) -> Comparison:
    """Both models on the test images they share, by the labels as the candidate's set has them."""
    shared = sorted(candidate.keys() & champion.keys())
    right = [
        (candidate[source].correct, champion[source].predicted == candidate[source].truth)
        for source in shared
    ]
    count = len(shared)
    return Comparison(
        shared_images=count,
        candidate_accuracy=_share(sum(mine for mine, _ in right), count),
        champion_accuracy=_share(sum(theirs for _, theirs in right), count),
        only_candidate_right=sum(mine and not theirs for mine, theirs in right),
        only_champion_right=sum(theirs and not mine for mine, theirs in right),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def judge(
    summary: Summary,
    comparison: Comparison | None,
    metric: Metric,
    minimum: Decimal,
    minimum_improvement: Decimal,
) -> Verdict:
    """Whether the candidate is good enough by itself and not worse than the champion.

    ``comparison`` is None where no model is deployed yet.
    """
    reached = summary.metric(metric)
    name = {"f1": "F1 score", "precision": "precision", "recall": "recall"}[metric]
    good = Decimal(str(reached)) >= minimum
    relation = "reaches" if good else "is under"
    reasons = [f"Its {name} of {reached:.2f} {relation} the minimum of {minimum}."]
    if comparison is None:
        reasons.append("No model was deployed before, so there was none to compare it with.")
        return Verdict(good, tuple(reasons), None)
    if comparison.shared_images < FEWEST_SHARED_IMAGES:
        reasons.append(
            f"It shares {comparison.shared_images} test images with the deployed model; under "
            f"{FEWEST_SHARED_IMAGES} the minimum alone decides."
        )
        return Verdict(good, tuple(reasons), comparison)
    enough = comparison.gain >= Fraction(minimum_improvement)
    reasons.append(
        f"On {comparison.shared_images} shared test images it is right on "
        f"{comparison.candidate_accuracy:.1%}, the deployed model on "
        f"{comparison.champion_accuracy:.1%}; that {'reaches' if enough else 'is less than'} the "
        f"minimum improvement of {minimum_improvement}."
    )
    worse = comparison.gain < 0 and comparison.p_worse < SIGNIFICANT
    if worse:
        reasons.append(
            f"It is worse with p = {comparison.p_worse:.3f} (sign test: right alone on "
            f"{comparison.only_candidate_right} images, wrong alone on "
            f"{comparison.only_champion_right}), so it is never promoted."
        )
    return Verdict(good and enough and not worse, tuple(reasons), comparison)
