"""What the demo measured of each model version, and whether the last one is better.

Values only: ``story`` fills them from what users see, ``demo_report`` shows them. How good a
version is on images that none was trained on, ``labelloop evaluate`` says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.domain.annotations import ModelType
from labelloop_pages.figures import estimated, signed
from local.demo.failure import DemoError
from local.demo.pictures import Picture

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure from 0 to 1, or a difference of two, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float
    images: int
    """How many it rests on."""

    @classmethod
    def of(cls, estimate: Json) -> "Figure":
        """From an estimate as reports have it."""
        return cls(estimate["value"], estimate["low"], estimate["high"], estimate["images"])

    @classmethod
    def of_difference(cls, difference: Json) -> "Figure":
        """From a difference as reports have it."""
        low, high = difference["interval"]
        return cls(difference["gain"], low, high, difference["images"])

    @property
    def interval(self) -> tuple[float, float]:
        """Where it ends."""
        return self.low, self.high

    def __str__(self) -> str:
        """With its interval."""
        return estimated(self)

    @property
    def as_gain(self) -> str:
        """With its interval and signs, as a difference."""
        return signed(self.value, self.interval)


@dataclass(frozen=True)
class Look:
    """What a version said of one image that none was trained on."""

    file_name: str
    truth: str
    label: str | None
    """What it found, comma separated; None where it found nothing."""
    confidence_pct: float
    """Of the surest."""
    right: bool
    """Whether it said what is in the image, and nothing else."""


@dataclass(frozen=True)
class Measured:
    """A version on the images that none was trained on."""

    score: Figure
    """The mean of the images' scores: whether it is right, or the F1 of what it found in one."""
    looks: tuple[Look, ...]

    @property
    def right(self) -> int:
        """On how many images it is right."""
        return sum(look.right for look in self.looks)


@dataclass(frozen=True)
class VersionResult:
    """One model version."""

    name: str
    train_images: int
    test_images: int
    f1: float
    """On its own test images, as the service reports it."""
    own: Figure
    """The mean score of its own test images."""
    promoted: bool
    """The product's own verdict."""
    reasons: tuple[str, ...]
    """Why, in the product's own sentences."""
    gain: Figure | None
    """Over the version that served, on the test images; None where none served."""
    by_command: bool
    """Whether the operator put it into service, whatever the verdict."""
    measured: Measured
    incoming: int
    """How many images came in while it served."""
    sent_to_people: int
    """How many of those went to a person."""

    @property
    def has_served(self) -> bool:
        """Whether it has been in service."""
        return self.promoted or self.by_command


@dataclass(frozen=True)
class StepTime:
    """One step of the demo and how long it took."""

    title: str
    note: str
    seconds: float


@dataclass(frozen=True)
class Results:
    """Everything that the demo found out."""

    seed: int
    model_type: ModelType
    versions: tuple[VersionResult, ...]
    """Every one that was trained, the oldest first."""
    gains: Mapping[str, Figure]
    """Over the first version, of the others, on the images that none was trained on."""
    answered: int
    answered_none: int
    """How many of the answers were none of the labels."""
    mails: tuple[Json, ...]
    """The operator's e-mails: subject and message."""

    @property
    def first(self) -> VersionResult:
        """The version that served first."""
        return self.versions[0]

    @property
    def last(self) -> VersionResult:
        """The version that serves in the end."""
        return [version for version in self.versions if version.has_served][-1]

    @property
    def better(self) -> bool:
        """Whether the last version is better than the first on images that none was trained on."""
        return self.last is not self.first and self.gains[self.last.name].value > 0

    def pairs(self) -> list[tuple[Look, Look]]:
        """What the first and the last version said of the same image."""
        last = {look.file_name: look for look in self.last.measured.looks}
        return [(look, last[look.file_name]) for look in self.first.measured.looks]

    @property
    def verdict(self) -> str:
        """The outcome in a sentence, or two."""
        what = "right on" if self.model_type is ModelType.CLASSIFICATION else "its F1 is"
        images = f"the {len(self.first.measured.looks)} images that no version was trained on"
        before, after = self.first.measured.score, self.last.measured.score
        number = self.versions.index(self.last) + 1
        if number == 1:
            return (
                f"No later version took version 1's place, and the verdicts say why. On {images}: "
                f"{what} {before}."
            )
        outcome = "better" if self.better else "not better"
        gain = self.gains[self.last.name]
        return (
            f"Version {number} is {outcome} than version 1. On {images}: {what} {after}, version 1 "
            f"{before}; the difference is {gain.as_gain}."
        )


def measured(evaluation: Json, pictures: Mapping[str, Picture]) -> dict[str, Measured]:
    """What ``labelloop evaluate`` says of each version.

    Raises DemoError where a version has not answered about every picture: what is compared are the
    same images.
    """
    found = {
        version["version"]: Measured(
            Figure.of(version["score"]),
            tuple(
                sorted(
                    _looks(version["version"], evaluation["pictures"], pictures),
                    key=lambda look: look.file_name,
                )
            ),
        )
        for version in evaluation["versions"]
    }
    for name, one in found.items():
        if len(one.looks) != len(pictures):
            raise DemoError(
                f"{name} was measured on {len(one.looks)} of {len(pictures)} images: left out were "
                f"{evaluation['left_out']}"
            )
    return found


def _looks(version: str, told: Iterable[Json], pictures: Mapping[str, Picture]) -> Iterable[Look]:
    for entry in told:
        file_name = entry["file"].rsplit("/", 1)[-1]
        said = entry["versions"].get(version)
        if said is None or file_name not in pictures:
            continue
        labels = [one["label"] for one in said["found"]]
        yield Look(
            file_name,
            pictures[file_name].truth or "",
            ", ".join(sorted(set(labels))) or None,
            max((one["confidence_pct"] for one in said["found"]), default=0.0),
            said["score"] == 1,
        )
