"""What is where in an image: the backbone's features before they are pooled into one vector.

It exists because a detector must say where something is, which the embedding has forgotten. The
features of three depths are laid over each other on the finest one's grid: edges and holes from
early in the network, shapes and things from late. Called by ``backbone``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

STRIDE_PX = 8
INPUT_MULTIPLE_PX = 32
CHANNELS = 40 + 112 + 320

Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FeatureGrid:
    """A row of features for each cell of 8 x 8 px, the cells row by row from the top left."""

    rows: int
    columns: int
    features: Features

    def centres_px(self) -> npt.NDArray[np.float32]:
        """Where the middle of each cell is, as x and y."""
        y, x = np.mgrid[0 : self.rows, 0 : self.columns]
        centres = np.stack([x.ravel() + 0.5, y.ravel() + 0.5], axis=1) * STRIDE_PX
        return centres.astype(np.float32)


class GridNetwork:
    """Runs the network of grids; any number of threads may call it at once."""

    def __init__(self, network: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(network), options, providers=["CPUExecutionProvider"]
        )

    def extract(self, image: Image.Image) -> FeatureGrid:
        """The grid of an RGB image whose sides are multiples of ``INPUT_MULTIPLE_PX``."""
        pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)[None]
        maps = self._session.run(None, {"image": pixels})
        rows, columns = maps[0].shape[2:]
        laid = [_stretch(tapped[0], rows, columns) for tapped in maps]
        features = np.concatenate(laid).reshape(CHANNELS, rows * columns).T
        return FeatureGrid(rows, columns, np.ascontiguousarray(features))


def _stretch(tapped: Features, rows: int, columns: int) -> Features:
    """The map on a finer grid, its values interpolated between the middles of its cells."""
    above, below, down = _neighbours(tapped.shape[1], rows)
    left, right, across = _neighbours(tapped.shape[2], columns)
    tall: Features = tapped[:, above] * (1 - down)[:, None] + tapped[:, below] * down[:, None]
    stretched: Features = tall[:, :, left] * (1 - across) + tall[:, :, right] * across
    return stretched


def _neighbours(
    coarse: int, fine: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Features]:
    """For each fine cell the coarse ones before and after it, and how near it is to the latter."""
    places = np.clip((np.arange(fine) + 0.5) * coarse / fine - 0.5, 0, coarse - 1)
    before = np.floor(places).astype(np.intp)
    after = np.minimum(before + 1, coarse - 1)
    return before, after, (places - before).astype(np.float32)
