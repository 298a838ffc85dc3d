"""Data sets with annotations of their own: the images go up, and a manifest says what they show.

The manifest goes up last, and images are kept by their content: the same import can be run again.
"""

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from labelloop import clock
from labelloop.aws import line_files, objects
from labelloop.domain import fitness, orientation
from labelloop.domain.annotations import Annotation, Box, ModelType, training_line
from labelloop.domain.consensus import NONE_OF_THE_LABELS
from labelloop.domain.images import media_type
from labelloop.domain.imported_lines import box_of, read_line
from labelloop.domain.imports import IMPORTED_IMAGES, IMPORTED_MANIFESTS
from labelloop.domain.labels import says_none, shown
from labelloop.domain.line_attributes import BadLineError, IgnoredLineError
from labelloop.domain.manifests import MAX_KEY_BYTES, NONE_IMAGES
from labelloop.domain.splits import Split, content_id
from labelloop.errors import InvalidImageError
from labelloop.services import training_data

from .. import costs, files, terminal
from ..datasets import recognise
from ..datasets.recognise import Recognised
from ..datasets.values import DataSet, Example, Files, Place, Problem
from ..extras import PICTURES, missing
from ..failures import CommandError
from ..parallel import bar, in_parallel
from ..stack import Stack, deployment_parameter
from . import given_tests
from .given_tests import GivenTests, Part, Splits

DATA_SET_IMAGES = f"{IMPORTED_IMAGES}data_sets/"
NONES = f"{NONE_IMAGES}data_sets/"
"""Those that are none of the labels: where they lie says so, and no line does."""
BATCH_FILES = 500
SHOWN_LABELS = 20
_BESIDE_IMAGES = ("annotations", "labels")
"""Folders that hold annotations alone: the images are beside them."""
_CREATED = re.compile(r'(?<="creation-date": ")[^"]*')


class Boxes(StrEnum):
    """What becomes of boxes where a model learns labels of whole images."""

    REFUSED = "refused"
    CROP = "crop"
    """Each becomes an image of its own."""
    LARGEST = "largest"
    """The largest one says what the image shows."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An image, or a part of one, and what it teaches."""

    image: str
    """The path within the data set."""
    place: Place
    annotation: Annotation
    tests: bool
    part: Box | None = None
    drawn_in_px: tuple[int, int] | None = None
    """The size of the image that boxes were drawn in."""


@dataclass
class DataSetImport:
    """What became of a data set."""

    format: str
    dry_run: bool
    labels: Counter[str] = field(default_factory=Counter)
    """Images, or boxes, by label, of what is taken or there already."""
    taken: int = 0
    already_there: int = 0
    unlabelled: int = 0
    """Images of which nothing is said."""
    outlines: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    copies: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    tests: GivenTests | None = None
    manifest: str = ""
    """Where in the bucket it is, or would be."""

    @property
    def is_in_vain(self) -> bool:
        """Whether nothing of it is among the images, neither now nor from before."""
        return not self.taken and not self.already_there

    def leave_out(self, problems: Iterable[Problem]) -> None:
        """Name what is not taken."""
        self.left_out += [
            {"file": files.printable(str(place)), "reason": files.printable(reason)}
            for place, reason in problems
        ]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "format": self.format,
            "dry_run": self.dry_run,
            "taken": self.taken,
            "already_there": self.already_there,
            "labels": dict(sorted(self.labels.items())),
            "unlabelled": self.unlabelled,
            "outlines_as_boxes": self.outlines,
            "left_out": self.left_out,
            "copies": self.copies,
            "failed": self.failed,
            "tests": self.tests.as_json() if self.tests else None,
            "manifest": self.manifest,
        }


def recognised(
    source: Path, model_type: ModelType, note_failure: files.NoteFailure
) -> tuple[Path, Recognised | None]:
    """The folder that a data set's paths are within, and what it is; None for a folder of none.

    Raises CommandError for a file that is nothing that is known.
    """
    root = source
    if not source.is_dir():
        root = source.parent
        alone = _files_of(root, [source.name])
        if recognise.is_of_bucket(alone, source.name):
            return root, recognise.file(alone, source.name, model_type)
        if root.name.lower() in _BESIDE_IMAGES:
            root = root.parent
    try:
        paths = [path.relative_to(root).as_posix() for path in files.files_in(root, note_failure)]
    except OSError as error:
        raise CommandError(f"{root} cannot be read: {error.strerror}.") from error
    found = _files_of(root, paths)
    if source.is_dir():
        return root, recognise.folder(found, model_type)
    return root, recognise.file(found, source.relative_to(root).as_posix(), model_type)


def _files_of(root: Path, names: Iterable[str]) -> Files:
    return Files(names, lambda name: (root / name).read_bytes(), lambda name: _size_px(root / name))


def _size_px(path: Path) -> tuple[int, int] | None:
    """Width and height of an image as it is shown; None where it cannot be told."""
    try:
        with path.open("rb") as content:
            shape = fitness.shape_of(content.read(256 * 1024))
    except OSError:
        return None
    if shape.size_px is None:
        return None
    return orientation.shown_size(shape.size_px, shape.orientation)


# --- What it teaches ------------------------------------------------------------------------------


def plan(
    data_set: DataSet, model_type: ModelType, boxes: Boxes, splits: Splits, outcome: DataSetImport
) -> list[Planned]:
    """What a model of this type learns from it. Raises CommandError where it cannot learn so."""
    _check_type(data_set, model_type, boxes)
    outcome.outlines = data_set.outlines
    outcome.leave_out(data_set.problems)
    planned: list[Planned] = []
    tests = splits.testing(data_set.examples)
    for example, is_test in zip(data_set.examples, tests, strict=True):
        problems: list[Problem] = []
        made = list(_planned(example, model_type, boxes, is_test, problems))
        planned += [one for one in made if _is_sound(one, model_type, problems)]
        outcome.leave_out(problems)
        outcome.unlabelled += not made and not problems
    return planned


def _check_type(data_set: DataSet, model_type: ModelType, boxes: Boxes) -> None:
    if model_type is ModelType.DETECTION:
        if boxes is not Boxes.REFUSED:
            raise CommandError(f"A detection model learns boxes as they are: without --{boxes}.")
        if not data_set.has_boxes and any(example.labels for example in data_set.examples):
            raise CommandError(
                "The stack trains a detection model, which learns from bounding boxes, and this "
                f"{data_set.format} data set has labels of whole images alone."
            )
    elif model_type is ModelType.CLASSIFICATION and data_set.has_boxes and boxes is Boxes.REFUSED:
        raise CommandError(
            f"This {data_set.format} data set has boxes, and the stack trains a classification "
            "model, which learns one label for each image. Say what shall become of them: --crop "
            "makes each box an image, --largest takes the label of the largest box."
        )
    elif boxes is not Boxes.REFUSED and not data_set.has_boxes:
        raise CommandError(f"This {data_set.format} data set has no boxes: without --{boxes}.")


def _planned(
    example: Example, model_type: ModelType, boxes: Boxes, tests: bool, problems: list[Problem]
) -> Iterator[Planned]:
    sound = _sound_boxes(example, problems)
    whole = Planned(example.image, example.place, Annotation(()), tests, None, example.size_px)
    if model_type is ModelType.DETECTION:
        if sound and example.size_px:
            yield replace(whole, annotation=Annotation.of_boxes(sound, example.size_px))
    elif boxes is Boxes.CROP:
        for box in sound:
            yield replace(whole, annotation=Annotation.of_labels([box.label]), part=box)
    else:
        names = [box.label for box in sound]
        if boxes is Boxes.LARGEST and sound:
            names = [max(sound, key=lambda box: box.width * box.height).label]
        names += example.labels
        if model_type is ModelType.CLASSIFICATION and names and all(map(says_none, names)):
            yield replace(whole, annotation=NONE_OF_THE_LABELS)
        elif names:
            yield replace(whole, annotation=Annotation.of_labels(names))


def _sound_boxes(example: Example, problems: list[Problem]) -> list[Box]:
    if not example.boxes:
        return []
    if example.size_px is None:
        reason = f"Width and height of {example.image} cannot be read, so its boxes have no place."
        problems.append(Problem(example.place, reason))
        return []
    found = []
    for drawn in example.boxes:
        try:
            found.append(box_of(drawn.label, drawn[1:5], example.size_px))
        except BadLineError as error:
            problems.append(Problem(drawn.place, str(error)))
    return found


def _is_sound(planned: Planned, model_type: ModelType, problems: list[Problem]) -> bool:
    """Whether a training takes the line about the image; why not, it says itself."""
    line = training_line("s3://bucket/image", planned.annotation, "2000-01-01T00:00:00")
    try:
        read_line(line, model_type)
    except (BadLineError, IgnoredLineError) as error:
        problems.append(Problem(planned.place, str(error)))
        return False
    return True


# --- Bringing it ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Examined:
    """What reading an image told."""

    digest: str = ""
    """Names its folder in the bucket."""
    content: str = ""
    """Its identity in the ledger of splits."""
    refusal: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """An image that goes up."""

    planned: Planned
    examined: _Examined


def run(
    stack: Stack,
    root: Path,
    name: str,
    planned: Collection[Planned],
    outcome: DataSetImport,
    *,
    agree: Callable[[str], None],
) -> None:
    """Bring what was planned. ``agree`` is told what it is, and raises where nobody wants it."""
    for sentence in costs.of_import(len(planned)):
        terminal.say(sentence, err=True)
    agree(_what_it_is(name, planned, outcome))
    brought = _Brought(stack, root, outcome)
    kept = brought.examine(planned)
    tests = {one.examined.content: one.planned.image for one in kept if one.planned.tests}
    trains: list[str] = []
    decided = None
    if any(one.planned.part for one in kept):
        percentage = int(deployment_parameter(stack, "TestSetPercentage"))
        decided = training_data.ledger().splits
        splits = given_tests.together([_part(one) for one in kept], decided, percentage)
        images = {one.examined.content: one.planned.image for one in kept}
        tests = {content: images[content] for content, to in splits.items() if to is Split.TEST}
        trains = [content for content, to in splits.items() if to is Split.TRAIN]
    if tests or trains:
        # Before the images: a training that begins meanwhile knows which ones test.
        outcome.tests = given_tests.give(
            name, tests, dry_run=outcome.dry_run, trains=trains, decided=decided
        )
    brought.write_manifest(name, brought.upload(kept))


def _part(one: _Kept) -> Part:
    planned = one.planned
    return Part(one.examined.content, planned.image, planned.annotation.labels, planned.tests)


def _what_it_is(name: str, planned: Collection[Planned], outcome: DataSetImport) -> str:
    labels = Counter(label for one in planned for label in _counted(one))
    most = ", ".join(f"{label} {count}" for label, count in labels.most_common(SHOWN_LABELS))
    more = ", …" if len(labels) > SHOWN_LABELS else ""
    tests = sum(one.tests for one in planned)
    images = len(planned)
    told = [
        f"{name} is a {outcome.format} data set: {images} image{'' if images == 1 else 's'} to "
        f"bring ({most}{more})."
    ]
    if tests:
        told.append(f"{tests} of them {'is' if tests == 1 else 'are'} to test.")
    if outcome.outlines:
        told.append(f"Outlines: {outcome.outlines}, each taken as the box around it.")
    if outcome.left_out:
        told.append(f"Left out, so far: {len(outcome.left_out)}.")
    return " ".join(told)


def _counted(planned: Planned) -> Iterable[str]:
    """A label for each box, or for the image."""
    if planned.annotation.boxes:
        return [box.label for box in planned.annotation.boxes]
    return map(shown, planned.annotation.labels)


class _Brought:
    """The images of one data set on their way."""

    def __init__(self, stack: Stack, root: Path, outcome: DataSetImport) -> None:
        self._s3, self._bucket = stack.client("s3"), stack.output("BucketName")
        self._root, self._outcome = root, outcome

    def examine(self, planned: Collection[Planned]) -> list[_Kept]:
        """Those that a training takes, each content once."""
        by_digest: dict[str, _Kept] = {}
        with bar(len(planned), "Looking at the images") as move_on:
            for batch in _batches(planned):
                with in_parallel(self._examine, batch) as examinations:
                    for one, examined in examinations:
                        self._keep(one, examined, by_digest)
                        move_on(1)
        return list(by_digest.values())

    def _keep(self, one: Planned, examined: _Examined, by_digest: dict[str, _Kept]) -> None:
        name = files.printable(one.image)
        if examined.failure:
            self._outcome.failed.append({"file": name, "reason": examined.failure})
            return
        if examined.refusal:
            place = one.place if one.part else Place(one.image)
            self._outcome.leave_out([Problem(place, examined.refusal)])
            return
        first = by_digest.setdefault(examined.digest, _Kept(one, examined))
        if first.planned is one:
            self._outcome.labels.update(_counted(one))
            return
        is_again = one.part is None and first.planned.image == one.image
        if first.planned.annotation == one.annotation:
            copy = {"file": name, "same_as": files.printable(first.planned.image)}
            if not is_again:
                self._outcome.copies.append(copy)
        elif is_again:
            reason = (
                f"It speaks of {one.image} as {first.planned.place} does, which says something "
                "else, and which counts: put together what both say, and import that."
            )
            self._outcome.leave_out([Problem(one.place, reason)])
        else:
            reason = f"It holds the same as {first.planned.image}, of which something else is said."
            self._outcome.leave_out([Problem(Place(one.image), reason)])
        # What tests anywhere must not train.
        tests = first.planned.tests or one.tests
        by_digest[examined.digest] = _Kept(replace(first.planned, tests=tests), first.examined)

    def _examine(self, one: Planned) -> _Examined:
        try:
            content = self._content(one)
        except OSError as error:
            return _Examined(failure=files.unreadable(error))
        except InvalidImageError as error:
            return _Examined(refusal=str(error))
        return _Examined(_digest(content), content_id(content, len(content)))

    def _content(self, one: Planned) -> bytes:
        """What goes up. Raises OSError, or InvalidImageError."""
        content = files.image_content(self._root / one.image)
        looked = fitness.shape_of(content)
        if one.drawn_in_px and (one.part or one.annotation.boxes):
            orientation.is_for_the_stored(one.drawn_in_px, looked.size_px, looked.orientation)
        if one.part is None or one.drawn_in_px is None:
            return content
        try:
            part: bytes = _crops().cut(content, one.part, one.drawn_in_px)
        except (ValueError, SyntaxError, OSError) as error:
            raise InvalidImageError(f"Pillow cannot cut boxes out of it: {error}") from error
        refusal = fitness.look_at(part).refusal
        if refusal:
            raise InvalidImageError(f"Cut out: {refusal}")
        return part

    def upload(self, kept: Collection[_Kept]) -> dict[str, _Kept]:
        """Put the images that are not there. Those that are there now, by their keys."""
        there: set[str] = set()
        uploaded: dict[str, _Kept] = {}
        for folder in (DATA_SET_IMAGES, NONES):
            fitting = [one for one in kept if _folder(one.planned) == folder]
            # By whatever name it was brought.
            found = self._by_digest(folder) if fitting else {}
            there.update(found.values())
            uploaded |= {
                found.get(one.examined.digest) or _key(one.planned, one.examined.digest): one
                for one in fitting
            }
        fresh = [(key, one) for key, one in uploaded.items() if key not in there]
        self._outcome.already_there = len(kept) - len(fresh)
        if self._outcome.dry_run:
            self._outcome.taken = len(fresh)
            return uploaded
        with bar(len(fresh), "Importing images") as move_on, in_parallel(self._put, fresh) as done:
            for (key, one), failure in done:
                if failure:
                    name = files.printable(one.planned.image)
                    self._outcome.failed.append({"file": name, "reason": failure})
                    del uploaded[key]
                else:
                    self._outcome.taken += 1
                move_on(1)
        return uploaded

    def _by_digest(self, folder: str) -> dict[str, str]:
        """The keys in a folder, by the contents of their images."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=folder
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key.removeprefix(folder).partition("/")[0]: key for key in keys}

    def _put(self, job: tuple[str, _Kept]) -> str | None:
        """Put one image; why it could not be, in a sentence."""
        key, one = job
        try:
            content = self._content(one.planned)
        except OSError as error:
            return files.unreadable(error)
        except InvalidImageError as error:
            return str(error)
        if _digest(content) != one.examined.digest:
            return "It has changed meanwhile."
        return files.failure_of(
            lambda: self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=content, ContentType=media_type(content)
            )
        )

    def write_manifest(self, name: str, uploaded: Mapping[str, _Kept]) -> None:
        """Put the lines about the images; those that failed come with the next attempt.

        What an import of this data set has said of an image before is not said again: what people
        have said of it since then is newer.
        """
        stem = files.printable(PurePosixPath(name).stem)
        created = f"{clock.now():%Y-%m-%dT%H:%M:%S}"
        said = _said_before(stem)
        fresh = []
        for key, one in sorted(uploaded.items()):
            if key.startswith(NONES):
                continue
            line = training_line(f"s3://{self._bucket}/{key}", one.planned.annotation, created)
            before = said.get(_reference(line))
            if before is None or before.undated != _undated(line)[1]:
                fresh.append(line)
            else:
                self._outcome.manifest = before.manifest
        if not fresh:
            return
        undated = "\n".join(_undated(line)[1] for line in fresh)
        digest = hashlib.sha256(undated.encode()).hexdigest()
        manifest = f"{IMPORTED_MANIFESTS}{stem}-{digest[:8]}.manifest"
        self._outcome.manifest = manifest
        if not self._outcome.dry_run:
            line_files.write_lines(manifest, fresh)


class _Said(NamedTuple):
    """What a manifest of an import says of an image."""

    created: str
    modified: str
    manifest: str
    undated: str


def _said_before(stem: str) -> dict[str, _Said]:
    """What imports of a data set of this name have said last, by what their lines are about."""
    name = re.compile(rf"{re.escape(f'{IMPORTED_MANIFESTS}{stem}')}-[0-9a-f]{{8}}\.manifest")
    found: dict[str, _Said] = {}
    for manifest in objects.listing(f"{IMPORTED_MANIFESTS}{stem}-"):
        for line in objects.lines(manifest.key) if name.fullmatch(manifest.key) else ():
            text = line.decode(errors="replace")
            created, undated = _undated(text)
            one = _Said(created, manifest.modified, manifest.key, undated)
            found[_reference(text)] = max(one, found.get(_reference(text), one))
    return found


def _reference(line: str) -> str:
    """What of a line says which image it is about."""
    return line.partition('", "')[0]


def _undated(line: str) -> tuple[str, str]:
    """When a line was written, and the line without that."""
    dates = _CREATED.findall(line)
    return max(dates, default=""), _CREATED.sub("", line)


def _batches(planned: Iterable[Planned]) -> Iterator[list[Planned]]:
    remaining = iter(planned)
    while batch := list(itertools.islice(remaining, BATCH_FILES)):
        yield batch


def _crops() -> Any:
    """What cuts boxes out. Raises CommandError where it is not installed."""
    try:
        from . import crops  # noqa: PLC0415 - all else works without Pillow
    except ImportError as error:
        raise missing("--crop", PICTURES) from error
    return crops


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _folder(one: Planned) -> str:
    return NONES if one.annotation == NONE_OF_THE_LABELS else DATA_SET_IMAGES


def _key(one: Planned, digest: str) -> str:
    """Where an image goes: by its content, with its own name for people, which may be cut off."""
    path = PurePosixPath(one.image)
    name = f"{path.stem}.png" if one.part else path.name
    folder = f"{_folder(one)}{digest}/"
    room = MAX_KEY_BYTES - len(folder)
    return folder + files.printable(name).encode()[-room:].decode(errors="ignore")
