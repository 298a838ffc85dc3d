"""All that is remembered of an image, from one decoding of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelvision import fingerprints, images, quality, renditions
from labelvision.backbone import Backbone
from labelvision.quality import Quality


@dataclass(frozen=True)
class Seen:
    """What an image shows, in a few KB."""

    size_px: tuple[int, int]
    """Width and height in the file."""
    embedding: npt.NDArray[np.float16]
    fingerprint: int
    quality: Quality
    thumbnail: bytes
    preview: bytes | None
    """Where it was asked for."""


def look(content: bytes, backbone: Backbone, *, with_preview: bool = False) -> Seen:
    """What the file shows; the same for the same file. Raises UnusableImageError, with the reason.

    Metadata that turn the image are followed, and what is transparent is seen on gray.
    """
    picture = images.picture(content)
    image = picture.image
    return Seen(
        size_px=picture.size_px,
        embedding=backbone.embed(image).astype(np.float16),
        fingerprint=fingerprints.fingerprint(image),
        quality=quality.judge(image),
        thumbnail=renditions.thumbnail(image),
        preview=renditions.preview(image) if with_preview else None,
    )
