"""Every version of the bucket's objects, delete markers too: for what must be gone for good.

Apart from ``objects``, which no function needs this for.
"""

import gzip
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from labelloop.aws import objects
from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.errors import InvalidRequestError, ServiceFailedError

_CHUNK_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 4 * 1024 * 1024
_MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """A version of an object, or a delete marker."""

    key: str
    version_id: str
    etag: str
    """Empty of a delete marker."""
    size_bytes: int
    written: datetime
    is_latest: bool

    @property
    def is_marker(self) -> bool:
        """Whether it only says that the object is deleted."""
        return not self.etag


def under(prefix: str) -> Iterator[ObjectVersion]:
    """All of every object whose key begins so, by key, the newest of each first."""
    pages = (
        client("s3")
        .get_paginator("list_object_versions")
        .paginate(Bucket=objects.bucket(), Prefix=prefix)
    )
    with translated():
        for page in pages:
            found = [_version(one) for one in page.get("Versions", [])]
            found += [_version(one) for one in page.get("DeleteMarkers", [])]
            # Sorted by the latest first: several may be written in one second.
            found.sort(key=lambda one: one.written, reverse=True)
            found.sort(key=lambda one: (one.key.encode(), not one.is_latest))
            yield from found


def of(key: str) -> list[ObjectVersion]:
    """All of one object, the newest first."""
    found = []
    for version in under(key):
        if version.key == key:
            found.append(version)
        elif found or version.key > key:
            break  # Keys that begin with it come after it.
    return found


def _version(entry: Any) -> ObjectVersion:
    return ObjectVersion(
        entry["Key"],
        entry["VersionId"],
        entry.get("ETag", "").strip('"'),
        entry.get("Size", 0),
        entry["LastModified"],
        entry["IsLatest"],
    )


def lines(version: ObjectVersion) -> Iterator[bytes]:
    """The lines of a version with their ends, whole, unpacked.

    Raises NotFoundError, and InvalidRequestError where it cannot be unpacked.
    """
    with translated(), closing(_opened(version)["Body"]) as body:
        file = gzip.GzipFile(fileobj=body) if _is_packed(version) else body
        pending = b""
        while piece := _read(file, version):
            *whole, pending = (pending + piece).split(b"\n")
            for line in whole:
                yield line + b"\n"
        if pending:
            yield pending


def _read(file: Any, version: ObjectVersion) -> bytes:
    try:
        piece: bytes = file.read(_CHUNK_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidRequestError(
            f"{version.key}, version {version.version_id}, is called as what is packed by gzip and "
            "cannot be unpacked, so nobody can tell what it names. Delete that version, and try "
            "again."
        ) from error
    return piece


def _is_packed(version: ObjectVersion) -> bool:
    return version.key.endswith(".gz")


def _opened(version: ObjectVersion) -> Any:
    return client("s3").get_object(
        Bucket=objects.bucket(), Key=version.key, VersionId=version.version_id
    )


def rewrite(
    version: ObjectVersion, parts: Iterable[bytes], wanted: Callable[[], bool] = lambda: True
) -> None:
    """Put these parts in the place of a version that is the latest, where they are wanted in the
    end, and packed as that is.

    What goes with the object stays, but for its tags. Raises ChangedMeanwhileError where it is not
    the latest any more.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as body:
        if _is_packed(version):
            # Of no time: the same parts make the same object.
            with gzip.GzipFile(fileobj=body, mode="wb", mtime=0) as packed:
                packed.writelines(parts)
        else:
            body.writelines(parts)
        if not wanted():
            return
        body.seek(0)
        with translated():
            was = client("s3").head_object(
                Bucket=objects.bucket(), Key=version.key, VersionId=version.version_id
            )
            client("s3").put_object(
                Bucket=objects.bucket(),
                Key=version.key,
                Body=body,
                ContentType=was.get("ContentType", "application/octet-stream"),
                Metadata=was.get("Metadata", {}),
                IfMatch=f'"{version.etag}"',
            )


def erase(versions: Iterable[ObjectVersion]) -> int:
    """Take versions and delete markers away for good, in this order; how many there were.

    Raises ServiceFailedError where some could not be.
    """
    rest, count = iter(versions), 0
    while part := list(islice(rest, _MOST_AT_ONCE)):
        entries = [{"Key": one.key, "VersionId": one.version_id} for one in part]
        with translated():
            answer = client("s3").delete_objects(
                Bucket=objects.bucket(), Delete={"Objects": entries, "Quiet": True}
            )
        if answer.get("Errors"):
            failed = answer["Errors"][0]
            raise ServiceFailedError(
                f"S3 could not erase {failed['Key']}: {failed.get('Message') or failed['Code']}"
            )
        count += len(part)
    return count
