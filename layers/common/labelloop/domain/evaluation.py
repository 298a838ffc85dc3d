"""What the service's evaluation of a version says, and our report on it.

Figures come from the service's summary file, answers from its evaluation snapshot, image by image;
and truths are the labels as they are now, since they may have been corrected after the version was
trained. A test set has up to 250,000 images, so snapshots and indexes are read line by line, and
answers are kept of as many images as a comparison looks at.

Files: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/im-summary-file-api.html and
im-evaluation-manifest-snapshot-api.html
"""

import heapq
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from labelloop.domain import estimates, scoring
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import FEWEST_EFFECTIVE, MOST_COMPARED, Case, Comparison
from labelloop.domain.estimates import Estimate, Weighed
from labelloop.domain.labels import NONE_OF_THEM, composed
from labelloop.domain.manifests import SplitImage
from labelloop.domain.origins import GIVEN, LogShares, Provenance
from labelloop.domain.scoring import METRICS, UNKNOWN_THRESHOLD, Counts, Metric
from labelloop.domain.splits import Split
from labelloop.domain.verdict import Rules, Verdict
from labelloop.errors import UNREADABLE, InconsistentError

Json = dict[str, Any]

CONFIDENT = 0.9
"""From here on a model that contradicts a label makes the label suspect."""
MOST_SUSPECTED = 100
MOST_FINDINGS = 60
"""Of an answer, the surest are kept; a model may know 250 labels."""

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
    except UNREADABLE as error:
        raise InconsistentError(f"The evaluation summary cannot be read: {error!r}") from error


def _label_result(entry: Mapping[str, Any]) -> LabelResult | None:
    """A label's figures; None for a label without test images, which may have none."""
    test_images = int(entry["NumberOfTestingImages"])
    metrics = entry.get("Metrics") or {}
    if not test_images and metrics.get("F1Score") is None:
        return None
    return LabelResult(
        label=composed(str(entry["Label"])),
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
    said: tuple[Finding, ...] = ()
    """All that the snapshot has of it, what is under the assumed thresholds too."""

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
        except UNREADABLE as error:
            raise InconsistentError(
                f"Line {number} of an evaluation snapshot cannot be read: {error!r}"
            ) from error
        if image:
            yield image


def _tested_labels(
    entry: Json, model_type: ModelType, thresholds: Mapping[str, float]
) -> TestedImage | None:
    told = [metadata for _, metadata in _groups(entry, _EVALUATION) if "class-name" in metadata]
    if not told:
        return None
    told.sort(key=lambda metadata: (-_confidence(metadata), metadata["class-name"]))
    said = [Finding(composed(metadata["class-name"]), _confidence(metadata)) for metadata in told]
    if model_type is ModelType.CLASSIFICATION:
        found = said[:1]
    else:
        found = [
            finding
            for finding, metadata in zip(said, told, strict=True)
            if _is_positive(metadata, thresholds.get(finding.label))
        ]
    truths = (
        {
            composed(metadata["class-name"])
            for _, metadata in _groups(entry, kind)
            if "class-name" in metadata
        }
        for kind in _TRUTHS
    )
    labels = next((labels for labels in truths if labels), None)
    truth = Annotation.of_labels(labels) if labels else None
    return TestedImage(_key(entry["source-ref"]), truth, tuple(found), tuple(said[:MOST_FINDINGS]))


def _tested_boxes(entry: Json, thresholds: Mapping[str, float]) -> TestedImage | None:
    groups = [group for group in _groups(entry, _EVALUATION) if "class-map" in group[1]]
    if not groups:
        return None
    said = [
        (
            Finding(box.label, _confidence(described), box),
            _is_positive(described, thresholds.get(box.label)),
        )
        for name, metadata in groups
        for box, described in zip(_boxes(entry[name], metadata), metadata["objects"], strict=True)
    ]
    said.sort(key=lambda each: (-each[0].confidence, each[0].label))
    return TestedImage(
        _key(entry["source-ref"]),
        _true_boxes(entry),
        tuple(finding for finding, is_positive in said if is_positive),
        tuple(finding for finding, _ in said[:MOST_FINDINGS]),
    )


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
            composed(labels[str(annotation["class_id"])]),
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


def _key(source_ref: str) -> str:
    """The key in ``s3://bucket/key``: all images of a dataset are in one bucket, ours."""
    return source_ref.removeprefix("s3://").split("/", 1)[1]


# --- What the test images show now ----------------------------------------------------------------


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


def figure_without_none(
    cases: Iterable[Case],
    said: Mapping[str, Answer],
    thresholds: Mapping[str, float],
    metric: Metric,
) -> float:
    """A classification model's metric as the service has it, without what is none of the labels.

    That is the mean over the labels, each at its assumed threshold, on the test images of the
    others. A version is held to it that is the first to know that label: nobody has set the minimum
    for it.
    """
    known = thresholds.keys() - {NONE_OF_THEM}
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for case in cases:
        (truth,) = case.truth.labels
        if case.content not in said or truth == NONE_OF_THEM:
            continue
        there[truth] += 1
        for finding in said[case.content].findings:
            if finding.label in known and finding.confidence >= thresholds[finding.label]:
                found[finding.label] += 1
                right[finding.label] += finding.label == truth
    of_label = [
        float(scoring.ratio(right[label], found[label], there[label], metric)) for label in there
    ]
    return sum(of_label) / len(of_label) if of_label else 0.0


# --- Figures with their intervals -----------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """How good a version is: on the test set as it is, and on what comes in."""

    test_set: Estimate
    """The mean score, each image counting once."""
    incoming: Estimate | None
    """Weighted as what comes in; None where no test image stands for it."""
    covers: float
    """Of what share of the log ``incoming`` speaks."""
    empty: Mapping[str, float]
    """The share of the log of each stratum that no test image stands for."""
    accepted: Estimate | None
    """The share that is wholly right of the test images that the version is sure of: weighted as
    what comes in where enough of them stand for that."""
    in_all: Mapping[Metric, Estimate]
    """F1, precision and recall on the test set as it is: means over the labels that it shows."""
    labels: Mapping[str, Estimate]
    """The mean score on the images of each label; see ``scoring.of_label``."""
    incoming_labels: Mapping[str, Estimate]
    counts: Mapping[str, Counts]
    """Of each label, on the test set as it is."""

    def in_short(self) -> Json:
        """What a version's record has of them."""
        in_all: Json = {metric: one.as_json() for metric, one in self.in_all.items()}
        known = {"incoming": self.incoming, "accepted": self.accepted}
        told = {name: one.as_json() for name, one in known.items() if one}
        return {"test_set": self.test_set.as_json(), **told, **in_all}

    def as_json(self) -> Json:
        """The form in reports."""
        return {
            "test_set": self.test_set.as_json(),
            "incoming": self.incoming.as_json() if self.incoming else None,
            "covers": round(self.covers, 4),
            "empty": {name: round(share, 4) for name, share in self.empty.items()},
            "accepted": self.accepted.as_json() if self.accepted else None,
            **{metric: estimate.as_json() for metric, estimate in self.in_all.items()},
            "labels": [
                {
                    "label": label,
                    **{
                        metric: estimates.of_counts(self.counts[label], metric).as_json()
                        for metric in METRICS
                    },
                    "test_set": of_label.as_json(),
                    "incoming": self.incoming_labels[label].as_json()
                    if label in self.incoming_labels
                    else None,
                }
                for label, of_label in self.labels.items()
            ],
        }


def figures(
    cases: Sequence[Case],
    said: Mapping[str, Answer],
    thresholds: Mapping[str, float],
    *,
    model_type: ModelType,
    metric: Metric,
    shares: LogShares,
    is_accepted: Callable[[Answer], bool],
) -> Figures:
    """A version's figures on the test images of today that it has answered.

    ``is_accepted`` says whether an answer is so sure that nobody would be asked about it.
    """
    answered = [case for case in cases if case.content in said]
    what = [scoring.found(said[case.content].findings, model_type, thresholds) for case in answered]
    scores = [
        float(scoring.score(case.truth, one, model_type, metric))
        for case, one in zip(answered, what, strict=True)
    ]
    weights = estimates.of_incoming([case.provenance for case in answered], shares)
    by_label: defaultdict[str, list[Weighed]] = defaultdict(list)
    incoming_by_label: defaultdict[str, list[Weighed]] = defaultdict(list)
    accepted, accepted_incoming, incoming = [], [], []
    counts = [
        scoring.counts(case.truth, one, model_type)
        for case, one in zip(answered, what, strict=True)
    ]
    for case, one, value, weight in zip(answered, what, scores, weights.weights, strict=True):
        stratum = str(case.provenance.stratum)
        labels = {*case.truth.labels, *(finding.label for finding in one)}
        for label in labels:
            of_label = scoring.of_label(label, case.truth, one, model_type)
            if of_label is not None:
                by_label[label].append(Weighed("", 1.0, float(of_label)))
                if weight:
                    incoming_by_label[label].append(Weighed(stratum, weight, float(of_label)))
        if weight:
            incoming.append(Weighed(stratum, weight, value))
        if is_accepted(said[case.content]):
            # Wholly right, as sampled answers are judged, whatever the metric.
            right = float(scoring.score(case.truth, one, model_type) == 1)
            accepted.append(Weighed("", 1.0, right))
            if weight:
                accepted_incoming.append(Weighed(stratum, weight, right))
    if estimates.effective(one.weight for one in accepted_incoming) >= FEWEST_EFFECTIVE:
        accepted = accepted_incoming
    return Figures(
        test_set=estimates.mean([Weighed("", 1.0, value) for value in scores]),
        incoming=estimates.mean(incoming) if incoming else None,
        covers=weights.covers,
        empty={estimates.in_words(stratum): share for stratum, share in weights.empty.items()},
        accepted=estimates.mean(accepted) if accepted else None,
        in_all={metric: estimates.over_labels(counts, metric) for metric in METRICS},
        labels={label: estimates.mean(by_label[label]) for label in sorted(by_label)},
        incoming_labels={
            label: estimates.mean(incoming_by_label[label]) for label in sorted(incoming_by_label)
        },
        counts=scoring.together(counts),
    )


# --- The report -----------------------------------------------------------------------------------


def report(
    version: str,
    summary: Summary,
    rules: Rules,
    verdict: Verdict,
    *,
    examined: Examined,
    own: Figures,
    champion: str | None,
    comparison: Comparison | None,
    data: Json | None,
    entries: Json,
) -> Json:
    """What ``evaluation/<version>/report.json`` says.

    ``own`` are the version's figures, ``champion`` the version that is deployed, ``data`` what
    PrepareTraining found, ``entries`` what the service stored of each manifest.
    """
    return {
        "version": version,
        "promote": verdict.promote,
        "reasons": list(verdict.reasons),
        "metric": rules.metric,
        "minimum": float(rules.minimum),
        "minimum_improvement": float(rules.minimum_improvement),
        "minimum_decides": rules.minimum_decides,
        "f1": summary.f1,
        "precision": summary.precision,
        "recall": summary.recall,
        "train_images": summary.train_images,
        "test_images": summary.test_images,
        "labels": [asdict(label) for label in summary.labels],
        "figures": own.as_json(),
        "confusion": [
            {"truth": truth, "predicted": predicted, "images": images}
            for (truth, predicted), images in sorted(
                examined.confusion.items(), key=lambda item: (item[0][0], item[0][1] or "")
            )
        ],
        "champion": champion,
        "comparison": comparison.as_json() if comparison else None,
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
