"""The reports that trainings leave in the bucket, `evaluation/<version>/report.json`, as values.

EvaluateModel writes them; fields that this release does not know are passed over.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from botocore.exceptions import ClientError
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from labelloop.aws.failures import code_of
from labelloop.domain import labels
from labelloop.domain.manifests import VersionFiles
from labelloop.domain.model_versions import VersionRecord

from . import models
from .failures import CommandError
from .stack import Stack

LabelName = Annotated[str, AfterValidator(labels.shown)]


class Estimate(BaseModel):
    """A figure with its 95 % interval, and how many images it rests on."""

    value: float
    low: float
    high: float
    images: int
    effective_images: float
    """As many of equal weight would say as much."""


class LabelFigures(BaseModel):
    """How well one label does on its test images."""

    label: LabelName
    test_images: int
    f1: float
    precision: float
    recall: float
    assumed_threshold: float

    def figure(self, metric: str) -> float:
        """The figure of this name."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall}[metric]


class Confused(BaseModel):
    """How many test images of a label were taken for which."""

    truth: LabelName
    predicted: LabelName | None
    images: int


class LabelEstimates(BaseModel):
    """The same by the labels of today, with intervals."""

    label: LabelName
    f1: Estimate | None = None
    precision: Estimate | None = None
    recall: Estimate | None = None

    def figure(self, metric: str) -> Estimate | None:
        """The figure of this name."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall}[metric]


class Figures(BaseModel):
    """How good a version is by the labels of today."""

    test_set: Estimate
    """The mean score, each test image counting once."""
    incoming: Estimate | None = None
    """Weighted as what comes in."""
    covers: float = 0.0
    """Of what share of the inference log ``incoming`` speaks."""
    empty: dict[str, float] = Field(default_factory=dict)
    """The share of the log of each kind of images of which nothing is known."""
    accepted: Estimate | None = None
    """The share that is wholly right of what it is sure of."""
    f1: Estimate | None = None
    precision: Estimate | None = None
    recall: Estimate | None = None
    labels: list[LabelEstimates] = Field(default_factory=list)


class Difference(BaseModel):
    """How much better a candidate is than the champion, on the same images."""

    gain: float
    interval: tuple[float, float]
    images: int
    effective_images: float
    candidate: Estimate
    champion: Estimate


class GroupResult(BaseModel):
    """Candidate and champion on images that came in one way."""

    name: str
    images: int
    candidate_better: int
    champion_better: int
    p_worse: float


class LabelChange(BaseModel):
    """Candidate and champion on one label."""

    label: LabelName
    images: int
    candidate_better: int
    champion_better: int
    is_worse: bool


class Apart(BaseModel):
    """A label that only one of them knows."""

    label: LabelName
    images: int
    score: float


class ErrorRate(BaseModel):
    """How often a candidate that differs by so much is judged the wrong way."""

    difference: float
    wrong_way: float


class Comparison(BaseModel):
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
    groups: list[GroupResult] = Field(default_factory=list)
    labels: list[LabelChange] = Field(default_factory=list)
    apart: list[Apart] = Field(default_factory=list)
    missing: int = 0
    """Test images about which the champion's answer is not known."""
    error_rates: list[ErrorRate] = Field(default_factory=list)


class Suspected(BaseModel):
    """A test image whose label is probably wrong."""

    key: str
    labels: list[LabelName]
    predicted: list[LabelName]
    confidence_pct: float


class Change(BaseModel):
    """Images since the version before."""

    added: int = 0
    replaced: int = 0
    removed: int = 0
    moved: int = 0


class LeftOutImage(BaseModel):
    """An image that was not used, and why."""

    key: str
    reason: str


class LeftOut(BaseModel):
    """The images that were not used."""

    images: int = 0
    by_reason: dict[str, int] = Field(default_factory=dict)
    examples: list[LeftOutImage] = Field(default_factory=list)


class PassedOver(BaseModel):
    """Files at which nothing looks; early reports have them among the images."""

    files: int = 0
    by_reason: dict[str, int] = Field(default_factory=dict)
    examples: list[LeftOutImage] = Field(default_factory=list)


class LabelLeftOut(BaseModel):
    """A label that could not be trained."""

    label: LabelName
    images: int
    reason: str


class BadLine(BaseModel):
    """A line of an imported manifest that could not be used."""

    file: str
    line: int
    reason: str


class BadLines(BaseModel):
    """All of them."""

    count: int = 0
    of: int = 0
    examples: list[BadLine] = Field(default_factory=list)


class NoManifests(BaseModel):
    """Files beside the manifests that are none."""

    count: int = 0
    examples: list[str] = Field(default_factory=list)


class Data(BaseModel):
    """What the version was made of."""

    images: int
    train_images: int
    test_images: int
    changes: Change = Field(default_factory=Change)
    left_out: LeftOut = Field(default_factory=LeftOut)
    passed_over: PassedOver = Field(default_factory=PassedOver)
    labels_left_out: list[LabelLeftOut] = Field(default_factory=list)
    bad_lines: BadLines = Field(default_factory=BadLines)
    ignored_lines: BadLines = Field(default_factory=BadLines)
    lines_in_part: BadLines = Field(default_factory=BadLines)
    no_manifests: NoManifests = Field(default_factory=NoManifests)

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


class Entries(BaseModel):
    """What the service took of a manifest."""

    sent: int
    stored: int
    errors: list[str] = Field(default_factory=list)


class Run(BaseModel):
    """How long a model ran, and what that cost."""

    hours: float
    usd: float


class Asked(BaseModel):
    """About what the version that served was asked, to be compared."""

    version: str
    images: int
    answered: int
    run: Run | None = None
    """None where it ran anyway."""


class Report(BaseModel):
    """The verdict on a version and what it rests on."""

    version: str
    promote: bool
    reasons: list[str]
    metric: Literal["f1", "precision", "recall"] = "f1"
    minimum: float | None = None
    f1: float
    precision: float
    recall: float
    train_images: int
    test_images: int
    labels: list[LabelFigures]
    figures: Figures | None = None
    confusion: list[Confused] = Field(default_factory=list)
    champion: str | None = None
    comparison: Comparison | None = None
    uncompared: str | None = None
    """Why it could not be compared, where that kept it from being promoted."""
    asked: Asked | None = None
    suspected_label_errors: list[Suspected] = Field(default_factory=list)
    data: Data | None = None
    entries: dict[str, Entries | None] = Field(default_factory=dict)

    def worst_labels(self) -> list[LabelFigures]:
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


def mistakes(confusion: Iterable[Confused]) -> list[Confused]:
    """Which labels were taken for which others, the most frequent first."""
    wrong = [pair for pair in confusion if pair.predicted != pair.truth]
    return sorted(wrong, key=lambda pair: (-pair.images, pair.truth, pair.predicted or ""))


def read(stack: Stack, version: str | None) -> tuple[Report, dict[str, Any]]:
    """The report of the version, or of the newest that has one: as values, and as it was written.

    Raises CommandError where there is none, with the reason that the version's record gives.
    """
    name = _with_report(version)
    key = VersionFiles(name).report
    try:
        answer = stack.client("s3").get_object(Bucket=stack.output("BucketName"), Key=key)
    except ClientError as error:
        if code_of(error) == "NoSuchKey":
            raise CommandError(
                f"The report of {name} is not in the bucket any more: {key} was deleted."
            ) from error
        raise
    try:
        written: dict[str, Any] = json.loads(answer["Body"].read())
        return Report.model_validate(written), written
    except (ValueError, ValidationError) as error:
        raise CommandError(
            f"{key} is no report that this release of Label Loop can read. Look at the file "
            "itself, or use the command of the release that wrote it."
        ) from error


def _with_report(name: str | None) -> str:
    records = models.records()
    if name is None:
        newest = next((record for record in records if record.is_judged), None)
        if newest is not None:
            return newest.name
        raise CommandError(_none_yet(records[0]) if records else "No version was trained yet.")
    record = next((record for record in records if record.name == name), None)
    if record is None:
        known = ", ".join(record.name for record in records[:5]) or "none yet"
        raise CommandError(f"There is no version {name}. The newest: {known}.")
    if not record.is_judged:
        raise CommandError(_none_yet(record))
    return name


def _none_yet(record: VersionRecord) -> str:
    if record.failure:
        return f"Version {record.name} has no report, because it failed: {record.failure}"
    return f"Version {record.name} has no report yet: it is being trained. See: labelloop status"
