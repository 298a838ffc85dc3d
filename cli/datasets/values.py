"""What a data set says, whatever its format: images with labels or boxes, and what is wrong in it.

Formats read no folders: they are given the names of the files, and readers of those they ask for.
"""

import codecs
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from labelloop.domain import layouts
from labelloop.domain.labels import is_container

from ..failures import CommandError

TRAIN, VALID, TEST = "train", "valid", "test"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
"""Of files that annotations name without a suffix. Whether it is an image, its content tells."""

_BEGINNING_BYTES = 1024 * 1024
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)

_MOST_OF_A_NAME = 255
_ENDS_AS_IMAGE = re.compile(rf"({'|'.join(map(re.escape, IMAGE_SUFFIXES))})\b", re.IGNORECASE)
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
"""As JSON has characters that are not ASCII."""
_BETWEEN_NAMES = re.compile(r"[/\\\"'\n\r\t<>,;=|]")

Parts = tuple[str, ...]


class Place(NamedTuple):
    """Where in a data set something stands."""

    file: str
    where: str = ""
    """The line, or what the format counts instead."""

    def __str__(self) -> str:
        return f"{self.file}, {self.where}" if self.where else self.file


class Problem(NamedTuple):
    """What is not taken, and why, in a sentence."""

    place: Place
    reason: str


class Drawn(NamedTuple):
    """A box as somebody drew it, in pixels from the top left corner of what is shown."""

    label: str
    left: float
    top: float
    width: float
    height: float
    place: Place


@dataclass(slots=True)
class Example:
    """What is said of one image."""

    image: str
    """The path within the data set."""
    place: Place
    labels: list[str] = field(default_factory=list)
    """Of the whole image."""
    boxes: list[Drawn] = field(default_factory=list)
    size_px: tuple[int, int] | None = None
    """What the boxes were drawn in; None without any."""
    split: str = ""
    """The part of the data set, where it has parts."""


@dataclass
class DataSet:
    """What a data set says."""

    format: str
    """What people call it."""
    examples: list[Example] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    outlines: int = 0
    """Segmentations, and boxes that stand askew, which are taken as the boxes around them."""

    @property
    def has_boxes(self) -> bool:
        """Whether it says where in images something is."""
        return any(example.boxes for example in self.examples)

    def leave_out(self, file: str, where: str, reason: str) -> None:
        """Name what is not taken."""
        self.problems.append(Problem(Place(file, where), reason))


class Files:
    """The files of a data set, by their paths within it."""

    def __init__(
        self,
        names: Iterable[str],
        read_bytes: Callable[[str], bytes],
        size_px: Callable[[str], tuple[int, int] | None],
    ) -> None:
        self.names = sorted(names)
        self._read_bytes, self.size_px = read_bytes, size_px
        self._by_path: dict[Parts, str] = {}
        self._by_name: defaultdict[str, list[tuple[Parts, str]]] = defaultdict(list)
        self._by_end: dict[str, defaultdict[Parts, list[tuple[Parts, str]]]] = {}
        for name in self.names:
            parts = _parts(name)
            self._by_path[parts] = name
            self._by_name[parts[-1].casefold()].append((parts, name))
            if name.lower().endswith(IMAGE_SUFFIXES):
                alone = _without_suffix(parts)
                self._by_name[alone[-1].casefold()].append((alone, name))

    def text(self, name: str) -> str:
        """What a text file says. Raises CommandError where it is none."""
        try:
            return _decoded(self._read_bytes(name), "strict")
        except OSError as error:
            raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{name} is not UTF-8 text: save it so, and try again.") from error

    def beginning(self, name: str) -> str:
        """What a file begins with, whatever it is; nothing, where it cannot be read."""
        try:
            return _decoded(self._read_bytes(name)[:_BEGINNING_BYTES], "replace")
        except OSError:
            return ""

    def with_suffix(self, *suffixes: str) -> list[str]:
        """The files whose names end so."""
        return [name for name in self.names if name.lower().endswith(suffixes)]

    def speaks_of_images(self, name: str, *, folders: bool = False) -> bool:
        """Whether a file, whatever it is, names one of the images; or one that is in a folder."""
        try:
            text = _decoded(self._read_bytes(name), "replace")
        except OSError:
            return False
        for found in _ENDS_AS_IMAGE.finditer(text):
            before = text[max(0, found.start() - _MOST_OF_A_NAME) : found.end()]
            escaped = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), before)
            last = _BETWEEN_NAMES.split(composed_path(escaped))[-1]
            for named in {last, unquote(last), last.split()[-1]}:
                hits = self._by_name.get(named.casefold(), ())
                if any(len(parts) > 1 or not folders for parts, _ in hits):
                    return True
        return False

    def image(self, named: str, beside: str, hint: str = "") -> str | None:
        """The file that a format names so in another file; None where no one file is meant.

        Of several the one counts that lies nearest to the file, or in the folder that is ``hint``.
        A path of another machine, or within more folders than are here, means the file in which it
        ends; an address means the file of its name, since no folder here is that of a server.
        """
        folder = _parts(beside)[:-1]
        path, is_address = _path_of(named)
        for wanted in filter(None, dict.fromkeys((_parts(path), _parts(unquote(path))))):
            found = self._nearest(wanted, folder, hint)
            found = found or self._where_it_ends(wanted, folder, hint)
            if found is None and is_address:
                found = self._nearest(wanted[-1:], folder, hint)
            if found is not None:
                return found
        return None

    def _nearest(self, wanted: Parts, folder: Parts, hint: str) -> str | None:
        exact = self._by_path.get((*folder, *wanted))
        if exact:
            return exact
        hits = self._ending_in(tuple(map(str.casefold, wanted)))
        tests: tuple[Callable[[Parts], bool], ...] = (
            lambda parts: parts == (*folder, *wanted),
            lambda parts: parts[-len(wanted) :] == wanted,
            lambda parts: bool(hint) and hint in parts[:-1],
            lambda parts: parts[: len(folder)] == folder,
        )
        for fits in tests:
            if len(hits) > 1:
                hits = [hit for hit in hits if fits(hit[0])] or hits
        return hits[0][1] if len(hits) == 1 else None

    def _ending_in(self, wanted: Parts) -> list[tuple[Parts, str]]:
        """The files whose paths end so, which many may whose names are the same."""
        name = wanted[-1]
        if name not in self._by_end and name in self._by_name:
            ends = self._by_end[name] = defaultdict(list)
            for hit in self._by_name[name]:
                folded = tuple(map(str.casefold, hit[0]))
                for at in range(len(folded)):
                    ends[folded[at:]].append(hit)
        return self._by_end[name].get(wanted, []) if name in self._by_end else []

    def _where_it_ends(self, wanted: Parts, folder: Parts, hint: str) -> str | None:
        """The file in whose path this one ends; in its name alone, where no folder objects."""
        found = None
        for at in range(1, len(wanted)):
            found = self._nearest(wanted[at:], folder, hint)
            if found is not None and at < len(wanted) - 1:
                return found
        if found is None or any(map(layouts.is_split, wanted)):
            return None
        inside = _parts(found)[:-1]
        inside = inside[len(folder) :] if inside[: len(folder)] == folder else inside
        return found if all(map(is_container, inside)) else None


def _decoded(content: bytes, errors: str) -> str:
    """Text as programs save it: Windows's say by two bytes that theirs is UTF-16."""
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig", errors)


def _path_of(named: str) -> tuple[str, bool]:
    """The path in what a format names, and whether it is an address, as Label Studio has them."""
    path = named.replace("\\", "/")
    _, asked, local = path.partition("/data/local-files/?d=")
    if asked:
        return local, True
    if _ADDRESS.match(path):
        return path.partition("://")[2].partition("?")[0], True
    return path, path.startswith("/data/upload/")


def _parts(path: str) -> Parts:
    """Its pieces, as the same name is written on every machine."""
    pieces = composed_path(path).split("/")
    return tuple(piece for piece in pieces if piece not in {"", "."})


def composed_path(path: str) -> str:
    """The path with ä as one character: some machines write two."""
    return unicodedata.normalize("NFC", path)


def _without_suffix(parts: Parts) -> Parts:
    return (*parts[:-1], PurePosixPath(parts[-1]).stem)


def no_image(named: object) -> str:
    """Why an image is not taken that a format names."""
    return f"The image {named} is not there, or in several folders."


def number(value: object) -> float | None:
    """A number as JSON or text has it; None for anything else, and for what has no end."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def around(points: Iterable[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Left, top, width and height of the box around some points."""
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across) - min(across), max(down) - min(down)
