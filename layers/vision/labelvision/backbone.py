"""The frozen image network: turns an image into what a model on top of it learns from.

It exists because a few images a label are far too few to train a network on: EfficientNet-Lite0
has learned from ImageNet what images are made of, and only a small model on top is trained.
``conversion`` makes the files that it runs.
"""

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from labelvision import networks
from labelvision.feature_grid import FeatureGrid, GridNetwork

Embedding = npt.NDArray[np.float32]

INPUT_PX = 224
EMBEDDING_SIZE = 1280
CACHED_EMBEDDINGS = 20_000


class Backbone:
    """Embeds images; any number of threads may call it at once."""

    def __init__(self, folder: Path = networks.FOLDER) -> None:
        options = onnxruntime.SessionOptions()
        # One thread an image: the same sums in the same order, so the same numbers every time.
        # Images are embedded side by side instead.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._folder = folder
        self._session = onnxruntime.InferenceSession(
            str(folder / networks.EMBEDDING), options, providers=["CPUExecutionProvider"]
        )
        self._known: OrderedDict[bytes, Embedding] = OrderedDict()
        self._known_lock = threading.Lock()
        self._grid_network: GridNetwork | None = None
        self._grid_lock = threading.Lock()

    def feature_grid(self, image: Image.Image) -> FeatureGrid:
        """What is where in an RGB image whose sides are multiples of 32 px."""
        with self._grid_lock:
            if self._grid_network is None:
                self._grid_network = GridNetwork(self._folder / networks.GRID)
        return self._grid_network.extract(image)

    def embed(self, image: Image.Image) -> Embedding:
        """The image's embedding, a vector of unit length."""
        small = image.convert("RGB").resize((INPUT_PX, INPUT_PX), Image.Resampling.BILINEAR)
        pixels = np.asarray(small, dtype=np.float32).transpose(2, 0, 1)[None]
        (pooled,) = self._session.run(["embedding"], {"image": pixels})
        vector = pooled.reshape(-1)
        return np.asarray(vector / (np.linalg.norm(vector) + 1e-12), dtype=np.float32)

    def embed_content(self, content: bytes, image: Image.Image) -> Embedding:
        """The embedding of ``image``, computed once for the same ``content`` it came from."""
        digest = hashlib.sha256(content).digest()
        with self._known_lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return self._known[digest]
        embedding = self.embed(image)
        with self._known_lock:
            self._known[digest] = embedding
            while len(self._known) > CACHED_EMBEDDINGS:
                self._known.popitem(last=False)
        return embedding
