"""Whether a candidate may take the deployed model's place.

Figures come from the service's summary file. The comparison comes from both versions' evaluation
snapshots, image by image on the test images they share, since the F1 scores of two test sets
cannot be compared; and by the labels as they are now, since they may have been corrected after the
champion was trained. A test set has up to 250,000 images, so snapshots and indexes are read line by
line, and of each image no more is kept than its score.

Files: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/im-summary-file-api.html and
im-evaluation-manifest-snapshot-api.html
"""

import heapq
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, Literal

from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Finding
from labelloop.domain.manifests import SplitImage
from labelloop.domain.splits import Split
from labelloop.errors import InconsistentError

Metric = Literal["f1", "precision", "recall"]
Json = dict[str, Any]

FEWEST_SHARED_IMAGES = 20
"""With fewer shared test images a comparison says too little."""
SIGNIFICANT = 0.05
CONFIDENT = 0.9
"""From here on a model that contradicts a label makes the label suspect."""
MOST_SUSPECTED = 100
UNKNOWN_THRESHOLD = 0.5
"""The assumed threshold of a label for which the summary names none."""

_EVALUATION_DETAILS = "rekognition-custom-labels-evaluation-details"
# "…-evaluation-0" in one page of the guide, "…-evaluation" in another.
_EVALUATION = re.compile(r"rekognition-custom-labels-evaluation(-\d+)?-metadata")
# The service names what it trained on so; our own attribute may stand beside it.
_TRUTHS = (
    re.compile(r"rekognition-custom-labels-training(-\d+)?-metadata"),
    re.compile(r"(label|bounding-box)(-\d+)?-metadata"),
)


# --- The summary ----------------------------------------------------------------------------------


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

    @property
    def thresholds(self) -> dict[str, float]:
        """The confidence from which on each label counts as found."""
        return {result.label: result.assumed_threshold for result in self.labels}


def read_summary(body: bytes) -> Summary:
    """The figures in a summary file, in either of its documented forms.

    Raises InconsistentError when it is neither, or lacks a figure.
    """
    try:
        content = json.loads(body)
        details = content["EvaluationDetails"]
        aggregated = content["AggregatedEvaluationResults"]
        figures = aggregated.get("Metrics", aggregated)
        results = (_label_result(entry) for entry in content["LabelEvaluationResults"])
        return Summary(
            f1=_figure(figures, "F1Score"),
            precision=_figure(figures, "Precision"),
            recall=_figure(figures, "Recall"),
            train_images=int(details["NumberOfTrainingImages"]),
            test_images=int(details["NumberOfTestingImages"]),
            labels=tuple(result for result in results if result),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InconsistentError(f"The evaluation summary cannot be read: {error!r}") from error


def _label_result(entry: Mapping[str, Any]) -> LabelResult | None:
    """A label's figures; None for a label without test images, which may have none."""
    test_images = int(entry["NumberOfTestingImages"])
    metrics = entry.get("Metrics") or {}
    if not test_images and metrics.get("F1Score") is None:
        return None
    return LabelResult(
        label=str(entry["Label"]),
        test_images=test_images,
        f1=_figure(metrics, "F1Score", entry["Label"]),
        precision=_figure(metrics, "Precision", entry["Label"]),
        recall=_figure(metrics, "Recall", entry["Label"]),
        assumed_threshold=_figure(metrics, "Threshold", entry["Label"]),
    )


def _figure(figures: Mapping[str, Any], name: str, label: str | None = None) -> float:
    found = figures.get(name)
    if isinstance(found, int | float) and math.isfinite(found):
        return float(found)
    of_label = f" of the label {label}" if label else ""
    raise InconsistentError(
        f"The evaluation summary has no {name}{of_label}, so nobody can say how good the model is."
    )


# --- The snapshot ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TestedImage:
    """What a model found in one test image, the surest first."""

    key: str
    truth: Annotation | None
    """What the image shows, by the snapshot itself; None where it does not say so."""
    found: tuple[Finding, ...]

    @property
    def labels(self) -> frozenset[str]:
        """The labels that it found."""
        return frozenset(finding.label for finding in self.found)


def read_snapshot(
    lines: Iterable[bytes], model_type: ModelType, thresholds: Mapping[str, float]
) -> Iterator[TestedImage]:
    """What a version found in its test images, in either documented form, line by line.

    A classification model found the label that it is surest of; the others found what the service
    calls positive, or, where it does not say, what reaches its label's assumed threshold. A line
    without an evaluation of this type of model is passed over. Raises InconsistentError for a line
    that cannot be read.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            if model_type is ModelType.DETECTION:
                image = _tested_boxes(entry, thresholds)
            else:
                image = _tested_labels(entry, model_type, thresholds)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise InconsistentError(
                f"Line {number} of an evaluation snapshot cannot be read: {error!r}"
            ) from error
        if image:
            yield image


def _tested_labels(
    entry: Json, model_type: ModelType, thresholds: Mapping[str, float]
) -> TestedImage | None:
    said = [metadata for _, metadata in _groups(entry, _EVALUATION) if "class-name" in metadata]
    if not said:
        return None
    found = [
        Finding(metadata["class-name"], _confidence(metadata))
        for metadata in said
        if model_type is ModelType.CLASSIFICATION
        or _is_positive(metadata, thresholds.get(metadata["class-name"]))
    ]
    found.sort(key=_surest_first)
    if model_type is ModelType.CLASSIFICATION:
        found = found[:1]
    truths = (
        {metadata["class-name"] for _, metadata in _groups(entry, kind) if "class-name" in metadata}
        for kind in _TRUTHS
    )
    labels = next((labels for labels in truths if labels), None)
    truth = Annotation.of_labels(labels) if labels else None
    return TestedImage(_key(entry["source-ref"]), truth, tuple(found))


def _tested_boxes(entry: Json, thresholds: Mapping[str, float]) -> TestedImage | None:
    groups = [group for group in _groups(entry, _EVALUATION) if "class-map" in group[1]]
    if not groups:
        return None
    found = [
        Finding(box.label, _confidence(described), box)
        for name, metadata in groups
        for box, described in zip(_boxes(entry[name], metadata), metadata["objects"], strict=True)
        if _is_positive(described, thresholds.get(box.label))
    ]
    found.sort(key=_surest_first)
    return TestedImage(_key(entry["source-ref"]), _true_boxes(entry), tuple(found))


def _true_boxes(entry: Json) -> Annotation | None:
    for kind in _TRUTHS:
        groups = [group for group in _groups(entry, kind) if "class-map" in group[1]]
        if groups:
            boxes = [box for name, metadata in groups for box in _boxes(entry[name], metadata)]
            size = entry[groups[0][0]]["image_size"][0]
            return Annotation.of_boxes(boxes, (size["width"], size["height"]))
    return None


def _groups(entry: Json, kind: re.Pattern[str]) -> list[tuple[str, Json]]:
    """The names and metadata of the attributes of a kind."""
    return [
        (name.removesuffix("-metadata"), metadata)
        for name, metadata in entry.items()
        if kind.fullmatch(name)
    ]


def _boxes(content: Json, metadata: Json) -> list[Box]:
    labels = metadata["class-map"]
    return [
        Box(
            labels[str(annotation["class_id"])],
            annotation["left"],
            annotation["top"],
            annotation["width"],
            annotation["height"],
        )
        for annotation in content["annotations"]
    ]


def _is_positive(described: Json, threshold: float | None) -> bool:
    """Whether a label or box counts as found, rightly or wrongly."""
    details = described.get(_EVALUATION_DETAILS) or {}
    flags = [details.get("is-true-positive"), details.get("is-false-positive")]
    if any(flag is not None for flag in flags):
        return any(flags)
    return _confidence(described) >= (UNKNOWN_THRESHOLD if threshold is None else threshold)


def _confidence(described: Json) -> float:
    return float(described.get("confidence", 0.0))


def _surest_first(finding: Finding) -> tuple[float, str]:
    return -finding.confidence, finding.label


def _key(source_ref: str) -> str:
    """The key in ``s3://bucket/key``: all images of a dataset are in one bucket, ours."""
    return source_ref.removeprefix("s3://").split("/", 1)[1]


# --- What the test images show now ----------------------------------------------------------------


@dataclass(frozen=True)
class TestImages:
    """A version's test images by its index: what lies where, and what it shows."""

    contents: Mapping[str, str] = field(default_factory=dict)
    """Each key's content."""
    truths: Mapping[str, Annotation] = field(default_factory=dict)
    """Each content's annotation; of a picture that is there twice, that of the first key."""


def test_images(index: Iterable[SplitImage]) -> TestImages:
    """The test images among those of an index."""
    contents: dict[str, str] = {}
    truths: dict[str, Annotation] = {}
    same: dict[tuple[str, ...], Annotation] = {}
    for image in index:
        if image.split is not Split.TEST:
            continue
        contents[image.key] = image.content
        truth = image.annotation
        if not truth.boxes:
            # There are as many sets of labels as there are labels, give or take: kept once each.
            truth = same.setdefault(truth.labels, truth)
        truths.setdefault(image.content, truth)
    return TestImages(contents, truths)


def test_contents(index: Iterable[SplitImage]) -> dict[str, str]:
    """The content at the key of each test image: what is needed of a champion's index."""
    return {image.key: image.content for image in index if image.split is Split.TEST}


# --- The examination ------------------------------------------------------------------------------


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
    index: TestImages
    truths: Mapping[str, Annotation]
    """What each content shows that was tested."""
    scores: Mapping[str, Fraction]
    """From 0 to 1 for each content."""
    confusion: Mapping[tuple[str, str | None], int]
    """How many images of a label were taken for which; of classification models only."""
    suspected: tuple[SuspectedLabelError, ...]
    """The surest first."""


def examine(images: Iterable[TestedImage], model_type: ModelType, index: TestImages) -> Examined:
    """The candidate's test images, each looked at once.

    Without an index the snapshot's own labels count, and images are known by their keys.
    """
    truths: dict[str, Annotation] = {}
    scores: dict[str, Fraction] = {}
    confusion: Counter[tuple[str, str | None]] = Counter()
    surest: list[tuple[float, int, SuspectedLabelError]] = []
    for number, image in enumerate(images):
        content = index.contents.get(image.key, image.key)
        truth = index.truths.get(content, image.truth)
        if truth is None:
            continue
        truths.setdefault(content, truth)
        scores.setdefault(content, score(truth, image.found, model_type))
        if model_type is ModelType.CLASSIFICATION:
            confusion[truth.labels[0], image.found[0].label if image.found else None] += 1
        suspect = _suspect(image, truth, model_type)
        if suspect:
            heapq.heappush(surest, (suspect.confidence_pct, -number, suspect))
            if len(surest) > MOST_SUSPECTED:
                heapq.heappop(surest)
    suspected = tuple(suspect for _, _, suspect in sorted(surest, reverse=True))
    return Examined(model_type, index, truths, scores, confusion, suspected)


def score(truth: Annotation, found: Sequence[Finding], model_type: ModelType) -> Fraction:
    """How right the findings are, from 0 to 1: the F1 score of the image's labels or boxes.

    With one label on either side, as in classification, that is right or wrong. Nothing found
    where there is nothing is right.
    """
    if model_type is ModelType.DETECTION:
        right = sum(_are_right(truth.boxes, found))
        return _f1(right, len(found) + len(truth.boxes))
    labels = {finding.label for finding in found}
    return _f1(len(labels.intersection(truth.labels)), len(labels) + len(truth.labels))


@cache
def _f1(right: int, both: int) -> Fraction:
    """There are few different ones, so that each is made once."""
    return Fraction(2 * right, both) if both else Fraction(1)


def _are_right(truths: Sequence[Box], found: Sequence[Finding]) -> list[bool]:
    """Which findings overlap a true box of their label by half or more.

    Each true box is found once: the surest finding takes the one that it overlaps most.
    """
    free = list(truths)
    right = []
    for finding in found:
        rivals = [
            (_overlap(box, finding.box), -position)
            for position, box in enumerate(free)
            if finding.box and box.label == finding.label
        ]
        overlap, position = max(rivals, default=(0.0, 0))
        right.append(overlap >= 0.5)
        if right[-1]:
            del free[-position]
    return right


def _overlap(one: Box, other: Box) -> float:
    """The share of what both boxes cover together that lies in both of them."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    both = max(0, width) * max(0, height)
    either = one.width * one.height + other.width * other.height - both
    return both / either if either else 0.0


def _suspect(
    image: TestedImage, truth: Annotation, model_type: ModelType
) -> SuspectedLabelError | None:
    if model_type is ModelType.DETECTION:
        right = _are_right(truth.boxes, image.found)
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


# --- Candidate and champion -----------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """Candidate and champion on the test images they share; scores are means, from 0 to 1."""

    shared_images: int
    candidate_score: Fraction
    champion_score: Fraction
    candidate_better: int
    """On how many of them the candidate's score is higher."""
    champion_better: int

    @property
    def gain(self) -> Fraction:
        """The candidate's score minus the champion's, exactly: 0.7 - 0.6 is 0.1."""
        return self.candidate_score - self.champion_score

    @property
    def p_worse(self) -> float:
        """How likely so many losses are for a candidate that is as good: the exact sign test.

        One-sided, over the images on which the two differ; 1.0 where they never do.
        """
        differing, losses = self.candidate_better + self.champion_better, self.champion_better
        if 2 * losses > differing:
            return _tail(differing, losses)
        return 1.0 - _tail(differing, differing - losses + 1)


def _tail(tosses: int, heads: int) -> float:
    """How likely a fair coin shows so many heads or more; ``heads`` is over half of the tosses.

    By logarithms: the numbers themselves have as many digits as there are images.
    """
    if heads > tosses:
        return 0.0
    log_first = (
        math.lgamma(tosses + 1)
        - math.lgamma(heads + 1)
        - math.lgamma(tosses - heads + 1)
        - tosses * math.log(2)
    )
    terms = total = 1.0
    for k in range(heads, tosses):
        terms *= (tosses - k) / (k + 1)
        total += terms
        if terms < total * 1e-18:
            break
    return math.exp(log_first) * total


def compare(
    candidate: Examined, champion: Iterable[TestedImage], champion_contents: Mapping[str, str]
) -> Comparison:
    """Both models on the test images they share, by the labels as the candidate's index has them.

    Images are the same when their content is, whatever their names. Where one of the indexes is
    missing, the same key stands for the same image.
    """
    mine = candidate.index.contents
    contents = champion_contents if mine and champion_contents else mine
    theirs: dict[str, Fraction] = {}
    for image in champion:
        content = contents.get(image.key, image.key)
        if content in candidate.scores and content not in theirs:
            truth = candidate.truths[content]
            theirs[content] = score(truth, image.found, candidate.model_type)
    pairs = Counter((candidate.scores[content], theirs[content]) for content in theirs)
    return Comparison(
        shared_images=len(theirs),
        candidate_score=_mean((mine, images) for (mine, _), images in pairs.items()),
        champion_score=_mean((scored, images) for (_, scored), images in pairs.items()),
        candidate_better=sum(images for (mine, other), images in pairs.items() if mine > other),
        champion_better=sum(images for (mine, other), images in pairs.items() if mine < other),
    )


def _mean(scores: Iterable[tuple[Fraction, int]]) -> Fraction:
    """The mean of scores that so many images have each; 0 where there are none."""
    total, count = Fraction(0), 0
    for one, images in scores:
        total += one * images
        count += images
    return total / count if count else total


# --- The verdict ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """What the operator demands of a version."""

    metric: Metric
    minimum: Decimal
    minimum_improvement: Decimal


@dataclass(frozen=True)
class Verdict:
    """Whether to deploy, and why: each reason is a sentence."""

    promote: bool
    reasons: tuple[str, ...]


_METRICS: Mapping[Metric, str] = {"f1": "F1 score", "precision": "precision", "recall": "recall"}


def judge(
    summary: Summary, comparison: Comparison | None, rules: Rules, model_type: ModelType
) -> Verdict:
    """Whether the candidate is good enough by itself and not worse than the champion.

    ``comparison`` is None where no other model is deployed. A candidate that is worse on
    significantly many images is never promoted, whatever the minimum improvement.
    """
    reached = summary.metric(rules.metric)
    good = Decimal(str(reached)) >= rules.minimum
    reasons = [
        f"Its {_METRICS[rules.metric]} of {_telling(reached, rules.minimum)} "
        f"{'reaches' if good else 'is under'} the minimum of {rules.minimum}."
    ]
    if comparison is None:
        reasons.append("No other model is deployed, so there is none to compare it with.")
        return Verdict(good, tuple(reasons))
    if comparison.shared_images < FEWEST_SHARED_IMAGES:
        reasons.append(
            f"It shares {_test_images(comparison.shared_images)} with the deployed model; under "
            f"{FEWEST_SHARED_IMAGES} the minimum alone decides."
        )
        return Verdict(good, tuple(reasons))
    enough = comparison.gain >= Fraction(rules.minimum_improvement)
    reasons.append(
        f"On {_test_images(comparison.shared_images, 'shared ')} "
        f"{_in_words(comparison, model_type)} (better on {comparison.candidate_better}, worse on "
        f"{comparison.champion_better}); that {'reaches' if enough else 'is less than'} the "
        f"minimum improvement of {rules.minimum_improvement}."
    )
    worse = comparison.p_worse < SIGNIFICANT
    if worse:
        differing = comparison.candidate_better + comparison.champion_better
        chance = comparison.p_worse
        reasons.append(
            f"It is worse on {comparison.champion_better} of the {differing} images on which the "
            f"two differ, which is no chance (sign test, "
            f"p {'< 0.001' if chance < 0.001 else f'= {chance:.3f}'}), so it is not promoted "
            "whatever the minimum improvement."
        )
    return Verdict(good and enough and not worse, tuple(reasons))


def _telling(figure: float, minimum: Decimal) -> str:
    """The figure with as many digits as show on which side of the minimum it is, two at least."""
    exact = Decimal(str(figure))
    for digits in range(2, 17):
        text = f"{exact:.{digits}f}"
        if (Decimal(text) >= minimum) == (exact >= minimum):
            return text
    return str(exact)


def _test_images(count: int, kind: str = "") -> str:
    if count == 1:
        return f"one {kind}test image"
    return f"{count or 'no'} {kind}test images"


def _in_words(comparison: Comparison, model_type: ModelType) -> str:
    mine, theirs = float(comparison.candidate_score), float(comparison.champion_score)
    if model_type is ModelType.CLASSIFICATION:
        return f"it is right on {100 * mine:.1f} %, the deployed model on {100 * theirs:.1f} %"
    what = "boxes" if model_type is ModelType.DETECTION else "labels"
    return (
        f"the F1 score of its {what} is {mine:.3f} in the mean, the deployed model's {theirs:.3f}"
    )


# --- The report -----------------------------------------------------------------------------------


def report(
    version: str,
    summary: Summary,
    rules: Rules,
    verdict: Verdict,
    *,
    examined: Examined,
    champion: str | None,
    comparison: Comparison | None,
    data: Json | None,
    entries: Json,
) -> Json:
    """What ``evaluation/<version>/report.json`` says.

    ``champion`` is the version that is deployed, ``data`` what PrepareTraining found, ``entries``
    what the service stored of each manifest.
    """
    return {
        "version": version,
        "promote": verdict.promote,
        "reasons": list(verdict.reasons),
        "metric": rules.metric,
        "minimum": float(rules.minimum),
        "minimum_improvement": float(rules.minimum_improvement),
        "f1": summary.f1,
        "precision": summary.precision,
        "recall": summary.recall,
        "train_images": summary.train_images,
        "test_images": summary.test_images,
        "labels": [asdict(label) for label in summary.labels],
        "confusion": [
            {"truth": truth, "predicted": predicted, "images": images}
            for (truth, predicted), images in sorted(
                examined.confusion.items(), key=lambda item: (item[0][0], item[0][1] or "")
            )
        ],
        "champion": champion,
        "comparison": _compared(comparison),
        "suspected_label_errors": [
            {
                **asdict(suspect),
                "labels": list(suspect.labels),
                "predicted": list(suspect.predicted),
            }
            for suspect in examined.suspected
        ],
        "data": data,
        "entries": entries,
    }


def _compared(comparison: Comparison | None) -> Json | None:
    if comparison is None:
        return None
    return {
        "shared_images": comparison.shared_images,
        "candidate_score": float(comparison.candidate_score),
        "champion_score": float(comparison.champion_score),
        "candidate_better": comparison.candidate_better,
        "champion_better": comparison.champion_better,
        "p_worse": comparison.p_worse,
    }
