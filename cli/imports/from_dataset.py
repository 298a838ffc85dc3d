"""Data sets with annotations of their own: the images go up, and a manifest says what they show.

The manifest goes up last, and images are kept by their content: the same import can be run again.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from labelloop import clock
from labelloop.aws import line_files
from labelloop.domain import fitness, orientation
from labelloop.domain.annotations import ModelType, training_line
from labelloop.domain.consensus import NONE_OF_THE_LABELS
from labelloop.domain.images import media_type
from labelloop.domain.imports import IMPORTED_IMAGES, IMPORTED_MANIFESTS
from labelloop.domain.manifests import MAX_KEY_BYTES, NONE_IMAGES
from labelloop.domain.splits import Split, content_id
from labelloop.errors import InvalidImageError
from labelloop.services import training_data

from .. import costs, files, terminal
from ..datasets import recognise
from ..datasets.recognise import Recognised
from ..datasets.values import Files, Place, Problem
from ..extras import PICTURES, missing
from ..failures import CommandError
from ..parallel import bar, batches, in_parallel
from ..stack import Stack, deployment_parameter
from . import given_tests, said_before
from .data_set_outcome import DataSetImport
from .given_tests import Part
from .planned_images import Planned, counted

DATA_SET_IMAGES = f"{IMPORTED_IMAGES}data_sets/"
NONES = f"{NONE_IMAGES}data_sets/"
"""Those that are none of the labels: where they lie says so, and no line does."""
SHOWN_LABELS = 20
_BESIDE_IMAGES = ("annotations", "labels")
"""Folders that hold annotations alone: the images are beside them."""


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
    labels = Counter(label for one in planned for label in counted(one))
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


class _Brought:
    """The images of one data set on their way."""

    def __init__(self, stack: Stack, root: Path, outcome: DataSetImport) -> None:
        self._s3, self._bucket = stack.client("s3"), stack.output("BucketName")
        self._root, self._outcome = root, outcome

    def examine(self, planned: Collection[Planned]) -> list[_Kept]:
        """Those that a training takes, each content once."""
        by_digest: dict[str, _Kept] = {}
        with bar(len(planned), "Looking at the images") as move_on:
            for batch in batches(planned):
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
            self._outcome.labels.update(counted(one))
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
        said = said_before.of(stem)
        fresh = []
        for key, one in sorted(uploaded.items()):
            if key.startswith(NONES):
                continue
            line = training_line(f"s3://{self._bucket}/{key}", one.planned.annotation, created)
            before = said.get(said_before.reference(line))
            if before is None or before.undated != said_before.parted(line)[1]:
                fresh.append(line)
            else:
                self._outcome.manifest = before.manifest
        if not fresh:
            return
        undated = "\n".join(said_before.parted(line)[1] for line in fresh)
        digest = hashlib.sha256(undated.encode()).hexdigest()
        manifest = f"{IMPORTED_MANIFESTS}{stem}-{digest[:8]}.manifest"
        self._outcome.manifest = manifest
        if not self._outcome.dry_run:
            line_files.write_lines(manifest, fresh)


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
