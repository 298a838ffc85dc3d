"""Puts cut-out things on photographs, as a careless photographer would find them.

Turned, partly hidden, in bad light, out of focus, and saved at a poor quality: so that a model
that has seen a few dozen of each is wrong about a good part of them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageEnhance, ImageFilter

from labelloop.domain.annotations import Box

Range = tuple[float, float]
Size = tuple[int, int]

LARGEST_SIDE_PX = 900
"""Photographs are kept no larger: what is cut out of them is a third of it at least."""


@dataclass(frozen=True)
class Conditions:
    """Under which pictures are taken; ranges are drawn from evenly."""

    sizes: Range
    """How large a thing is, in ratios of the picture's shorter side."""
    turned: float
    """By how many degrees at most, either way."""
    hidden: Range
    """Which share of a thing's width or height something else hides."""
    light: Range
    colour: Range
    blur_px: Range
    quality: Range
    """Of the JPEG file."""


def opened(path: str) -> Image.Image:
    """A photograph, no larger than it need be."""
    with Image.open(path) as image:
        image.draft("RGB", (LARGEST_SIDE_PX, LARGEST_SIDE_PX))
        photograph = image.convert("RGB")
    photograph.thumbnail((LARGEST_SIDE_PX, LARGEST_SIDE_PX))
    return photograph


def cut_out(path: str) -> Image.Image:
    """A thing with its transparency, without the empty rim."""
    with Image.open(path) as image:
        thing = image.convert("RGBA")
    thing.thumbnail((400, 400))
    return thing.crop(thing.getchannel("A").point(lambda value: 255 * (value > 40)).getbbox())


def ground(photographs: Sequence[Image.Image], size_px: Size, rng: random.Random) -> Image.Image:
    """A part of one of the photographs, in this size."""
    photograph = rng.choice(photographs)
    ratio = rng.uniform(0.35, 1.0) * min(
        photograph.width / size_px[0], photograph.height / size_px[1]
    )
    width, height = (max(1, int(side * ratio)) for side in size_px)
    left = rng.randint(0, photograph.width - width)
    top = rng.randint(0, photograph.height - height)
    part = photograph.crop((left, top, left + width, top + height)).resize(size_px)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def put(
    picture: Image.Image,
    thing: Image.Image,
    label: str,
    conditions: Conditions,
    rng: random.Random,
    *,
    taken: Sequence[Box] = (),
) -> Box | None:
    """Put a thing on the picture, in place; its box, or None where there is no room for it."""
    if rng.random() < 0.5:
        thing = thing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = rng.uniform(*conditions.sizes) * min(picture.size)
    ratio = side / max(thing.size)
    sized = thing.resize((max(4, round(thing.width * ratio)), max(4, round(thing.height * ratio))))
    turned = sized.rotate(
        rng.uniform(-conditions.turned, conditions.turned), Image.Resampling.BICUBIC, expand=True
    )
    turned = turned.crop(turned.getbbox())
    box = _room(picture.size, turned.size, label, taken, rng)
    if box is None:
        return None
    behind = picture.crop(
        (box.left, box.top, box.left + turned.width, box.top + turned.height)
    ).copy()
    colours = ImageEnhance.Brightness(turned.convert("RGB")).enhance(rng.uniform(0.75, 1.25))
    picture.paste(colours, (box.left, box.top), turned.getchannel("A"))
    _hide(picture, behind, box, rng.uniform(*conditions.hidden), rng)
    return box


def _room(
    size_px: Size, thing_px: Size, label: str, taken: Sequence[Box], rng: random.Random
) -> Box | None:
    if thing_px[0] > size_px[0] or thing_px[1] > size_px[1]:
        return None
    for _ in range(30):
        left = rng.randint(0, size_px[0] - thing_px[0])
        top = rng.randint(0, size_px[1] - thing_px[1])
        box = Box(label, left, top, *thing_px)
        if all(_covered(box, other) < 0.15 for other in taken):
            return box
    return None


def _covered(one: Box, other: Box) -> float:
    """How much of the smaller box lies in the other one."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    return max(0, width) * max(0, height) / min(one.width * one.height, other.width * other.height)


def _hide(
    picture: Image.Image, behind: Image.Image, box: Box, share: float, rng: random.Random
) -> None:
    """Let the ground cover one side of what was put there, in place."""
    wide, high = round(box.width * share), round(box.height * share)
    left, top, right, bottom = rng.choice(
        (
            (0, 0, wide, box.height),
            (box.width - wide, 0, box.width, box.height),
            (0, 0, box.width, high),
            (0, box.height - high, box.width, box.height),
        )
    )
    if right > left and bottom > top:
        picture.paste(behind.crop((left, top, right, bottom)), (box.left + left, box.top + top))


def photographed(picture: Image.Image, conditions: Conditions, rng: random.Random) -> Image.Image:
    """The picture as a camera in that light takes and saves it."""
    lit = ImageEnhance.Brightness(picture).enhance(rng.uniform(*conditions.light))
    coloured = ImageEnhance.Color(lit).enhance(rng.uniform(*conditions.colour))
    blurred = coloured.filter(ImageFilter.GaussianBlur(rng.uniform(*conditions.blur_px)))
    saved = BytesIO()
    blurred.save(saved, "JPEG", quality=round(rng.uniform(*conditions.quality)))
    return Image.open(saved).convert("RGB")
