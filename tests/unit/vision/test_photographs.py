"""What the eye sees of photographs that nobody here made: Debian's, which apt-get brings once."""

import io
import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from benchmarks.pictures import packages
from labelvision import fingerprints
from labelvision.backbone import Backbone
from labelvision.images import UnusableImageError
from labelvision.looking import Seen, look
from tests.unit.vision.odd_files import encode

PACKAGE = "lomiri-wallpapers-16.04"
SAME_BITS = 10

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="pictures are Debian's")


@pytest.fixture(scope="module")
def photographs() -> list[bytes]:
    """The files that Rekognition would take."""
    try:
        folder = packages.debian(PACKAGE)
    except SystemExit as error:
        pytest.skip(str(error))
    files = sorted(folder.rglob("*.jpg"))
    contents = [path.read_bytes() for path in files]
    return [content for content in contents if max(size_px(content)) <= 4096]


def size_px(content: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(content)).size


@pytest.fixture(scope="module")
def seen(photographs: list[bytes], converted: Path) -> list[Seen]:
    backbone = Backbone(converted)
    return [look(content, backbone) for content in photographs]


def variants(content: bytes) -> Iterator[bytes]:
    """The photograph smaller, encoded anew, brighter, and cropped by a hundredth each side."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image.thumbnail((1200, 1200))
    yield encode(image, "PNG", compress_level=1)
    yield encode(image, "JPEG", quality=30)
    yield encode(ImageEnhance.Brightness(image).enhance(1.25), "JPEG", quality=85)
    width, height = image.size
    box = (width // 100, height // 100, width - width // 100, height - height // 100)
    yield encode(image.crop(box), "JPEG", quality=85)


def test_photographs_are_seen_whole(photographs: list[bytes], seen: list[Seen]) -> None:
    assert len(photographs) >= 5
    for content, look_at_it in zip(photographs, seen, strict=True):
        assert look_at_it.size_px == size_px(content)
        assert len(look_at_it.thumbnail) < 20_000
        assert 1 < look_at_it.quality.sharpness < 100


def test_a_photograph_that_is_cut_off_is_told_so(photographs: list[bytes], converted: Path) -> None:
    backbone = Backbone(converted)
    for content in photographs:
        with pytest.raises(UnusableImageError, match="cut off"):
            look(content[: len(content) // 2], backbone)


def test_a_changed_photograph_is_nearer_to_its_own_than_to_any_other(
    photographs: list[bytes], seen: list[Seen], converted: Path
) -> None:
    backbone = Backbone(converted)
    for number, content in enumerate(photographs[:4]):
        for variant in variants(content):
            changed = look(variant, backbone)
            away = [fingerprints.distance(changed.fingerprint, one.fingerprint) for one in seen]
            alike = [float(np.dot(changed.embedding, one.embedding)) for one in seen]
            assert away[number] == min(away) <= SAME_BITS
            assert alike.index(max(alike)) == number


def test_different_photographs_have_different_fingerprints(seen: list[Seen]) -> None:
    pairs = combinations([one.fingerprint for one in seen], 2)
    assert min(fingerprints.distance(one, other) for one, other in pairs) > SAME_BITS
