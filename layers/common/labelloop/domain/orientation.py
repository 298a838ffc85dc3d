"""Cameras that were turned: a JPEG may say that it is to be shown turned or mirrored.

People see such an image upright, and draw their boxes so. Whether a training turns it is not
documented, so an image with boxes trains from a copy that says nothing of the kind, with its boxes
where they are in the file.

Format: CIPA DC-008 (Exif), 4.6.5 "Orientation", in a JPEG segment that is a TIFF file by itself.
"""

from dataclasses import replace
from typing import Literal

from labelloop.domain.annotations import Annotation, Box

UPRIGHT = 1
_SIDEWAYS = range(5, 9)
_Order = Literal["little", "big"]
_ORDERS: dict[bytes, _Order] = {b"II": "little", b"MM": "big"}
_TAG = 0x0112
_SHORT = 3


def orientation(content: bytes) -> int:
    """How the image is to be shown, 1 to 8; 1 is as it is in the file."""
    place = _value(content)
    return UPRIGHT if place is None else int.from_bytes(content[place[0] : place[0] + 2], place[1])


def as_stored(content: bytes) -> bytes:
    """The same image, to be shown as it is in the file."""
    place = _value(content)
    if place is None:
        return content
    # Slices of bytes would be a second copy: the function that does this has little memory.
    whole, value = memoryview(content), UPRIGHT.to_bytes(2, place[1])
    return b"".join((whole[: place[0]], value, whole[place[0] + 2 :]))


def shown_size(size_px: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height as shown of an image that has these in the file."""
    return size_px[::-1] if orientation in _SIDEWAYS else size_px


def boxes_as_stored(
    annotation: Annotation, size_px: tuple[int, int], orientation: int
) -> Annotation:
    """Boxes that were drawn in the image as shown, where they are in the file of this size."""
    return Annotation.of_boxes(
        (_stored(box, size_px, orientation) for box in annotation.boxes), size_px
    )


def _stored(box: Box, size_px: tuple[int, int], orientation: int) -> Box:
    left, top, width, height = box.left, box.top, box.width, box.height
    if orientation in _SIDEWAYS:
        left, top, width, height = top, left, height, width
    # Where right and left, or top and bottom, change places.
    if orientation in {2, 3, 7, 8}:
        left = size_px[0] - left - width
    if orientation in {3, 4, 6, 7}:
        top = size_px[1] - top - height
    return replace(box, left=left, top=top, width=width, height=height)


def _value(content: bytes) -> tuple[int, _Order] | None:
    """Where the orientation stands in the file, and its byte order; None where there is none."""
    if not content.startswith(b"\xff\xd8"):
        return None
    position = 2
    while content[position : position + 1] == b"\xff" and position + 4 <= len(content):
        marker, length = content[position + 1], _number(content, position + 2, 2, "big")
        if marker == 0xE1 and content[position + 4 : position + 10] == b"Exif\0\0":
            return _value_in(content, position + 10, position + 2 + length)
        if marker in {0xD9, 0xDA}:
            return None
        position += 2 + length
    return None


def _value_in(content: bytes, start: int, end: int) -> tuple[int, _Order] | None:
    """The same in the metadata that are between two places, as TIFF has them."""
    order = _ORDERS.get(content[start : start + 2])
    if order is None:
        return None
    directory = start + _number(content, start + 4, 4, order)
    for number in range(_number(content, directory, 2, order)):
        entry = directory + 2 + 12 * number
        if entry + 12 > min(end, len(content)):
            return None
        if _number(content, entry, 2, order) == _TAG:
            value = _number(content, entry + 8, 2, order)
            is_one = _number(content, entry + 2, 2, order) == _SHORT and 1 <= value <= 8
            return (entry + 8, order) if is_one else None
    return None


def _number(content: bytes, place: int, length: int, order: _Order) -> int:
    return int.from_bytes(content[place : place + length], order)
