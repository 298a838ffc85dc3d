"""Images for the tests: two kinds that any model tells apart, and some that it cannot be sure of.

Each is a JPEG file of its own content: the same kind and number always make the same one.
"""

import io
import random

from PIL import Image, ImageDraw

SIZE_PX = 128
LABELS = ("circle", "stripes")


def draw(label: str, number: int) -> bytes:
    """An image of one of the ``LABELS``."""
    rng = random.Random(f"{label} {number}")
    image = Image.new("RGB", (SIZE_PX, SIZE_PX), (245, 235, 180))
    pen = ImageDraw.Draw(image)
    if label == "circle":
        pen.ellipse((12, 12, 116, 116), fill=(170, 20, 20))
    else:
        for left in range(0, SIZE_PX, 16):
            pen.rectangle((left, 0, left + 7, SIZE_PX), fill=(20, 20, 100))
    for _ in range(3):  # So that no image is like another; larger specks may confuse a model.
        spot = (rng.randrange(SIZE_PX), rng.randrange(SIZE_PX))
        pen.point(spot, fill=(rng.randrange(256), rng.randrange(256), 0))
    return jpeg(image)


def draw_doubtful(number: int) -> bytes:
    """An image that is half a circle and half stripes."""
    circle, stripes = (Image.open(io.BytesIO(draw(label, number))) for label in LABELS)
    return jpeg(Image.blend(circle, stripes, 0.5))


def jpeg(image: Image.Image) -> bytes:
    """The image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
