"""Fingerprints of pictures: nearly the same pictures have nearly the same one.

A difference hash: of nine by eight grays, whether each is brighter than its left neighbour. What
is resized, re-encoded or brightened keeps most of its bits, and unrelated pictures share about
half. A distance proposes that two pictures are one; only a closer look can confirm it.
"""

import numpy as np
from PIL import Image

BITS = 64


def fingerprint(image: Image.Image) -> int:
    """The picture's fingerprint: a number of 64 bits."""
    small = image.convert("L").resize((9, 8), Image.Resampling.LANCZOS, reducing_gap=4.0)
    grays = np.asarray(small, dtype=np.int16)
    brighter = np.packbits(grays[:, 1:] > grays[:, :-1])
    return int.from_bytes(brighter.tobytes(), "big")


def distance(one: int, other: int) -> int:
    """How many bits differ: 0 to 64."""
    return (one ^ other).bit_count()
