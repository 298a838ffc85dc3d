"""labelloop.domain.images: which objects are images that the service takes."""

import pytest

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
