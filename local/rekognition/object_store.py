"""What the emulator needs of S3. The embedded runtime and the tests each bring their own."""

from typing import NamedTuple, Protocol
from urllib.parse import urlsplit


class ObjectStore(Protocol):
    """Buckets of bytes."""

    def get(self, bucket: str, key: str, version: str | None) -> bytes:
        """The object's content. Raises KeyError if it is missing, PermissionError if refused."""

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Stores an object. KeyError if its bucket is missing, PermissionError if refused."""


class Location(NamedTuple):
    """Where an object is."""

    bucket: str
    key: str


def parse_s3_uri(uri: str) -> Location | None:
    """The location that ``s3://bucket/key`` names, None if it is not of that form."""
    parts = urlsplit(uri, allow_fragments=False)
    key = uri.removeprefix(f"s3://{parts.netloc}/")
    if parts.scheme != "s3" or not parts.netloc or not key or key == uri:
        return None
    return Location(parts.netloc, key)
