"""labelvision.images: each file is seen as people see it, or refused with the reason."""

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from labelvision import images
from labelvision.images import Problem, UnusableImageError
from tests.unit.vision import odd_files
from tests.unit.vision.odd_files import PNG, encode, scene


def pixels(image: Image.Image) -> "np.typing.NDArray[np.float32]":
    return np.asarray(image.resize((96, 72), Image.Resampling.BOX), dtype=np.float32)


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of a colour, of 255."""
    assert one.size == other.size
    return float(np.abs(pixels(one) - pixels(other)).mean())


def problem_of(content: bytes) -> Problem:
    with pytest.raises(UnusableImageError) as refused:
        images.picture(content)
    message = str(refused.value)
    assert message.startswith("The image ") and message.endswith(".")
    with pytest.raises(UnusableImageError) as as_decoded:
        images.decode(content)
    assert as_decoded.value.problem is refused.value.problem
    return refused.value.problem


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an image",
        PNG,
        PNG + b"\0\0",
        PNG + b"\0\0\0\0IHD",
        PNG + b"\xff\xff\xff\xfftEXt",
        b"\xff\xd8\xff",
        encode(scene(), "GIF"),
        encode(scene(), "TIFF"),
    ],
)
def test_what_ends_too_early_or_is_something_else_is_no_image(content: bytes) -> None:
    assert problem_of(content) is Problem.NOT_AN_IMAGE


@pytest.mark.parametrize("name", odd_files.SAME)
def test_odd_files_are_seen_as_what_they_show(name: str) -> None:
    seen = images.picture(odd_files.SAME[name]())
    assert (seen.image.mode, seen.size_px) == ("RGB", (384, 288))
    assert difference(seen.image, scene()) < 6, name


@pytest.mark.parametrize("name", odd_files.GRAY)
def test_odd_gray_files_are_seen_as_what_they_show(name: str) -> None:
    seen = images.picture(odd_files.GRAY[name]())
    assert (seen.image.mode, seen.size_px) == ("RGB", (384, 288))
    assert difference(seen.image, scene().convert("L").convert("RGB")) < 3, name


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_seen_upright_and_its_size_is_that_of_the_file(orientation: int) -> None:
    content = odd_files.turned(orientation)
    seen = images.picture(content)
    assert difference(seen.image, scene()) < 3
    assert seen.size_px == ((384, 288) if orientation < 5 else (288, 384))
    assert difference(images.upright(images.decode(content)), scene()) < 3


@pytest.mark.parametrize("colour", [0, 255])
def test_what_stands_on_nothing_does_not_vanish(colour: int) -> None:
    logo = Image.new("RGBA", (128, 128), (colour, colour, colour, 0))
    logo.paste((colour, colour, colour, 255), (32, 32, 96, 96))
    shown = images.picture(encode(logo, "PNG")).image
    assert shown.getpixel((64, 64)) == (colour, colour, colour)
    assert shown.getpixel((4, 4)) == (128, 128, 128)


@pytest.mark.parametrize(
    "make",
    [*odd_files.SAME.values(), *odd_files.GRAY.values()],
    ids=[*odd_files.SAME, *odd_files.GRAY],
)
def test_a_file_that_is_cut_off_is_told_so(make: Callable[[], bytes]) -> None:
    content = make()
    # Of several pictures in a file only the first is looked at.
    assert problem_of(content[: len(content) * 4 // 10]) is Problem.CUT_OFF


def test_a_file_whose_pixels_cannot_be_inflated_is_told_so() -> None:
    assert problem_of(odd_files.png(384, 288, b"no zlib stream" * 1000)) is Problem.BROKEN


def test_a_palette_that_is_missing_is_told_as_damage() -> None:
    rows = zlib.compress(bytes(64 * 65))
    assert problem_of(odd_files.png(64, 64, rows, colour=3)) is Problem.BROKEN


@pytest.mark.parametrize(
    ("size_px", "problem"),
    [
        ((63, 64), Problem.TOO_SMALL),
        ((64, 4097), Problem.TOO_LARGE),
        ((1281, 64), Problem.TOO_LONG),
    ],
)
def test_sizes_that_the_service_refuses_are_refused(
    size_px: tuple[int, int], problem: Problem
) -> None:
    for kind in ("PNG", "JPEG"):
        assert problem_of(encode(Image.new("L", size_px), kind)) is problem


def test_a_file_of_more_than_15_mb_is_refused_unread() -> None:
    assert problem_of(bytes(15 * 1024 * 1024 + 1)) is Problem.TOO_MANY_BYTES


def test_what_would_fill_the_memory_is_refused_or_left_aside() -> None:
    assert problem_of(odd_files.pixel_bomb()) is Problem.TOO_LARGE
    assert problem_of(odd_files.text_bomb()) is Problem.NOT_AN_IMAGE
    assert problem_of(odd_files.profile_bomb()) is Problem.NOT_AN_IMAGE
    assert images.picture(odd_files.overfull()).size_px == (64, 64)


def test_the_largest_images_are_seen() -> None:
    for mode in ("L", "RGBA"):
        content = encode(Image.new(mode, (4096, 4096), "red"), "PNG", compress_level=1)
        seen = images.picture(content)
        assert (seen.image.size, seen.size_px) == ((1600, 1600), (4096, 4096))
    photograph = encode(scene(4096, 3072), "JPEG", quality=90)
    seen = images.picture(photograph)
    assert seen.image.size == (1600, 1200)
    assert difference(seen.image, scene(1600, 1200)) < 2
