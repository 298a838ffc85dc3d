"""Which objects are images, and what Rekognition Custom Labels takes.

Limits: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/limits.html
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

SUFFIXES = (".jpg", ".jpeg", ".png")
API_FOLDER = "images_from_api/"
"""Of images that came by the API: what comes into it starts nothing by itself."""
EVALUATED_FOLDER = "images_in_evaluation/"
"""Of images that are too large to be sent along, while somebody tries a version on them."""
MAX_BYTES = 15 * 1024 * 1024
MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Of an image that is sent along; a larger one must be in S3."""
MIN_SIDE_PX = 64
MAX_SIDE_PX = 4096
MAX_ASPECT = 20
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class ImageObject:
    """One version of one object in the bucket."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size_bytes: int

    def event(self, what: str) -> str:
        """S3's event about it, as far as detection reads it, which looks into the log first.

        ``what`` has happened to it.
        """
        found = {
            "key": self.key,
            "size": self.size_bytes,
            "etag": self.etag,
            "version-id": self.version_id,
        }
        detail = {"bucket": {"name": self.bucket}, "object": found, "again": True}
        return json.dumps({"source": "labelloop", "detail-type": what, "detail": detail})


def is_folder_marker(key: str) -> bool:
    """Whether the key is the empty object with which the S3 console shows a folder."""
    return key.endswith("/")


def has_image_suffix(key: str) -> bool:
    """Whether the name is that of a PNG or JPEG file."""
    return key.lower().endswith(SUFFIXES)


def has_image_signature(first_bytes: bytes) -> bool:
    """Whether the content starts as PNG or JPEG files do."""
    return first_bytes.startswith((_PNG, _JPEG))


def media_type(content: bytes) -> str:
    """The type of an image that starts as PNG or JPEG files do."""
    return "image/png" if content.startswith(_PNG) else "image/jpeg"


def media_type_by_name(key: str) -> str:
    """The type that the name of an image tells, for where its content is not read."""
    return "image/png" if key.lower().endswith(".png") else "image/jpeg"


def api_key(content: bytes, came: datetime) -> str:
    """Where an image is kept that came by the API: the same one on the same day in one place."""
    name = hashlib.sha256(content).hexdigest()[:32]
    suffix = ".png" if content.startswith(_PNG) else ".jpg"
    return f"{API_FOLDER}{came:%Y-%m-%d}/{name}{suffix}"


def refusal(key: str, size_bytes: int) -> str | None:
    """Why the service would not take an object of this name and size; None where it may.

    What it says is a sentence for the consumer.
    """
    if not has_image_suffix(key):
        return "The name does not end in .jpg, .jpeg or .png, so it was not taken for an image."
    if size_bytes == 0:
        return "The file is empty."
    if size_bytes > MAX_BYTES:
        return _too_large(size_bytes)
    return None


# --- What training takes --------------------------------------------------------------------------


def dimensions(first_bytes: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of a PNG or JPEG file that begins so.

    None where the beginning is too short to tell: a JPEG has its size behind its metadata. Raises
    ValueError where the file is broken, or no such file.
    """
    if first_bytes.startswith(_PNG):
        size_px = _png_size(first_bytes)
    elif first_bytes.startswith(_JPEG):
        size_px = _jpeg_size(first_bytes)
    elif _PNG.startswith(first_bytes) or _JPEG.startswith(first_bytes):
        return None
    else:
        raise ValueError("neither PNG nor JPEG")
    if size_px is not None and 0 in size_px:
        raise ValueError("it has no width or no height")
    return size_px


def _png_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 24:
        return None
    if data[12:16] != b"IHDR":
        raise ValueError("a PNG file without its header")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = _jpeg_frame(data)
    if position is None or len(data) < position + 7:
        return None
    height = int.from_bytes(data[position + 3 : position + 5], "big")
    return int.from_bytes(data[position + 5 : position + 7], "big"), height


def _jpeg_frame(data: bytes) -> int | None:
    """Where the frame header is, which has the size: the segments before it lead there."""
    position = 2
    # Decoders pass over what is between two segments, so this does.
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        position += 2
        if marker in _JPEG_ALONE:
            continue
        if marker not in _JPEG_SEGMENTS:
            raise ValueError(f"a JPEG file with the marker {marker:02X} before its size")
        if len(data) < position + 2:
            return None
        length = int.from_bytes(data[position : position + 2], "big")
        if length < (7 if marker in _JPEG_FRAMES else 2):
            raise ValueError("a JPEG file with a segment that is too short")
        if marker in _JPEG_FRAMES:
            return position
        position += length
    return None


_JPEG_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
"""Markers without a segment: stuffing, TEM and the restarts."""
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SEGMENTS = _JPEG_FRAMES | {0xC4, 0xCC, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE}
"""What decoders take up to the frame header: https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1."""


def is_cut_off(content: bytes) -> bool:
    """Whether the end of a file is missing whose ``dimensions`` can be read.

    Only the whole content tells. There may be more behind an image's end, as phones put films
    there; and within its metadata a thumbnail, with an end of its own.
    """
    if content.startswith(_PNG):
        return content.find(b"IEND", 24) < 0
    return content.find(b"\xff\xd9", _jpeg_frame(content)) < 0


def refusal_of_content(content: bytes) -> str | None:
    """Why the service would not look at a file of this content; None where it may.

    What it says is a sentence.
    """
    try:
        size_px = dimensions(content)
    except ValueError:
        size_px = None
    return refusal_for_training(len(content), content, size_px)


def refusal_for_training(
    size_bytes: int, first_bytes: bytes, size_px: tuple[int, int] | None
) -> str | None:
    """Why the service would not train on an image of this size and beginning; None where it may.

    ``size_px`` is None where no width and height can be found. What it says is a sentence.
    """
    if size_bytes == 0:
        return "The file is empty."
    if size_bytes > MAX_BYTES:
        return _too_large(size_bytes)
    if not has_image_signature(first_bytes):
        return "The file is neither a PNG nor a JPEG image, whatever its name says."
    if size_px is None:
        return "The file is broken or cut off: its width and height cannot be read."
    return _size_refusal(size_px)


def _size_refusal(size_px: tuple[int, int]) -> str | None:
    size = f"The image has {size_px[0]} x {size_px[1]} px; Rekognition takes images"
    if min(size_px) < MIN_SIDE_PX or max(size_px) > MAX_SIDE_PX:
        return f"{size} of {MIN_SIDE_PX} to {MAX_SIDE_PX} px each way."
    if max(size_px) > MAX_ASPECT * min(size_px):
        return f"{size} that are up to {MAX_ASPECT} times as long as wide."
    return None


def _too_large(size_bytes: int) -> str:
    size_mb = size_bytes / 1024 / 1024
    return f"The file has {size_mb:.1f} MB; Rekognition takes images of up to 15 MB."
