"""One's own labelled pictures, on which versions are tried: those of a folder, or of a manifest.

Called by the evaluation of versions. A picture is known by the content that models are shown, so
that each counts once, however often it lies there.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from labelloop.aws.failures import code_of
from labelloop.domain import fitness, images, orientation
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.imports import Collection
from labelloop.domain.splits import CONTENT_BYTES, content_id
from labelloop.errors import InvalidImageError

from .. import files
from ..failures import CommandError
from ..imports.labelled_folders import files_of_labels, refusal_of_place
from ..imports.manifest_sources import from_file
from ..parallel import bar, concerns_all, in_parallel
from ..stack import Stack


@dataclass(frozen=True)
class S3Place:
    """Where in S3 a picture is."""

    bucket: str
    key: str


@dataclass(frozen=True)
class Picture:
    """A picture, and what it shows."""

    name: str
    """The path within the folder, or what the manifest calls it."""
    truth: Annotation
    place: Path | S3Place
    content: str = ""
    """The identity of what a model is shown."""
    size_bytes: int = 0
    as_stored: bool = False
    """Whether models see it as it is in the file, whatever it says of a turned camera: its boxes
    are for that."""

    def read(self, stack: Stack) -> bytes:
        """The content to show. Raises OSError, or what the SDK does."""
        if isinstance(self.place, Path):
            content = self.place.read_bytes()
        else:
            content = _get(stack.client("s3"), self.place)
        return orientation.as_stored(content) if self.as_stored else content


@dataclass
class Pictures:
    """What there is to try versions on, and what cannot be."""

    found: list[Picture] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    """What no version can be tried on, and why."""
    failed: list[dict[str, str]] = field(default_factory=list)
    """What could not be read: another attempt may succeed."""
    copies: list[dict[str, str]] = field(default_factory=list)
    """What holds the same as another, which counts."""

    def leave_out(self, name: str, reason: str) -> None:
        """Name what cannot be used."""
        self.left_out.append({"file": files.printable(name), "reason": reason})

    def note_failure(self, name: str, reason: str) -> None:
        """Name what could not be read."""
        self.failed.append({"file": files.printable(name), "reason": reason})


def read(stack: Stack, source: Path, label: str | None, model_type: ModelType) -> Pictures:
    """The pictures of a folder or a manifest. Raises CommandError where there is none."""
    pictures = Pictures()
    if source.is_dir():
        named = _in_folder(source, label, pictures)
    else:
        named = _in_manifest(source, model_type, pictures)
    looked_at = []
    look = _Look(stack)
    with bar(len(named), "Looking at the pictures") as move_on, in_parallel(look, named) as looks:
        for picture, seen in looks:
            move_on(1)
            if isinstance(seen, Picture):
                looked_at.append(seen)
            elif seen.may_pass:
                pictures.note_failure(picture.name, seen.reason)
            else:
                pictures.leave_out(picture.name, seen.reason)
    # A folder says one thing that a picture shows: in two of them it shows both.
    joins = source.is_dir() and model_type is ModelType.MULTI_LABEL
    pictures.found = list(_each_once(looked_at, pictures, joins=joins))
    if not pictures.found:
        raise CommandError(_nothing(source, pictures))
    return pictures


def _nothing(source: Path, pictures: Pictures) -> str:
    why = Counter(entry["reason"] for entry in (*pictures.left_out, *pictures.failed))
    reasons = " ".join(f"{count}: {reason}" for reason, count in why.most_common(3))
    return f"There is no picture in {source} on which a version can be tried. {reasons}"


# --- What there is --------------------------------------------------------------------------------


def _in_folder(folder: Path, label: str | None, pictures: Pictures) -> list[Picture]:
    found = []
    for file in files_of_labels(folder, label, pictures.note_failure, "evaluate"):
        refusal = refusal_of_place(file)
        if refusal or file.label is None:
            pictures.leave_out(file.name, refusal or "")
        else:
            found.append(
                Picture(files.printable(file.name), Annotation.of_labels([file.label]), file.path)
            )
    return found


def _in_manifest(path: Path, model_type: ModelType, pictures: Pictures) -> list[Picture]:
    with from_file(path) as (manifest,):
        collection = Collection(model_type, files=True)
        collection.add(manifest.file, "", manifest.content)
    if not collection.line_count:
        raise CommandError(f"{path} has no line that names an image.")
    for noted in (collection.bad, collection.ignored, collection.in_part):
        for line in noted.first:
            pictures.leave_out(f"{line.file}, line {line.line}", line.reason)
        more = noted.count - len(noted.first)
        if more:
            pictures.leave_out(f"{path.name}, {more} more lines", "They cannot be used either.")
    return [
        Picture(
            files.printable(f"s3://{bucket}/{key}" if bucket else key),
            line.annotation,
            S3Place(bucket, key) if bucket else path.parent / key,
        )
        for (bucket, key), line in collection.images.items()
    ]


def _each_once(found: list[Picture], pictures: Pictures, *, joins: bool) -> Iterator[Picture]:
    """Each content once, with what it shows; that of which two things are said is left out."""
    by_content: dict[str, list[Picture]] = {}
    for picture in found:
        by_content.setdefault(picture.content, []).append(picture)
    for same in by_content.values():
        first, *others = same
        if not joins and any(other.truth != first.truth for other in others):
            for one in same:
                other = others[0] if one is first else first
                reason = f"It holds the same as {other.name}, of which something else is said."
                pictures.leave_out(one.name, reason)
            continue
        for other in others:
            copy = {"file": files.printable(other.name), "same_as": files.printable(first.name)}
            pictures.copies.append(copy)
        labels = {label for one in same for label in one.truth.labels}
        yield replace(first, truth=Annotation.of_labels(labels)) if joins else first


# --- One picture ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Unusable:
    """Why a picture cannot be used."""

    reason: str
    may_pass: bool = False


class _Look:
    """Looks at a picture: is it one, and which?"""

    def __init__(self, stack: Stack) -> None:
        self._s3 = stack.client("s3")

    def __call__(self, picture: Picture) -> Picture | _Unusable:
        try:
            if isinstance(picture.place, Path):
                content = files.image_content(picture.place)
                return _seen(picture, len(content), lambda _: content)
            return self._in_s3(picture, picture.place)
        except InvalidImageError as error:
            return _Unusable(str(error))
        except OSError as error:
            return _Unusable(files.unreadable(error), may_pass=True)
        except ClientError as error:
            if concerns_all(error):
                raise
            return _Unusable(_REASONS.get(code_of(error), f"S3 refused it: {error}"), may_pass=True)
        except BotoCoreError as error:
            if concerns_all(error):
                raise
            return _Unusable(f"It did not arrive: {error}", may_pass=True)

    def _in_s3(self, picture: Picture, place: S3Place) -> Picture:
        size_bytes = self._s3.head_object(Bucket=place.bucket, Key=place.key)["ContentLength"]
        refusal = images.refusal_of_size(size_bytes)
        if refusal:
            raise InvalidImageError(refusal)
        return _seen(picture, size_bytes, lambda length: _get(self._s3, place, length))


_REASONS = {
    "NoSuchKey": "The object does not exist.",
    "404": "The object does not exist.",
    "NoSuchBucket": "The bucket does not exist.",
    "AccessDenied": "You may not read it: s3:GetObject on it is needed.",
    "403": "You may not read it: s3:GetObject on it is needed.",
    "InvalidObjectState": "It is archived. Restore it first.",
}


def _seen(picture: Picture, size_bytes: int, begin: Callable[[int], bytes]) -> Picture:
    """The picture, known by its content. ``begin`` gives as many of its first bytes at least.

    Raises InvalidImageError.
    """
    first_bytes = begin(CONTENT_BYTES)
    if not images.has_image_signature(first_bytes):
        raise InvalidImageError(
            "The file is neither a PNG nor a JPEG image, whatever its name says."
        )
    as_stored = False
    if picture.truth.size_px is not None:
        shape = fitness.shape_of(first_bytes)
        if shape.size_px is None:
            shape = fitness.shape_of(begin(size_bytes))
        as_stored = orientation.is_for_the_stored(
            picture.truth.size_px, shape.size_px, shape.orientation
        )
        if as_stored:
            first_bytes = orientation.as_stored(first_bytes)
    content = content_id(first_bytes, size_bytes)
    return replace(picture, content=content, size_bytes=size_bytes, as_stored=as_stored)


def _get(s3: Any, place: S3Place, first_bytes: int | None = None) -> bytes:
    beginning = {"Range": f"bytes=0-{first_bytes - 1}"} if first_bytes else {}
    answer = s3.get_object(Bucket=place.bucket, Key=place.key, **beginning)
    body: bytes = answer["Body"].read()
    return body
