"""labelvision.looking: what is remembered of an image, from one decoding of it."""

import io
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from labelloop_pages import machine_parts
from labelvision import fingerprints, quality
from labelvision.backbone import EMBEDDING_SIZE, Backbone
from labelvision.images import UnusableImageError
from labelvision.looking import look
from tests.unit.vision import odd_files
from tests.unit.vision.odd_files import encode, scene


@pytest.fixture(scope="module")
def backbone(converted: Path) -> Backbone:
    return Backbone(converted)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_a_look_is_the_same_for_the_same_file(backbone: Backbone) -> None:
    content = encode(scene(2400, 1800), "JPEG")
    seen, again = (look(content, backbone, with_preview=True) for _ in range(2))
    assert seen.size_px == (2400, 1800)
    assert seen.embedding.dtype == np.float16 and seen.embedding.shape == (EMBEDDING_SIZE,)
    assert np.linalg.norm(seen.embedding.astype(float)) == pytest.approx(1, abs=1e-2)
    assert (seen.embedding == again.embedding).all()
    assert (seen.fingerprint, seen.quality) == (again.fingerprint, again.quality)
    assert (seen.thumbnail, seen.preview) == (again.thumbnail, again.preview)


def test_a_thumbnail_is_small_upright_and_without_metadata(backbone: Backbone) -> None:
    seen = look(odd_files.turned(6), backbone)
    assert seen.preview is None
    assert len(seen.thumbnail) < 20_000
    small = opened(seen.thumbnail)
    assert (small.format, small.size, small.mode) == ("JPEG", (256, 192), "RGB")
    assert not small.getexif()


def test_a_preview_is_as_large_as_people_need(backbone: Backbone) -> None:
    large = look(encode(scene(2400, 1800), "JPEG"), backbone, with_preview=True).preview
    small = look(encode(scene(640, 480), "JPEG"), backbone, with_preview=True).preview
    assert large and opened(large).size == (1600, 1200)
    assert small and opened(small).size == (640, 480)


@pytest.mark.parametrize("size_px", [(64, 64), (64, 1280), (1280, 64)])
def test_the_smallest_and_longest_images_are_seen(
    size_px: tuple[int, int], backbone: Backbone
) -> None:
    seen = look(encode(scene(*size_px), "PNG"), backbone, with_preview=True)
    assert max(opened(seen.thumbnail).size) == min(256, max(size_px))


def test_an_image_that_cannot_be_seen_says_why(backbone: Backbone) -> None:
    with pytest.raises(UnusableImageError, match="cut off"):
        look(encode(scene(), "JPEG")[:3000], backbone)


def test_a_picture_that_is_changed_a_little_keeps_its_fingerprint() -> None:
    for seed in range(10):
        picture, _ = machine_parts.draw_scene(random.Random(seed))
        other, _ = machine_parts.draw_scene(random.Random(seed + 100))
        own = fingerprints.fingerprint(picture)
        changed = (
            picture.resize((picture.width // 3, picture.height // 3)),
            ImageEnhance.Brightness(picture).enhance(1.2),
            opened(encode(picture, "JPEG", quality=40)),
        )
        for variant in changed:
            assert fingerprints.distance(own, fingerprints.fingerprint(variant)) <= 10
        assert fingerprints.distance(own, fingerprints.fingerprint(other)) > 10
        assert 0 <= own < 2**fingerprints.BITS


def test_a_plain_picture_has_a_fingerprint_too() -> None:
    assert fingerprints.fingerprint(Image.new("RGB", (64, 64), "white")) == 0


def test_blurred_pictures_are_less_sharp_whatever_their_size() -> None:
    sharp = scene(1200, 900)
    figures = [
        quality.judge(picture).sharpness
        for picture in (
            sharp,
            sharp.filter(ImageFilter.GaussianBlur(4)),
            sharp.filter(ImageFilter.GaussianBlur(12)),
        )
    ]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] > 2 * figures[1]
    larger = quality.judge(sharp.resize((1600, 1200), Image.Resampling.LANCZOS)).sharpness
    assert larger == pytest.approx(figures[0], rel=0.15)


def test_exposure_tells_what_is_too_dark_and_too_bright() -> None:
    plain = quality.judge(Image.new("RGB", (100, 100), (128, 128, 128)))
    assert plain.brightness == pytest.approx(128 / 255)
    assert (plain.sharpness, plain.dark_share, plain.bright_share) == (0, 0, 0)
    half = Image.new("RGB", (100, 100), "white")
    half.paste("black", (0, 0, 100, 50))
    assert quality.judge(half)[2:] == (0.5, 0.5)
    dark = ImageEnhance.Brightness(scene()).enhance(0.1)
    assert quality.judge(dark).brightness < quality.judge(scene()).brightness / 5
