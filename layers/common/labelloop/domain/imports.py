"""What somebody imported: the lines of manifests, of which each image's newest counts.

What a line says is read by ``imported_lines``.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from labelloop.domain.annotations import (
    Annotation,
    ModelType,
)
from labelloop.domain.imported_lines import ImportedLine, read_line
from labelloop.domain.line_attributes import (
    BadLineError,
    IgnoredLineError,
    NoManifestLineError,
    labelled,
)
from labelloop.domain.manifests import LABELLED_FOLDER, MAX_KEY_BYTES

IMPORTED_IMAGES = "images_imported/"
IMPORTED_MANIFESTS = "manifests/imported/"
MANIFEST_SUFFIXES = (".manifest", ".jsonl", ".json")

MOST_BAD_SHARE = 0.2
"""With more bad lines the service refuses a manifest."""
NOTED_LINES = 100


def imported_key(own_bucket: str, bucket: str, key: str) -> str:
    """Where in our bucket the image of an imported line is, or goes.

    Rekognition trains on images of one bucket, so those of another are copied; in our own bucket
    those are that lie outside the folders a training lists. A key that gets too long keeps its end.
    """
    if bucket == own_bucket and key.startswith((LABELLED_FOLDER, IMPORTED_IMAGES)):
        return key
    folder = f"{IMPORTED_IMAGES}{bucket}/"
    encoded = key.encode()
    room = MAX_KEY_BYTES - len(folder.encode())
    if len(encoded) <= room:
        return folder + key
    prefix = hashlib.sha256(encoded).hexdigest()[:32] + "-"
    return folder + prefix + encoded[len(prefix) - room :].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not used, or not whole, counted from 1, and why: a sentence."""

    file: str
    line: int
    reason: str


@dataclass
class Noted:
    """Lines that something is to be said of: all are counted, the first ones named."""

    count: int = 0
    first: list[BadLine] = field(default_factory=list)

    def note(self, file: str, line: int, reason: str) -> None:
        """Take one more."""
        self.count += 1
        if len(self.first) < NOTED_LINES:
            self.first.append(BadLine(file, line, reason))

    def take(self, other: "Noted") -> None:
        """Take those of another file."""
        self.count += other.count
        self.first += other.first[: NOTED_LINES - len(self.first)]


@dataclass
class Collection:
    """What the imported files say of each image: its newest line counts.

    Newest is the line that was made last; of lines made at the same time the one in the file
    written last, then the one in the file whose name is last, then the last one in its file. The
    order in which files are added is nothing.
    """

    model_type: ModelType
    files: bool = False
    """Whether lines may name files."""
    images: dict[tuple[str, str], ImportedLine] = field(default_factory=dict)
    """By bucket and key."""
    bad: Noted = field(default_factory=Noted)
    ignored: Noted = field(default_factory=Noted)
    """Lines without anything to learn: they are as good as not there."""
    in_part: Noted = field(default_factory=Noted)
    """What is left out of lines that are used."""
    line_count: int = 0
    """All lines of manifests, bad and ignored ones too; blank lines count for nothing."""
    no_manifests: list[str] = field(default_factory=list)
    """Files in which no line names an image."""
    _origins: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict, repr=False)

    def add(self, file: str, modified: str, lines: Iterable[bytes]) -> None:
        """Take the lines of a file. ``modified`` is when it was written, as texts that compare."""
        origin = (modified, file)
        bad, count, is_manifest = Noted(), 0, False
        for number, text in enumerate(lines, start=1):
            if not text or text.isspace():
                continue
            count += 1
            try:
                line = read_line(text, self.model_type, files=self.files)
            except NoManifestLineError as error:
                bad.note(file, number, str(error))
                continue
            except BadLineError as error:
                bad.note(file, number, str(error))
            except IgnoredLineError as error:
                self.ignored.note(file, number, str(error))
            else:
                for problem in line.problems:
                    self.in_part.note(file, number, problem)
                self._take(line, origin)
            is_manifest = True
        if is_manifest:
            self.bad.take(bad)
            self.line_count += count
        elif count:
            self.no_manifests.append(file)

    def _take(self, line: ImportedLine, origin: tuple[str, str]) -> None:
        image = (line.bucket, line.key)
        known = self.images.get(image)
        if known is None or (line.created, origin) >= (known.created, self._origins[image]):
            self.images[image] = line
            self._origins[image] = origin

    @property
    def too_many_bad(self) -> bool:
        """Whether the service would refuse a manifest with this share of bad lines."""
        return self.bad.count > MOST_BAD_SHARE * self.line_count


def merged(
    model_type: ModelType, folder_label: str | None, line: ImportedLine | None
) -> Annotation | None:
    """What an image shows by its folder and its imported line; None where neither says anything.

    For a classification model the line counts, which somebody wrote for this image; a multi-label
    model learns both; a detection model cannot learn from a folder.
    """
    if model_type is ModelType.DETECTION or folder_label is None:
        return line.annotation if line else None
    if line is None:
        return labelled((folder_label,))
    if model_type is ModelType.CLASSIFICATION:
        return line.annotation
    return Annotation.of_labels({folder_label, *line.annotation.labels})
