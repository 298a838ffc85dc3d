"""What happens before a training, step by step as the state machine does it."""

import struct
import zlib

from functions.check_new_images import app as check_new_images
from functions.inspect_images import app as inspect_images
from functions.list_images_to_inspect import app as list_images_to_inspect
from functions.prepare_training import app as prepare_training
from labelloop.domain.manifests import LABELLED_FOLDER
from tests.unit.account import Account, Context, Json

RUN = "2f9c6d1e-7a41-4b8e-9d57-0c3e5a6b7d18"


def png(name: str, width: int = 320, height: int = 240) -> bytes:
    """A PNG file of this size, but for its pixels; files of other names have other content."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", name.encode()), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def upload(account: Account, label: str, numbers: range) -> None:
    """Put images into a label's folder."""
    for number in numbers:
        account.put(f"{LABELLED_FOLDER}{label}/{number}.png", png(f"{label} {number}"))


def inspect(digest: str = "", run: str = RUN) -> Json:
    """List what is to be inspected, and inspect it; what was listed."""
    listed = list_images_to_inspect.lambda_handler({"run": run, "digest": digest}, Context())
    for batch in listed["batches"]:
        inspect_images.lambda_handler({"batch": batch}, Context())
    return listed


def prepare(force: bool = False) -> Json:
    """All of it; what PrepareTraining answers."""
    checked = check_new_images.lambda_handler({"force": force}, Context())
    inspect(checked["digest"])
    request = {"force": force, "digest": checked["digest"]}
    return prepare_training.lambda_handler(request, Context())
