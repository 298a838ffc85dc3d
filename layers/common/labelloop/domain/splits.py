"""Which images train and which test, decided once for each content.

A test image that leaks into a later training makes every comparison of versions worthless, so an
image is known by what it holds, not by its name, and the decisions outlive the image.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from labelloop.errors import InconsistentError

LEDGER_KEY = "manifests/splits"
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


def assign(
    labelled: Iterable[tuple[str, str]], decided: Mapping[str, Split], test_percentage: int
) -> dict[str, Split]:
    """The splits of the contents that have none yet.

    ``labelled`` has (label, content) for every image there is, old and new; ``decided`` has the
    ledger. In each label the test images approach their percentage, with one at least as soon as
    the label has three, never all of them, and never over the service's limit. Which of the new
    contents those are is decided by their hashes: the same for any order of the images.
    """
    contents_by_label: defaultdict[str, set[str]] = defaultdict(set)
    for label, content in labelled:
        contents_by_label[label].add(content)
    fresh: dict[str, Split] = {}
    for label in sorted(contents_by_label):
        contents = contents_by_label[label]
        known = {**decided, **fresh}
        undecided = sorted(content for content in contents if content not in known)
        tests = sum(known.get(content) is Split.TEST for content in contents)
        missing = _wanted_tests(len(contents), test_percentage) - tests
        # A label of which nothing trains yet keeps one image for training.
        trains = len(contents) - len(undecided) - tests
        most = len(undecided) - (0 if trains else 1)
        for position, content in enumerate(undecided):
            fresh[content] = Split.TEST if position < min(missing, most) else Split.TRAIN
    return fresh


def _wanted_tests(images: int, test_percentage: int) -> int:
    if images < 3:
        return 0
    return min(MAX_TEST_IMAGES_PER_LABEL, max(1, round(images * test_percentage / 100)))


def read_ledger(body: bytes) -> dict[str, Split]:
    """The decisions in a ledger file. Raises InconsistentError when a line is no decision."""
    decided: dict[str, Split] = {}
    for number, line in enumerate(body.splitlines(), start=1):
        try:
            entry = json.loads(line)
            decided[entry["content"]] = Split(entry["split"])
        except (ValueError, KeyError, TypeError) as error:
            raise InconsistentError(
                f"Line {number} of {LEDGER_KEY} is no decision. Restore the object's former "
                f"version: without it test images could leak into training."
            ) from error
    return decided


def write_ledger(decided: Mapping[str, Split]) -> bytes:
    """The ledger file with these decisions."""
    lines = (
        json.dumps({"content": content, "split": decided[content]}) for content in sorted(decided)
    )
    return "".join(f"{line}\n" for line in lines).encode()
