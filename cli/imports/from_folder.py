"""Images from a folder on this machine, each into the folder of its label in the bucket.

What is in the bucket already is known by its content, so that the same import can be run again: to
go on after an interruption, or with the images that came since.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from labelloop.aws.failures import code_of
from labelloop.domain.images import media_type
from labelloop.domain.manifests import LABELLED_FOLDER, MAX_KEY_BYTES
from labelloop.errors import InvalidImageError

from .. import costs, files, terminal
from ..parallel import bar, batches, in_parallel
from ..stack import Stack
from . import given_tests
from .given_tests import GivenTests, Splits
from .labelled_folders import LocalFile, check_alone, files_of_labels, refusal_of_place

SHOWN_LABELS = 20


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
    if label is None:
        check_alone(folder, found, "import")
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
        for batch in batches(found):
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
