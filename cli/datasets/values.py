"""What a data set says, whatever its format: images with labels or boxes, and what is wrong in it.

Formats read no folders: they are given the names of the files, and readers of those they ask for.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from ..failures import CommandError

TRAIN, VALID, TEST = "train", "valid", "test"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
"""Of files that annotations name without a suffix. Whether it is an image, its content tells."""


_BEGINNING_BYTES = 1024 * 1024


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
        self._by_name: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
        for name in self.names:
            parts = PurePosixPath(name).parts
            self._by_name[parts[-1]].append(parts)
            if name.lower().endswith(IMAGE_SUFFIXES):
                self._by_name[PurePosixPath(name).stem].append(parts)

    def text(self, name: str) -> str:
        """What a text file says. Raises CommandError where it is none."""
        try:
            return self._read_bytes(name).decode("utf-8-sig")
        except OSError as error:
            raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{name} is not UTF-8 text: save it so, and try again.") from error

    def beginning(self, name: str) -> str:
        """What a file begins with, whatever it is; nothing, where it cannot be read."""
        try:
            return self._read_bytes(name)[:_BEGINNING_BYTES].decode("utf-8-sig", errors="replace")
        except OSError:
            return ""

    def with_suffix(self, *suffixes: str) -> list[str]:
        """The files whose names end so."""
        return [name for name in self.names if name.lower().endswith(suffixes)]

    def image(self, named: str, beside: str, hint: str = "") -> str | None:
        """The file that a format names so in another file; None where no one file is meant.

        Of several the one counts that lies nearest to the file, or in the folder that is ``hint``.
        """
        wanted = tuple(
            part for part in named.replace("\\", "/").split("/") if part not in {"", "."}
        )
        if not wanted:
            return None
        hits = [
            parts
            for parts in self._by_name.get(wanted[-1], ())
            if wanted in (parts[-len(wanted) :], _without_suffix(parts)[-len(wanted) :])
        ]
        folder = PurePosixPath(beside).parts[:-1]
        tests: tuple[Callable[[tuple[str, ...]], bool], ...] = (
            lambda parts: parts == (*folder, *wanted),
            lambda parts: bool(hint) and hint in parts[:-1],
            lambda parts: parts[: len(folder)] == folder,
        )
        for fits in tests:
            if len(hits) > 1:
                hits = [parts for parts in hits if fits(parts)] or hits
        return "/".join(hits[0]) if len(hits) == 1 else None


def _without_suffix(parts: tuple[str, ...]) -> tuple[str, ...]:
    return (*parts[:-1], PurePosixPath(parts[-1]).stem)


def no_image(named: object) -> str:
    """Why an image is not taken that a format names."""
    return f"The image {named} is not there, or in several folders."


def number(value: object) -> float | None:
    """A number as JSON or text has it; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def around(points: Iterable[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Left, top, width and height of the box around some points."""
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across) - min(across), max(down) - min(down)
