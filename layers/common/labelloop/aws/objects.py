"""The bucket: images, manifests, answers and reports."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.errors import NotFoundError
from labelloop.settings import Variable

_PARALLEL_READS = 16


def bucket() -> str:
    """The name of the bucket."""
    return wiring[Variable.BUCKET_NAME]


def listing(prefix: str) -> Iterator[tuple[str, str, int]]:
    """(key, ETag without quotes, bytes) of every object under the prefix, in key order."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket(), Prefix=prefix)
    with translated():
        for page in pages:
            for entry in page.get("Contents", []):
                yield entry["Key"], entry["ETag"].strip('"'), entry["Size"]


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
    with translated():
        body: bytes = client("s3").get_object(**request)["Body"].read()
    return body


def read_at(uri_bucket: str, key: str) -> bytes:
    """The content of an object that a service named by bucket and key. Raises NotFoundError."""
    with translated():
        body: bytes = client("s3").get_object(Bucket=uri_bucket, Key=key)["Body"].read()
    return body


def read_beginnings(keys: list[str], first_bytes: int) -> dict[str, bytes]:
    """The first bytes of many objects, read in parallel; objects that are gone are left out."""

    def one(key: str) -> tuple[str, bytes | None]:
        try:
            return key, read(key, first_bytes=first_bytes)
        except NotFoundError:
            return key, None

    with ThreadPoolExecutor(_PARALLEL_READS) as threads:
        return {key: body for key, body in threads.map(one, keys) if body is not None}


def write(key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
    """Put the object."""
    with translated():
        client("s3").put_object(Bucket=bucket(), Key=key, Body=body, ContentType=content_type)


def write_json(key: str, content: Mapping[str, Any]) -> None:
    """Put the content as JSON."""
    body = json.dumps(content, ensure_ascii=False, indent=2, default=str).encode()
    write(key, body, "application/json")


def write_folder(folder: str) -> None:
    """Put the empty object with which consoles show a folder; what is in it stays."""
    write(folder, b"", "application/x-directory")


def copy(source_key: str, source_version_id: str | None, key: str) -> None:
    """Copy an object, or one version of it, within the bucket. Raises NotFoundError."""
    source = {"Bucket": bucket(), "Key": source_key}
    if source_version_id:
        source["VersionId"] = source_version_id
    with translated():
        client("s3").copy_object(Bucket=bucket(), Key=key, CopySource=source)


def delete(key: str) -> None:
    """Delete the object; its versions stay, as the bucket keeps them."""
    with translated():
        client("s3").delete_object(Bucket=bucket(), Key=key)


def link(key: str, version_id: str | None, seconds: int) -> str:
    """An address under which the object can be read for so many seconds, without signing in."""
    request = {"Bucket": bucket(), "Key": key}
    if version_id:
        request["VersionId"] = version_id
    url: str = client("s3").generate_presigned_url("get_object", Params=request, ExpiresIn=seconds)
    return url
