"""What the demo measured of each model version, and whether the second one is better.

Values only: ``story`` fills them from what users see, ``report`` shows them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.demo.failure import DemoError


@dataclass(frozen=True)
class Look:
    """What a version said of one image that was never shown for training."""

    file_name: str
    truth: str
    label: str | None
    """The label with the most confidence; None where it found nothing."""
    confidence_pct: float
    doubtful: bool
    """Whether a person would be asked."""

    @property
    def right(self) -> bool:
        """Whether it said what is in the image."""
        return self.label == self.truth


@dataclass(frozen=True)
class VersionResult:
    """One model version."""

    name: str
    train_images: int
    test_images: int
    f1: float
    """On its own test images, as the service reports it."""
    reasons: tuple[str, ...]
    """Why it was deployed, in the product's own sentences."""
    looks: tuple[Look, ...]
    incoming: int
    """How many images came in while it served, those held back not counted."""
    sent_to_people: int
    """How many of those went to a person."""

    @property
    def right(self) -> int:
        """How many of the images never shown it got right."""
        return sum(look.right for look in self.looks)

    @property
    def accuracy(self) -> float:
        """The share of the images never shown that it got right, from 0 to 1."""
        return self.right / len(self.looks)

    @property
    def mean_confidence_pct(self) -> float:
        """The mean confidence of its best label on the images never shown."""
        return sum(look.confidence_pct for look in self.looks) / len(self.looks)

    @property
    def sent_share(self) -> float:
        """The share of the images that came in which went to a person, from 0 to 1."""
        return self.sent_to_people / self.incoming


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
    first: VersionResult
    second: VersionResult
    answered: int
    answered_none: int
    """How many of the answers were none of the labels."""
    mails: tuple[Mapping[str, Any], ...]
    """The operator's e-mails: subject and message."""

    @property
    def better(self) -> bool:
        """Whether version 2 got more of the images never shown right than version 1."""
        return self.second.right > self.first.right

    @property
    def verdict(self) -> str:
        """The outcome in a sentence."""
        before, after = f"{self.first.accuracy:.1%}", f"{self.second.accuracy:.1%}"
        images = f"the {len(self.second.looks)} images that neither was trained on"
        if self.better:
            return f"Version 2 is better: right on {after} of {images}, version 1 on {before}."
        return f"Version 2 is not better: right on {after} of {images}, version 1 on {before}."


def looks(
    records: Iterable[Mapping[str, Any]], truths: Mapping[str, str | None]
) -> tuple[Look, ...]:
    """What the inference log says of held-back images, by file name.

    Raises DemoError when an image was refused or went to a person: people's answers train, and
    these images must not.
    """
    found = []
    for record in records:
        file_name = record["key"].rsplit("/", 1)[-1]
        truth = truths[file_name]
        if truth is None or record["outcome"] not in {"confident", "deferred"}:
            raise DemoError(
                f"The held-back image {file_name} ended as {record['outcome']!r}, which must not "
                "happen to one that is only measured."
            )
        found.append(
            Look(
                file_name,
                truth,
                record.get("label"),
                float(record.get("confidence_pct", 0.0)),
                record["outcome"] == "deferred",
            )
        )
    return tuple(sorted(found, key=lambda look: look.file_name))
