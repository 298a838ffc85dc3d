"""labelloop.domain.orientation: boxes are where they were drawn, however the camera was held."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from labelloop.domain import fitness, orientation
from labelloop.domain.annotations import Annotation, Box

SIZE_PX = (80, 50)
BOX = Box("part", 10, 5, 15, 7)
TAG = 0x0112


def _image(turned: int | None, kind: str = "JPEG") -> bytes:
    """A picture with one light part, that a camera in this position has taken."""
    image = Image.new("RGB", SIZE_PX, "black")
    corner = (BOX.left + BOX.width - 1, BOX.top + BOX.height - 1)
    ImageDraw.Draw(image).rectangle((BOX.left, BOX.top, *corner), fill="white")
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    if turned is not None:
        exif[TAG] = turned
    file = io.BytesIO()
    how = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    image.save(file, kind, exif=exif, **how)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_a_box_around_what_people_see_is_around_the_same_in_the_file(
    turned: int, kind: str
) -> None:
    content = _image(turned, kind)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    light = shown.convert("L").point(lambda value: 255 * (value > 127)).getbbox()
    assert light
    left, top, right, bottom = light
    drawn = Annotation.of_boxes([Box("part", left, top, right - left, bottom - top)], shown.size)
    assert fitness.shape_of(content).orientation == turned
    assert orientation.shown_size(SIZE_PX, turned) == shown.size
    stored = orientation.boxes_as_stored(drawn, SIZE_PX, turned)
    assert stored == Annotation.of_boxes([BOX], SIZE_PX)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("turned", range(2, 9))
def test_a_copy_is_shown_as_it_is_in_the_file_and_is_the_same_otherwise(
    turned: int, kind: str
) -> None:
    content = _image(turned, kind)
    copy = orientation.as_stored(content)
    assert fitness.shape_of(copy).orientation == fitness.UPRIGHT
    before, after = (Image.open(io.BytesIO(one)) for one in (content, copy))
    assert before.tobytes() == after.tobytes()
    assert after.getexif()[0x010F] == "a camera"


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", SIZE_PX).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        _image(None),
        _png(),
        _image(6).replace(b"Exif\0\0", b"Exix\0\0"),
        _image(9),
    ],
    ids=["empty", "cut off", "no tag", "png", "no Exif", "no such turn"],
)
def test_what_says_nothing_of_turning_is_upright_and_stays_as_it_is(content: bytes) -> None:
    assert fitness.shape_of(content).orientation == fitness.UPRIGHT
    assert orientation.as_stored(content) == content


@given(st.integers(0, 400), st.binary(max_size=40))
def test_no_file_however_broken_is_too_much(place: int, noise: bytes) -> None:
    content = _image(6)
    broken = content[:place] + noise + content[place + len(noise) :]
    assert 1 <= fitness.shape_of(broken).orientation <= 8
    assert len(orientation.as_stored(broken)) == len(broken)
