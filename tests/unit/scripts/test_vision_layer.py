"""scripts.vision_layer: what is no library for arm64 is found, whatever it is called."""

import struct
from pathlib import Path

import pytest

from scripts.vision_layer import check_libraries

ARM64, X86_64 = 183, 62


def library(path: Path, machine: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(44))


def test_libraries_are_told_by_their_headers(tmp_path: Path) -> None:
    library(tmp_path / "package/one.so", ARM64)
    library(tmp_path / "package.libs/libtwo-aarch64.so.1.2", ARM64)
    (tmp_path / "package/text.so").write_text("no library")
    assert check_libraries(tmp_path) == 2
    library(tmp_path / "package.libs/libthree-aarch64.so.1", X86_64)
    with pytest.raises(SystemExit, match="libthree"):
        check_libraries(tmp_path)


def test_a_layer_without_any_library_was_not_made(tmp_path: Path) -> None:
    (tmp_path / "package.py").write_text("")
    with pytest.raises(SystemExit, match="no compiled library"):
        check_libraries(tmp_path)
