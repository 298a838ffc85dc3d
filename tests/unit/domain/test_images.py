"""labelloop.domain.images: which objects are images that the service takes."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labelloop.domain import images


@pytest.mark.parametrize("key", ["a.jpg", "a.JPEG", "f/b.PnG", "x.y.png"])
def test_jpeg_and_png_files_are_taken(key: str) -> None:
    assert images.refusal(key, 1) is None
    assert images.refusal(key, images.MAX_BYTES) is None


@pytest.mark.parametrize(
    ("key", "size_bytes", "reason"),
    [
        ("a.gif", 10, "does not end in"),
        ("jpg", 10, "does not end in"),
        ("folder/", 0, "does not end in"),
        ("a.jpg", 0, "empty"),
        ("a.jpg", images.MAX_BYTES + 1, "15.0 MB; Rekognition takes images of up to 15 MB"),
    ],
)
def test_what_the_service_would_never_take_is_refused_in_a_sentence(
    key: str, size_bytes: int, reason: str
) -> None:
    refusal = images.refusal(key, size_bytes)
    assert refusal is not None
    assert reason in refusal
    assert refusal.endswith(".")


def test_the_folder_that_a_console_makes_is_known_by_its_slash() -> None:
    assert images.is_folder_marker("images_for_detection/new/")
    assert not images.is_folder_marker("images_for_detection/new")


@pytest.mark.parametrize(
    ("beginning", "image"),
    [
        (b"\x89PNG\r\n\x1a\n....", True),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", True),
        (b"GIF89a", False),
        (b"<html>", False),
        (b"", False),
    ],
)
def test_images_are_known_by_how_they_begin(beginning: bytes, image: bool) -> None:
    assert images.has_image_signature(beginning) is image


def _file(kind: str, size_px: tuple[int, int] = (300, 200), **how: Any) -> bytes:
    """An image file as Pillow writes it."""
    stream = io.BytesIO()
    Image.effect_noise(size_px, 60).convert("RGB").save(stream, kind, **how)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        _file("PNG"),
        _file("JPEG"),
        _file("JPEG", progressive=True),
        _file("JPEG", exif=b"Exif\0\0" + b"\xff\xc0" * 30_000),
        _file("JPEG", icc_profile=b"\xff" * 200_000),
        _file("JPEG", comment=b"\xff\xc0\x00\x11" * 50, dpi=(300, 300)),
        _file("JPEG").replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1),  # filled up
        _file("JPEG").replace(b"\xff\xdb", b"\0\0\0\xff\xdb", 1),  # something in between
    ],
)
def test_the_size_is_in_the_header_however_far_behind(content: bytes) -> None:
    assert images.dimensions(content) == (300, 200)
    assert Image.open(io.BytesIO(content)).size == (300, 200)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_a_png_of_any_mode_has_its_size_in_the_same_place(mode: str) -> None:
    stream = io.BytesIO()
    Image.new(mode, (64, 4096)).save(stream, "PNG")

    assert images.dimensions(stream.getvalue()[:33]) == (64, 4096)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@given(st.integers(0, 800))
def test_a_beginning_is_enough_or_too_short_and_never_wrong(kind: str, length: int) -> None:
    content = _CONTENT[kind]

    assert images.dimensions(content[:length]) in {None, (300, 200)}
    assert images.dimensions(content[:20]) is None


_CONTENT = {"PNG": _file("PNG"), "JPEG": _file("JPEG")}


def test_metadata_may_fill_the_beginning() -> None:
    content = _file("JPEG", exif=b"Exif\0\0" + bytes(65_000), icc_profile=bytes(10_000))

    assert images.dimensions(content[: 64 * 1024]) is None
    assert images.dimensions(content[: 128 * 1024]) == (300, 200)


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a",
        b"<html>",
        b"\x89PNG\r\n\x1a\n" + b"x" * 50,
        _CONTENT["PNG"][:16] + bytes(8) + _CONTENT["PNG"][24:],
        b"\xff\xd8\xff\xd9",  # ended
        b"\xff\xd8\xff\xda\x00\x02",  # pixels without a size
        b"\xff\xd8\xff\xe0\x00\x00" + bytes(50),
        b"\xff\xd8\xff\xc0\x00\x06" + bytes(50),
        b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x00\x00\x00" + bytes(50),
        b"\xff\xd8\xffa page that was saved as a picture",
    ],
)
def test_a_broken_file_is_told_from_a_short_beginning(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"PNG|JPEG|width"):
        images.dimensions(content)


@given(st.binary(max_size=200))
def test_whatever_comes_behind_the_first_bytes_is_read_or_refused(rest: bytes) -> None:
    for beginning in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"):
        try:
            size_px = images.dimensions(beginning + rest)
        except ValueError:
            continue
        assert size_px is None or min(size_px) > 0


_THUMBNAIL = b"Exif\0\0" + _file("JPEG", (64, 64))
_WHOLE = [
    _CONTENT["PNG"],
    _CONTENT["JPEG"],
    _file("JPEG", progressive=True),
    _file("JPEG", exif=_THUMBNAIL),
]


@pytest.mark.parametrize("content", _WHOLE)
@pytest.mark.parametrize("behind", [b"", bytes(100), b"film \xff\xda film"])
def test_a_file_with_its_end_is_whole_whatever_comes_behind_it(
    content: bytes, behind: bytes
) -> None:
    assert not images.is_cut_off(content + behind)


@pytest.mark.parametrize("content", _WHOLE)
@pytest.mark.parametrize("share", [0.5, 0.99])
def test_a_file_without_its_end_is_cut_off(content: bytes, share: float) -> None:
    beginning = content[: int(len(content) * share)]

    assert images.dimensions(beginning) == (300, 200)
    assert images.is_cut_off(beginning)


@pytest.mark.parametrize(
    "size_px", [(64, 64), (4096, 4096), (64, 1280), (1280, 64), (4096, 205), (205, 4096)]
)
def test_images_within_the_limits_are_trained_on(size_px: tuple[int, int]) -> None:
    assert images.refusal_for_training(images.MAX_BYTES, _CONTENT["PNG"], size_px) is None


@pytest.mark.parametrize(
    ("size_bytes", "beginning", "size_px", "reason"),
    [
        (0, b"", None, "empty"),
        (images.MAX_BYTES + 1, _CONTENT["PNG"], (100, 100), "up to 15 MB"),
        (9, b"GIF89a", None, "neither a PNG nor a JPEG"),
        (9, _CONTENT["PNG"], None, "broken or cut off"),
        (9, _CONTENT["PNG"], (63, 100), "63 x 100 px; Rekognition takes images of 64 to 4096"),
        (9, _CONTENT["PNG"], (100, 63), "of 64 to 4096 px each way"),
        (9, _CONTENT["PNG"], (4097, 4096), "of 64 to 4096 px each way"),
        (9, _CONTENT["PNG"], (64, 1281), "up to 20 times as long as wide"),
        (9, _CONTENT["PNG"], (1281, 64), "up to 20 times as long as wide"),
    ],
)
def test_what_training_would_not_take_is_refused_in_a_sentence(
    size_bytes: int, beginning: bytes, size_px: tuple[int, int] | None, reason: str
) -> None:
    refusal = images.refusal_for_training(size_bytes, beginning, size_px)
    assert refusal is not None
    assert reason in refusal
    assert refusal.endswith(".")
