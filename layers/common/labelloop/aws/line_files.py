"""Files of lines that are written while they are made: a manifest may have a quarter of a million.

Apart from ``objects``, since the SDK's managed uploads take a while to import.
"""

import io
from collections.abc import Iterable
from typing import IO, cast

from boto3.s3.transfer import TransferConfig, create_transfer_manager

from labelloop.aws import objects
from labelloop.aws.clients import client
from labelloop.aws.failures import translated

_PART_BYTES = 8 * 1024 * 1024
_CONFIG = TransferConfig(
    multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False
)


def write_lines(key: str, texts: Iterable[str]) -> int:
    """Put an object of these lines without holding them all; how many there were."""
    stream = _LineStream(texts)
    with translated(), create_transfer_manager(client("s3"), _CONFIG) as manager:
        manager.upload(
            cast("IO[bytes]", stream),
            objects.bucket(),
            key,
            extra_args={"ContentType": "application/jsonl"},
        ).result()
    return stream.count


class _LineStream(io.RawIOBase):
    """Lines as a file that can be read once."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self._rest = b""
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """As many bytes, fewer at the end only."""
        parts = [self._rest]
        length = len(self._rest)
        while size < 0 or length < size:
            text = next(self._texts, None)
            if text is None:
                break
            parts.append(f"{text}\n".encode())
            length += len(parts[-1])
            self.count += 1
        whole = b"".join(parts)
        self._rest = whole[size:] if size >= 0 else b""
        return whole[:size] if size >= 0 else whole
