"""Whether the service trains on a file: told by its content, for every door by which it comes.

The file's structure is walked to its end. Nothing is decoded: damage within the pixels themselves
leaves an image that decoders show, and which decoder the service has is not known. What decoders
pass over, as a film behind an image's end, the walk does too, and no bytes keep it busy for long.

Formats: https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B; https://www.w3.org/TR/png-3/
Limits: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/limits.html
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from labelloop.domain.images import PNG, has_image_signature, refusal_of_size

RULES = 1
"""One more with each change of the rules: what was looked at by others is looked at again."""
MIN_SIDE_PX = 64
MAX_SIDE_PX = 4096
MAX_ASPECT = 20
MOST_PARTS = 50_000
"""Segments or chunks of a file; parts of a few hundred bytes make 15 MB with fewer."""
UPRIGHT = 1

Order = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a file says how its image is to be shown: a number of two bytes."""

    place: int
    order: Order
    chunk: tuple[int, int] | None = None
    """Of a PNG file: from where to where its checksum counts, which stands behind that."""


@dataclass(slots=True)
class Shape:
    """What the beginning of a file tells of its image."""

    size_px: tuple[int, int] | None = None
    """Width and height in the file; None where the beginning is too short to tell, or broken."""
    orientation: int = UPRIGHT
    """How the image is to be shown, 1 to 8; 1 is as it is in the file."""
    mark: Mark | None = None
    """What says so, where something does."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a whole file told."""

    size_px: tuple[int, int] | None = None
    orientation: int = UPRIGHT
    refusal: str = ""
    """Why the service would not train on it, in a sentence; empty where it would."""


def look_at(content: bytes) -> Looked:
    """What a file is, and whether the service trains on it."""
    return look((content,), len(content))


def look(pieces: Iterable[bytes], size_bytes: int) -> Looked:
    """The same of a file that comes in pieces, of which no more are taken than are needed.

    The first piece has eight bytes, where the file has so many.
    """
    refusal = refusal_of_size(size_bytes)
    if refusal:
        return Looked(refusal=refusal)
    remaining = iter(pieces)
    first = next(remaining, b"")
    if not has_image_signature(first):
        return Looked(refusal=_NO_IMAGE)
    shape = Shape()
    try:
        _walk(chain((first,), remaining), shape)
    except _EndedError:
        refusal = "The file is cut off: its end is missing."
    except _BrokenError as error:
        refusal = f"The file is broken: {error}."
    sides = _refusal_of_sides(shape.size_px) if shape.size_px else _NO_SIZE
    refusal = sides or refusal
    return Looked(shape.size_px, shape.orientation, refusal)


def shape_of(first_bytes: bytes) -> Shape:
    """What the beginning of a file, or the whole, tells of its image."""
    shape = Shape()
    if has_image_signature(first_bytes):
        with suppress(_EndedError, _BrokenError):
            _walk((first_bytes,), shape)
    return shape


def refusal_of_limits(content: bytes) -> str:
    """Why the service says that it takes no such file, in a sentence; empty where it may.

    For what the service itself is about to judge: it is asked about all that it does not document.
    """
    refusal = refusal_of_size(len(content))
    if refusal:
        return refusal
    if not has_image_signature(content):
        return _NO_IMAGE
    size_px = shape_of(content).size_px
    return _NO_SIZE if size_px is None else _refusal_of_sides(size_px)


_NO_IMAGE = "The file is neither a PNG nor a JPEG image, whatever its name says."
_NO_PIXELS = "it has no pixels"
_TOO_MANY_PARTS = f"it has more than {MOST_PARTS:,} parts"
_NO_SIZE = "The file is broken or cut off: its width and height cannot be read."


def _refusal_of_sides(size_px: tuple[int, int]) -> str:
    size = f"The image has {size_px[0]} x {size_px[1]} px; Rekognition takes images"
    if min(size_px) < MIN_SIDE_PX or max(size_px) > MAX_SIDE_PX:
        return f"{size} of {MIN_SIDE_PX} to {MAX_SIDE_PX} px each way."
    if max(size_px) > MAX_ASPECT * min(size_px):
        return f"{size} that are up to {MAX_ASPECT} times as long as wide."
    return ""


# --- The walk -------------------------------------------------------------------------------------


class _EndedError(Exception):
    """The file ends before its structure does."""


class _BrokenError(Exception):
    """No decoder would read the file; the message is the end of a sentence."""


def _walk(pieces: Iterable[bytes], shape: Shape) -> None:
    """Walk to the end of an image that starts as PNG or JPEG files do, noting its shape."""
    stream = _Stream(pieces)
    if stream.take(2) == PNG[:2]:
        stream.skip(len(PNG) - 2)
        _walk_png(stream, shape)
    else:
        _walk_jpeg(stream, shape)


class _Stream:
    """Pieces of a file, read one after the other."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._piece = b""
        self._at = 0
        self._before = 0

    @property
    def place(self) -> int:
        """How much of the file lies behind."""
        return self._before + self._at

    def take(self, count: int) -> bytes:
        """The next bytes. Raises _EndedError where there are fewer, as all of these do."""
        taken = self._piece[self._at : self._at + count]
        self._at += len(taken)
        while len(taken) < count:
            self._go_on()
            more = self._piece[: count - len(taken)]
            self._at = len(more)
            taken += more
        return taken

    def skip(self, count: int) -> None:
        """Pass the next bytes over."""
        self._at += count
        while self._at > len(self._piece):
            left = self._at - len(self._piece)
            self._at = len(self._piece)
            self._go_on()
            self._at = left

    def checksum(self, count: int, before: int) -> int:
        """The CRC-32 of the next bytes, which are passed over, behind those of ``before``."""
        while count:
            if self._at == len(self._piece):
                self._go_on()
            part = memoryview(self._piece)[self._at : self._at + count]
            before = zlib.crc32(part, before)
            count -= len(part)
            self._at += len(part)
        return before

    def marker(self) -> int:
        """The next marker of a JPEG file; decoders pass over what is before it, so this does."""
        while (found := _MARKER.search(self._piece, self._at)) is None:
            half = self._piece[max(self._at, len(self._piece) - 1) :]
            self._at = len(self._piece)
            self._go_on()
            if half == b"\xff":
                self._before -= 1
                self._piece = half + self._piece
        self._at = found.end()
        return self._piece[found.end() - 1]

    def _go_on(self) -> None:
        for piece in self._pieces:
            self._before += len(self._piece)
            self._piece, self._at = piece, 0
            return
        raise _EndedError


def _walk_jpeg(stream: _Stream, shape: Shape) -> None:
    has_pixels = has_exif = False
    for _ in range(MOST_PARTS):
        marker = stream.marker()
        if marker == _END:
            break
        length = _segment_length(stream, marker)
        if marker in _FRAMES:
            length -= _note_frame(stream, marker, length, shape)
        elif marker == _SCAN:
            if shape.size_px is None:
                raise _BrokenError("it has pixels without a size")
            has_pixels = True
        elif marker == _APP1 and not has_exif and not has_pixels:
            place, metadata = stream.place, stream.take(length)
            length = 0
            # What is behind the zero does not matter to browsers; and the first Exif counts.
            if metadata.startswith(b"Exif\0"):
                has_exif = True
                _note_orientation(metadata[6:], place + 6, None, shape)
        stream.skip(length)
    else:
        raise _BrokenError(_TOO_MANY_PARTS)
    if not has_pixels:
        raise _BrokenError(_NO_PIXELS)


def _segment_length(stream: _Stream, marker: int) -> int:
    """How much belongs to the marker behind this length of its own."""
    if marker not in _SEGMENTS:
        raise _BrokenError(f"it has the marker {marker:02X} where a JPEG file cannot")
    length = int.from_bytes(stream.take(2), "big") - 2
    if length < 0:
        raise _BrokenError("a part of it is too short")
    return length


def _note_frame(stream: _Stream, marker: int, length: int, shape: Shape) -> int:
    """Note the image's size; how much was read of the frame header."""
    if shape.size_px is not None:
        raise _BrokenError("it has two sizes")
    header = stream.take(6)
    if length != 6 + 3 * header[5] or not header[5]:
        raise _BrokenError("its frame header has the wrong length")
    if marker not in _READ_FRAMES or header[0] != 8:
        raise _BrokenError(
            "it is lossless, hierarchical or of more than 8 bits, which JPEG decoders do not read"
        )
    height, width = int.from_bytes(header[1:3], "big"), int.from_bytes(header[3:5], "big")
    if not width or not height:
        raise _BrokenError("it has no width or no height")
    shape.size_px = (width, height)
    return len(header)


_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")
"""Others stand alone within pixels: stuffing, restarts and TEM; and any number of FF fill up."""
_END, _SCAN, _APP1 = 0xD9, 0xDA, 0xE1
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_READ_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""Baseline, extended and progressive, with the codes of Huffman or arithmetic ones."""
_SEGMENTS = _FRAMES | {0xC4, 0xCC, *range(0xDA, 0xDE), *range(0xE0, 0xF0), 0xFE}


def _walk_png(stream: _Stream, shape: Shape) -> None:
    before: set[bytes] = set()
    for _ in range(MOST_PARTS):
        length, kind = int.from_bytes(stream.take(4), "big"), stream.take(4)
        place = stream.place
        _check_chunk(length, kind, before)
        if kind == b"IEND":
            return
        wanted = _READ_BYTES.get(kind, 0)
        if kind == b"eXIf" and {b"IDAT", b"eXIf"} & before:
            wanted = 0  # Browsers look at the first one only, and at none behind the pixels.
        body = stream.take(min(length, wanted))
        if kind == b"IHDR" and _note_header(body, shape) == _PALETTE:
            before.add(_NEEDS_PALETTE)
        checksum = stream.checksum(length - len(body), zlib.crc32(kind + body))
        is_sound = stream.take(4) == checksum.to_bytes(4, "big")
        if not is_sound and kind in _KNOWN:
            raise _BrokenError(f"its part {kind.decode()} is damaged")
        if is_sound and kind == b"eXIf":
            _note_orientation(body, place, (place - 4, place + length), shape)
        if is_sound:
            before.add(kind)
    raise _BrokenError(_TOO_MANY_PARTS)


def _check_chunk(length: int, kind: bytes, before: set[bytes]) -> None:
    """Raise _BrokenError where a chunk cannot stand behind those before."""
    if (kind == b"IHDR") != (not before):
        raise _BrokenError("it does not begin with one header")
    if length >= 2**31 or not kind.isalpha():
        raise _BrokenError("it has a part that a PNG file cannot have")
    if kind not in _KNOWN and not kind[0] & _ANCILLARY:
        raise _BrokenError(f"it has the part {kind.decode()}, which decoders do not know")
    if kind == b"IDAT" and _NEEDS_PALETTE in before and b"PLTE" not in before:
        raise _BrokenError("its colors are missing")
    if kind == b"IEND" and b"IDAT" not in before:
        raise _BrokenError(_NO_PIXELS)


def _note_header(header: bytes, shape: Shape) -> int:
    """Note the image's size; its type of color."""
    size_px = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    if len(header) < 13 or 0 in size_px:
        raise _BrokenError("it has no width or no height")
    depth, color, compression, filtering, interlacing = header[8:13]
    if depth not in _DEPTHS.get(color, ()) or compression or filtering or interlacing > 1:
        raise _BrokenError("its header says what a PNG file cannot be")
    shape.size_px = size_px
    return color


_KNOWN = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_ANCILLARY = 0x20
"""In the first letter of a part's name: decoders can do without the part."""
_PALETTE = 3
_NEEDS_PALETTE = b"palette"
"""Stands among the names of parts, of which each has four letters."""
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), _PALETTE: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a sample, by the type of color."""
_READ_BYTES = {b"IHDR": 13, b"eXIf": 64 * 1024}
"""How much of a part is looked into; a JPEG file can have no more metadata than that."""


# --- How it is to be shown ------------------------------------------------------------------------


def _note_orientation(
    metadata: bytes, place: int, chunk: tuple[int, int] | None, shape: Shape
) -> None:
    """Note what Exif metadata say, which have their own byte order, as TIFF files do."""
    order = _ORDERS.get(metadata[:4])
    if order is None:
        return
    directory = _number(metadata, 4, 4, order)
    for number in range(_number(metadata, directory, 2, order)):
        entry = directory + 2 + 12 * number
        if entry + 12 > len(metadata):
            return
        if _number(metadata, entry, 2, order) == _TAG:
            value = _number(metadata, entry + 8, 2, order)
            kind, count = (_number(metadata, entry + at, size, order) for at, size in _KIND)
            if (kind, count) == (_SHORT, 1) and UPRIGHT <= value <= 8:
                shape.orientation, shape.mark = value, Mark(place + entry + 8, order, chunk)
            return


def _number(content: bytes, place: int, length: int, order: Order) -> int:
    return int.from_bytes(content[place : place + length], order)


_ORDERS: dict[bytes, Order] = {b"II*\0": "little", b"MM\0*": "big"}
_TAG = 0x0112
_SHORT = 3
_KIND = ((2, 2), (4, 4))
"""Where in an entry its type and its count stand, and in how many bytes."""
