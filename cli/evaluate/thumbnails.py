"""Small copies of pictures, to be held in a page. Called by ``as_page``; needs Pillow."""

import base64
import io
from collections.abc import Iterable, Mapping

from PIL import Image, ImageDraw, ImageOps

from labelloop.domain.annotations import Box


def address(
    content: bytes,
    side_px: int,
    boxes: Mapping[str, Iterable[Box]],
    size_px: tuple[int, int] | None,
) -> str:
    """A copy that fits into a square, as a data address, with boxes by their colours.

    The boxes are those of an image of ``size_px``. The copy is drawn anew: nothing else that the
    file held comes into the page. Raises OSError, ValueError or SyntaxError for what Pillow cannot
    read.
    """
    try:
        with Image.open(io.BytesIO(content)) as opened:
            opened.draft("RGB", (2 * side_px, 2 * side_px))
            upright = ImageOps.exif_transpose(opened)
        upright.thumbnail((side_px, side_px))
        picture = upright.convert("RGBA")
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture)
    for colour, of_colour in boxes.items():
        for box in of_colour:
            _outline(flat, box, size_px or flat.size, colour)
    stream = io.BytesIO()
    flat.save(stream, "JPEG", quality=75)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _outline(image: Image.Image, box: Box, size_px: tuple[int, int], colour: str) -> None:
    across, down = image.width / size_px[0], image.height / size_px[1]
    left, top = box.left * across, box.top * down
    corners = (left, top, left + box.width * across, top + box.height * down)
    ImageDraw.Draw(image).rectangle(corners, outline=colour, width=2)
