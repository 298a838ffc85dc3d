"""Reads the backbone's weights out of a PyTorch file, without PyTorch.

It exists so that the eye needs no 800 MB dependency for a 17 MB file. Called by ``backbone``
once, when the network is converted. Only the classes that a dictionary of tensors needs can be
unpickled: a file that names any other is refused, so reading one cannot run code.
"""

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

Tensor = npt.NDArray[Any]

LEGACY_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
STORAGE_DTYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8"}


class _Storage(NamedTuple):
    dtype: str
    key: str


class _TensorView(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _TensorView:
    return _TensorView(storage, offset, shape, strides)


class _TensorUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Callable[..., Any] | type] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        }
        if module == "torch" and name in STORAGE_DTYPES:
            return STORAGE_DTYPES[name]
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"a weights file may not contain {module}.{name}")
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, *_ = pid
        return _Storage(dtype, key)


def read_torch_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.pth`` file in PyTorch's old (not zipped) format, by name.

    Raises ``pickle.UnpicklingError`` for a file in another format, or with anything else than
    tensors.
    """
    with path.open("rb") as file:
        if _unpickle(file) != LEGACY_MAGIC_NUMBER:
            raise pickle.UnpicklingError(f"{path} is not in PyTorch's legacy format")
        _protocol_version, _machine = _unpickle(file), _unpickle(file)
        views: dict[str, _TensorView] = _unpickle(file)
        storage_keys: list[str] = _unpickle(file)
        dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
        storages = {key: _read_storage(file, dtypes[key]) for key in storage_keys}
    return {name: _materialise(view, storages[view.storage.key]) for name, view in views.items()}


def _unpickle(file: BinaryIO) -> Any:
    return _TensorUnpickler(file).load()


def _read_storage(file: BinaryIO, dtype_name: str) -> Tensor:
    dtype = np.dtype(dtype_name)
    (length,) = struct.unpack("<q", file.read(8))
    return np.frombuffer(file.read(length * dtype.itemsize), dtype)


def _materialise(view: _TensorView, storage: Tensor) -> Tensor:
    strides_bytes = [stride * storage.itemsize for stride in view.strides]
    window = np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides_bytes)
    return np.ascontiguousarray(window)
