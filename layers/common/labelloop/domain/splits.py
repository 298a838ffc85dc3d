"""Which images train and which test, decided once for each content.

A test image that leaks into a later training makes every comparison of versions worthless, so an
image is known by what it holds, not by its name, and the decisions outlive the image.

Sampled images are apart: they are the only ones that tell how a model does on what it accepts, so
that they test, all of them or a share that chance alone decides about.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from labelloop.errors import UNREADABLE, InconsistentError

LEDGER_KEY = "manifests/splits"
GIVEN_FOLDER = "manifests/splits_given/"
"""Of files that say what a data set came with; what is decided already they do not change."""
CONTENT_BYTES = 64 * 1024
"""How much of an image's beginning makes its identity, together with its length."""
MAX_TEST_IMAGES_PER_LABEL = 1000
"""A quota of the service."""


class Split(StrEnum):
    """What an image is used for."""

    TRAIN = "train"
    TEST = "test"


def content_id(first_bytes: bytes, size_bytes: int) -> str:
    """The identity of an image's content: from its first 64 KiB and its length."""
    digest = hashlib.sha256(first_bytes[:CONTENT_BYTES]).hexdigest()
    return f"{digest}-{size_bytes}"


@dataclass(frozen=True)
class Ledger:
    """What was decided about contents, for good."""

    splits: Mapping[str, Split] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    """With what chance a sampled content came to test, of those that do, where that is not 1."""

    def adding(
        self, fresh: Mapping[str, Split], sampled: Collection[str], share: float
    ) -> "Ledger":
        """The ledger with further decisions, where that share of sampled contents tests."""
        shares = {
            content: share
            for content, split in fresh.items()
            if share < 1 and split is Split.TEST and content in sampled
        }
        return Ledger({**self.splits, **fresh}, {**self.shares, **shares})


def assign(
    labelled: Iterable[tuple[Collection[str], str]],
    decided: Mapping[str, Split],
    test_percentage: int,
    sampled: Collection[str] = (),
    sampled_share: float = 1.0,
) -> dict[str, Split]:
    """The splits of the contents that have none yet.

    ``labelled`` has (labels, content) for every image there is, old and new; ``decided`` has the
    ledger. In each label the test images approach their percentage, with one at least as soon as
    the label has three, never all of them, and never over the service's limit. Which of the new
    contents those are is decided by their hashes: the same for any order of the images.

    ``sampled`` contents do not count there: this share of them tests.
    """
    others: list[tuple[Collection[str], str]] = []
    tested: defaultdict[str, set[str]] = defaultdict(set)
    fresh: dict[str, Split] = {}
    for labels, content in labelled:
        if content not in sampled:
            others.append((labels, content))
            continue
        split = decided.get(content) or _of_sampled(content, sampled_share)
        if content not in decided:
            fresh[content] = split
        if split is Split.TEST:
            for label in labels:
                tested[label].add(content)
    room = {label: MAX_TEST_IMAGES_PER_LABEL - len(tests) for label, tests in tested.items()}
    return fresh | _of_others(others, decided, test_percentage, room)


def _of_sampled(content: str, share: float) -> Split:
    # Not by the content's own hash: by that the others are decided.
    drawn = int.from_bytes(hashlib.sha256(f"sampled {content}".encode()).digest()[:8]) / 2**64
    return Split.TEST if drawn < share else Split.TRAIN


def _of_others(
    labelled: Iterable[tuple[Collection[str], str]],
    decided: Mapping[str, Split],
    test_percentage: int,
    room: Mapping[str, int],
) -> dict[str, Split]:
    """The splits of contents that were not sampled; ``room`` is left by those that were."""
    contents_by_label: defaultdict[str, set[str]] = defaultdict(set)
    labels_by_fresh: defaultdict[str, set[str]] = defaultdict(set)
    for labels, content in labelled:
        for label in labels:
            contents_by_label[label].add(content)
        if content not in decided:
            labels_by_fresh[content].update(labels)
    tests = {
        label: sum(decided.get(content) is Split.TEST for content in contents)
        for label, contents in contents_by_label.items()
    }
    most = {
        label: min(_most_tests(len(contents)), room.get(label, MAX_TEST_IMAGES_PER_LABEL))
        for label, contents in contents_by_label.items()
    }
    chosen: set[str] = set()
    passed_over: set[str] = set()
    # The rarest label chooses first: others find test images more easily.
    for label in sorted(contents_by_label, key=lambda name: (len(contents_by_label[name]), name)):
        contents = contents_by_label[label]
        wanted = _wanted_tests(len(contents), test_percentage)
        undecided = sorted(
            (one for one in contents if one in labels_by_fresh and one not in chosen),
            key=lambda content: (content in passed_over, content),
        )
        for content in undecided:
            # What a rarer label left for training tests only for a label without any other.
            if tests[label] >= (min(wanted, 1) if content in passed_over else wanted):
                break
            labels = labels_by_fresh[content]
            if all(tests[other] < most[other] for other in labels):
                chosen.add(content)
                for other in labels:
                    tests[other] += 1
        passed_over.update(undecided)
    return {
        content: Split.TEST if content in chosen else Split.TRAIN for content in labels_by_fresh
    }


def _wanted_tests(images: int, test_percentage: int) -> int:
    if images < 3:
        return 0
    return min(MAX_TEST_IMAGES_PER_LABEL, max(1, round(images * test_percentage / 100)))


def _most_tests(images: int) -> int:
    """One image stays to train on, where there are enough of them to train at all."""
    return min(MAX_TEST_IMAGES_PER_LABEL, images - 1) if images >= 3 else images


def over_the_limit(
    tests: Iterable[tuple[Collection[str], str]], sampled: Collection[str] = ()
) -> set[str]:
    """The test contents that do not fit in any more: a label of theirs has its most already.

    ``tests`` has (labels, content) for every image that tests: a content that lies there twice
    counts twice. Splits never change, so images that move to another label, further copies, and
    sampled ones can bring it too many. The same ones stay out for any order of the images, sampled
    ones last: estimates count on them.
    """
    images_by_content: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for labels, content in tests:
        images_by_content[content].update(labels)
    counts: Counter[str] = Counter()
    surplus = set()
    for content in sorted(images_by_content, key=lambda one: (one not in sampled, one)):
        images = images_by_content[content]
        if any(counts[label] + images[label] > MAX_TEST_IMAGES_PER_LABEL for label in images):
            surplus.add(content)
        else:
            counts.update(images)
    return surplus


def read_ledger(lines: Iterable[bytes], key: str = LEDGER_KEY) -> Ledger:
    """The decisions in a ledger's lines. Raises InconsistentError when one is no decision."""
    decided: dict[str, Split] = {}
    shares: dict[str, float] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            decided[entry["content"]] = Split(entry["split"])
            if "share" in entry:
                shares[entry["content"]] = float(entry["share"])
        except UNREADABLE as error:
            raise InconsistentError(
                f"Line {number} of {key} is no decision. Restore the object's former "
                f"version: without it test images could leak into training."
            ) from error
    return Ledger(decided, shares)


def given_key(name: str, given: Mapping[str, Split]) -> str:
    """Where it is kept what a data set says about contents: the same key for the same."""
    said = "\n".join(f"{content} {split}" for content, split in sorted(given.items()))
    return f"{GIVEN_FOLDER}{name}-{hashlib.sha256(said.encode()).hexdigest()[:16]}.jsonl"


def ledger_lines(ledger: Ledger) -> Iterator[str]:
    """The ledger file with these decisions, line by line."""
    for content in sorted(ledger.splits):
        entry: dict[str, str | float] = {"content": content, "split": ledger.splits[content]}
        if content in ledger.shares:
            entry["share"] = ledger.shares[content]
        yield json.dumps(entry)
