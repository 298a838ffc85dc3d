"""Draws labelled sample images: four kinds of mechanical parts lying about on cluttered ground.

One part an image (``draw``), several (``draw_several``), or several with boxes (``draw_scene``).

It exists because the demo, the tests and the benchmarks need images that nobody has to download,
that are never twice the same, and that are hard: a model trained on a handful of them errs, and
errs less the more of them people label. Called by the demo's seeding script, tests and
benchmarks.

The same ``random.Random`` state draws the same image (with the same versions of numpy and Pillow).
"""

import io
import math
import random
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

LABELS: tuple[str, ...] = ("bolt", "gear", "nut", "washer")

DEFAULT_SIZE_PX = 288
DEFAULT_SCENE_PX = (384, 288)
SUPERSAMPLING = 2
JPEG_QUALITY = 88
# Of a part's box, so much may lie under, or over, the boxes of others.
MAXIMUM_COVERED = 0.1
PLACES_TRIED = 40

Point = tuple[float, float]
Colour = tuple[int, int, int]
Pixels = npt.NDArray[np.float32]
Outline = Callable[[random.Random, int], Image.Image]

METALS: tuple[Colour, ...] = (
    (150, 152, 158),
    (178, 176, 170),
    (112, 114, 120),
    (176, 146, 92),
    (146, 96, 70),
    (84, 88, 96),
    (120, 132, 140),
)


def draw(label: str, rng: random.Random, size: int = DEFAULT_SIZE_PX) -> Image.Image:
    """One RGB image, ``size`` pixels square, of a part of this kind.

    Raises KeyError for a label that is not in ``LABELS``.
    """
    return draw_outline(PARTS[label], rng, size)


def draw_outline(outline: Outline, rng: random.Random, size: int = DEFAULT_SIZE_PX) -> Image.Image:
    """One RGB image, ``size`` pixels square, of a part with this outline."""
    noise = np.random.default_rng(rng.getrandbits(63))
    image = _ground(rng, noise, size)
    _scatter_clutter(image, rng)
    _lay_part(image, outline, rng, noise)
    return _photograph(image, rng, noise)


class PlacedPart(NamedTuple):
    """What kind of part lies where: its box in whole pixels, as in manifests."""

    label: str
    left: int
    top: int
    width: int
    height: int


def draw_several(
    labels: Collection[str], rng: random.Random, size: int = DEFAULT_SIZE_PX
) -> Image.Image:
    """One RGB image, ``size`` pixels square, with a part of each of these kinds, up to four.

    Raises KeyError for a label that is not in ``LABELS``.
    """
    noise = np.random.default_rng(rng.getrandbits(63))
    image = _ground(rng, noise, size)
    _scatter_clutter(image, rng)
    _lay_parts(image, labels, (0.24, 0.42), rng, noise)
    return _photograph(image, rng, noise)


def draw_scene(
    rng: random.Random, size: tuple[int, int] = DEFAULT_SCENE_PX
) -> tuple[Image.Image, list[PlacedPart]]:
    """One RGB image of this width and height: a board with two to five parts, and where they are.

    The parts are entirely inside the image, and hardly hide each other.
    """
    noise = np.random.default_rng(rng.getrandbits(63))
    image = _ground(rng, noise, max(size))
    _scatter_clutter(image, rng)
    image = image.crop((0, 0, *size))
    labels = [rng.choice(LABELS) for _ in range(rng.randint(2, 5))]
    parts = _lay_parts(image, labels, (0.17, 0.28), rng, noise)
    return _photograph(image, rng, noise), parts


def draw_unrelated(rng: random.Random, size: int = DEFAULT_SIZE_PX) -> Image.Image:
    """One RGB image that looks like none of the parts: flat, bright, made of stripes, tiles or
    blocks."""
    noise = np.random.default_rng(rng.getrandbits(63))
    picture = rng.choice((_stripes, _tiles, _landscape))
    return _add_noise(picture(rng, size), noise, sigma=2.0)


# --- the parts: an outline is a mask, white where there is metal --------------------------------


def _mask(size_px: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    mask = Image.new("L", (size_px, size_px), 0)
    return mask, ImageDraw.Draw(mask)


def _circle(centre_px: float, radius_px: float) -> tuple[float, float, float, float]:
    low, high = centre_px - radius_px, centre_px + radius_px
    return (low, low, high, high)


def _polar(centre_px: float, radius_px: float, angle: float) -> Point:
    return (
        centre_px + radius_px * math.cos(angle),
        centre_px + radius_px * math.sin(angle),
    )


def _washer(rng: random.Random, size_px: int) -> Image.Image:
    mask, pen = _mask(size_px)
    centre, radius = size_px / 2, size_px * 0.48
    pen.ellipse(_circle(centre, radius), fill=255)
    pen.ellipse(_circle(centre, radius * rng.uniform(0.38, 0.62)), fill=0)
    return mask


def _nut(rng: random.Random, size_px: int) -> Image.Image:
    mask, pen = _mask(size_px)
    centre, radius = size_px / 2, size_px * 0.48
    pen.polygon([_polar(centre, radius, math.tau * corner / 6) for corner in range(6)], fill=255)
    pen.ellipse(_circle(centre, radius * rng.uniform(0.36, 0.58)), fill=0)
    return mask


def _gear(rng: random.Random, size_px: int) -> Image.Image:
    mask, pen = _mask(size_px)
    centre, radius = size_px / 2, size_px * 0.48
    teeth = rng.randint(9, 16)
    root = radius * rng.uniform(0.78, 0.87)
    step = math.tau / teeth
    rim: list[Point] = []
    for tooth in range(teeth):
        start = tooth * step
        rim += [
            _polar(centre, root, start),
            _polar(centre, radius, start + step * 0.18),
            _polar(centre, radius, start + step * 0.47),
            _polar(centre, root, start + step * 0.65),
        ]
    pen.polygon(rim, fill=255)
    pen.ellipse(_circle(centre, radius * rng.uniform(0.3, 0.55)), fill=0)
    return mask


def _bolt(rng: random.Random, size_px: int) -> Image.Image:
    mask, pen = _mask(size_px)
    middle = size_px / 2
    head_half, shank_half = size_px * rng.uniform(0.19, 0.27), size_px * rng.uniform(0.09, 0.13)
    head_end = size_px * rng.uniform(0.2, 0.28)
    tip = size_px * rng.uniform(0.78, 0.97)
    pen.rectangle((middle - head_half, size_px * 0.04, middle + head_half, head_end), fill=255)
    pen.rectangle((middle - shank_half, head_end, middle + shank_half, tip), fill=255)
    pitch = size_px * 0.035
    thread_start = head_end + (tip - head_end) * rng.uniform(0.1, 0.5)
    for turn in range(int((tip - thread_start) / pitch)):
        top = thread_start + turn * pitch
        pen.line(
            (middle - shank_half, top, middle + shank_half, top + pitch / 2),
            fill=150,
            width=max(1, size_px // 90),
        )
    return mask


PARTS: dict[str, Outline] = {
    "bolt": _bolt,
    "gear": _gear,
    "nut": _nut,
    "washer": _washer,
}


# --- the scene ----------------------------------------------------------------------------------


def _colour(rng: random.Random, low: int = 30, high: int = 225) -> Colour:
    return (rng.randint(low, high), rng.randint(low, high), rng.randint(low, high))


def _to_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _cloud(noise: np.random.Generator, size: int, cells: int) -> Pixels:
    """Smooth random values around zero, ``size`` x ``size``, with about ``cells`` bumps a side."""
    coarse = Image.fromarray(noise.standard_normal((cells, cells)).astype(np.float32))
    smooth = coarse.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float32)


def _ground(rng: random.Random, noise: np.random.Generator, size: int) -> Image.Image:
    """A textured surface: cloudy, brushed or planked, of any colour."""
    base = np.array(_colour(rng, 45, 205), dtype=np.float32)
    tint = np.array([rng.uniform(0.5, 1.3) for _ in range(3)], dtype=np.float32)
    relief = rng.uniform(8, 26) * _cloud(noise, size, rng.choice((4, 9, 20, 48)))
    kind = rng.choice(("cloudy", "brushed", "planked"))
    if kind == "brushed":
        grain = noise.standard_normal((size, 1)).astype(np.float32)
        relief = relief * 0.5 + rng.uniform(5, 16) * grain
    elif kind == "planked":
        rows = np.arange(size, dtype=np.float32)[:, None]
        relief = relief + rng.uniform(8, 22) * np.sin(rows * rng.uniform(0.08, 0.5))
    if rng.random() < 0.5:
        relief = relief.T
    return _to_image(base + relief[:, :, None] * tint)


def _scatter_clutter(image: Image.Image, rng: random.Random) -> None:
    """Scratches, scraps and stains, in place."""
    pen = ImageDraw.Draw(image)
    size = image.width
    for _ in range(rng.randint(3, 9)):
        x, y = rng.uniform(0, size), rng.uniform(0, size)
        reach = size * rng.uniform(0.04, 0.16)
        colour = _colour(rng)
        width = rng.randint(1, 4)
        kind = rng.choice(("scratch", "scrap", "stain", "loop"))
        if kind == "scratch":
            end = (x + rng.uniform(-4, 4) * reach, y + rng.uniform(-4, 4) * reach)
            pen.line((x, y, *end), fill=colour, width=width)
        elif kind == "scrap":
            corners = [
                (x + rng.uniform(-1, 1) * reach, y + rng.uniform(-1, 1) * reach) for _ in range(4)
            ]
            pen.polygon(corners, fill=colour)
        elif kind == "stain":
            pen.ellipse((x, y, x + reach, y + reach * rng.uniform(0.5, 1.2)), fill=colour)
        else:
            pen.ellipse((x, y, x + reach, y + reach), outline=colour, width=width)


def _metal(mask: Image.Image, rng: random.Random, noise: np.random.Generator) -> Image.Image:
    """The part's surface: a metal's colour, lit from one side, a little stained, with a bright
    rim."""
    size = mask.width
    base = np.array(rng.choice(METALS), dtype=np.float32) + rng.uniform(-22, 22)
    angle = rng.uniform(0, math.tau)
    span = np.linspace(-1, 1, size, dtype=np.float32)
    slope = math.cos(angle) * span[None, :] + math.sin(angle) * span[:, None]
    light = rng.uniform(8, 34) * slope + rng.uniform(3, 12) * _cloud(noise, size, 10)
    surface = _to_image(base + light[:, :, None])
    rim = ImageChops.subtract(mask, mask.filter(ImageFilter.MinFilter(5)))
    surface.paste(Image.new("RGB", mask.size, (214, 214, 210)), mask=rim.point(lambda v: v // 2))
    surface.putalpha(mask)
    return surface


def _lay_part(
    image: Image.Image, outline: Outline, rng: random.Random, noise: np.random.Generator
) -> None:
    """Put one part on the ground, in place: turned, tilted, perhaps beyond the edge."""
    size = image.width
    part = _turned_part(outline, round(size * rng.uniform(0.25, 0.55)), rng, noise)
    left = round(rng.uniform(-0.06, 1.06) * max(1, size - part.width))
    top = round(rng.uniform(-0.06, 1.06) * max(1, size - part.height))
    _put(image, part, left, top, rng)


def _lay_parts(
    image: Image.Image,
    labels: Iterable[str],
    diameters: tuple[float, float],
    rng: random.Random,
    noise: np.random.Generator,
) -> list[PlacedPart]:
    """Put parts of these kinds on the ground, in place and inside it, with room between them.

    Diameters are ratios of the width. A part for which no room is found is drawn smaller.
    """
    placed: list[PlacedPart] = []
    for label in labels:
        diameter = image.width * rng.uniform(*diameters)
        while True:
            part = _turned_part(PARTS[label], round(diameter), rng, noise)
            seen = part.getchannel("A").getbbox() or (0, 0, 1, 1)
            part = part.crop(seen)
            box = _find_room(image.size, part.size, placed, rng)
            if box:
                break
            diameter *= 0.9
        _put(image, part, *box, rng)
        placed.append(PlacedPart(label, *box, *part.size))
    return placed


def _find_room(
    ground: tuple[int, int],
    part: tuple[int, int],
    placed: Iterable[PlacedPart],
    rng: random.Random,
) -> tuple[int, int] | None:
    """Left and top of a place that is free, None if none was found."""
    for _ in range(PLACES_TRIED):
        left = rng.randint(0, max(0, ground[0] - part[0]))
        top = rng.randint(0, max(0, ground[1] - part[1]))
        candidate = PlacedPart("", left, top, *part)
        if all(_covered(candidate, other) <= MAXIMUM_COVERED for other in placed):
            return left, top
    return None


def _covered(one: PlacedPart, other: PlacedPart) -> float:
    """How much of the smaller box lies in the other one."""
    wide = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    high = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    smaller = min(one.width * one.height, other.width * other.height)
    return max(0, wide) * max(0, high) / smaller


def _turned_part(
    outline: Outline, diameter_px: int, rng: random.Random, noise: np.random.Generator
) -> Image.Image:
    """A part seen from somewhere, with alpha."""
    part = _metal(outline(rng, diameter_px * SUPERSAMPLING), rng, noise)
    height_px = round(diameter_px * rng.uniform(0.6, 1.0))
    tilted = part.resize((diameter_px, height_px), Image.Resampling.BOX)
    return tilted.rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC, expand=True)


def _put(image: Image.Image, part: Image.Image, left: int, top: int, rng: random.Random) -> None:
    """Paste the part with its shadow, in place."""
    shadow = part.getchannel("A").point(lambda v: v * 2 // 5)
    offset = rng.randint(1, 7)
    image.paste(Image.new("RGB", part.size, (12, 12, 14)), (left + offset, top + offset), shadow)
    image.paste(part, (left, top), part)


def _add_noise(image: Image.Image, noise: np.random.Generator, sigma: float) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32)
    grain = noise.standard_normal(pixels.shape, dtype=np.float32) * sigma
    return _to_image(pixels + grain)


def _photograph(image: Image.Image, rng: random.Random, noise: np.random.Generator) -> Image.Image:
    """As a cheap camera sees it: exposure off, a little out of focus, noisy."""
    exposed = image.point(_exposure(rng.uniform(0.7, 1.25), rng.uniform(-12, 18)))
    blurred = exposed.filter(ImageFilter.BoxBlur(rng.uniform(0.0, 1.8)))
    return _add_noise(blurred, noise, sigma=rng.uniform(4, 16))


def _exposure(gain: float, offset: float) -> list[int]:
    curve = [min(255, max(0, round(value * gain + offset))) for value in range(256)]
    return curve * 3


# --- what is not a part -------------------------------------------------------------------------


def _stripes(rng: random.Random, size: int) -> Image.Image:
    image = Image.new("RGB", (size, size), _colour(rng, 120, 255))
    pen = ImageDraw.Draw(image)
    colours = [_colour(rng, 0, 255) for _ in range(3)]
    width = rng.randint(size // 20, size // 8)
    for number, start in enumerate(range(-size, size * 2, width)):
        colour = colours[number % 3]
        pen.polygon(
            [(start, 0), (start + width, 0), (start + width + size, size), (start + size, size)],
            fill=colour,
        )
    return image


def _tiles(rng: random.Random, size: int) -> Image.Image:
    colours = [_colour(rng, 0, 255) for _ in range(4)]
    count = rng.randint(4, 9)
    image = Image.new("RGB", (count, count))
    image.putdata([rng.choice(colours) for _ in range(count * count)])
    return image.resize((size, size), Image.Resampling.NEAREST)


def _landscape(rng: random.Random, size: int) -> Image.Image:
    image = Image.new("RGB", (size, size), (135, 190, rng.randint(220, 255)))
    pen = ImageDraw.Draw(image)
    horizon = size * rng.uniform(0.5, 0.7)
    for _ in range(rng.randint(2, 4)):
        peak = (rng.uniform(0, size), size * rng.uniform(0.15, 0.4))
        reach = size * rng.uniform(0.3, 0.6)
        slope = [peak, (peak[0] + reach, horizon), (peak[0] - reach, horizon)]
        pen.polygon(slope, fill=_colour(rng, 60, 140))
    pen.rectangle((0, horizon, size, size), fill=(rng.randint(40, 110), rng.randint(130, 190), 60))
    return image


def jpeg(image: Image.Image, quality: int = JPEG_QUALITY) -> bytes:
    """The image as a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
