"""The demo's own images, drawn from one seed, and what is really in them.

It exists because the demo measures honestly: images are drawn in separate sets, so that those held
back are never shown for training. Only the demo's reviewer and its measurements know the truth.
"""

import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain

from PIL import Image

from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop_pages.machine_parts import (
    LABELS,
    draw,
    draw_scene,
    draw_several,
    draw_unrelated,
    jpeg,
)

FIRST_SET_PER_LABEL = 6
HELD_BACK_PER_LABEL = 28
STREAM_PER_LABEL = 30
LATER_STREAM_PER_LABEL = 18
SIZES: Mapping[ModelType, tuple[int, int, int, int]] = {
    ModelType.MULTI_LABEL: (24, 48, 60, 24),
    ModelType.DETECTION: (12, 40, 36, 16),
}
"""How many images the sets have where one shows several parts, in the order of ``PictureSets``."""
SEVERAL = "several"
NOTHING = Annotation.of_labels(())
UNRELATED_SHARE = 0.05
"""Of what comes in, so much shows none of the labels."""


@dataclass(frozen=True)
class Picture:
    """One image as a file."""

    file_name: str
    truth: str | None
    """The labels, comma separated; None for an image that shows none of them."""
    content: bytes
    shows: Annotation = NOTHING
    """The same with boxes, where the model gives boxes."""


@dataclass(frozen=True)
class PictureSets:
    """Every image of one demo; no image is in two of the sets."""

    first: tuple[Picture, ...]
    """The few labelled ones with which the operator begins."""
    held_back: tuple[Picture, ...]
    """Only ever detected: never labelled, never trained on."""
    streams: tuple[tuple[Picture, ...], ...]
    """What comes in: before a second version is trained, before a third one, and so on."""

    def by_name(self) -> dict[str, Picture]:
        """Each image by its file name."""
        everything = chain(self.first, self.held_back, *self.streams)
        return {picture.file_name: picture for picture in everything}


def draw_sets(
    seed: int,
    drawn: Callable[[int], None] = lambda _: None,
    model_type: ModelType = ModelType.CLASSIFICATION,
) -> PictureSets:
    """All images of the demo with this seed; ``drawn`` hears how many there are so far.

    File names say nothing about the label.
    """
    count = 0

    def one(name: str, number: int, truth: str | None) -> Picture:
        nonlocal count
        rng = random.Random(f"{seed}/{name}/{number}")
        shows = NOTHING
        if truth == SEVERAL and model_type is ModelType.DETECTION:
            image, parts = draw_scene(rng)
            shows = Annotation.of_boxes([Box(*part) for part in parts], image.size)
        elif truth == SEVERAL:
            shows = Annotation.of_labels(rng.sample(LABELS, rng.randint(1, 3)))
            image = draw_several(shows.labels, rng)
        elif truth:
            image, shows = draw(truth, rng), Annotation.of_labels([truth])
        else:
            image = draw_unrelated(rng)
        count += 1
        drawn(count)
        words = ", ".join(shows.labels) or None
        return Picture(f"{name}-{number:03d}.jpg", words, jpeg(image), shows)

    def many(name: str, size: int, unrelated_share: float = 0) -> tuple[Picture, ...]:
        one_label = model_type is ModelType.CLASSIFICATION
        shown = [*LABELS] * size if one_label else [SEVERAL] * size
        truths: list[str | None] = [*shown, *[None] * round(len(shown) * unrelated_share)]
        random.Random(f"{seed}/{name}").shuffle(truths)
        return tuple(one(name, number, truth) for number, truth in enumerate(truths, start=1))

    per_label = (
        FIRST_SET_PER_LABEL,
        HELD_BACK_PER_LABEL,
        STREAM_PER_LABEL,
        LATER_STREAM_PER_LABEL,
    )
    first, held_back, stream, later_stream = SIZES.get(model_type, per_label)
    return PictureSets(
        first=many("labelled", first),
        held_back=many("held-back", held_back),
        streams=(
            many("camera-1", stream, UNRELATED_SHARE),
            many("camera-2", later_stream, UNRELATED_SHARE),
        ),
    )


def thumbnail(content: bytes, side_px: int) -> bytes:
    """A small JPEG of an image file, at most that many pixels a side."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image.thumbnail((side_px, side_px))
    return jpeg(image, quality=80)
