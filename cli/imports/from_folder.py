"""Images from a folder on this machine, each into the folder of its label in the bucket.

What is in the bucket already is known by its content, so that the same import can be run again: to
go on after an interruption, or with the images that came since.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from labelloop.aws.failures import code_of
from labelloop.domain import labels, layouts
from labelloop.domain.images import has_image_signature, media_type
from labelloop.domain.manifests import LABELLED_FOLDER, MAX_KEY_BYTES
from labelloop.errors import InvalidImageError, InvalidRequestError

from .. import costs, files, terminal
from ..failures import CommandError
from ..files import NoteFailure
from ..parallel import bar, in_parallel
from ..stack import Stack
from . import given_tests
from .given_tests import GivenTests, Splits

_SURELY_MANIFESTS = (".manifest", ".jsonl")
SHOWN_LABELS = 20
BATCH_FILES = 500
"""So many are looked at, then uploaded: names are given one after the other."""


@dataclass(frozen=True)
class LocalFile:
    """A file that may become an image of a label."""

    path: Path
    name: str
    """The path within the imported folder."""
    label: str | None
    """None where the file is in no label's folder."""
    rest: str = ""
    """The path within the label's folder."""
    split: str = ""
    """The part of a data set that it is in."""


@dataclass
class FolderImport:
    """What became of a folder's files."""

    dry_run: bool
    taken: Counter[str] = field(default_factory=Counter)
    """Images by label."""
    already_there: Counter[str] = field(default_factory=Counter)
    copies: list[dict[str, str]] = field(default_factory=list)
    """Files that hold the same picture as another file of their label."""
    under_several_labels: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    tests: GivenTests | None = None
    """Where the folder has a split of its own."""

    @property
    def is_in_vain(self) -> bool:
        """Whether nothing of the folder is among the images, neither now nor from before."""
        return not self.taken.total() and not self.already_there.total()

    def note_failure(self, name: str, reason: str) -> None:
        """Name a file, or a folder, with which another attempt may succeed."""
        self.failed.append({"file": name, "reason": reason})

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "dry_run": self.dry_run,
            "taken": self.taken.total(),
            "already_there": self.already_there.total(),
            "labels": {
                label: {"taken": self.taken[label], "already_there": self.already_there[label]}
                for label in sorted(self.taken | self.already_there)
            },
            "copies": self.copies,
            "under_several_labels": self.under_several_labels,
            "left_out": self.left_out,
            "failed": self.failed,
            **({"tests": self.tests.as_json()} if self.tests else {}),
        }


def run(
    stack: Stack,
    folder: Path,
    label: str | None,
    splits: Splits,
    agree: Callable[[str], None],
    *,
    dry_run: bool,
) -> FolderImport:
    """Take the images of a folder in. Raises CommandError where there is nothing to take.

    ``agree`` is told what it is, and raises where somebody does not want it.
    """
    outcome = FolderImport(dry_run)
    found = files_of_labels(folder, label, outcome.note_failure, "import", with_parts=True)
    destination = _Destination(stack)
    testing = zip(found, splits.testing(found), strict=True)
    test_files = [file for file, tests in testing if tests and file.label]
    for sentence in costs.of_import(len(found)):
        terminal.say(sentence, err=True)
    agree(_what_it_is(folder, found, len(test_files)))
    if test_files:
        contents = given_tests.contents((file.path, file.name) for file in test_files)
        # Before the images: a training that begins meanwhile knows which ones test.
        outcome.tests = given_tests.give(folder.resolve().name, contents, dry_run=dry_run)
    with bar(len(found), "Importing images") as move_on:
        for batch in _batches(found):
            planned = []
            with in_parallel(_examine, batch) as examinations:
                for file, examined in examinations:
                    upload = destination.plan(file, examined, outcome)
                    if upload is None or dry_run:
                        move_on(1)
                    else:
                        planned.append(upload)
            with in_parallel(destination.upload, planned) as uploads:
                for upload, failure in uploads:
                    if failure:
                        outcome.taken[upload.label] -= 1
                        outcome.note_failure(upload.name, failure)
                    move_on(1)
    return outcome


def _what_it_is(folder: Path, found: Collection[LocalFile], tests: int) -> str:
    by_label = Counter(file.label for file in found if file.label)
    named = ", ".join(sorted(by_label)[:SHOWN_LABELS])
    more = ", …" if len(by_label) > SHOWN_LABELS else ""
    own = f" Files in its own test split: {tests}." if tests else ""
    labels = f"{len(by_label)} label{'' if len(by_label) == 1 else 's'}"
    return f"{folder}: {by_label.total()} files in folders of {labels} ({named}{more}).{own}"


def _batches(found: Iterable[LocalFile]) -> Iterator[list[LocalFile]]:
    remaining = iter(found)
    while batch := list(itertools.islice(remaining, BATCH_FILES)):
        yield batch


# --- The files ------------------------------------------------------------------------------------


def files_of_labels(
    folder: Path,
    label: str | None,
    note_failure: NoteFailure,
    command: str,
    *,
    with_parts: bool = False,
) -> list[LocalFile]:
    """The files of a folder that has a folder for each label, or shows one label alone.

    ``with_parts`` takes it with the parts of a data set, too, as train and test. What cannot be
    read is noted. Raises CommandError where there is nothing to take; it says how to
    call the command.
    """
    failed: list[str] = []

    def note(name: str, reason: str) -> None:
        failed.append(name)
        note_failure(name, reason)

    if label is not None:
        try:
            label = labels.check_folder(label)
        except InvalidRequestError as error:
            raise CommandError(f"{label!r} cannot be a label. {error}") from error
    try:
        paths = list(files.files_in(folder, note))
    except OSError as error:
        raise CommandError(f"{folder} cannot be read: {error.strerror}.") from error
    homes: Homes = {(): ""}
    if label is None and with_parts:
        images = (path.relative_to(folder).parts for path in paths if _begins_as_image(path))
        homes = layouts.homes(images) or {}
    found = [_labelled(folder, path, label, homes or {(): ""}) for path in paths]
    if not found and not failed:
        raise CommandError(f"There are no files in {folder}.")
    manifests = [path for path in paths if path.suffix.lower() in _SURELY_MANIFESTS]
    if manifests and not any(map(_begins_as_image, paths)):
        raise CommandError(
            f"There are no images in {folder}, but there is a manifest, which names some. Take "
            f"that: labelloop {command} {manifests[0]}"
        )
    inner = {file.label for file in found if file.label is not None}
    if found and not inner:
        raise CommandError(
            f"{folder} has no folder for each label. If all of its images show the same, say what: "
            f"labelloop {command} {folder} --label NAME"
        )
    if not homes or (label is None and not with_parts):
        _check_layout(folder, [path.relative_to(folder) for path in paths], command)
    return found


def _check_layout(folder: Path, names: list[Path], command: str) -> None:
    """Raise CommandError where the folders with images are those of a data set, not of labels."""
    images = (name.parts for name in names if _begins_as_image(folder / name))
    parts = layouts.parts(images, whole=True)
    for part in parts.values():
        if part.way:
            folder, parts = folder.joinpath(*part.way), dict.fromkeys(part.within, part)
            if not any(map(layouts.is_part, part.within)):
                raise CommandError(
                    f"All images are in {folder}, which has further folders "
                    f"({', '.join(sorted(part.within))}). If those are the labels: labelloop "
                    f"{command} {folder}. If all of them show the same, say what: labelloop "
                    f"{command} {folder} --label NAME"
                )
            break
    if not parts:
        return
    named = f"{folder} ({', '.join(sorted(parts))})"
    have_labels = [not all(map(layouts.is_part, part.within)) for part in parts.values()]
    if all(map(layouts.is_split, parts)) or all(have_labels):
        raise CommandError(
            f"The folders in {named} are named as the parts of a data set, not as labels. Take "
            f"them one by one: labelloop {command} {folder / min(parts)}"
        )
    raise CommandError(
        f"{named} looks like a data set with boxes, not like folders of labels, and nothing that "
        "is known says what its images show: COCO's JSON, YOLO's data.yaml or classes.txt, VOC's "
        "XML, a CSV file. Bring it with such a file, or as a manifest."
    )


def _begins_as_image(path: Path) -> bool:
    try:
        with path.open("rb") as content:
            return has_image_signature(content.read(8))
    except OSError:
        return False


Homes = dict[tuple[str, ...], str]


def _labelled(folder: Path, path: Path, label: str | None, homes: Homes) -> LocalFile:
    inside = path.relative_to(folder)
    if label is not None:
        return LocalFile(path, str(inside), *place_of(inside, label))
    for home, split in homes.items():
        if inside.parts[: len(home)] == home:
            within = PurePath(*inside.parts[len(home) :])
            return LocalFile(path, str(inside), *place_of(within, None), split)
    return LocalFile(path, str(inside), None)


def place_of(inside: PurePath, label: str | None) -> tuple[str | None, str]:
    """The label of a file in the folder, None where it has none, and its name in the label's."""
    if label is not None:
        return label, inside.as_posix()
    if len(inside.parts) == 1:
        return None, ""
    return labels.composed(inside.parts[0]), "/".join(inside.parts[1:])


# --- One file -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Examined:
    """What reading a file told."""

    refusal: str | None = None
    """Why the service would not take it."""
    failure: str | None = None
    """Why it could not be read."""
    digest: str = ""
    """The MD5, which is the ETag of an object that was put at once with S3's own encryption."""
    part_etags: frozenset[str] = frozenset()
    """The ETags that it has where it was uploaded in parts."""


def _examine(file: LocalFile) -> _Examined:
    refusal = refusal_of_place(file)
    if refusal:
        return _Examined(refusal)
    try:
        content = files.image_content(file.path)
    except OSError as error:
        return _Examined(failure=files.unreadable(error))
    except InvalidImageError as error:
        return _Examined(str(error))
    return _Examined(digest=files.digest(content), part_etags=files.part_etags(content))


def refusal_of_place(file: LocalFile) -> str | None:
    """Why a file cannot be an image of a label by where it lies; None where it can."""
    if file.label is None:
        return "The file is in no label's folder."
    try:
        labels.check_folder(file.label)
        file.rest.encode()
    except InvalidRequestError as error:
        return f"Its folder cannot be a label. {error}"
    except UnicodeEncodeError:
        return "The file's name is not UTF-8."
    return None


# --- The bucket -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Upload:
    """A file that is to become an object."""

    path: Path
    name: str
    label: str
    rest: str
    key: str
    digest: str


@dataclass
class _LabelFolder:
    """What a label's folder in the bucket holds, and what this import put there."""

    etags: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    added: dict[str, str] = field(default_factory=dict)
    """The names of the files by their content."""


class _Destination:
    """The folders of the labels in the stack's bucket."""

    def __init__(self, stack: Stack) -> None:
        self._s3 = stack.client("s3")
        self._bucket = stack.output("BucketName")
        self._folders: dict[str, _LabelFolder] = {}
        self._labels: dict[str, LocalFile] = {}

    def plan(self, file: LocalFile, examined: _Examined, outcome: FolderImport) -> _Upload | None:
        """Where the file goes, after it was counted; None where it goes nowhere."""
        name = files.printable(file.name)
        if examined.failure:
            outcome.note_failure(name, examined.failure)
            return None
        if examined.refusal or file.label is None:
            outcome.left_out.append({"file": name, "reason": examined.refusal or ""})
            return None
        folder = self._folder(file.label)
        first = self._labels.setdefault(examined.digest, file)
        if first.label != file.label:
            again = {"file": name, "same_as": files.printable(first.name)}
            outcome.under_several_labels.append(again)
        if examined.digest in folder.added:
            outcome.copies.append({"file": name, "same_as": folder.added[examined.digest]})
            return None
        folder.added[examined.digest] = name
        if not folder.etags.isdisjoint({examined.digest, *examined.part_etags}):
            outcome.already_there[file.label] += 1
            return None
        key = _key(file.label, file.rest)
        if key is None or key in folder.keys:
            key = _key_with_content(file.label, file.rest, examined.digest)
        folder.keys.add(key)
        outcome.taken[file.label] += 1
        return _Upload(file.path, name, file.label, file.rest, key, examined.digest)

    def _folder(self, label: str) -> _LabelFolder:
        if label not in self._folders:
            folder = self._folders[label] = _LabelFolder()
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{LABELLED_FOLDER}{label}/"
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    folder.etags.add(entry["ETag"].strip('"'))
                    folder.keys.add(entry["Key"])
        return self._folders[label]

    def upload(self, upload: _Upload) -> str | None:
        """Put the object; why it could not be, in a sentence.

        Raises what the SDK does where no other file could be uploaded either.
        """
        # By itself: some of the SDK's errors are OSErrors, too.
        try:
            content = upload.path.read_bytes()
        except OSError as error:
            return files.unreadable(error)
        return files.failure_of(lambda: self._put_beside(upload, content))

    def _put_beside(self, upload: _Upload, content: bytes) -> None:
        """Put the object, under another name where one came meanwhile that is another image."""
        try:
            self._put(upload.key, content)
        except ClientError as error:
            if code_of(error) != "PreconditionFailed":
                raise
            if not self._is_there(upload):
                self._put(_key_with_content(upload.label, upload.rest, upload.digest), content)

    def _put(self, key: str, content: bytes) -> None:
        # In one part, whatever its size, so that the ETag is the MD5: the bucket encrypts with
        # S3's own keys, with which this holds. On condition, since others upload too.
        self._s3.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=content,
            ContentType=media_type(content),
            IfNoneMatch="*",
        )

    def _is_there(self, upload: _Upload) -> bool:
        """Whether the object is this very image: an answer was lost, and the SDK tried again."""
        found = self._s3.head_object(Bucket=self._bucket, Key=upload.key)
        return bool(found["ETag"].strip('"') == upload.digest)


def _key(label: str, rest: str) -> str | None:
    """The key with the file's own name; None where it is too long."""
    key = f"{LABELLED_FOLDER}{label}/{rest}"
    return key if len(key.encode()) <= MAX_KEY_BYTES else None


def _key_with_content(label: str, rest: str, digest: str) -> str:
    """A key beside that of another image of the same name; a long name loses its beginning."""
    path = PurePosixPath(rest)
    name = str(path.with_name(f"{path.stem}-{digest[:8]}{path.suffix}"))
    folder = f"{LABELLED_FOLDER}{label}/"
    room = MAX_KEY_BYTES - len(folder.encode())
    if len(name.encode()) > room:
        prefix = f"{digest[:8]}-"
        end = path.name.encode()[len(prefix) - room :]
        name = prefix + end.decode(errors="ignore")
    return folder + name
