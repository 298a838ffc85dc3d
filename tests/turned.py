"""Files that say how their image is to be shown, in every way that a file can.

What is right for each is what a browser makes of it: tests/console/test_orientation.py asks one.
"""

import io
import struct
import zlib

from PIL import Image

SIZE_PX = (300, 200)


def _file(kind: str) -> bytes:
    """An image with one dark quarter, at the top and left of the file."""
    image = Image.new("RGB", SIZE_PX, "white")
    image.paste("black", (0, 0, SIZE_PX[0] // 2, SIZE_PX[1] // 2))
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    """A segment of a JPEG file."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


_PNG, _JPEG = _file("PNG"), _file("JPEG")


def _exif(
    value: int = 6, order: str = "<", kind: int = 3, count: int = 1, offset: int = 8
) -> bytes:
    """Metadata that say one thing: how the camera was held."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, offset)
    number = struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
    entry = struct.pack(f"{order}HHHI", 1, 0x0112, kind, count) + number
    return head.ljust(offset, b"\0") + entry + bytes(4)


def _jpeg(*segments: bytes, before_pixels: bytes = b"") -> bytes:
    pixels = _JPEG.index(b"\xff\xda")
    return b"\xff\xd8" + b"".join(segments) + _JPEG[2:pixels] + before_pixels + _JPEG[pixels:]


def _app1(metadata: bytes, name: bytes = b"Exif\0\0") -> bytes:
    return segment(0xE1, name + metadata)


def _png(before: bytes = b"", behind: bytes = b"") -> bytes:
    return _PNG[:33] + before + _PNG[33:-12] + behind + _PNG[-12:]


_XMP = segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>')
_NO_TAG = b"II*\0\x08\0\0\0\0\0\0\0\0\0"

FILES = {
    "plain": (_JPEG, 1),
    "turned": (_jpeg(_app1(_exif(6))), 6),
    "behind the pixels' tables": (_jpeg(before_pixels=_app1(_exif(6))), 6),
    "big-endian": (_jpeg(_app1(_exif(6, ">"))), 6),
    "behind other metadata": (_jpeg(_XMP, _app1(_exif(6))), 6),
    "the first of two": (_jpeg(_app1(_exif(6)), _app1(_exif(1))), 6),
    "not the second of two": (_jpeg(_app1(_exif(1)), _app1(_exif(6))), 1),
    "not behind one without": (_jpeg(_app1(_NO_TAG), _app1(_exif(6))), 1),
    "far in": (_jpeg(_app1(_exif(6, offset=100))), 6),
    "filled up": (_jpeg(b"\xff\xff", _app1(_exif(6))), 6),
    "something between": (_jpeg(_XMP, b"\0\0", _app1(_exif(6))), 6),
    "any sign behind the name": (_jpeg(_app1(_exif(6), b"Exif\0x")), 6),
    "a long number": (_jpeg(_app1(_exif(6, kind=4))), 1),
    "two numbers": (_jpeg(_app1(_exif(6, count=2))), 1),
    "no such way": (_jpeg(_app1(_exif(9))), 1),
    "no metadata of TIFF": (_jpeg(_app1(_exif(6).replace(b"*", b"+"))), 1),
    "another segment": (_jpeg(segment(0xE2, b"Exif\0\0" + _exif(6))), 1),
    "other metadata": (_jpeg(_XMP), 1),
    "plain PNG": (_PNG, 1),
    "turned PNG": (_png(chunk(b"eXIf", _exif(6))), 6),
    "big-endian PNG": (_png(chunk(b"eXIf", _exif(6, ">"))), 6),
    "behind the pixels of a PNG": (_png(behind=chunk(b"eXIf", _exif(6))), 1),
    "damaged in a PNG": (_png(chunk(b"eXIf", _exif(6))[:-4] + b"abcd"), 1),
    "the first of two in a PNG": (_png(chunk(b"eXIf", _exif(6)) + chunk(b"eXIf", _exif(1))), 6),
    "with a JPEG's name in a PNG": (_png(chunk(b"eXIf", b"Exif\0\0" + _exif(6))), 1),
    **{f"way {way}": (_jpeg(_app1(_exif(way))), way) for way in range(1, 9)},
    **{f"way {way} of a PNG": (_png(chunk(b"eXIf", _exif(way))), way) for way in range(1, 9)},
}
"""Each with how it is to be shown, 1 to 8."""
