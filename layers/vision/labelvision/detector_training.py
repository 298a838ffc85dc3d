"""Trains a detector's head on scenes with boxes.

Each cell of a scene's feature grid is an example: the cells at the middle of a box show its label,
those outside all boxes show nothing, and those in between are left out. Of the many that show
nothing a sample is trained on, then those of the rest that the head takes for something. Cells are
capped, so that neither memory nor time grows with the number of scenes. Called by
``localization``; the same scenes train the same head.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from labelvision.boxes import Box, LabelledRegion
from labelvision.detector import (
    OBJECT_PX,
    Detector,
    GridSource,
    Head,
    Scaling,
    Values,
    scale,
    sigmoid,
)
from labelvision.feature_grid import CHANNELS, STRIDE_PX, FeatureGrid

Examples = npt.NDArray[np.float16]

HIDDEN_UNITS = 96
EPOCHS = 30
ROUNDS = 2
BATCH = 512
LEARNING_RATE, WEIGHT_DECAY = 4e-3, 2e-4
FEATURE_DROPOUT, HIDDEN_DROPOUT = 0.15, 0.2

COPIES = 3
MAXIMUM_VIEWS = 240
EMPTY_CELLS_PER_VIEW = 700
MAXIMUM_EMPTY_CELLS = 80_000
MAXIMUM_SHOWING = 4_000
FIRST_EMPTY_PER_VIEW, HARD_PER_VIEW = 150, 75
HARD_SCORE = 0.1
# The part of a box, from its middle, whose cells show the label: this share of its half sides, but
# at least about one cell.
CORE_SHARE, CORE_CELLS = 0.44, 0.6


@dataclass(frozen=True)
class Scene:
    """An image with all that is to be found in it; ``load`` decodes it."""

    load: Callable[[], Image.Image]
    regions: tuple[LabelledRegion, ...]


class _Cells(NamedTuple):
    """The cells of one view: what those that show something show, and a sample of the empty."""

    showing: Examples
    columns: npt.NDArray[np.intp]
    boxes: Values
    empty: Examples


class _Examples(NamedTuple):
    """What one round of training sees; the rows that show something come first."""

    features: Values
    columns: npt.NDArray[np.intp]
    boxes: Values


def train(
    labels: Sequence[str],
    scenes: Sequence[Scene],
    object_share: float,
    *,
    grids: GridSource,
    threads: int,
    epochs: int = EPOCHS,
    copies: int = COPIES,
) -> Detector:
    """A detector that is not calibrated yet; every label needs at least one box."""
    cells = _collect(labels, scenes, object_share, grids=grids, threads=threads, copies=copies)
    rng = np.random.default_rng(0)
    showing = _Examples(
        np.concatenate([view.showing for view in cells]).astype(np.float32),
        np.concatenate([view.columns for view in cells]),
        np.concatenate([view.boxes for view in cells]),
    )
    chosen = rng.permutation(len(showing.features))[:MAXIMUM_SHOWING]
    showing = _Examples(showing.features[chosen], showing.columns[chosen], showing.boxes[chosen])
    empty = _sample([view.empty[:FIRST_EMPTY_PER_VIEW] for view in cells], 2 * MAXIMUM_SHOWING, rng)
    head = _new_head(empty, len(labels), rng)
    for round_number in range(ROUNDS):
        if round_number:
            hard = [_hardest(view.empty, head) for view in cells]
            empty = np.concatenate([empty, _sample(hard, MAXIMUM_SHOWING, rng)])
        head = _fit(head, showing, empty, epochs, rng)
    return Detector(tuple(labels), head, object_share, {label: Scaling() for label in labels})


def typical_share(sizes: Iterable[tuple[Box, int, int]]) -> float:
    """How large things are, compared with the image's longer side: of boxes and image sizes."""
    shares = [
        (box.width * width_px * box.height * height_px) ** 0.5 / max(width_px, height_px)
        for box, width_px, height_px in sizes
    ]
    return float(np.median(shares))


def _collect(
    labels: Sequence[str],
    scenes: Sequence[Scene],
    object_share: float,
    *,
    grids: GridSource,
    threads: int,
    copies: int,
) -> list[_Cells]:
    """The cells of every scene, and of changed copies of it as far as there is room for them."""
    copies = max(0, min(copies, MAXIMUM_VIEWS // len(scenes) - 1))
    views = len(scenes) * (copies + 1)
    caps = {
        "wanted_empty": min(EMPTY_CELLS_PER_VIEW, max(1, MAXIMUM_EMPTY_CELLS // views)),
        "wanted_showing": max(1, 4 * MAXIMUM_SHOWING // views),
    }
    columns = {label: column for column, label in enumerate(labels)}

    def look(number: int) -> list[_Cells]:
        rng = np.random.default_rng(number)
        scene = scenes[number]
        image = scene.load()
        changed = [(scale(image, object_share), scene.regions)]
        changed += [_change(image, scene.regions, object_share, rng) for _ in range(copies)]
        found = []
        for view, regions in changed:
            grid = grids.feature_grid(view)
            found.append(_label_cells(grid, view.size, regions, columns, rng, **caps))
        return found

    with ThreadPoolExecutor(threads, thread_name_prefix="look-at-scenes") as pool:
        return [cells for of_scene in pool.map(look, range(len(scenes))) for cells in of_scene]


def _change(
    image: Image.Image,
    regions: Sequence[LabelledRegion],
    object_share: float,
    rng: np.random.Generator,
) -> tuple[Image.Image, tuple[LabelledRegion, ...]]:
    """The scene larger or smaller, moved, and in another light."""
    zoomed = scale(image, object_share, float(rng.uniform(0.7, 1.4)))
    lit = ImageEnhance.Brightness(zoomed).enhance(float(rng.uniform(0.75, 1.25)))
    lit = ImageEnhance.Color(lit).enhance(float(rng.uniform(0.6, 1.4)))
    right, down = (int(shift) for shift in rng.integers(0, 32, 2))
    backdrop = tuple(int(value) for value in rng.integers(0, 255, 3))
    moved = Image.new("RGB", (lit.width + 32, lit.height + 32), backdrop)
    moved.paste(lit, (right, down))
    regions = tuple(
        LabelledRegion(
            label,
            Box(
                (box.left * lit.width + right) / moved.width,
                (box.top * lit.height + down) / moved.height,
                box.width * lit.width / moved.width,
                box.height * lit.height / moved.height,
            ),
        )
        for label, box in regions
    )
    return moved, regions


def _label_cells(
    grid: FeatureGrid,
    size_px: tuple[int, int],
    regions: Sequence[LabelledRegion],
    columns: dict[str, int],
    rng: np.random.Generator,
    *,
    wanted_empty: int,
    wanted_showing: int,
) -> _Cells:
    """What each cell shows; where boxes overlap, the smaller one is what is seen."""
    centres = grid.centres_px()
    shown = np.full(len(centres), -1, dtype=np.intp)
    boxes = np.zeros((len(centres), 4), dtype=np.float32)
    inside = np.zeros(len(centres), dtype=bool)
    for label, box in sorted(regions, key=lambda region: -region.box.width * region.box.height):
        sides = np.array([box.width * size_px[0], box.height * size_px[1]])
        middle = np.array([box.left * size_px[0], box.top * size_px[1]]) + sides / 2
        away = np.abs(centres - middle)
        inside |= (away < sides / 2).all(axis=1)
        reach = np.maximum(CORE_SHARE * sides / 2, CORE_CELLS * STRIDE_PX)
        core = (away <= reach).all(axis=1)
        shown[core] = columns[label]
        boxes[core, :2] = (middle - centres[core]) / OBJECT_PX
        boxes[core, 2:] = np.log(np.maximum(sides, 2) / OBJECT_PX)
    showing = rng.permutation(np.flatnonzero(shown >= 0))[:wanted_showing]
    empty = rng.permutation(np.flatnonzero((shown < 0) & ~inside))[:wanted_empty]
    return _Cells(
        grid.features[showing].astype(np.float16),
        shown[showing],
        boxes[showing],
        grid.features[empty].astype(np.float16),
    )


def _sample(views: Sequence[Examples], count: int, rng: np.random.Generator) -> Values:
    together = np.concatenate(views)
    return together[rng.permutation(len(together))[:count]].astype(np.float32)


def _hardest(empty: Examples, head: Head) -> Examples:
    """The empty cells that the head takes for something."""
    if not len(empty):
        return empty
    scores, _ = head.answer(empty.astype(np.float32))
    best = scores.max(axis=1)
    order = np.argsort(-best, kind="stable")[:HARD_PER_VIEW]
    hardest: Examples = empty[order[best[order] > HARD_SCORE]]
    return hardest


def _new_head(empty: Values, label_count: int, rng: np.random.Generator) -> Head:
    def weights(rows: int, columns: int, gain: float) -> Values:
        drawn = rng.standard_normal((rows, columns)) * (gain / rows) ** 0.5
        return np.asarray(drawn, dtype=np.float32)

    bias = np.concatenate([np.full(label_count, -2.0), np.zeros(4)])
    seen = empty if len(empty) else np.zeros((1, CHANNELS), dtype=np.float32)
    return Head(
        centre=seen.mean(axis=0),
        spread=seen.std(axis=0) + 1e-3 if len(empty) > 1 else np.ones(CHANNELS, dtype=np.float32),
        hidden_weights=weights(CHANNELS, HIDDEN_UNITS, 1.5),
        hidden_bias=np.zeros(HIDDEN_UNITS, dtype=np.float32),
        output_weights=weights(HIDDEN_UNITS, label_count + 4, 1.0),
        output_bias=bias.astype(np.float32),
    )


def _fit(
    head: Head, showing: _Examples, empty: Values, epochs: int, rng: np.random.Generator
) -> Head:
    """The head after so many epochs of Adam with a falling rate, on these examples."""
    label_count = head.output_bias.size - 4
    features = (np.concatenate([showing.features, empty]) - head.centre) / head.spread
    count, shown = len(features), len(showing.features)
    labels = np.zeros((count, label_count), dtype=np.float32)
    labels[np.arange(shown), showing.columns] = 1
    boxes = np.zeros((count, 4), dtype=np.float32)
    boxes[:shown] = showing.boxes
    # What shows something is rare: it weighs more, up to five times as much.
    rare = min(5.0, max(1.0, 0.5 * len(empty) / max(1, shown)))
    importance = np.where(labels > 0, np.float32(rare), np.float32(1))
    adam = _Adam(
        [head.hidden_weights, head.hidden_bias, head.output_weights, head.output_bias],
        epochs * -(-count // BATCH),
    )
    for _ in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count, BATCH):
            rows = order[start : start + BATCH]
            hidden_weights, hidden_bias, output_weights, output_bias = adam.parameters
            seen = features[rows] * _dropout((1, CHANNELS), FEATURE_DROPOUT, rng)
            before = seen @ hidden_weights + hidden_bias
            mask = _dropout(before.shape, HIDDEN_DROPOUT, rng) * (before > 0)
            hidden = before * mask
            outputs = hidden @ output_weights + output_bias
            slope = np.zeros_like(outputs)
            slope[:, :-4] = (sigmoid(outputs[:, :-4]) - labels[rows]) * importance[rows]
            wrong = (outputs[:, -4:] - boxes[rows]) * (rows < shown)[:, None]
            slope[:, -4:] = np.clip(2 * wrong, -1, 1)
            slope /= len(rows)
            back = (slope @ output_weights.T) * mask
            adam.step(
                [
                    seen.T @ back + WEIGHT_DECAY * hidden_weights,
                    back.sum(axis=0),
                    hidden.T @ slope + WEIGHT_DECAY * output_weights,
                    slope.sum(axis=0),
                ]
            )
    return Head(head.centre, head.spread, *adam.parameters)


def _dropout(shape: tuple[int, ...], share: float, rng: np.random.Generator) -> Values:
    kept = rng.random(shape, dtype=np.float32) >= share
    result: Values = kept.astype(np.float32) / np.float32(1 - share)
    return result


class _Adam:
    """Adam, its rate falling along a cosine over so many steps."""

    def __init__(self, parameters: list[Values], steps: int) -> None:
        self.parameters = parameters
        self._means = [np.zeros_like(parameter) for parameter in parameters]
        self._squares = [np.zeros_like(parameter) for parameter in parameters]
        self._steps, self._done = steps, 0

    def step(self, gradients: list[Values]) -> None:
        self._done += 1
        rate = LEARNING_RATE * (0.5 + 0.5 * math.cos(math.pi * self._done / self._steps) + 0.01)
        for index, gradient in enumerate(gradients):
            self._means[index] = 0.9 * self._means[index] + 0.1 * gradient
            self._squares[index] = 0.99 * self._squares[index] + 0.01 * gradient**2
            mean = self._means[index] / (1 - 0.9**self._done)
            square = self._squares[index] / (1 - 0.99**self._done)
            change = rate * mean / (np.sqrt(square) + 1e-7)
            self.parameters[index] = (self.parameters[index] - change).astype(np.float32)
