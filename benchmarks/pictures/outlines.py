"""Outlines of drawn parts, some of which are hard to tell apart."""

import math
import random
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from labelloop_pages import machine_parts
from labelloop_pages.machine_parts import Outline


def _round(*holes: float) -> Outline:
    """A ring whose hole's radius is between these shares of its own."""

    def outline(rng: random.Random, size_px: int) -> Image.Image:
        return _plate(rng, size_px, 90, holes)

    return outline


def _cornered(corners: int) -> Outline:
    def outline(rng: random.Random, size_px: int) -> Image.Image:
        return _plate(rng, size_px, corners, (0.3, 0.45))

    return outline


def _plate(rng: random.Random, size_px: int, corners: int, holes: Sequence[float]) -> Image.Image:
    mask = Image.new("L", (size_px, size_px), 0)
    pen, middle, radius = ImageDraw.Draw(mask), size_px / 2, size_px * 0.48
    angles = [math.tau * corner / corners for corner in range(corners)]
    rim = [(middle + radius * math.cos(at), middle + radius * math.sin(at)) for at in angles]
    pen.polygon(rim, fill=255)
    hole = radius * rng.uniform(*holes)
    pen.ellipse((middle - hole, middle - hole, middle + hole, middle + hole), fill=0)
    return mask


UNEVEN: Mapping[str, tuple[Outline, int]] = {
    "washer": (machine_parts.PARTS["washer"], 60),
    "bolt": (machine_parts.PARTS["bolt"], 25),
    "nut": (machine_parts.PARTS["nut"], 10),
    "gear": (machine_parts.PARTS["gear"], 5),
}
PARTS: Mapping[str, tuple[Outline, int]] = {
    "bolt": (machine_parts.PARTS["bolt"], 1),
    "gear": (machine_parts.PARTS["gear"], 1),
    "square nut": (_cornered(4), 1),
    "hexagon nut": (_cornered(6), 1),
    "octagon nut": (_cornered(8), 1),
    "thin washer": (_round(0.62, 0.75), 1),
    "thick washer": (_round(0.3, 0.45), 1),
}
"""Each label's outline, and how often it comes in proportion to the others."""
