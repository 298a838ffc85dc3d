"""What the demo measured of each model version, and whether the last one is better.

Values only: ``story`` fills them from what users see, ``report`` shows them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.domain import consensus, estimates
from labelloop.domain.accuracy import Accuracy
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.detections import Label
from labelloop.domain.estimates import Weighed
from labelloop.domain.labels import NONE_OF_THEM
from local.demo.failure import DemoError
from local.demo.pictures import Picture


@dataclass(frozen=True)
class Look:
    """What a version said of one image that was never shown for training."""

    file_name: str
    truth: str
    label: str | None
    """What it found, comma separated; None where it found nothing."""
    confidence_pct: float
    """Of what decided whether it is sure."""
    doubtful: bool
    """Whether a person would be asked."""
    hits: int
    """How many of the things in the image it found: labels, or boxes that overlap by half."""
    things: int
    """How many there are, and how many more it found that are not there."""

    @property
    def right(self) -> bool:
        """Whether it said what is in the image, and nothing else."""
        return self.hits == self.things


@dataclass(frozen=True)
class Gain:
    """How much more one version got right than another on the same images, from -1 to 1."""

    points: float
    low: float
    high: float
    """The ends of its 95 % interval."""
    images: int

    def __str__(self) -> str:
        """In percentage points."""
        low, high = f"{100 * self.low:+.1f}", f"{100 * self.high:+.1f}"
        return f"{100 * self.points:+.1f} points (95 %: {low} to {high})"


@dataclass(frozen=True)
class VersionResult:
    """One model version."""

    name: str
    train_images: int
    test_images: int
    f1: float
    """On its own test images, as the service reports it."""
    promoted: bool
    """The product's own verdict."""
    reasons: tuple[str, ...]
    """Why, in the product's own sentences."""
    gain: Gain | None
    """Over the version that served, on the test images; None where none served."""
    by_command: bool
    """Whether the operator put it into service, whatever the verdict."""
    looks: tuple[Look, ...]
    incoming: int
    """How many images came in while it served, those held back not counted."""
    sent_to_people: int
    """How many of those went to a person."""

    @property
    def serves(self) -> bool:
        """Whether it has been in service."""
        return self.promoted or self.by_command

    @property
    def right(self) -> int:
        """How many of the things in the images never shown it got right."""
        return sum(look.hits for look in self.looks)

    @property
    def things(self) -> int:
        """How many there are, and how many more it found; one an image where it has one label."""
        return sum(look.things for look in self.looks)

    @property
    def accuracy(self) -> float:
        """The share of the things in the images never shown that it got right, from 0 to 1."""
        return self.right / self.things

    @property
    def interval(self) -> tuple[float, float] | None:
        """The accuracy's 95 % interval; None where things are not independent: several an image."""
        one_each = self.things == len(self.looks)
        return Accuracy(self.right, self.things).interval if one_each else None

    @property
    def mean_confidence_pct(self) -> float:
        """The mean confidence of its best label on the images never shown."""
        return sum(look.confidence_pct for look in self.looks) / len(self.looks)


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
    versions: tuple[VersionResult, ...]
    """Every one that was trained, the oldest first."""
    answered: int
    answered_none: int
    """How many of the answers were none of the labels."""
    mails: tuple[Mapping[str, Any], ...]
    """The operator's e-mails: subject and message."""

    @property
    def first(self) -> VersionResult:
        """The version that served first."""
        return self.versions[0]

    @property
    def last(self) -> VersionResult:
        """The version that serves in the end."""
        return [version for version in self.versions if version.serves][-1]

    @property
    def better(self) -> bool:
        """Whether the last version got more right in the images never shown than the first."""
        return self.last.accuracy > self.first.accuracy

    @property
    def gain(self) -> Gain | None:
        """How much more; None where images show several things, which are not independent."""
        if self.first.interval is None or self.last.interval is None:
            return None
        differences = [
            Weighed("", 1.0, float(after.right) - float(before.right))
            for before, after in self.pairs()
        ]
        low, high = estimates.interval(estimates.drawn(differences))
        return Gain(self.last.accuracy - self.first.accuracy, low, high, len(differences))

    def pairs(self) -> list[tuple[Look, Look]]:
        """What the first and the last version said of the same image."""
        last = {look.file_name: look for look in self.last.looks}
        return [(look, last[look.file_name]) for look in self.first.looks]

    @property
    def verdict(self) -> str:
        """The outcome in a sentence, or two."""
        count = len(self.first.looks)
        inside = "" if count == self.first.things == self.last.things else "all there is in "
        images = f"{inside}the {count} images that no version was trained on"
        number = self.versions.index(self.last) + 1
        if number == 1:
            return (
                f"No later version took version 1's place; it is right on "
                f"{self.first.accuracy:.1%} of {images}. Its verdicts say why."
            )
        outcome = "better" if self.better else "not better"
        gain = f": {self.gain}" if self.gain else ""
        return (
            f"Version {number} is {outcome} than version 1: right on {self.last.accuracy:.1%} of "
            f"{images}, version 1 on {self.first.accuracy:.1%}{gain}."
        )


def looks(
    records: Iterable[Mapping[str, Any]], pictures: Mapping[str, Picture], model_type: ModelType
) -> tuple[Look, ...]:
    """What the inference log says of held-back images, by file name.

    Raises DemoError when an image was refused or went to a person: people's answers train, and
    these images must not.
    """
    found = []
    for record in records:
        file_name = record["key"].rsplit("/", 1)[-1]
        picture = pictures[file_name]
        if picture.truth is None or record["outcome"] not in {"confident", "deferred"}:
            raise DemoError(
                f"The held-back image {file_name} ended as {record['outcome']!r}, which must not "
                "happen to one that is only measured."
            )
        said = _said(record, picture, model_type)
        found.append(
            Look(
                file_name,
                picture.truth,
                ", ".join(said.labels) or None,
                float(record.get("confidence_pct", 0.0)),
                record["outcome"] == "deferred",
                *_score(said, picture.shows, model_type),
            )
        )
    return tuple(sorted(found, key=lambda look: look.file_name))


def _said(record: Mapping[str, Any], picture: Picture, model_type: ModelType) -> Annotation:
    """What a record says that the model found, in the form of what the image shows."""
    if model_type is ModelType.CLASSIFICATION:
        label = record.get("label", NONE_OF_THEM)
        return Annotation.of_labels([] if label == NONE_OF_THEM else [label])
    labels = [Label.from_json(entry) for entry in record.get("labels", [])]
    size_px = picture.shows.size_px
    if size_px is None:
        return Annotation.of_labels(label.name for label in labels)
    return Annotation.of_boxes((in_pixels(label, size_px) for label in labels), size_px)


def in_pixels(label: Label, size_px: tuple[int, int]) -> Box:
    """Where a label that a model gave is in an image of this width and height."""
    if label.box is None:
        raise DemoError(f"The model gave {label.name} without a box.")
    box, (width, height) = label.box.inside(), size_px
    left, top = round(box.left * width), round(box.top * height)
    return Box(label.name, left, top, round(box.width * width), round(box.height * height))


def _score(said: Annotation, shows: Annotation, model_type: ModelType) -> tuple[int, int]:
    """How many things were found, of all that are there or were said to be."""
    if model_type is ModelType.CLASSIFICATION:
        return int(said == shows), 1
    if shows.size_px is None:
        there, found = set(shows.labels), set(said.labels)
        return len(there & found), len(there | found)
    hits = len(same_things(said.boxes, shows.boxes))
    return hits, len(said.boxes) + len(shows.boxes) - hits


def same_things(some: Iterable[Box], others: Iterable[Box]) -> list[tuple[Box, Box]]:
    """Pairs of boxes around the same thing, each box in one pair at most."""
    left, pairs = list(others), []
    for box in some:
        near = [one for one in left if one.label == box.label]
        best = max(near, key=lambda one: consensus.overlap(box, one), default=None)
        if best is not None and consensus.overlap(box, best) >= consensus.SAME_THING_OVERLAP:
            left.remove(best)
            pairs.append((box, best))
    return pairs
