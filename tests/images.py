"""Images for the tests: two kinds that any model tells apart, and some that it cannot be sure of.

Each is a JPEG file of its own content: the same kind and number always make the same one.
"""

import io
import random

from PIL import Image, ImageDraw

SIZE_PX = 96
LABELS = ("circle", "stripes")


def draw(label: str, number: int) -> bytes:
    """An image of one of the ``LABELS``."""
    rng = random.Random(f"{label} {number}")
    image = Image.new("RGB", (SIZE_PX, SIZE_PX), _colour(rng, 200, 255))
    pen = ImageDraw.Draw(image)
    ink = _colour(rng, 0, 80)
    if label == "circle":
        radius_px = rng.randint(24, 40)
        x, y = rng.randint(42, 54), rng.randint(42, 54)
        pen.ellipse((x - radius_px, y - radius_px, x + radius_px, y + radius_px), fill=ink)
    else:
        step_px = rng.randint(10, 16)
        for left in range(rng.randint(0, 8), SIZE_PX, step_px):
            pen.rectangle((left, 0, left + step_px // 2, SIZE_PX), fill=ink)
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


def _colour(rng: random.Random, low: int, high: int) -> tuple[int, int, int]:
    return (rng.randint(low, high), rng.randint(low, high), rng.randint(low, high))
