"""Our report on a version: what it was judged by, and what came of it.

It is one class for who writes it and who reads it. Reports of earlier releases have less, and
those of later ones more, which is passed over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

from labelloop.domain import comparison as comparisons
from labelloop.domain import labels as label_names
from labelloop.domain import version_figures
from labelloop.domain.estimates import Estimate
from labelloop.domain.evaluation_summary import LabelResult, Summary
from labelloop.domain.examination import Examined, SuspectedLabelError
from labelloop.domain.imports import BadLine
from labelloop.domain.manifests import Changes
from labelloop.domain.model_versions import Entries
from labelloop.domain.scoring import Metric
from labelloop.domain.trainable import LabelLeftOut
from labelloop.domain.verdict import Rules, Verdict

Json = dict[str, Any]


@dataclass(frozen=True)
class Confused:
    """How many test images of a label were taken for which."""

    truth: str
    predicted: str | None
    images: int


@dataclass(frozen=True)
class LabelEstimates:
    """The same by the labels of today, with intervals."""

    label: str
    f1: Estimate | None = None
    precision: Estimate | None = None
    recall: Estimate | None = None
    test_set: Estimate | None = None
    """The mean score on the images of the label."""
    incoming: Estimate | None = None

    def figure(self, metric: str) -> Estimate | None:
        """The figure of this name."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall}[metric]


@dataclass(frozen=True)
class Figures:
    """How good a version is by the labels of today."""

    test_set: Estimate
    """The mean score, each test image counting once."""
    incoming: Estimate | None = None
    """Weighted as what comes in."""
    covers: float = 0.0
    """Of what share of the inference log ``incoming`` speaks."""
    empty: Mapping[str, float] = field(default_factory=dict)
    """The share of the log of each kind of images of which nothing is known."""
    accepted: Estimate | None = None
    """The share that is wholly right of what it is sure of."""
    f1: Estimate | None = None
    precision: Estimate | None = None
    recall: Estimate | None = None
    labels: tuple[LabelEstimates, ...] = ()


@dataclass(frozen=True)
class Difference:
    """How much better a candidate is than the champion, on the same images."""

    gain: float
    interval: tuple[float, float]
    images: int
    effective_images: float
    candidate: Estimate
    champion: Estimate
    std_error: float = 0.0
    candidate_better: int = 0
    champion_better: int = 0


@dataclass(frozen=True)
class GroupResult:
    """Candidate and champion on images that came in one way."""

    name: str
    images: int
    candidate_better: int
    champion_better: int
    p_worse: float


@dataclass(frozen=True)
class LabelChange:
    """Candidate and champion on one label."""

    label: str
    images: int
    candidate_better: int
    champion_better: int
    is_worse: bool
    p_worse: float = 1.0


@dataclass(frozen=True)
class Apart:
    """A label that only one of them knows."""

    label: str
    images: int
    score: float | None = None
    """None where no test image has it."""
    known_to: Literal["candidate", "champion"] = "candidate"


@dataclass(frozen=True)
class ErrorRate:
    """How often a candidate that differs by so much is judged the wrong way."""

    difference: float
    wrong_way: float


@dataclass(frozen=True)
class Comparison:
    """Candidate and champion on the same test images; weighted, since there are weights."""

    shared_images: int
    candidate_score: float
    champion_score: float
    candidate_better: int
    champion_better: int
    p_worse: float
    basis: Literal["incoming", "test_set"] = "test_set"
    """What decided."""
    test_set: Difference | None = None
    incoming: Difference | None = None
    as_deployed: Difference | None = None
    fresh: Difference | None = None
    """On images that did not test the champion when it was trained."""
    groups: tuple[GroupResult, ...] = ()
    labels: tuple[LabelChange, ...] = ()
    apart: tuple[Apart, ...] = ()
    metric: Metric = "f1"
    covers: float = 0.0
    empty: Mapping[str, float] = field(default_factory=dict)
    missing: int = 0
    """Test images about which the champion's answer is not known."""
    error_rates: tuple[ErrorRate, ...] = ()

    @property
    def decides(self) -> Difference | None:
        """What decided; None in reports of before there were weights."""
        return self.incoming if self.basis == "incoming" else self.test_set


@dataclass(frozen=True)
class LeftOutImage:
    """An image that was not used, and why."""

    key: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """The images that were not used."""

    images: int = 0
    by_reason: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[LeftOutImage, ...] = ()


@dataclass(frozen=True)
class PassedOver:
    """Files at which nothing looks; early reports have them among the images."""

    files: int = 0
    by_reason: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[LeftOutImage, ...] = ()


@dataclass(frozen=True)
class BadLines:
    """All of them."""

    count: int = 0
    of: int = 0
    examples: tuple[BadLine, ...] = ()


@dataclass(frozen=True)
class Contradictions:
    """The same picture under several labels, by the keys of two of them."""

    count: int = 0
    examples: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class NoManifests:
    """Files beside the manifests that are none."""

    count: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Data:
    """What the version was made of."""

    images: int
    train_images: int = 0
    test_images: int = 0
    changes: Changes = field(default_factory=Changes)
    left_out: LeftOut = LeftOut()
    passed_over: PassedOver = PassedOver()
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How many images of each label train, and test."""
    under_several_labels: Contradictions = Contradictions()
    labels_left_out: tuple[LabelLeftOut, ...] = ()
    bad_lines: BadLines = BadLines()
    ignored_lines: BadLines = BadLines()
    lines_in_part: BadLines = BadLines()
    no_manifests: NoManifests = NoManifests()

    def noted_lines(self) -> list[tuple[str, BadLines]]:
        """What is to be said of imported lines, each with its title; nothing without any."""
        noted = [
            (
                f"imported lines that could not be used, {self.bad_lines.count} of "
                f"{self.bad_lines.of}",
                self.bad_lines,
            ),
            (
                f"imported lines without anything to learn, {self.ignored_lines.count}",
                self.ignored_lines,
            ),
            (f"left out of imported lines, {self.lines_in_part.count}", self.lines_in_part),
        ]
        return [(title, lines) for title, lines in noted if lines.count]


@dataclass(frozen=True)
class Run:
    """How long a model ran, and what that cost."""

    hours: float
    usd: float
    usd_per_hour: float = 0.0


@dataclass(frozen=True)
class Asked:
    """About what the version that served was asked, to be compared."""

    version: str
    images: int
    answered: int
    run: Run | None = None
    """None where it ran anyway."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The verdict on a version and what it rests on."""

    version: str
    promote: bool
    reasons: tuple[str, ...]
    metric: Metric = "f1"
    minimum: float | None = None
    minimum_improvement: float = 0.0
    minimum_decides: str = "first"
    f1: float
    precision: float
    recall: float
    train_images: int
    test_images: int
    labels: tuple[LabelResult, ...]
    figures: Figures | None = None
    confusion: tuple[Confused, ...] = ()
    champion: str | None = None
    comparison: Comparison | None = None
    uncompared: str | None = None
    """Why it could not be compared, where that kept it from being promoted."""
    asked: Asked | None = None
    suspected_label_errors: tuple[SuspectedLabelError, ...] = ()
    data: Data | None = None
    entries: Mapping[str, Entries | None] = field(default_factory=dict)

    def shown(self) -> "Report":
        """The report with labels under the names that people read."""
        told: Report = _shown(self)
        return told

    def worst_labels(self) -> list[LabelResult]:
        """The labels, those with the lowest figures first."""
        return sorted(self.labels, key=lambda label: (label.figure(self.metric), label.label))

    def estimates(self) -> dict[str, LabelEstimates]:
        """What is known by the labels of today, by label."""
        return {one.label: one for one in self.figures.labels} if self.figures else {}

    def dropped(self) -> dict[str, Entries]:
        """The datasets of which the service did not take every entry, or complained."""
        return {
            name: entries
            for name, entries in self.entries.items()
            if entries and (entries.stored != entries.sent or entries.errors)
        }


_NAMES = {"label", "labels", "truth", "predicted"}
"""The members that are the names of labels, or have them."""


def _shown(part: Any) -> Any:
    if is_dataclass(part) and not isinstance(part, type):
        told = {one.name: getattr(part, one.name) for one in fields(part)}
        names = {name: _names(told[name]) for name in _NAMES & told.keys()}
        return replace(part, **{name: _shown(value) for name, value in (told | names).items()})
    return tuple(map(_shown, part)) if isinstance(part, tuple) else part


def _names(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_names, value))
    return label_names.shown(value) if isinstance(value, str) else value


def mistakes(confusion: Iterable[Confused]) -> list[Confused]:
    """Which labels were taken for which others, the most frequent first."""
    wrong = [pair for pair in confusion if pair.predicted != pair.truth]
    return sorted(wrong, key=lambda pair: (-pair.images, pair.truth, pair.predicted or ""))


def report(
    version: str,
    summary: Summary,
    rules: Rules,
    verdict: Verdict,
    *,
    examined: Examined,
    own: version_figures.Figures,
    champion: str | None,
    compared: comparisons.Comparison | None,
    data: Json | None,
    entries: Mapping[str, Entries | None],
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
        "comparison": compared.as_json() if compared else None,
        "suspected_label_errors": [
            {
                **asdict(suspect),
                "labels": list(suspect.labels),
                "predicted": list(suspect.predicted),
            }
            for suspect in examined.suspected
        ],
        "data": data,
        "entries": {name: one.as_json() if one else None for name, one in entries.items()},
    }
