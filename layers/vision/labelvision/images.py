"""Decodes images as they are shown, and says of each file that it does not decode why.

The limits are those of the Custom Labels guide; they hold for training and detection alike.
"""

import math
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
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
DETAIL_PX = 1600
"""The longer side at which a picture is looked at, and shown to people."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# On it neither black nor white things vanish that stand on nothing.
_BEHIND_TRANSPARENCY = (128, 128, 128)
# What Pillow raises of damage: OSError of a JPEG, SyntaxError of a PNG, the others of odd parts.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


class Problem(Enum):
    """Why an image is refused."""

    TOO_MANY_BYTES = "too many bytes"
    NOT_AN_IMAGE = "not a PNG or JPEG that can be read"
    CUT_OFF = "cut off"
    BROKEN = "broken"
    TOO_LARGE = "too large"
    TOO_SMALL = "too small"
    TOO_LONG = "too long for its width"


class UnusableImageError(Exception):
    """Custom Labels does not take this image."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


@dataclass(frozen=True)
class Picture:
    """An image as people see it: upright, in RGB, its longer side ``DETAIL_PX`` at most."""

    image: Image.Image
    size_px: tuple[int, int]
    """Width and height in the file, before it is turned."""


def picture(content: bytes) -> Picture:
    """The image as people see it; the same for the same file. Raises UnusableImageError."""
    opened = _opened(content, MAXIMUM_S3_BYTES)
    size_px = opened.size
    width_px, height_px = (math.ceil(side * DETAIL_PX / max(size_px)) for side in size_px)
    decoded = _decoded(opened, (width_px, height_px))
    coloured = decoded.convert("RGBA") if decoded.has_transparency_data else _plain(decoded)
    coloured.thumbnail((DETAIL_PX, DETAIL_PX), Image.Resampling.BICUBIC, reducing_gap=2.0)
    if coloured.mode == "RGBA":
        behind = Image.new("RGBA", coloured.size, _BEHIND_TRANSPARENCY)
        coloured = Image.alpha_composite(behind, coloured)
    return Picture(_turned(coloured.convert("RGB"), orientation(decoded)), size_px)


def decode(
    content: bytes,
    maximum_bytes: int = MAXIMUM_S3_BYTES,
    least_side_px: int = DECODED_SIDE_PX,
) -> Image.Image:
    """The image, told by its content and not by its name. Raises UnusableImageError.

    To save time a large JPEG is decoded smaller than it is, but to no side under
    ``least_side_px``; ``size_px`` gives its own size.
    """
    return _decoded(_opened(content, maximum_bytes), (least_side_px, least_side_px))


def upright(image: Image.Image) -> Image.Image:
    """A decoded image turned as its metadata want it shown."""
    return _turned(image, orientation(image))


def orientation(image: Image.Image) -> int:
    """How a decoded image is to be shown, 1 to 8; 1, as it is, where its metadata are broken."""
    with suppress(*_DAMAGE):
        told = image.getexif().get(_ORIENTATION)
        return told if told in _TURNS else 1
    return 1


def _turned(image: Image.Image, told: int) -> Image.Image:
    return image.transpose(_TURNS[told]) if told in _TURNS else image


def _plain(decoded: Image.Image) -> Image.Image:
    """In a mode whose values can be averaged."""
    return decoded if decoded.mode in ("L", "RGB", "CMYK") else decoded.convert("RGB")


def _opened(content: bytes, maximum_bytes: int) -> Image.Image:
    """The image before it is decoded, its size found good. Raises UnusableImageError."""
    if len(content) > maximum_bytes:
        message = f"The image has {len(content)} bytes, more than {maximum_bytes}."
        raise UnusableImageError(Problem.TOO_MANY_BYTES, message)
    try:
        image = _identified(content)
    except Image.DecompressionBombError as error:
        raise UnusableImageError(Problem.TOO_LARGE, "The image has too many pixels.") from error
    except _DAMAGE as error:
        message = "The image is not a PNG or JPEG that can be read."
        raise UnusableImageError(Problem.NOT_AN_IMAGE, message) from error
    _check_dimensions(*image.size)
    return image


def _identified(content: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(content), formats=FORMATS)
    except (UnidentifiedImageError, SyntaxError):
        if not content.startswith(_PNG):
            raise
        # Pillow refuses damage in parts of a PNG that other decoders pass over.
        return Image.open(BytesIO(_without_damaged_parts(content)), formats=FORMATS)


def _decoded(image: Image.Image, least_px: tuple[int, int]) -> Image.Image:
    """All of it; a JPEG no smaller than ``least_px`` each way. Raises UnusableImageError."""
    try:
        image.draft("RGB", least_px)
        image.load()
        if image.mode == "P" and image.palette is None:
            raise SyntaxError("numbers of colours, without the colours")
    except _DAMAGE as error:
        if "truncated" in str(error):
            message = "The image is cut off: its end is missing."
            raise UnusableImageError(Problem.CUT_OFF, message) from error
        message = "The image is broken: it cannot be decoded."
        raise UnusableImageError(Problem.BROKEN, message) from error
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
