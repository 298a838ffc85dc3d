"""The images among the files that `labelloop detect` is given."""

import os
from collections.abc import Sequence
from pathlib import Path

from labelloop.domain.images import (
    has_image_signature,
)
from labelloop.domain.manifests import DETECTION_FOLDER

from .. import files
from ..failures import CommandError
from .batch import Batch, Image

SUFFIXES = (".jpg", ".jpeg", ".png")


def find(sources: Sequence[Path], name: str | None, drawings: Path | None) -> Batch:
    """The images among the files. Raises CommandError where there are none."""
    paths = [Path(os.path.normpath(source.absolute())) for source in sources]
    root = files.common_folder([path if path.is_dir() else path.parent for path in paths])
    alone = len(paths) == 1 and not paths[0].is_dir()
    batch = Batch(_checked_name(name or (paths[0].stem if alone else root.name)))
    found = _Found(root, drawings and drawings.resolve(), batch)
    for path in paths:
        found.take(path)
    if not batch.images:
        others = f", but {len(batch.left_out)} other files" if batch.left_out else ""
        raise CommandError(f"There are no images, PNG or JPEG, in {root}{others}.")
    return batch


def _checked_name(name: str) -> str:
    name_fits = name.isprintable() and "/" not in name and "\\" not in name
    if not name_fits or name.strip(" .") == "" or len(name.encode(errors="replace")) > 100:
        raise CommandError(
            f"{files.printable(name)!r} cannot be the name of a folder in the bucket: give one of "
            "up to 100 bytes, without slashes, with --name."
        )
    return name


class _Found:
    """Takes what there is into a batch, everything once."""

    def __init__(self, root: Path, drawings: Path | None, batch: Batch) -> None:
        if drawings == root.resolve():
            raise CommandError("--draw would write over the images: name another folder.")
        self._root = root
        self._drawings = drawings
        self._batch = batch
        self._names: set[str] = set()

    def take(self, path: Path) -> None:
        """Take a file, or a folder's files."""
        if not path.is_dir():
            self._add(path)
            return

        def note_failure(name: str, reason: str) -> None:
            self._add(path / name, reason)

        try:
            for file in files.files_in(path, note_failure):
                if not self._is_drawing(file):
                    self._add(file)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error

    def _is_drawing(self, path: Path) -> bool:
        """Whether an earlier run drew it, into a folder within that of the images."""
        within = self._drawings and self._root.resolve() in self._drawings.parents
        return bool(within and self._drawings in path.resolve().parents)

    def _add(self, path: Path, failure: str | None = None) -> None:
        name = path.relative_to(self._root).as_posix()
        if name in self._names:
            return
        self._names.add(name)
        try:
            is_image = bool(failure) or _looks_like_image(path)
        except OSError as error:
            is_image, failure = True, files.unreadable(error)
        if is_image:
            image = Image(
                path, name, f"{DETECTION_FOLDER}{self._batch.name}/{name}", failure=failure
            )
            self._batch.images.append(image)
        else:
            self._batch.left_out.append(files.printable(name))


def _looks_like_image(path: Path) -> bool:
    """Whether a file begins as images do, or somebody holds it for one: that one is told of."""
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as content:
        return has_image_signature(content.read(8))
