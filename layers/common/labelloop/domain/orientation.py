"""Cameras that were turned: a file may say that its image is to be shown turned or mirrored.

People see such an image upright, and draw their boxes so. Whether a training turns it is not
documented, so an image with boxes trains from a copy that says nothing of the kind, with its boxes
where they are in the file.

Format: CIPA DC-008 (Exif), 4.6.5 "Orientation", in a JPEG segment or a PNG chunk that is a TIFF
file by itself. Which of several counts, and where, is told by what a browser shows.
"""

import zlib
from dataclasses import replace

from labelloop.domain.annotations import Annotation, Box
from labelloop.domain.fitness import UPRIGHT, shape_of
from labelloop.errors import InvalidImageError

_SIDEWAYS = range(5, 9)


def as_stored(content: bytes) -> bytes:
    """The same image, to be shown as it is in the file."""
    mark = shape_of(content).mark
    if mark is None:
        return content
    # Slices of bytes would be a second copy: the function that does this has little memory.
    whole, value = memoryview(content), UPRIGHT.to_bytes(2, mark.order)
    start, end = mark.place, mark.place + 2
    if mark.chunk is None:
        return b"".join((whole[:start], value, whole[end:]))
    behind = mark.chunk[1]
    checksum = zlib.crc32(whole[mark.chunk[0] : start])
    checksum = zlib.crc32(whole[end:behind], zlib.crc32(value, checksum))
    parts = (whole[:start], value, whole[end:behind], checksum.to_bytes(4, "big"))
    return b"".join((*parts, whole[behind + 4 :]))


def shown_size(size_px: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height as shown of an image that has these in the file."""
    return size_px[::-1] if orientation in _SIDEWAYS else size_px


def is_for_the_stored(
    stated_px: tuple[int, int], size_px: tuple[int, int] | None, orientation: int
) -> bool:
    """Whether boxes are for a turned camera's image as it is in the file, not as it is shown.

    As in training, boxes are for what is shown, unless only the size of the file fits. Raises
    InvalidImageError where they are for an image of another size.
    """
    if size_px is None:
        raise InvalidImageError(
            "The file is broken or cut off: its width and height cannot be read."
        )
    if stated_px == shown_size(size_px, orientation):
        return False
    if stated_px == size_px:
        return True
    raise InvalidImageError(
        f"Its boxes are for an image of {stated_px[0]} x {stated_px[1]} px, but it has "
        f"{size_px[0]} x {size_px[1]} px."
    )


def boxes_as_stored(
    annotation: Annotation, size_px: tuple[int, int], orientation: int
) -> Annotation:
    """Boxes that were drawn in the image as shown, where they are in the file of this size."""
    return Annotation.of_boxes(
        (_stored(box, size_px, orientation) for box in annotation.boxes), size_px
    )


def in_the_file(annotation: Annotation, size_px: tuple[int, int], orientation: int) -> Annotation:
    """The same, its boxes where they are in the file, whichever they were drawn in.

    The size that goes with them tells it, where the image is not square and shown on its side. Else
    they count as drawn in what is shown, as pages show it.
    """
    if orientation == UPRIGHT or annotation.size_px != shown_size(size_px, orientation):
        return annotation
    return boxes_as_stored(annotation, size_px, orientation)


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
