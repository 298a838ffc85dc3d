"""What is written of images, whatever the format: how they are named, and what a writer is given.

Names fit every system and every archive: ASCII, short, none like another but for its case, none
that Windows keeps for itself. An image has the same name in every export, so that one that was cut
off goes on.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from labelloop.domain.annotations import Annotation

SOURCES = "sources.jsonl"
"""Each image with where it comes from, and who said when what it shows."""
_SUFFIXES = (".jpg", ".jpeg", ".png")
_MOST_OF_A_NAME = 60
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Written:
    """An image of an export."""

    image: str
    """The path within the export, whether it goes along or not."""
    reference: str
    """What a manifest calls it: that, or where in S3 it lies."""
    split: str
    annotation: Annotation
    said_at: str
    """As manifests have dates."""


@dataclass(frozen=True)
class Images:
    """All images of an export, which may be many: no writer holds them."""

    labels: tuple[str, ...]
    splits: tuple[str, ...]
    each: Callable[[], Iterator[Written]]
    """As often as a writer wants, in the same order."""

    def of(self, split: str) -> Iterator[Written]:
        """Those of one split."""
        return (one for one in self.each() if one.split == split)


Put = Callable[[str, Iterable[str]], None]
"""Writes a file of these texts, whole or not at all."""


def safe_name(key: str, etag: str) -> str:
    """The name of an image: its own, as far as that goes, and a part that no other has."""
    path = PurePosixPath(key)
    suffix = path.suffix.lower() if path.suffix.lower() in _SUFFIXES else ".jpg"
    own = _NO_NAME.sub("_", path.stem)[:_MOST_OF_A_NAME].strip("-_") or "image"
    digest = hashlib.sha256(f"{key}\n{etag}".encode()).hexdigest()[:12]
    return f"{own}-{digest}{suffix}"


def stem(image: str) -> str:
    """The name of an image's file without its suffix."""
    return PurePosixPath(image).stem


def listed(texts: Iterable[str]) -> Iterator[str]:
    """The texts as what is in a list of JSON."""
    between = "\n"
    for text in texts:
        yield between + text
        between = ",\n"
