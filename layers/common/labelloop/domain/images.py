"""Which objects are images, and what Rekognition Custom Labels takes.

Limits: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/limits.html
"""

from dataclasses import dataclass

SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_BYTES = 15 * 1024 * 1024
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


def is_folder_marker(key: str) -> bool:
    """Whether the key is the empty object with which the S3 console shows a folder."""
    return key.endswith("/")


def has_image_suffix(key: str) -> bool:
    """Whether the name is that of a PNG or JPEG file."""
    return key.lower().endswith(SUFFIXES)


def has_image_signature(first_bytes: bytes) -> bool:
    """Whether the content starts as PNG or JPEG files do."""
    return first_bytes.startswith((_PNG, _JPEG))


def refusal(key: str, size_bytes: int) -> str | None:
    """Why the service would not take an object of this name and size; None where it may.

    What it says is a sentence for the consumer.
    """
    if not has_image_suffix(key):
        return "The name does not end in .jpg, .jpeg or .png, so it was not taken for an image."
    if size_bytes == 0:
        return "The file is empty."
    if size_bytes > MAX_BYTES:
        size_mb = size_bytes / 1024 / 1024
        return f"The file has {size_mb:.1f} MB; Rekognition takes images of up to 15 MB."
    return None
