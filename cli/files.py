"""Files on this machine that are to become objects in the bucket: found, known, and sent there.

Called by the import of labelled images and by the detection of folders.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from labelloop.domain import fitness
from labelloop.domain.images import is_by_the_way, refusal_of_size
from labelloop.errors import InvalidImageError

from .failures import CommandError
from .parallel import concerns_all

Purely = TypeVar("Purely", bound=PurePath)
NoteFailure = Callable[[str, str], None]
"""Takes the name of what cannot be read, within its folder, and the reason in a sentence."""

_HOPELESS = {401, 403}
"""Who may not write to the bucket need not try with every file."""
_PART_SIZES_BYTES = (5 * 1024 * 1024, 8 * 1024 * 1024)
"""In which the SDKs and the AWS command line upload larger files."""


def files_in(folder: Path, note_failure: NoteFailure) -> Iterator[Path]:
    """The files in a folder and its folders, in the order of their names.

    Links are followed, but not into a folder that leads to them. Hidden files, and what other
    programs leave there, are passed over. What cannot be read is noted, but for the folder itself:
    that raises OSError.
    """
    return _walk(folder, folder, frozenset(), note_failure)


def _walk(
    folder: Path, root: Path, above: frozenset[tuple[int, int]], note_failure: NoteFailure
) -> Iterator[Path]:
    status = folder.stat()
    itself = (status.st_dev, status.st_ino)
    if itself in above:
        return
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if is_by_the_way(entry.name):
            continue
        path = Path(entry.path)
        try:
            if entry.is_dir():
                yield from _walk(path, root, above | {itself}, note_failure)
            elif entry.is_file():
                yield path
        except OSError as error:
            note_failure(printable(str(path.relative_to(root))), unreadable(error))


def common_folder(folders: Sequence[Purely]) -> Purely:
    """The innermost folder that all are in. Raises CommandError where they are on two drives."""
    first, *others = folders
    for folder in (first, *first.parents):
        if all(other.is_relative_to(folder) for other in others):
            return folder
    raise CommandError("The images are on several drives: name those of one at a time.")


def printable(name: str) -> str:
    """The name as files and JSON take it; a terminal takes it from ``terminal`` only."""
    return name.encode(errors="replace").decode()


def unreadable(error: OSError) -> str:
    """Why a file cannot be read, in a sentence."""
    return f"It cannot be read: {error.strerror}."


def image_content(path: Path) -> bytes:
    """The content of an image that a training takes.

    Raises OSError where it cannot be read, InvalidImageError with a sentence for any other file.
    """
    refusal = refusal_of_size(path.stat().st_size)
    if not refusal:
        content = path.read_bytes()
        refusal = fitness.look_at(content).refusal
    if refusal:
        raise InvalidImageError(refusal)
    return content


# --- Known by the content -------------------------------------------------------------------------


def digest(content: bytes) -> str:
    """The MD5, which is the ETag of an object that was put at once with S3's own encryption."""
    return str(_md5(content).hexdigest())


def part_etags(content: bytes) -> frozenset[str]:
    """The ETags that the content has where it was uploaded in parts."""
    found = set()
    for size in _PART_SIZES_BYTES:
        if len(content) >= size:
            starts = range(0, len(content), size)
            digests = b"".join(_md5(content[start : start + size]).digest() for start in starts)
            found.add(f"{_md5(digests).hexdigest()}-{len(starts)}")
    return frozenset(found)


def _md5(content: bytes) -> Any:
    return hashlib.md5(content, usedforsecurity=False)


# --- On the way -----------------------------------------------------------------------------------


def failure_of(put: Callable[[], None]) -> str | None:
    """Why an object could not be put, in a sentence; None where it could.

    Raises what the SDK does where no other object could be put either.
    """
    try:
        put()
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        no_bucket = error.response.get("Error", {}).get("Code") == "NoSuchBucket"
        if status in _HOPELESS or no_bucket or concerns_all(error):
            raise
        return f"S3 refused it: {error}"
    except BotoCoreError as error:
        if concerns_all(error):
            raise
        return f"It did not arrive: {error}"
    return None
