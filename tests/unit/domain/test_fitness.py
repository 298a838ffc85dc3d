"""labelloop.domain.fitness: whether the service trains on a file, by its content alone."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labelloop.domain import fitness
from labelloop.domain.fitness import Looked
from labelloop.domain.images import MAX_BYTES
from tests import cases, turned
from tests.turned import chunk, segment

SIZE_PX = (300, 200)


def _file(kind: str, size_px: tuple[int, int] = SIZE_PX, mode: str = "RGB", **how: Any) -> bytes:
    """An image file as Pillow writes it."""
    stream = io.BytesIO()
    Image.effect_noise(size_px, 60).convert(mode).save(stream, kind, **how)
    return stream.getvalue()


def _header(
    depth: int = 8, color: int = 2, size_px: tuple[int, int] = SIZE_PX, rest: bytes = bytes(3)
) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBB", *size_px, depth, color) + rest)


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG, _JPEG = _file("PNG"), _file("JPEG")
_PROGRESSIVE = _file("JPEG", progressive=True)
_RESTARTS = _file("JPEG", restart_marker_blocks=3)
_THUMBNAIL = b"Exif\0\0" + _file("JPEG", (64, 64))
_WHOLE = [
    _PNG,
    _JPEG,
    _PROGRESSIVE,
    _RESTARTS,
    _file("PNG", mode="P"),
    _file("PNG", mode="1"),
    _file("PNG", mode="LA"),
    cases.read("21", "gray16.png"),
    _file("JPEG", mode="L"),
    _file("JPEG", mode="CMYK"),
    _file("JPEG", exif=_THUMBNAIL),
    _file("JPEG", exif=b"Exif\0\0" + b"\xff\xc0" * 30_000),
    _file("JPEG", icc_profile=b"\xff" * 200_000),
    _file("JPEG", comment=b"\xff\xd9\xff\xc0\x00\x11" * 50, dpi=(300, 300)),
    _JPEG.replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1),  # filled up
    _JPEG.replace(b"\xff\xdb", b"\0\0\0\xff\xdb", 1),  # something in between
    _JPEG[:-2] + b"\xff\xff\xff\xd9",  # filled up before its end
    _PNG.replace(chunk(b"IEND"), chunk(b"tEXt", b"a\0b")[:-4] + b"abcd" + chunk(b"IEND")),
    _PNG[:-4],  # the checksum of nothing
]


@pytest.mark.parametrize("content", _WHOLE)
@pytest.mark.parametrize("behind", [b"", bytes(100), b"film \xff\xda\xff film", _JPEG[:5000]])
def test_a_whole_image_is_fit_whatever_comes_behind_it(content: bytes, behind: bytes) -> None:
    looked = fitness.look_at(content + behind)
    assert looked.refusal == ""
    assert looked.size_px == Image.open(io.BytesIO(content)).size


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_gray_of_all_depths_is_fit(depth: int) -> None:
    rows = bytes(SIZE_PX[1] * (1 + SIZE_PX[0] * depth // 8 + 1))
    png = _SIGNATURE + _header(depth, 0) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")
    assert fitness.look_at(png) == Looked(SIZE_PX)


@pytest.mark.parametrize("content", [_PNG, _JPEG, _PROGRESSIVE, _RESTARTS, _WHOLE[10]])
@pytest.mark.parametrize("share", [0.5, 0.6, 0.99])
@pytest.mark.parametrize("filled", [b"", bytes(5000)])
def test_a_file_without_its_end_is_cut_off(content: bytes, share: float, filled: bytes) -> None:
    beginning = content[: int(len(content) * share)]
    looked = fitness.look_at(beginning + filled)
    assert looked.size_px == SIZE_PX
    assert looked.refusal in {
        "The file is cut off: its end is missing.",
        # The end of the pixels' part, where zeros are in its place.
        "The file is broken: its part IDAT is damaged.",
    }


def test_01_cut_off_image_blocks_every_deployment() -> None:
    content = cases.read("01", "images_labeled_by_folder/warm/cut_off.jpg")
    assert "cut off" in fitness.look_at(content).refusal


def test_23_jpeg_without_end_marker() -> None:
    content = cases.read("23", "no_end.jpg")
    assert "cut off" in fitness.look_at(content).refusal
    assert fitness.look_at(content + b"\xff\xd9").refusal == ""


def test_21_sixteen_bit_gray_png() -> None:
    assert fitness.look_at(cases.read("21", "gray16.png")) == Looked((128, 128))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(20), "neither a PNG nor a JPEG"),
        (b"<html>", "neither a PNG nor a JPEG"),
        (b"\xff\xd8", "neither a PNG nor a JPEG"),
        (_SIGNATURE[:7], "neither a PNG nor a JPEG"),
        (_SIGNATURE, "cannot be read"),
        (_SIGNATURE + b"x" * 50, "cannot be read"),
        (_PNG[:16] + bytes(8) + _PNG[24:], "cannot be read"),
        (b"\xff\xd8\xff\xd9", "cannot be read"),
        (b"\xff\xd8\xff\xda\x00\x02", "cannot be read"),  # pixels without a size
        (b"\xff\xd8\xff\xe0\x00\x00" + bytes(50), "cannot be read"),
        (b"\xff\xd8\xff\xc0\x00\x06" + bytes(50), "cannot be read"),
        (b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x00\x00\x00" + bytes(50), "cannot be read"),
        (b"\xff\xd8\xffa page that was saved as a picture", "cannot be read"),
        (_JPEG[:-2] + b"\xff\xd8" + _JPEG, "broken: it has the marker D8"),
        (_JPEG[: _JPEG.index(b"\xff\xda")] + b"\xff\xd9", "broken: it has no pixels"),
        (b"\xff\xd8" + segment(0xC3, b"\x08\0\xc8\1\x2c\1\1\x11\0") + _JPEG[2:], "cannot be read"),
        (_SIGNATURE + _header() + chunk(b"IEND"), "broken: it has no pixels"),
        (_SIGNATURE + _header(3, 2) + _PNG[33:], "cannot be read"),
        (_SIGNATURE + _header(rest=b"\1\0\0") + _PNG[33:], "cannot be read"),
        (_SIGNATURE + _header(8, 3) + _PNG[33:], "broken: its colors are missing"),
        (_SIGNATURE + chunk(b"CgBI", bytes(4)) + _PNG[8:], "cannot be read"),
        (_PNG[:33] + chunk(b"ABCD") + _PNG[33:], "broken: it has the part ABCD"),
        (_PNG[:33] + _header() + _PNG[33:], "broken: it does not begin with one header"),
        (_PNG[:60] + bytes([_PNG[60] ^ 1]) + _PNG[61:], "broken: its part IDAT is damaged"),
    ],
)
def test_what_no_decoder_reads_is_refused_in_a_sentence(content: bytes, reason: str) -> None:
    refusal = fitness.look_at(content).refusal
    assert reason in refusal
    assert refusal.startswith("The file is ") and refusal.endswith(".")


@pytest.mark.parametrize(
    "size_px", [(64, 64), (4096, 64 * 4), (64, 1280), (1280, 64), (4096, 205), (205, 4096)]
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_images_within_the_limits_are_trained_on(kind: str, size_px: tuple[int, int]) -> None:
    assert fitness.look_at(_file(kind, size_px, "L")) == Looked(size_px)


@pytest.mark.parametrize(
    ("size_px", "reason"),
    [
        ((63, 100), "63 x 100 px; Rekognition takes images of 64 to 4096"),
        ((100, 63), "of 64 to 4096 px each way"),
        ((4097, 300), "of 64 to 4096 px each way"),
        ((64, 1281), "up to 20 times as long as wide"),
        ((1281, 64), "up to 20 times as long as wide"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_images_beyond_the_limits_are_not(kind: str, size_px: tuple[int, int], reason: str) -> None:
    content = _file(kind, size_px, "L")
    for looked in (fitness.look_at(content), fitness.look_at(content[:-50])):
        assert looked.size_px == size_px
        assert reason in looked.refusal and looked.refusal.endswith(".")
    assert reason in fitness.refusal_of_limits(content)


def test_a_file_that_is_too_large_is_not_read() -> None:
    def pieces() -> Iterator[bytes]:
        raise AssertionError("It was read.")
        yield b""

    assert fitness.look(_pieces(_PNG, 100), MAX_BYTES).refusal == ""
    looked = fitness.look(pieces(), MAX_BYTES + 1)
    assert looked.refusal == "The file has 15.0 MB; Rekognition takes images of up to 15 MB."


def test_nothing_behind_the_end_is_read() -> None:
    def pieces() -> Iterator[bytes]:
        yield _JPEG
        raise AssertionError("More was read.")

    assert fitness.look(pieces(), 10 * len(_JPEG)).refusal == ""


def _pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


@pytest.mark.parametrize("content", [*_WHOLE, *(whole[:-1000] for whole in _WHOLE[:4])])
@given(size=st.integers(8, 3000))
def test_how_a_file_comes_in_pieces_changes_nothing(content: bytes, size: int) -> None:
    assert fitness.look(_pieces(content, size), len(content)) == fitness.look_at(content)


@given(st.binary(max_size=200), st.sampled_from([b"", _SIGNATURE, b"\xff\xd8\xff", _PNG, _JPEG]))
def test_whatever_comes_is_fit_or_refused_in_a_sentence(rest: bytes, beginning: bytes) -> None:
    looked = fitness.look_at(beginning + rest)
    assert looked.refusal == "" or looked.refusal.endswith(".")
    assert looked.size_px is None or min(looked.size_px) > 0
    if looked.refusal == "":
        assert fitness.refusal_of_limits(beginning + rest) == ""


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@given(length=st.integers(0, 800))
def test_a_beginning_tells_the_size_or_nothing(kind: str, length: int) -> None:
    content = {"PNG": _PNG, "JPEG": _JPEG}[kind]
    assert fitness.shape_of(content[:length]).size_px in {None, SIZE_PX}


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * fitness.MOST_PARTS,
        _JPEG[: _JPEG.index(b"\xff\xda")] + b"\xff\xfe\x00\x02" * fitness.MOST_PARTS,
        _PNG[:33] + chunk(b"teXt") * fitness.MOST_PARTS,
    ],
)
def test_a_file_of_countless_parts_keeps_nobody_busy(content: bytes) -> None:
    # As many more would change nothing: none of them is looked at.
    assert fitness.look_at(content).refusal
    assert fitness.shape_of(content + content).size_px in {None, SIZE_PX}


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (_JPEG, ""),
        (_JPEG[:-500], ""),
        (_PNG[:-500], ""),
        (b"", "The file is empty."),
        (b"GIF89a", "The file is neither a PNG nor a JPEG image, whatever its name says."),
        (_JPEG[:100], "The file is broken or cut off: its width and height cannot be read."),
    ],
)
def test_what_the_service_does_not_document_it_is_asked_about(content: bytes, refusal: str) -> None:
    assert fitness.refusal_of_limits(content) == refusal


@pytest.mark.parametrize("name", turned.FILES)
def test_an_image_is_turned_where_a_browser_turns_it(name: str) -> None:
    content, orientation = turned.FILES[name]
    assert fitness.look_at(content) == Looked(turned.SIZE_PX, orientation)
    assert fitness.shape_of(content).orientation == orientation
