"""The sets: what their pictures show, and what a model's frozen part makes of each of them.

A set has usual pictures, and others that are taken when things have changed: with other
backgrounds, darker, out of focus, and other labels more often. What the frozen part gives is
computed once and kept: embeddings, or for boxes the features of each cell, in half precision.
"""

import hashlib
import pickle
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

import local
from benchmarks.pictures import composing, packages
from benchmarks.pictures.composing import Conditions, Size
from benchmarks.pictures.outlines import PARTS, UNEVEN
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop_pages import machine_parts
from labelloop_pages.machine_parts import Outline, draw_outline
from labelvision.backbone import Backbone
from labelvision.conversion import convert_into

SIDE_PX = 224
SCENE_PX: Size = (256, 192)
CHUNK = 100
WORKERS = 2

Features = npt.NDArray[Any]
Draw = Callable[[random.Random, bool], tuple[Image.Image, Annotation]]


@dataclass(frozen=True)
class Counts:
    """How many pictures a set has."""

    usual: int
    drifted: int
    held_back: int
    """So many of the usual ones no loop ever sees, and as many of the others, in proportion."""


OF_IMAGES = Counts(usual=3500, drifted=1700, held_back=2000)
OF_SCENES = Counts(usual=1250, drifted=650, held_back=500)


@dataclass(frozen=True)
class Kind:
    """How a set is drawn."""

    model_type: ModelType
    labels: tuple[str, ...]
    draw: Draw
    counts: Counts = OF_IMAGES


@dataclass(frozen=True)
class PictureSet:
    """A set as the models take it; a picture is its number."""

    name: str
    model_type: ModelType
    labels: tuple[str, ...]
    truths: tuple[Annotation, ...]
    features: Features
    """A row a picture: its embedding, or the features of its cells."""
    usual: int
    """The first so many pictures are usual ones."""
    held_back: int

    def divided(self, rng: random.Random) -> "Division":
        """The pictures in two parts at random, the one for a loop and the one to judge it by."""
        usual = rng.sample(range(self.usual), self.usual)
        drifted = rng.sample(range(self.usual, len(self.truths)), len(self.truths) - self.usual)
        apart = self.held_back * len(drifted) // self.usual
        return Division(
            held_back=usual[: self.held_back],
            held_back_drifted=drifted[:apart],
            coming=usual[self.held_back :],
            coming_drifted=drifted[apart:],
        )


@dataclass(frozen=True)
class Division:
    """Pictures that are held back, and those that come in."""

    held_back: list[int]
    held_back_drifted: list[int]
    coming: list[int]
    coming_drifted: list[int]


# --- What there is to photograph ------------------------------------------------------------------

_BACKGROUNDS = {
    False: (
        ("lomiri-wallpapers-16.04", "usr/share/backgrounds/*.jpg"),
        ("lomiri-wallpapers-20.04", "usr/share/backgrounds/*.jpg"),
    ),
    True: (
        ("mate-backgrounds", "usr/share/backgrounds/mate/nature/*.jpg"),
        ("mypaint-data-extras", "usr/share/mypaint/backgrounds/*/*.png"),
    ),
}
"""The usual ones, and the others: photographs, and papers and weaves."""

_STAMPS = "usr/share/tuxpaint/stamps"
_THINGS: Mapping[str, tuple[str, ...]] = {
    "bird": ("animals/birds",),
    "cattle": ("animals/mammals/bovines", "animals/mammals/deer", "animals/mammals/equines"),
    "fish": ("animals/fish", "animals/mammals/aquatic"),
    "flower": ("plants/flowers",),
    "fruit": ("food/fruit",),
    "rodent": ("animals/mammals/rodents", "animals/marsupials"),
    "tool": ("household/tools", "household/arttools", "household"),
    "vegetable": ("food/vegetables", "food/nuts"),
}
"""Photographs of many different things have the same label."""
_SEVERAL = ("bird", "fish", "flower", "fruit", "tool", "vegetable")
_BOXED = ("bird", "flower", "fruit", "tool")

_LOGOS: Mapping[str, str] = {
    "brave": "3.0.13",
    "chrome": "2.0.0",
    "chrome-canary": "2.0.0",
    "chromium": "2.0.1",
    "edge": "2.0.7",
    "firefox": "3.0.10",
    "firefox-nightly": "3.0.6",
    "opera": "1.1.11",
    "safari": "2.1.0",
    "samsung-internet": "4.0.6",
}
"""Some are another one in other colours."""


@cache
def _backgrounds(drifted: bool) -> list[Image.Image]:
    return [
        composing.opened(str(path))
        for name, pattern in _BACKGROUNDS[drifted]
        for path in sorted(packages.debian(name).glob(pattern))
    ]


@cache
def _stamps(label: str) -> list[Image.Image]:
    root = packages.debian("tuxpaint-stamps-default") / _STAMPS
    paths = [path for folder in _THINGS[label] for path in sorted((root / folder).glob("*.png"))]
    # Its penguin is drawn, wherever it appears.
    return [composing.cut_out(str(path)) for path in paths if "tux" not in path.name]


@cache
def _logo(label: str) -> Image.Image:
    package = packages.npm(f"@browser-logos/{label}@{_LOGOS[label]}")
    return composing.cut_out(str(package / "package" / f"{label}_256x256.png"))


# --- How it is photographed -----------------------------------------------------------------------

_ALONE = {
    False: Conditions((0.5, 0.95), 25, (0.0, 0.3), (0.6, 1.3), (0.6, 1.4), (0, 1.0), (35, 90)),
    True: Conditions((0.4, 0.85), 45, (0.0, 0.4), (0.3, 0.8), (0.3, 1.0), (0.5, 1.8), (20, 70)),
}
_TOGETHER = {
    False: Conditions((0.35, 0.6), 25, (0.0, 0.25), (0.7, 1.3), (0.7, 1.3), (0, 0.8), (40, 90)),
    True: Conditions((0.3, 0.55), 45, (0.0, 0.35), (0.4, 0.85), (0.4, 1.0), (0.4, 1.4), (25, 70)),
}
_MARKED = {
    False: Conditions((0.35, 0.8), 30, (0.0, 0.4), (0.5, 1.3), (0.4, 1.4), (0.2, 1.6), (25, 80)),
    True: Conditions((0.3, 0.7), 60, (0.0, 0.45), (0.3, 0.8), (0.2, 1.0), (0.8, 2.2), (15, 60)),
}
_AS_DRAWN = {
    False: Conditions((1, 1), 0, (0, 0), (1, 1), (1, 1), (0, 0.01), (90, 90)),
    True: Conditions((1, 1), 0, (0, 0), (0.35, 0.8), (0.3, 1.0), (0.6, 1.6), (25, 70)),
}


def _mix(labels: Sequence[str], drifted: bool) -> list[float]:
    """How often each label comes: the last one a third as often as the first, or the reverse."""
    falling = [3 - 2 * place / (len(labels) - 1) for place in range(len(labels))]
    return falling[::-1] if drifted else falling


def _drawn(parts: Mapping[str, tuple[Outline, int]]) -> Draw:
    labels, weights = list(parts), [float(often) for _, often in parts.values()]

    def draw(rng: random.Random, drifted: bool) -> tuple[Image.Image, Annotation]:
        (label,) = rng.choices(labels, weights[::-1] if drifted else weights)
        picture = draw_outline(parts[label][0], rng, SIDE_PX)
        taken = composing.photographed(picture, _AS_DRAWN[drifted], rng)
        return taken, Annotation.of_labels([label])

    return draw


def _one_on_a_photograph(
    labels: Sequence[str],
    thing: Callable[[str, random.Random], Image.Image],
    conditions: Mapping[bool, Conditions],
) -> Draw:
    def draw(rng: random.Random, drifted: bool) -> tuple[Image.Image, Annotation]:
        (label,) = rng.choices(labels, _mix(labels, drifted))
        picture = composing.ground(_backgrounds(drifted), (SIDE_PX, SIDE_PX), rng)
        while not composing.put(picture, thing(label, rng), label, conditions[drifted], rng):
            pass  # Turned, it was too large; another draw is not.
        taken = composing.photographed(picture, conditions[drifted], rng)
        return taken, Annotation.of_labels([label])

    return draw


def _scene(labels: Sequence[str], size_px: Size, most: int) -> Draw:
    """Several things on a photograph, one at least."""

    def draw(rng: random.Random, drifted: bool) -> tuple[Image.Image, Annotation]:
        picture = composing.ground(_backgrounds(drifted), size_px, rng)
        boxes: list[Box] = []
        wanted = rng.randint(1, most)
        while len(boxes) < wanted:
            (label,) = rng.choices(labels, _mix(labels, drifted))
            thing = _stamp(label, rng)
            box = composing.put(picture, thing, label, _TOGETHER[drifted], rng, taken=boxes)
            if box:
                boxes.append(box)
            elif boxes:
                break  # There is no room left.
        taken = composing.photographed(picture, _TOGETHER[drifted], rng)
        return taken, Annotation.of_boxes(boxes, size_px)

    return draw


def _several(labels: Sequence[str]) -> Draw:
    scene = _scene(labels, (SIDE_PX, SIDE_PX), 3)

    def draw(rng: random.Random, drifted: bool) -> tuple[Image.Image, Annotation]:
        picture, boxes = scene(rng, drifted)
        return picture, Annotation.of_labels(boxes.labels)

    return draw


def _stamp(label: str, rng: random.Random) -> Image.Image:
    return rng.choice(_stamps(label))


def _sign(label: str, _: random.Random) -> Image.Image:
    return _logo(label)


KINDS: Mapping[str, Kind] = {
    "parts": Kind(ModelType.CLASSIFICATION, tuple(PARTS), _drawn(PARTS)),
    "photographs": Kind(
        ModelType.CLASSIFICATION,
        tuple(_THINGS),
        _one_on_a_photograph(tuple(_THINGS), _stamp, _ALONE),
    ),
    "logos": Kind(
        ModelType.CLASSIFICATION,
        tuple(_LOGOS),
        _one_on_a_photograph(tuple(_LOGOS), _sign, _MARKED),
    ),
    "several": Kind(ModelType.MULTI_LABEL, _SEVERAL, _several(_SEVERAL)),
    "boxes": Kind(ModelType.DETECTION, _BOXED, _scene(_BOXED, SCENE_PX, 3), OF_SCENES),
    "uneven parts": Kind(ModelType.CLASSIFICATION, tuple(UNEVEN), _drawn(UNEVEN)),
}


# --- Building -------------------------------------------------------------------------------------


def load(name: str) -> PictureSet:
    """The set of this name; drawn and looked at now where that has not been done yet."""
    kind = KINDS[name]
    folder = packages.CACHE / "sets" / f"{name.replace(' ', '-')}-{_key()}"
    if not folder.exists():
        _build(name, folder)
    truths: tuple[Annotation, ...] = pickle.loads((folder / "truths").read_bytes())  # noqa: S301 - ours
    return PictureSet(
        name,
        kind.model_type,
        kind.labels,
        truths,
        np.load(folder / "features.npy", mmap_mode="r"),
        kind.counts.usual,
        kind.counts.held_back,
    )


@cache
def _key() -> str:
    """Another one for each state of the code that draws and looks."""
    here = Path(__file__).parent
    its = Path(local.__file__).parent
    files = [
        *sorted(here.glob("*.py")),
        Path(machine_parts.__file__),
        its / "rekognition" / "backbone.py",
    ]
    drawing = [file for file in files if file.name != "versions.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in drawing)).hexdigest()[:12]


def _build(name: str, folder: Path) -> None:
    counts = KINDS[name].counts
    numbers = range(counts.usual + counts.drifted)
    chunks = [numbers[start : start + CHUNK] for start in numbers[::CHUNK]]
    draw_picture(name, 0)  # brings the packages before several processes want them
    draw_picture(name, counts.usual)
    backbone()
    truths: list[Annotation] = []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(dir=folder.parent) as scratch,
        ProcessPoolExecutor(WORKERS, get_context("spawn")) as processes,
    ):
        built = Path(scratch) / "built"
        built.mkdir()
        written: Features | None = None
        for numbers_of, (features, shown) in zip(
            chunks, processes.map(_look, [name] * len(chunks), chunks), strict=True
        ):
            if written is None:
                written = np.lib.format.open_memmap(
                    built / "features.npy",
                    mode="w+",
                    dtype=features.dtype,
                    shape=(len(numbers), *features.shape[1:]),
                )
            written[numbers_of.start : numbers_of.stop] = features
            truths += shown
            print(f"\r{name}: {len(truths)} of {len(numbers)} pictures", end="", flush=True)
        print()
        (built / "truths").write_bytes(pickle.dumps(tuple(truths)))
        built.rename(folder)


@cache
def backbone() -> Backbone:
    """The emulator's frozen network."""
    networks = packages.CACHE / "network"
    convert_into(networks)
    return Backbone(networks)


def draw_picture(name: str, number: int) -> tuple[Image.Image, Annotation]:
    """A picture of a set, and what it shows."""
    kind = KINDS[name]
    return kind.draw(random.Random(f"{name}/{number}"), number >= kind.counts.usual)


def _look(name: str, numbers: range) -> tuple[Features, list[Annotation]]:
    rows: list[Features] = []
    truths = []
    for number in numbers:
        picture, shown = draw_picture(name, number)
        if KINDS[name].model_type is ModelType.DETECTION:
            rows.append(backbone().feature_grid(picture).features.astype(np.float16))
        else:
            rows.append(backbone().embed(picture))
        truths.append(shown)
    return np.stack(rows), truths
