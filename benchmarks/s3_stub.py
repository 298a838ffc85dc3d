"""An S3 of images that are made when they are read, for measurements at sizes moto is too slow for.

`launched` runs it in a process of its own: one thread, everything in memory, pages of 1,000 keys,
no permissions and no versions. Images are generated from their keys, so a quarter of a million of
them take no more room than their names. It counts calls by operation.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
import re
import struct
import subprocess
import sys
import time
import zlib
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

import urllib3

from local.doors import s3_requests

HOST = "127.0.0.1"
CONTROL = "/_stub/"
PAGE_KEYS = 1000
CREATED = 1_790_000_000.0
"""When every generated image was uploaded, in seconds since the epoch."""
SMALLEST_IMAGE_BYTES, LARGEST_IMAGE_BYTES = 40_000, 200_000
LAST_CHARACTER = chr(0x10FFFF)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


# --- Objects --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that somebody has put."""

    body: bytes
    etag: str
    modified: float

    @property
    def size_bytes(self) -> int:
        return len(self.body)

    def read(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to, and without, ``end``."""
        return self.body[start:end]


@dataclass(frozen=True, slots=True)
class Generated:
    """An image that looks, to all who decode no pixels, like a PNG file of its own."""

    seed: str
    modified: float = CREATED
    scale: int = 1
    """How many times as large as others it is."""

    @property
    def etag(self) -> str:
        return hashlib.md5(self.seed.encode(), usedforsecurity=False).hexdigest()

    @property
    def size_bytes(self) -> int:
        span = LARGEST_IMAGE_BYTES - SMALLEST_IMAGE_BYTES
        return self.scale * (SMALLEST_IMAGE_BYTES + zlib.crc32(self.seed.encode()) % span)

    def read(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to, and without, ``end``."""
        unique = hashlib.sha256(self.seed.encode()).digest()
        width_px, height_px = 320 + unique[0], 240 + unique[1]
        header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
        head = PNG_SIGNATURE + _chunk(b"IHDR", header)
        room = self.size_bytes - len(head) - 24  # of the pixels' chunk and the last one
        pixels = (unique * (room // len(unique) + 1))[:room]
        return (head + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b""))[start:end]


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)))


Content = Stored | Generated


def stored(body: bytes) -> Stored:
    """The object that a PutObject of the body makes."""
    return Stored(body, hashlib.md5(body, usedforsecurity=False).hexdigest(), time.time())


class Bucket:
    """Objects by key, and the keys in S3's order."""

    def __init__(self) -> None:
        self._objects: dict[str, Content] = {}
        self._keys: list[str] = []

    def get(self, key: str) -> Content:
        """The object. Raises S3Error."""
        try:
            return self._objects[key]
        except KeyError:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.") from None

    def put(self, key: str, content: Content) -> None:
        """Stores one object."""
        if key not in self._objects:
            insort(self._keys, key)
        self._objects[key] = content

    def put_generated(self, keys: Sequence[str], scale: int) -> None:
        """Stores an image under each of the keys."""
        new = [key for key in keys if key not in self._objects]
        self._objects.update((key, Generated(key, scale=scale)) for key in keys)
        self._keys = sorted(itertools.chain(self._keys, new))

    def delete(self, key: str) -> None:
        """Forgets the object, if there is one."""
        if self._objects.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def page(
        self, prefix: str, delimiter: str, after: str, most: int
    ) -> tuple[list[tuple[str, Content | None]], bool]:
        """What follows ``after``: keys with their objects, common prefixes without; and whether
        there is more.
        """
        found: list[tuple[str, Content | None]] = []
        place = max(bisect_left(self._keys, prefix), bisect_left(self._keys, after))
        while place < len(self._keys):
            key = self._keys[place]
            if not key.startswith(prefix):
                break
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            name = key if cut < 0 else key[: cut + len(delimiter)]
            if name > after:
                if len(found) == most:
                    return found, True
                found.append((name, self._objects[key] if cut < 0 else None))
            # behind a common prefix comes what does not have it
            past = bisect_left(self._keys, name + LAST_CHARACTER, place) if cut >= 0 else place + 1
            place = past
        return found, False


@dataclass
class Upload:
    """A multipart upload that is going on."""

    bucket: Bucket
    key: str
    parts: dict[int, Stored] = field(default_factory=dict)

    def complete(self, numbers: Sequence[int]) -> Stored:
        """The object of these parts. Raises S3Error."""
        try:
            parts = [self.parts[number] for number in numbers]
        except KeyError:
            message = "One or more of the specified parts could not be found."
            raise S3Error(400, "InvalidPart", message) from None
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
        digest = hashlib.md5(digests, usedforsecurity=False).hexdigest()
        body = b"".join(part.body for part in parts)
        return Stored(body, f"{digest}-{len(parts)}", time.time())


# --- Operations -----------------------------------------------------------------------------------


class S3Error(Exception):
    """A refusal, in S3's words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """What came in."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def asked(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query[name][0] if name in self.query else default


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out; ``length`` when there is no body to count, as for HEAD."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None


class Store:
    """All buckets, and the calls that were made."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.calls: Counter[str] = Counter()
        self._uploads: dict[str, Upload] = {}
        self._operations: dict[str, Callable[[Request], Answer]] = {
            "CreateBucket": self._create_bucket,
            "ListObjectsV2": self._list,
            "GetObject": self._get,
            "HeadObject": self._head,
            "PutObject": self._put,
            "CopyObject": self._copy,
            "DeleteObject": self._delete,
            "DeleteObjects": self._delete_many,
            "CreateMultipartUpload": self._create_upload,
            "UploadPart": self._upload_part,
            "UploadPartCopy": self._upload_part_copy,
            "CompleteMultipartUpload": self._complete_upload,
            "AbortMultipartUpload": self._abort_upload,
        }

    def handle(self, request: Request) -> Answer:
        """The answer to an S3 request, which is counted."""
        operation = s3_requests.identify(
            s3_requests.S3Request(
                request.method, request.bucket, request.key, request.query, request.headers
            )
        )
        self.calls[operation] += 1
        try:
            if operation not in self._operations:
                raise S3Error(501, "NotImplemented", f"The stub has no {operation}.")
            return self._operations[operation](request)
        except S3Error as error:
            text = f"<Error><Code>{error.code}</Code><Message>{error}</Message></Error>"
            return Answer(error.status, {}, text.encode())

    def _bucket(self, name: str) -> Bucket:
        try:
            return self.buckets[name]
        except KeyError:
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist.") from None

    def _create_bucket(self, request: Request) -> Answer:
        self.buckets.setdefault(request.bucket, Bucket())
        return Answer(headers={"Location": f"/{request.bucket}"})

    def _list(self, request: Request) -> Answer:
        bucket = self._bucket(request.bucket)
        prefix, delimiter = request.asked("prefix"), request.asked("delimiter")
        token = request.asked("continuation-token")
        most = min(PAGE_KEYS, int(request.asked("max-keys", str(PAGE_KEYS))))
        try:
            after = base64.urlsafe_b64decode(token).decode() if token else ""
        except ValueError:
            message = "The continuation token provided is incorrect"
            raise S3Error(400, "InvalidArgument", message) from None
        after = after or request.asked("start-after")
        found, more = bucket.page(prefix, delimiter, after, most) if most else ([], False)
        write = quote if request.asked("encoding-type") == "url" else escape
        parts = [
            f"<Name>{request.bucket}</Name><Prefix>{write(prefix)}</Prefix>",
            f"<KeyCount>{len(found)}</KeyCount><MaxKeys>{most}</MaxKeys>",
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>",
        ]
        if delimiter:
            parts.append(f"<Delimiter>{write(delimiter)}</Delimiter>")
        if write is quote:
            parts.append("<EncodingType>url</EncodingType>")
        if more:
            following = base64.urlsafe_b64encode(found[-1][0].encode()).decode()
            parts.append(f"<NextContinuationToken>{following}</NextContinuationToken>")
        for name, content in found:
            if content is None:
                parts.append(f"<CommonPrefixes><Prefix>{write(name)}</Prefix></CommonPrefixes>")
            else:
                parts.append(
                    f"<Contents><Key>{write(name)}</Key>"
                    f"<LastModified>{_iso(content.modified)}</LastModified>"
                    f"<ETag>&quot;{content.etag}&quot;</ETag><Size>{content.size_bytes}</Size>"
                    "<StorageClass>STANDARD</StorageClass></Contents>"
                )
        return Answer(body=_xml("ListBucketResult", "".join(parts)))

    def _get(self, request: Request) -> Answer:
        content = self._readable(request)
        size = content.size_bytes
        headers = _object_headers(content)
        wanted = request.headers.get("range")
        if not wanted:
            return Answer(headers=headers, body=content.read(0, size))
        start, end = _range(wanted, size)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return Answer(206, headers, content.read(start, end))

    def _head(self, request: Request) -> Answer:
        content = self._readable(request)
        return Answer(headers=_object_headers(content), length=content.size_bytes)

    def _readable(self, request: Request) -> Content:
        content = self._bucket(request.bucket).get(request.key)
        wanted = request.headers.get("if-match", content.etag)
        if wanted.strip('"') != content.etag:
            message = "At least one of the pre-conditions you specified did not hold"
            raise S3Error(412, "PreconditionFailed", message)
        return content

    def _put(self, request: Request) -> Answer:
        content = stored(request.body)
        self._bucket(request.bucket).put(request.key, content)
        return Answer(headers={"ETag": f'"{content.etag}"'})

    def _source(self, request: Request) -> Content:
        path = unquote(request.headers["x-amz-copy-source"].partition("?")[0]).lstrip("/")
        name, _, key = path.partition("/")
        return self._bucket(name).get(key)

    def _copy(self, request: Request) -> Answer:
        content = self._source(request)
        self._bucket(request.bucket).put(request.key, content)
        return Answer(body=_xml("CopyObjectResult", _copied(content)))

    def _delete(self, request: Request) -> Answer:
        self._bucket(request.bucket).delete(request.key)
        return Answer(204)

    def _delete_many(self, request: Request) -> Answer:
        bucket = self._bucket(request.bucket)
        for key, _ in s3_requests.deleted_objects(request.body):
            bucket.delete(key)
        return Answer(body=_xml("DeleteResult", ""))

    def _create_upload(self, request: Request) -> Answer:
        name = f"upload-{len(self._uploads)}-{time.time_ns()}"
        self._uploads[name] = Upload(self._bucket(request.bucket), request.key)
        parts = f"<Bucket>{request.bucket}</Bucket><Key>{escape(request.key)}</Key>"
        text = f"{parts}<UploadId>{name}</UploadId>"
        return Answer(body=_xml("InitiateMultipartUploadResult", text))

    def _upload(self, request: Request) -> Upload:
        try:
            return self._uploads[request.asked("uploadId")]
        except KeyError:
            message = "The specified multipart upload does not exist."
            raise S3Error(404, "NoSuchUpload", message) from None

    def _upload_part(self, request: Request) -> Answer:
        part = stored(request.body)
        self._upload(request).parts[int(request.asked("partNumber"))] = part
        return Answer(headers={"ETag": f'"{part.etag}"'})

    def _upload_part_copy(self, request: Request) -> Answer:
        source = self._source(request)
        wanted = request.headers.get("x-amz-copy-source-range")
        start, end = _range(wanted, source.size_bytes) if wanted else (0, source.size_bytes)
        part = stored(source.read(start, end))
        self._upload(request).parts[int(request.asked("partNumber"))] = part
        return Answer(body=_xml("CopyPartResult", _copied(part)))

    def _complete_upload(self, request: Request) -> Answer:
        upload = self._upload(request)
        numbers = re.findall(r"<PartNumber>(\d+)</PartNumber>", request.body.decode())
        content = upload.complete([int(number) for number in numbers])
        upload.bucket.put(upload.key, content)
        del self._uploads[request.asked("uploadId")]
        parts = f"<Bucket>{request.bucket}</Bucket><Key>{escape(request.key)}</Key>"
        text = f"{parts}<ETag>&quot;{content.etag}&quot;</ETag>"
        return Answer(body=_xml("CompleteMultipartUploadResult", text))

    def _abort_upload(self, request: Request) -> Answer:
        self._upload(request)
        del self._uploads[request.asked("uploadId")]
        return Answer(204)

    # The stub's own

    def control(self, method: str, name: str, body: bytes) -> Answer:
        """PUT images, GET calls, DELETE calls."""
        if (method, name) == ("PUT", "images"):
            order = json.loads(body)
            bucket = self.buckets.setdefault(order["bucket"], Bucket())
            bucket.put_generated(order["keys"], order["scale"])
        elif (method, name) == ("GET", "calls"):
            return Answer(body=json.dumps(self.calls).encode())
        elif (method, name) == ("DELETE", "calls"):
            self.calls.clear()
        else:
            return Answer(404)
        return Answer()


def _range(text: str, size: int) -> tuple[int, int]:
    """Start and end, without it, of "bytes=0-99", "bytes=100-" or "bytes=-100"."""
    first, _, last = text.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        raise S3Error(416, "InvalidRange", "The requested range is not satisfiable")
    return start, end


def _object_headers(content: Content) -> dict[str, str]:
    return {
        "ETag": f'"{content.etag}"',
        "Last-Modified": formatdate(content.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": "binary/octet-stream",
    }


def _copied(content: Content) -> str:
    modified = _iso(content.modified)
    return f"<ETag>&quot;{content.etag}&quot;</ETag><LastModified>{modified}</LastModified>"


def _iso(epoch_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(epoch_s))


def _xml(name: str, inside: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return (
        f'{head}<{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inside}</{name}>'.encode()
    )


# --- HTTP -----------------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
    """One client's requests, one after the other."""

    def __init__(self, store: Store, latency_s: float) -> None:
        self._store = store
        self._latency_s = latency_s
        self._received = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport, for answers."""
        self._transport = transport  # type: ignore[assignment]  # a server's is always one

    def data_received(self, data: bytes) -> None:
        """Answers all requests that are complete."""
        self._received += data
        while (request := self._next()) is not None:
            self._answer(*request)

    def _next(self) -> tuple[str, str, dict[str, str], bytes] | None:
        if self._head is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return None
            self._head = _parse_head(bytes(self._received[:end]))
            del self._received[: end + 4]
            # botocore waits for this before it sends a body
            if "expect" in self._head[2] and self._transport is not None:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        method, target, headers = self._head
        length = int(headers.get("content-length", 0))
        if len(self._received) < length:
            return None
        body = bytes(self._received[:length])
        del self._received[:length]
        self._head = None
        if "aws-chunked" in headers.get("content-encoding", ""):
            body = _without_chunks(body)
        return method, target, headers, body

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        path, _, query = target.partition("?")
        if path.startswith(CONTROL):
            answer = self._store.control(method, path.removeprefix(CONTROL), body)
        else:
            bucket, _, key = unquote(path).lstrip("/").partition("/")
            asked = parse_qs(query, keep_blank_values=True)
            answer = self._store.handle(Request(method, bucket, key, asked, headers, body))
        length = len(answer.body) if answer.length is None else answer.length
        lines = [f"HTTP/1.1 {answer.status} -", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        head = "\r\n".join([*lines, "x-amz-request-id: STUB", "", ""]).encode()
        if self._transport is None:
            return
        whole = head if method == "HEAD" else head + answer.body
        if self._latency_s:
            asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, whole)
        else:
            self._transport.write(whole)


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    return method, target, {name.lower(): value.strip() for name, _, value in pairs}


def _without_chunks(body: bytes) -> bytes:
    """The content of a body in aws-chunked encoding."""
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            break
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts)


async def serve(latency_s: float, ready: Callable[[int], None]) -> None:
    """Serves on a free port until it is ended; tells ``ready`` on which."""
    store = Store()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(store, latency_s), HOST, 0, backlog=256)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


# --- For whoever uses it --------------------------------------------------------------------------


class S3Stub:
    """A running stub."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def put_images(self, bucket: str, keys: Sequence[str], scale: int = 1) -> None:
        """Stores generated images under the keys; the bucket is made if need be."""
        self._ask("PUT", "images", {"bucket": bucket, "keys": keys, "scale": scale})

    def calls(self) -> dict[str, int]:
        """How many calls there were since `forget_calls`, by operation."""
        return dict(self._ask("GET", "calls").json())

    def forget_calls(self) -> None:
        """Counts from zero again."""
        self._ask("DELETE", "calls")

    def _ask(self, method: str, name: str, body: Any = None) -> urllib3.BaseHTTPResponse:
        address = f"{self.endpoint}{CONTROL}{name}"
        answer = urllib3.request(method, address, json=body, timeout=120.0, retries=False)
        if answer.status != 200:
            raise RuntimeError(f"{method} {address}: {answer.status}")
        return answer


@contextlib.contextmanager
def launched(latency_s: float = 0.0) -> Iterator[S3Stub]:
    """A stub on a free port, in a process that ends with the context.

    ``latency_s`` is how long it lets every caller wait.
    """
    command = [sys.executable, "-m", "benchmarks.s3_stub", "--latency-s", str(latency_s)]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield S3Stub(f"http://{HOST}:{port}")
        finally:
            process.kill()


def main(arguments: Sequence[str]) -> None:
    """`python -m benchmarks.s3_stub` prints its port, and serves."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.s3_stub", description=__doc__)
    parser.add_argument("--latency-s", type=float, default=0.0, help="what every answer takes")
    given = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.latency_s, lambda port: print(port, flush=True)))


if __name__ == "__main__":
    main(sys.argv[1:])
