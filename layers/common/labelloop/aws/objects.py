"""The bucket: images, manifests, answers and reports."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.clock import iso
from labelloop.domain.images import NO_VERSION, ImageObject, media_type_by_name
from labelloop.domain.listed import Listed
from labelloop.errors import NotFoundError
from labelloop.settings import Variable

FIRST_PIECE_BYTES = 64 * 1024
_PARALLEL_LISTINGS = 16
_CHUNK_BYTES = 1024 * 1024
MOST_LINE_BYTES = 1024 * 1024
"""More than any line has that somebody reads."""


def bucket() -> str:
    """The name of the bucket."""
    return wiring[Variable.BUCKET_NAME]


def listing(prefix: str) -> Iterator[Listed]:
    """Every object under the prefix, in key order."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket(), Prefix=prefix)
    with translated():
        for page in pages:
            yield from map(_listed, page.get("Contents", []))


def _listed(entry: Mapping[str, Any]) -> Listed:
    etag: str = entry["ETag"]
    return Listed(entry["Key"], etag.strip('"'), entry["Size"], iso(entry["LastModified"]))


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest version of an object."""

    image: ImageObject
    written: datetime


def versions(key: str, older_than: str = "") -> Iterator[ImageObject]:
    """All versions of an object that the bucket still has, the newest first; those behind one."""
    behind = {"KeyMarker": key, "VersionIdMarker": older_than} if older_than else {}
    for entry in _versions(key, **behind):
        if entry["Key"] != key:
            return  # Keys that begin with it come after it.
        yield _version(entry)


def _version(entry: Mapping[str, Any]) -> ImageObject:
    etag: str = entry["ETag"]
    return ImageObject(bucket(), entry["Key"], entry["VersionId"], etag.strip('"'), entry["Size"])


def latest_versions(prefix: str) -> Iterator[Latest]:
    """The version that counts of every object under the prefix, in key order; no deleted ones.

    What came while the bucket kept no versions has the version ``NO_VERSION``.
    """
    for entry in _versions(prefix):
        if entry["IsLatest"]:
            yield Latest(_version(entry), entry["LastModified"])


def listing_by_folder(prefix: str) -> list[Listed]:
    """Every object in the folders under the prefix, the folders listed in parallel."""
    prefixes = [f"{prefix}{folder}/" for folder in folders(prefix)]
    with ThreadPoolExecutor(_PARALLEL_LISTINGS) as threads:
        found = threads.map(lambda folder: list(listing(folder)), prefixes)
        return [entry for entries in found for entry in entries]


def directly_in(prefix: str) -> tuple[list[Listed], list[str]]:
    """The first objects under the prefix that are in no folder there, and the first folders."""
    with translated():
        page = client("s3").list_objects_v2(Bucket=bucket(), Prefix=prefix, Delimiter="/")
    folders = [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
    return [_listed(entry) for entry in page.get("Contents", [])], folders


def folders(prefix: str) -> list[str]:
    """The names of the folders directly under the prefix."""
    pages = (
        client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=bucket(), Prefix=prefix, Delimiter="/")
    )
    with translated():
        return [
            entry["Prefix"].removeprefix(prefix).removesuffix("/")
            for page in pages
            for entry in page.get("CommonPrefixes", [])
        ]


def read(key: str, version_id: str | None = None, first_bytes: int | None = None) -> bytes:
    """The object's content, or its beginning. Raises NotFoundError."""
    request: dict[str, Any] = {"Bucket": bucket(), "Key": key}
    if version_id:
        request["VersionId"] = version_id
    if first_bytes:
        request["Range"] = f"bytes=0-{first_bytes - 1}"
    with _named(bucket(), key), translated():
        body: bytes = client("s3").get_object(**request)["Body"].read()
    return body


def read_at(uri_bucket: str, key: str) -> bytes:
    """The content of an object that a service named by bucket and key. Raises NotFoundError."""
    with _named(uri_bucket, key), translated():
        body: bytes = client("s3").get_object(Bucket=uri_bucket, Key=key)["Body"].read()
    return body


@contextmanager
def _named(uri_bucket: str, key: str) -> Iterator[None]:
    """Say which object is missing, and how it may come back: S3 does neither."""
    try:
        yield
    except NotFoundError as error:
        raise NotFoundError(
            f"{key} is not in the bucket {uri_bucket}. If it was deleted there within the last 90 "
            "days, it can come back: in the S3 console, show its versions and delete its delete "
            "marker."
        ) from error


def lines(key: str) -> Iterator[bytes]:
    """The lines of an object, one after the other. Raises NotFoundError."""
    return lines_at(bucket(), key)


def lines_at(uri_bucket: str, key: str) -> Iterator[bytes]:
    """The lines of an object that a service named by bucket and key. Raises NotFoundError.

    Of a line over ``MOST_LINE_BYTES`` so much comes that it is known to be one: any file may lie
    where lines are looked for, and be one line from its beginning to its end.
    """
    with _named(uri_bucket, key), translated():
        body = client("s3").get_object(Bucket=uri_bucket, Key=key)["Body"]
        pending = b""
        while piece := body.read(_CHUNK_BYTES):
            *whole, pending = (pending + piece).splitlines(keepends=True)
            yield from (line.rstrip(b"\r\n") for line in whole)
            if len(pending) > MOST_LINE_BYTES:
                # Its last sign says whether it has ended.
                pending = pending[:MOST_LINE_BYTES] + pending[-1:]
        if pending:
            yield pending.rstrip(b"\r\n")


@dataclass(frozen=True, slots=True)
class Opened:
    """An object that is being read."""

    etag: str
    size_bytes: int
    metadata: Mapping[str, str]
    """What was put beside it."""
    pieces: Iterator[bytes]
    """The content, as far as it is taken. The first piece has ``FIRST_PIECE_BYTES``, unless the
    object has fewer."""


@contextmanager
def opened(key: str, version_id: str | None = None) -> Iterator[Opened]:
    """The object, or one version of it, in pieces, so that it need not be held whole.

    Raises NotFoundError.
    """
    which = {"VersionId": version_id} if version_id else {}
    with translated():
        answer = client("s3").get_object(Bucket=bucket(), Key=key, **which)
        with closing(answer["Body"]) as body:
            yield Opened(
                answer["ETag"].strip('"'),
                answer["ContentLength"],
                answer.get("Metadata", {}),
                _pieces(body),
            )


def _pieces(body: Any) -> Iterator[bytes]:
    yield body.read(FIRST_PIECE_BYTES)
    while piece := body.read(_CHUNK_BYTES):
        yield piece


def latest(key: str) -> Latest:
    """The latest version of the object. Raises NotFoundError."""
    try:
        with translated():
            answer = client("s3").head_object(Bucket=bucket(), Key=key)
    except NotFoundError as error:
        raise NotFoundError(f"The bucket has no object {key}.") from error
    return Latest(_image(key, answer, answer["ContentLength"]), answer["LastModified"])


def is_there(key: str) -> bool:
    """Whether there is such an object."""
    try:
        latest(key)
    except NotFoundError:
        return False
    return True


def as_it_was(key: str, etag: str) -> bytes:
    """The content of the object of this key that has this ETag: what lies there, or an old version.

    Raises NotFoundError where there is none any more.
    """
    with suppress(NotFoundError), opened(key) as found:
        if found.etag == etag:
            return b"".join(found.pieces)
    for version in versions(key):
        if version.etag == etag:
            return read(key, version.version_id)
    raise NotFoundError(
        f"{key} was deleted or replaced since, and its version of then is gone, too: the bucket "
        "keeps old versions for 90 days."
    )


def _versions(prefix: str, **behind: str) -> Iterator[Mapping[str, Any]]:
    pages = (
        client("s3")
        .get_paginator("list_object_versions")
        .paginate(Bucket=bucket(), Prefix=prefix, **behind)
    )
    with translated():
        for page in pages:
            yield from page.get("Versions", [])


def exists(image: ImageObject) -> bool:
    """Whether this version of an object is there. Raises PermissionMissingError."""
    which = {"VersionId": image.version_id} if image.version_id else {}
    try:
        with translated():
            client("s3").head_object(Bucket=image.bucket, Key=image.key, **which)
    except NotFoundError:
        return False
    return True


def write_new(key: str, body: bytes, content_type: str) -> ImageObject:
    """Put the object, unless there is one. Raises ChangedMeanwhileError where there is."""
    with translated():
        answer = client("s3").put_object(
            Bucket=bucket(), Key=key, Body=body, ContentType=content_type, IfNoneMatch="*"
        )
    return _image(key, answer, len(body))


def _image(key: str, answer: Mapping[str, Any], size_bytes: int) -> ImageObject:
    return ImageObject(
        bucket(), key, answer.get("VersionId"), answer["ETag"].strip('"'), size_bytes
    )


def write(
    key: str,
    body: bytes,
    content_type: str = "application/octet-stream",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Put the object."""
    with translated():
        client("s3").put_object(
            Bucket=bucket(),
            Key=key,
            Body=body,
            ContentType=content_type,
            Metadata=metadata or {},
        )


def write_json(key: str, content: Mapping[str, Any]) -> None:
    """Put the content as JSON."""
    body = json.dumps(content, ensure_ascii=False, indent=2, default=str).encode()
    write(key, body, "application/json")


def mark_as_read(key: str) -> None:
    """Let the bucket forget the object in its time: one that nobody has read is kept."""
    with translated():
        client("s3").put_object_tagging(
            Bucket=bucket(), Key=key, Tagging={"TagSet": [{"Key": "read", "Value": "true"}]}
        )


def write_folder(folder: str) -> None:
    """Put the empty object with which consoles show a folder; what is in it stays."""
    write(folder, b"", "application/x-directory")


def copy(
    source_key: str,
    source_version_id: str | None,
    key: str,
    source_bucket: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Copy an object, or one version of it, into the bucket. Raises NotFoundError.

    It comes from this bucket unless another one is given, of the same account: a bucket that was
    deleted may belong to somebody else by now. Metadata takes the place of the source's own; that
    is an image then, whose content type would be lost.
    """
    owner = wiring[Variable.ACCOUNT_ID]
    source = {"Bucket": source_bucket or bucket(), "Key": source_key}
    if source_version_id:
        source["VersionId"] = source_version_id
    replaced: dict[str, Any] = {}
    if metadata is not None:
        replaced = {
            "MetadataDirective": "REPLACE",
            "Metadata": metadata,
            "ContentType": media_type_by_name(source_key),
        }
    with translated():
        # Copying its tags, too, would take further permissions.
        client("s3").copy_object(
            Bucket=bucket(),
            Key=key,
            CopySource=source,
            ExpectedBucketOwner=owner,
            ExpectedSourceBucketOwner=owner,
            TaggingDirective="REPLACE",
            **replaced,
        )


def delete(key: str) -> None:
    """Delete the object; its versions stay, as the bucket keeps them."""
    with translated():
        client("s3").delete_object(Bucket=bucket(), Key=key)


def link(key: str, version_id: str | None, seconds: int) -> str:
    """An address under which an image can be read for so many seconds, without signing in.

    It is told as an image, whatever type the object says it is of: nobody's upload is a page.
    """
    request = {
        "Bucket": bucket(),
        "Key": key,
        # Without a name roles that may read versions would need another permission.
        "VersionId": version_id or NO_VERSION,
        "ResponseContentType": media_type_by_name(key),
    }
    url: str = client("s3").generate_presigned_url("get_object", Params=request, ExpiresIn=seconds)
    return url
