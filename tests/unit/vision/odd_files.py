"""Files of images as they are seldom made, of one drawn scene."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

from PIL import Image

from labelloop_pages import machine_parts

PNG = b"\x89PNG\r\n\x1a\n"
ORIENTATION = 0x0112


def scene(width_px: int = 384, height_px: int = 288) -> Image.Image:
    """The scene, in so many pixels."""
    return _drawn().resize((width_px, height_px))


@cache
def _drawn() -> Image.Image:
    return machine_parts.draw_scene(random.Random(7))[0]


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The image as a file."""
    image.save(written := io.BytesIO(), kind, **options)
    return written.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width_px: int, height_px: int, body: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG file with these bytes as what is to be inflated."""
    header = struct.pack(">IIBBBBB", width_px, height_px, depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b""))
    return PNG + b"".join(parts)


def with_chunk(content: bytes, part: bytes) -> bytes:
    """The PNG file with a part more, behind its header."""
    return content[:33] + part + content[33:]


def turned(orientation: int) -> bytes:
    """The scene stored so that it is upright when it is turned as the file says."""
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = scene() if back is None else scene().transpose(back)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encode(stored, "JPEG", quality=95, exif=exif)


def _of_16_bits(image: Image.Image, colour: int) -> bytes:
    """Sixteen bits of gray, or of each colour."""
    row_bytes = len(image.getbands()) * image.width
    values = image.tobytes()
    rows = (values[at : at + row_bytes] for at in range(0, len(values), row_bytes))
    wide = b"".join(b"\0" + bytes(b for value in row for b in (value, value)) for row in rows)
    return png(*image.size, zlib.compress(wide), depth=16, colour=colour)


def _animated(first_shown: bool) -> bytes:
    other = scene().rotate(90).resize(scene().size)
    return encode(
        scene(), "PNG", save_all=True, append_images=[other], default_image=not first_shown
    )


def _palette(**options: Any) -> bytes:
    return encode(scene().convert("P", palette=Image.Palette.ADAPTIVE), "PNG", **options)


def _with_alpha(mode: str) -> bytes:
    image = scene().convert(mode)
    image.putalpha(255)
    return encode(image, "PNG")


SAME: dict[str, Callable[[], bytes]] = {
    "baseline": lambda: encode(scene(), "JPEG", quality=90),
    "progressive": lambda: encode(scene(), "JPEG", quality=90, progressive=True),
    "not subsampled": lambda: encode(scene(), "JPEG", quality=90, subsampling=0),
    "cmyk": lambda: encode(scene().convert("CMYK"), "JPEG", quality=90),
    "several pictures": lambda: encode(scene(), "MPO", save_all=True, append_images=[scene()]),
    "png": lambda: encode(scene(), "PNG"),
    "16-bit colour": lambda: _of_16_bits(scene(), 2),
    "palette": _palette,
    "palette with transparency": lambda: _palette(transparency=255),
    "alpha": lambda: _with_alpha("RGBA"),
    "animated": lambda: _animated(first_shown=True),
    "animated behind another picture": lambda: _animated(first_shown=False),
    "broken EXIF": lambda: encode(scene(), "JPEG", quality=90, exif=b"Exif\0\0MM\0*\xff\xff\xff"),
    "broken profile": lambda: encode(scene(), "PNG", icc_profile=b"none"),
    "damaged by the way": lambda: with_chunk(
        encode(scene(), "PNG"), chunk(b"tEXt", b"a\0b")[:-1] + b"?"
    ),
}
"""Files that all show the scene, in its colours."""

GRAY: dict[str, Callable[[], bytes]] = {
    "gray": lambda: encode(scene().convert("L"), "JPEG", quality=90),
    "16-bit gray": lambda: _of_16_bits(scene().convert("L"), 0),
    "gray with alpha": lambda: _with_alpha("LA"),
}
"""Files that all show it in gray."""


def text_bomb() -> bytes:
    """A PNG file with a text of 20 MB in a few KB."""
    text = zlib.compress(bytes(20_000_000), 9)
    return with_chunk(encode(scene(), "PNG"), chunk(b"zTXt", b"a\0\0" + text))


def pixel_bomb() -> bytes:
    """A PNG file of a few bytes that says it has 3.6 thousand million pixels."""
    return png(60_000, 60_000, zlib.compress(bytes(1000)))


def overfull() -> bytes:
    """A PNG file with far more in it than its few pixels need."""
    return png(64, 64, zlib.compress(bytes(20_000_000), 9))


def profile_bomb() -> bytes:
    """A PNG file with a colour profile of 20 MB in a few KB."""
    profile = zlib.compress(bytes(20_000_000), 9)
    return with_chunk(encode(scene(), "PNG"), chunk(b"iCCP", b"a\0\0" + profile))
