"""How sharp a picture is, and how it is exposed."""

from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE_PX = 512
"""At which it is judged, whatever its size: about what a model sees of it."""
DARK, BRIGHT = 5, 250


class Quality(NamedTuple):
    """Figures of one picture; what they are worth shows beside those of others like it."""

    sharpness: float
    """The spread of its second differences, in grays: the blurred have little, as the plain do."""
    brightness: float
    """The mean gray, 0 to 1."""
    dark_share: float
    """The share of its area that is as good as black, 0 to 1."""
    bright_share: float
    """The share of its area that is as good as white, 0 to 1."""


def judge(image: Image.Image) -> Quality:
    """The figures of a picture that is at least a few pixels wide and high."""
    gray = image.convert("L")
    gray.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, reducing_gap=2.0)
    values = np.asarray(gray, dtype=np.float32)
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    return Quality(
        sharpness=float((around - 4 * values[1:-1, 1:-1]).std()),
        brightness=float(values.mean()) / 255,
        dark_share=float((values <= DARK).mean()),
        bright_share=float((values >= BRIGHT).mean()),
    )
