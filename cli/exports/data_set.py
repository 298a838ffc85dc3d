"""A data set out of a stack: what a version was made of, or what the next one would be.

What is to be written stands in a file before anything else is, a line an image: so that an export
goes on where it was cut off, says who said what, and holds no more than a few images at a time.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError

from labelloop import clock
from labelloop.aws import objects
from labelloop.clock import from_iso, iso
from labelloop.domain import orientation
from labelloop.domain.annotations import Annotation
from labelloop.domain.labels import shown
from labelloop.domain.splits import Split
from labelloop.errors import (
    LabelLoopError,
    PermissionMissingError,
)

from .. import terminal
from ..datasets.formats import FORMATS, refusal
from ..datasets.written import SOURCES, Images, Written, safe_name
from ..failures import CommandError
from ..parallel import bar, batches, concerns_all, in_parallel
from . import said_by, training_images
from .said_by import Traced

WANTED = "export.json"
"""What the export is of, and how."""
_SPLITS = (Split.TRAIN.value, Split.TEST.value)


@dataclass(frozen=True)
class Wanted:
    """What is to be exported. The same, asked for again, goes on with what is there."""

    stack: str
    bucket: str
    version: str
    """Empty for what would be now."""
    format: str
    split: str
    """Of one of them, or all."""
    since: str
    """As it was asked for; empty for all images."""
    images: bool


@dataclass
class Export:
    """What became of it."""

    wanted: Wanted
    chosen: str
    """When it was, in UTC."""
    counts: dict[str, int]
    """Images by split."""
    labels: list[str]
    downloaded: int = 0
    there: int = 0
    """They were downloaded before."""
    failed: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            **self.described(),
            "downloaded": self.downloaded,
            "already_there": self.there,
            "failed": self.failed,
        }

    def described(self) -> dict[str, Any]:
        """What stands in the export itself."""
        return {
            **self.wanted.__dict__,
            "chosen": self.chosen,
            "counts": self.counts,
            "labels": self.labels,
        }


def run(folder: Path, wanted: Wanted, since: datetime | None) -> Export:
    """Write the export, or what is missing of it. Raises CommandError where it cannot be."""
    try:
        export = _begun(folder, wanted) or _begin(folder, wanted, since)
        FORMATS[wanted.format].write(_images(folder, export), _Files(folder).put)
        if wanted.images:
            _Download(folder, export).run()
    except OSError as error:
        raise CommandError(f"{error.filename or folder}: {error.strerror}.") from error
    return export


def is_of_now(folder: Path, wanted: Wanted) -> bool:
    """Whether what the folder's export has chosen, perhaps long ago, would be chosen now."""
    facts = _Facts(wanted)
    now = map(facts.line, said_by.trace(training_images.images_now()))
    try:
        with (folder / SOURCES).open(encoding="utf-8") as lines:
            return all(one == other for one, other in zip_longest(now, lines))
    except FileNotFoundError:
        return False


# --- What it is of --------------------------------------------------------------------------------


def _begun(folder: Path, wanted: Wanted) -> Export | None:
    """The export that the folder has; None where it has none.

    Raises CommandError where it has another one, or anything else.
    """
    try:
        told = json.loads((folder / WANTED).read_text(encoding="utf-8"))
        before = Wanted(**{name: told[name] for name in wanted.__dict__})
        found = Export(before, told["chosen"], told["counts"], told["labels"])
    except FileNotFoundError:
        there = {path.name for path in folder.iterdir()} if folder.exists() else set()
        if there - {SOURCES, *map(_part, (SOURCES, WANTED))}:
            raise CommandError(f"{folder} is not empty: name a folder of its own.") from None
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{folder / WANTED} is not what an export has written.") from error
    if before != wanted:
        raise CommandError(
            f"{folder} has another export, or the beginning of one: see {WANTED} in it. Name "
            "another folder; to go on with that one, say the same as then."
        )
    return found


def _begin(folder: Path, wanted: Wanted, since: datetime | None) -> Export:
    """Choose the images, and write down which they are."""
    chosen = (
        training_images.version_images(wanted.version)
        if wanted.version
        else training_images.images_now()
    )
    traced = _of(said_by.trace(chosen), wanted, since)
    facts = _Facts(wanted)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / SOURCES, (facts.line(one) for one in traced))
    reason = facts.refusal()
    if reason:
        (folder / SOURCES).unlink()
        raise CommandError(reason)
    counts = {split: facts.counts[split] for split in _SPLITS if facts.counts[split]}
    export = Export(wanted, iso(clock.now()), counts, sorted(facts.labels))
    _write(folder / WANTED, [terminal.as_json(export.described()) + "\n"])
    return export


def _of(images: Iterable[Traced], wanted: Wanted, since: datetime | None) -> Iterator[Traced]:
    """Those of the split, and where it is asked for so, those that people answered since."""
    for one in images:
        if wanted.split not in {"all", one.image.split}:
            continue
        if since is None or (one.answered and from_iso(one.answered) >= since):
            yield one


class _Facts:
    """What is known of all images together, when each of them is written down."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.counts: Counter[str] = Counter()
        self.labels: set[str] = set()
        self._boxes = self._whole = self._several = False

    def line(self, traced: Traced) -> str:
        """The line about an image."""
        image = traced.image
        said = _shown(image.annotation)
        split = image.split.value
        self.counts[split] += 1
        self.labels.update(said.labels)
        self._boxes |= said.size_px is not None
        self._whole |= said.size_px is None
        self._several |= said.size_px is None and len(said.labels) > 1
        place = f"{FORMATS[self._wanted.format].folder(split, said)}/"
        entry = {
            "image": place + safe_name(image.key, image.etag),
            "source": f"s3://{self._wanted.bucket}/{image.key}",
            "etag": image.etag,
            "content": image.content,
            "split": split,
            **said.as_json(),
            "said": [{"label": one.label, "by": one.by, "at": one.at} for one in traced.said],
            "origin": image.provenance.origin.value,
            "detection_id": traced.detection,
        }
        return json.dumps(entry, ensure_ascii=False) + "\n"

    def refusal(self) -> str:
        """Why they cannot be written in the format, in a sentence; empty where they can."""
        wanted = self._wanted
        if not self.counts:
            return "There is no such image: nothing to export."
        return refusal(
            wanted.format, boxes=self._boxes, labels=self._whole, several=self._several
        ) or FORMATS[wanted.format].refusal(self.labels, self.counts)


def _shown(said: Annotation) -> Annotation:
    """The annotation with the names of labels as people read them."""
    if said.size_px is not None:
        return said
    return Annotation.of_labels(map(shown, said.labels))


# --- Writing it -----------------------------------------------------------------------------------


def _entries(folder: Path) -> Iterator[dict[str, Any]]:
    with (folder / SOURCES).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _images(folder: Path, export: Export) -> Images:
    def each() -> Iterator[Written]:
        for entry in _entries(folder):
            at = max((one["at"] for one in entry["said"]), default="") or export.chosen
            yield Written(
                entry["image"],
                entry["image" if export.wanted.images else "source"],
                entry["split"],
                Annotation.from_json(entry),
                at.partition(".")[0],
            )

    return Images(tuple(export.labels), tuple(export.counts), each)


def _part(name: str) -> str:
    """What a file is called until it is whole: nothing looks at hidden ones."""
    return f".{name}.part"


def _write(path: Path, texts: Iterable[str]) -> None:
    """Write a file, whole or not at all."""
    part = path.with_name(_part(path.name))
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(texts)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class _Files:
    """Where the files of annotations are written; those that are there are of this export."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: set[Path] = set()

    def put(self, name: str, texts: Iterable[str]) -> None:
        """Write a file, unless it is there."""
        path = self._folder / name
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        if not path.exists():
            _write(path, texts)


# --- Its images -----------------------------------------------------------------------------------


class _Download:
    """Images on their way into an export."""

    def __init__(self, folder: Path, export: Export) -> None:
        self._folder, self._export = folder, export
        self._own = f"s3://{export.wanted.bucket}/"

    def run(self) -> None:
        """Get those that are not there."""
        total = sum(self._export.counts.values())
        with bar(total, "Downloading images") as move_on:
            for batch in batches(_entries(self._folder)):
                missing = [one for one in batch if not (self._folder / one["image"]).exists()]
                self._export.there += len(batch) - len(missing)
                move_on(len(batch) - len(missing))
                for place in {(self._folder / one["image"]).parent for one in missing}:
                    place.mkdir(parents=True, exist_ok=True)
                with in_parallel(self._get, missing) as done:
                    for entry, failure in done:
                        move_on(1)
                        self._note(entry, failure)

    def _note(self, entry: dict[str, Any], failure: str | None) -> None:
        if failure is None:
            self._export.downloaded += 1
        else:
            told = {"image": entry["image"], "source": entry["source"], "reason": failure}
            self._export.failed.append(told)

    def _get(self, entry: dict[str, Any]) -> str | None:
        """Get one image; why it could not be, in a sentence.

        Raises what concerns the others as well.
        """
        try:
            content = objects.as_it_was(entry["source"].removeprefix(self._own), entry["etag"])
        except PermissionMissingError:
            raise
        except LabelLoopError as error:
            return str(error)
        except BotoCoreError as error:
            if concerns_all(error):
                raise
            return f"It did not arrive: {error}"
        if "size_px" in entry:
            # Boxes are where they are in the file, whatever it says of a turned camera.
            content = orientation.as_stored(content)
        path = self._folder / entry["image"]
        part = path.with_name(_part(path.name))
        part.write_bytes(content)
        part.replace(path)
        return None
