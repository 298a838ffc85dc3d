"""The demo's own images, drawn from one seed, and what is really in them.

It exists because the demo measures honestly: images are drawn in separate sets, so that those held
back are never shown for training. Only the demo's reviewer and its measurements know the truth.
"""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from local.drawing import LABELS, draw, draw_unrelated

FIRST_SET_PER_LABEL = 6
HELD_BACK_PER_LABEL = 28
STREAM_PER_LABEL = 30
LATER_STREAM_PER_LABEL = 18
UNRELATED_SHARE = 0.05
"""Of what comes in, so much shows none of the labels."""
JPEG_QUALITY = 88


@dataclass(frozen=True)
class Picture:
    """One image as a file."""

    file_name: str
    truth: str | None
    """The label; None for an image that shows none of them."""
    content: bytes


@dataclass(frozen=True)
class PictureSets:
    """Every image of one demo; no image is in two of the sets."""

    first: tuple[Picture, ...]
    """The few labelled ones with which the operator begins."""
    held_back: tuple[Picture, ...]
    """Only ever detected: never labelled, never trained on."""
    stream: tuple[Picture, ...]
    """What comes in while version 1 serves."""
    later_stream: tuple[Picture, ...]
    """What comes in while version 2 serves."""

    @property
    def count(self) -> int:
        """How many images there are in all."""
        return sum(map(len, (self.first, self.held_back, self.stream, self.later_stream)))

    def truths(self) -> dict[str, str | None]:
        """What is in each image, by its file name."""
        everything = (*self.first, *self.held_back, *self.stream, *self.later_stream)
        return {picture.file_name: picture.truth for picture in everything}


def draw_sets(seed: int, drawn: Callable[[int], None] = lambda _: None) -> PictureSets:
    """All images of the demo with this seed; ``drawn`` hears how many there are so far.

    File names say nothing about the label.
    """
    count = 0

    def one(name: str, number: int, truth: str | None) -> Picture:
        nonlocal count
        rng = random.Random(f"{seed}/{name}/{number}")
        image = draw(truth, rng) if truth else draw_unrelated(rng)
        count += 1
        drawn(count)
        return Picture(f"{name}-{number:03d}.jpg", truth, jpeg(image))

    def many(name: str, per_label: int, unrelated_share: float = 0) -> tuple[Picture, ...]:
        unrelated = round(len(LABELS) * per_label * unrelated_share)
        truths: list[str | None] = [*LABELS * per_label, *[None] * unrelated]
        random.Random(f"{seed}/{name}").shuffle(truths)
        return tuple(one(name, number, truth) for number, truth in enumerate(truths, start=1))

    return PictureSets(
        first=many("labelled", FIRST_SET_PER_LABEL),
        held_back=many("held-back", HELD_BACK_PER_LABEL),
        stream=many("camera-1", STREAM_PER_LABEL, UNRELATED_SHARE),
        later_stream=many("camera-2", LATER_STREAM_PER_LABEL, UNRELATED_SHARE),
    )


def jpeg(image: Image.Image, quality: int = JPEG_QUALITY) -> bytes:
    """The image as a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def thumbnail(content: bytes, side_px: int) -> bytes:
    """A small JPEG of an image file, at most that many pixels a side."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image.thumbnail((side_px, side_px))
    return jpeg(image, quality=80)
