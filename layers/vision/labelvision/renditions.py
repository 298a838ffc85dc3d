"""Small copies of a picture, as JPEG files without metadata: for galleries, and for reviewers."""

from io import BytesIO

from PIL import Image

THUMBNAIL_PX = 256
"""A few KB, for galleries."""


def thumbnail(image: Image.Image) -> bytes:
    """The picture in RGB at 256 px, its longer side."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _jpeg(small, 75)


def preview(image: Image.Image) -> bytes:
    """The picture as ``images.picture`` gives it, good enough to be judged on a screen."""
    return _jpeg(image, 82)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    written = BytesIO()
    image.save(written, "JPEG", quality=quality)
    return written.getvalue()
