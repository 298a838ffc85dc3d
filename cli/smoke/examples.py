"""The pictures of a smoke test: drawn machine parts, easy to tell apart, and none like another."""

import random

from labelloop.domain.annotations import Annotation, Box, ModelType

LABELLED = 24
"""More than `Minimum-Untrained-Images`, and as many of each label as AWS advises."""
CONTENTS = 8
"""Different ones that are detected."""


def labelled(model_type: ModelType, seed: str) -> list[tuple[bytes, Annotation]]:
    """Pictures to train on, as JPEG files, and what they show."""
    return [_draw(model_type, random.Random(f"{seed} {n}"), n) for n in range(LABELLED)]  # noqa: S311


def unseen(model_type: ModelType, seed: str) -> list[bytes]:
    """Pictures that no version was trained on."""
    rngs = [random.Random(f"{seed} unseen {n}") for n in range(CONTENTS)]  # noqa: S311
    return [_draw(model_type, rng, n)[0] for n, rng in enumerate(rngs)]


def _draw(model_type: ModelType, rng: random.Random, number: int) -> tuple[bytes, Annotation]:
    # No other command needs numpy.
    from labelloop_pages.machine_parts import LABELS, draw, draw_scene, draw_several, jpeg  # noqa: PLC0415

    if model_type is ModelType.DETECTION:
        image, parts = draw_scene(rng)
        return jpeg(image), Annotation.of_boxes([Box(*part) for part in parts], image.size)
    if model_type is ModelType.MULTI_LABEL:
        shown = rng.sample(LABELS, rng.randint(1, 2))
        return jpeg(draw_several(shown, rng)), Annotation.of_labels(shown)
    label = LABELS[number % 2]
    return jpeg(draw(label, rng)), Annotation.of_labels([label])
