"""Test images that a data set came with: they test here, too, where nothing else is decided yet.

Said before the images come, so that no training takes them for its own.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from labelloop.domain.splits import CONTENT_BYTES, Split, assign, content_id
from labelloop.services import training_data

from ..datasets.values import TEST, VALID
from ..files import printable


class HasSplit(Protocol):
    """Something in a part of a data set."""

    @property
    def split(self) -> str:
        """The part."""


class Splits(StrEnum):
    """What becomes of a data set's own split."""

    OWN = "own"
    NONE = "none"
    """All images are divided as others are."""
    TEST = "test"
    """All of it tests."""

    def testing(self, examples: Sequence[HasSplit]) -> list[bool]:
        """Which of a data set's images test: without any for that, those for validation.

        What is for validation alone has not been divided from anything.
        """
        if self is not Splits.OWN:
            return [self is Splits.TEST] * len(examples)
        names = {example.split for example in examples}
        part = TEST if TEST in names else VALID if names != {VALID} else None
        return [example.split == part for example in examples]


@dataclass
class GivenTests:
    """What became of the test images of a data set."""

    given: int = 0
    already: int = 0
    """They test already."""
    trained: list[str] = field(default_factory=list)
    """Their contents train already, and go on doing so: versions have seen them."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"given": self.given, "already": self.already, "trained": self.trained}


def contents(files: Iterable[tuple[Path, str]]) -> dict[str, str]:
    """The contents of files, with a name of each. What cannot be read is told by who reads it."""
    found = {}
    for path, name in files:
        try:
            with path.open("rb") as content:
                found[content_id(content.read(CONTENT_BYTES), path.stat().st_size)] = name
        except OSError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an image that became an image of its own."""

    content: str
    """Its identity in the ledger."""
    image: str
    """The image that it is of."""
    labels: Collection[str]
    tests: bool


def together(
    parts: Collection[Part], already: Mapping[str, Split], test_percentage: int
) -> dict[str, Split]:
    """The splits of parts: those of one image train, or test, together.

    ``already`` is what the ledger has decided about contents.

    They show the same things in the same light, so that a test would ask what was trained on.
    """
    labels: defaultdict[str, set[str]] = defaultdict(set)
    decided: dict[str, Split] = {}
    for part in parts:
        image = _by_chance(part.image)
        labels[image].update(part.labels)
        split = Split.TEST if part.tests else already.get(part.content)
        if split is not None and decided.get(image) is not Split.TEST:
            decided[image] = split
    wholes = [(names, image) for image, names in labels.items()]
    splits = assign(wholes, decided, test_percentage) | decided
    return {part.content: splits[_by_chance(part.image)] for part in parts}


def _by_chance(image: str) -> str:
    """The image in an order that has nothing to do with what it shows."""
    return hashlib.sha256(image.encode()).hexdigest()


def give(
    name: str,
    tests: Mapping[str, str],
    *,
    dry_run: bool,
    trains: Collection[str] = (),
    decided: Mapping[str, Split] | None = None,
) -> GivenTests:
    """Let these contents test, which are given with a name of each, and those train.

    ``decided`` is what the ledger says, where it was read already.
    """
    if decided is None:
        decided = training_data.ledger().splits
    outcome = GivenTests()
    outcome.given = sum(content not in decided for content in tests)
    for content, file in tests.items():
        if decided.get(content) is Split.TRAIN:
            outcome.trained.append(printable(file))
        else:
            outcome.already += content in decided
    given = dict.fromkeys(trains, Split.TRAIN) | dict.fromkeys(tests, Split.TEST)
    fresh = {content: split for content, split in given.items() if content not in decided}
    if fresh and not dry_run:
        training_data.give_splits(printable(name), fresh)
    return outcome
