"""Parts of images as images of their own. Called by the import of boxes; needs Pillow."""

import io

from PIL import Image, ImageOps

from labelloop.domain.annotations import Box

_KEPT = ("L", "RGB", "RGBA")
"""How PNG has colors as photographs do."""


def cut(content: bytes, box: Box, size_px: tuple[int, int]) -> bytes:
    """The part of an image that is in a box, as a PNG file: the same part makes the same file.

    Boxes are for the image as it is shown, unless only the size of the file fits. Raises OSError,
    ValueError or SyntaxError for an image that Pillow cannot read.
    """
    with Image.open(io.BytesIO(content)) as opened:
        shown = ImageOps.exif_transpose(opened)
        image = opened if shown.size != size_px and opened.size == size_px else shown
        edges = (box.left, box.top, box.left + box.width, box.top + box.height)
        part = image.crop(edges)
    stream = io.BytesIO()
    (part if part.mode in _KEPT else part.convert("RGB")).save(stream, "PNG")
    return stream.getvalue()
