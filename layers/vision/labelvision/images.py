"""Decodes images and refuses those that Custom Labels refuses.

The limits are those of the Custom Labels guide; they hold for training and detection alike.
"""

import zlib
from enum import Enum
from io import BytesIO

from PIL import Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG")
_PNG = b"\x89PNG\r\n\x1a\n"
MINIMUM_SIDE_PX, MAXIMUM_SIDE_PX = 64, 4096
MAXIMUM_ASPECT_RATIO = 20
MAXIMUM_S3_BYTES = 15 * 1024 * 1024
# A JPEG may be decoded at a half, a quarter or an eighth of its size: enough to be embedded.
DECODED_SIDE_PX = 448


class Problem(Enum):
    """Why an image is refused."""

    TOO_MANY_BYTES = "too many bytes"
    NOT_AN_IMAGE = "not a readable PNG or JPEG"
    TOO_LARGE = "too large"
    TOO_SMALL = "too small"
    TOO_LONG = "too long for its width"


class UnusableImageError(Exception):
    """Custom Labels does not take this image."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


def decode(
    content: bytes,
    maximum_bytes: int = MAXIMUM_S3_BYTES,
    least_side_px: int = DECODED_SIDE_PX,
) -> Image.Image:
    """The image, told by its content and not by its name. Raises UnusableImageError.

    To save time a large JPEG is decoded smaller than it is, but to no side under
    ``least_side_px``; ``size_px`` gives its own size.
    """
    if len(content) > maximum_bytes:
        message = f"The image has {len(content)} bytes, more than {maximum_bytes}."
        raise UnusableImageError(Problem.TOO_MANY_BYTES, message)
    try:
        image = _loaded(content, least_side_px)
    except Image.DecompressionBombError as error:
        raise UnusableImageError(Problem.TOO_LARGE, "The image has too many pixels.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        # Pillow reports a damaged PNG as SyntaxError and a damaged JPEG as OSError.
        message = "The image is not a PNG or JPEG that can be read."
        raise UnusableImageError(Problem.NOT_AN_IMAGE, message) from error
    return image


def _loaded(content: bytes, least_side_px: int) -> Image.Image:
    try:
        image = Image.open(BytesIO(content), formats=FORMATS)
    except (UnidentifiedImageError, SyntaxError):
        if not content.startswith(_PNG):
            raise
        # Pillow refuses damage in parts of a PNG that other decoders pass over.
        image = Image.open(BytesIO(_without_damaged_parts(content)), formats=FORMATS)
    _check_dimensions(*image.size)
    image.draft("RGB", (least_side_px, least_side_px))
    image.load()
    # What Pillow makes of 16 bits of gray, it cuts off at 8 bits where it converts them.
    if image.mode == "I" or image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    return image


def _without_damaged_parts(content: bytes) -> bytes:
    """A PNG file without what is damaged of the parts that decoders can do without."""
    kept, place = [content[:8]], 8
    while place < len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        checksum = zlib.crc32(content[place + 4 : end - 4]).to_bytes(4, "big")
        can_be_done_without = content[place + 4 : place + 5].islower()
        if content[end - 4 : end] == checksum or not can_be_done_without:
            kept.append(content[place:end])
        place = end
    return b"".join(kept)


def size_px(content: bytes) -> tuple[int, int]:
    """Width and height of an image that ``decode`` has taken."""
    with Image.open(BytesIO(content), formats=FORMATS) as image:
        return image.size


def _check_dimensions(width_px: int, height_px: int) -> None:
    longer, shorter = max(width_px, height_px), min(width_px, height_px)
    size = f"{width_px} x {height_px} px"
    if longer > MAXIMUM_SIDE_PX:
        message = f"The image is {size}; {MAXIMUM_SIDE_PX} px a side are the most."
        raise UnusableImageError(Problem.TOO_LARGE, message)
    if shorter < MINIMUM_SIDE_PX:
        message = f"The image is {size}; {MINIMUM_SIDE_PX} px a side are the least."
        raise UnusableImageError(Problem.TOO_SMALL, message)
    if longer > MAXIMUM_ASPECT_RATIO * shorter:
        message = f"The image is {size}; one side may be {MAXIMUM_ASPECT_RATIO} times the other."
        raise UnusableImageError(Problem.TOO_LONG, message)
