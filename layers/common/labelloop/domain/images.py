"""Which objects may be images, by what is cheaply known; whether one trains, ``fitness`` tells.

Names tell nothing of that: the service knows none, and each door judges a file by its content.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

MAX_BYTES = 15 * 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
API_FOLDER = "images_from_api/"
"""Of images that came by the API: what comes into it starts nothing by itself."""
EVALUATED_FOLDER = "images_in_evaluation/"
"""Of images that are too large to be sent along, while somebody tries a version on them."""
NO_VERSION = "null"
"""S3's name for the version of an object that came while the bucket kept none; its event has none.
"""
MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Of an image that is sent along; a larger one must be in S3."""


@dataclass(frozen=True)
class ImageObject:
    """One version of one object in the bucket."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size_bytes: int

    def event(self, what: str, sender: str | None = None) -> str:
        """S3's event about it, as far as detection reads it, which looks into the log first.

        ``what`` has happened to it; ``sender`` is the ``sub`` of the person who has sent it.
        """
        found = {
            "key": self.key,
            "size": self.size_bytes,
            "etag": self.etag,
            "version-id": self.version_id,
        }
        detail = {"bucket": {"name": self.bucket}, "object": found, "again": True}
        if sender is not None:
            detail["sender"] = sender
        return json.dumps({"source": "labelloop", "detail-type": what, "detail": detail})


def is_folder_marker(key: str) -> bool:
    """Whether the key is the empty object with which the S3 console shows a folder."""
    return key.endswith("/")


def is_by_the_way(path: str) -> bool:
    """Whether a file is hidden or left by another program, or is in a folder that is.

    People do not see such files, and copies of folders bring them along.
    """
    return any(part.startswith(".") or part.lower() in _BY_THE_WAY for part in path.split("/"))


_BY_THE_WAY = {
    *("thumbs.db", "desktop.ini", "__macosx", "@eadir"),
    *("system volume information", "$recycle.bin", "#recycle", "@recycle", "lost+found"),
    *("__pycache__", "node_modules", "ehthumbs.db"),
}
"""What Windows, Macs and storage boxes leave in folders, beside hidden files."""


def refusal(key: str, size_bytes: int) -> str:
    """Why no model needs to be asked about an object of this name and size: a sentence, or nothing.

    A suffix is no reason, nor is a hidden name: the service knows neither.
    """
    name = key.rsplit("/", 1)[-1].lower()
    if name in _NEVER_IMAGES or name.startswith("._"):
        return "It is no image, but what another program has left beside images."
    return refusal_of_size(size_bytes)


_NEVER_IMAGES = {".ds_store", "thumbs.db", "desktop.ini"}


def refusal_of_size(size_bytes: int) -> str:
    """Why the service takes no file of this size, in a sentence; empty where it may."""
    if size_bytes == 0:
        return "The file is empty."
    if size_bytes > MAX_BYTES:
        size_mb = size_bytes / 1024 / 1024
        return f"The file has {size_mb:.1f} MB; Rekognition takes images of up to 15 MB."
    return ""


def has_image_signature(first_bytes: bytes) -> bool:
    """Whether the content starts as PNG or JPEG files do."""
    return first_bytes.startswith((PNG, JPEG))


def media_type(content: bytes) -> str:
    """The type of an image that starts as PNG or JPEG files do."""
    return "image/png" if content.startswith(PNG) else "image/jpeg"


def media_type_by_name(key: str) -> str:
    """The type that the name of an image tells, for where its content is not read."""
    return "image/png" if key.lower().endswith(".png") else "image/jpeg"


def api_key(content: bytes, came: datetime) -> str:
    """Where an image is kept that came by the API: the same one on the same day in one place."""
    name = hashlib.sha256(content).hexdigest()[:32]
    suffix = ".png" if media_type(content) == "image/png" else ".jpg"
    return f"{API_FOLDER}{came:%Y-%m-%d}/{name}{suffix}"
