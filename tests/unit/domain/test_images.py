"""labelloop.domain.images: which objects are images."""

from datetime import UTC, datetime

import pytest

from labelloop.domain import images
from labelloop.domain.images import MAX_BYTES


@pytest.mark.parametrize(
    "key", ["a.jpg", "a", "x/a.jfif", "a.HEIC", "a.txt", ".hidden", ".x/a.png"]
)
def test_no_name_of_a_file_is_a_reason_to_refuse_it(key: str) -> None:
    assert images.refusal(key, 1) == ""
    assert images.refusal(key, MAX_BYTES) == ""


@pytest.mark.parametrize(
    ("key", "size_bytes", "reason"),
    [
        ("a.jpg", 0, "empty"),
        ("a.jpg", MAX_BYTES + 1, "15.0 MB; Rekognition takes images of up to 15 MB"),
        ("x/.DS_Store", 6148, "what another program has left"),
        ("x/Thumbs.db", 10, "what another program has left"),
        ("__MACOSX/x/._a.jpg", 212, "what another program has left"),
    ],
)
def test_what_the_service_would_never_take_is_refused_in_a_sentence(
    key: str, size_bytes: int, reason: str
) -> None:
    refusal = images.refusal(key, size_bytes)
    assert reason in refusal
    assert refusal.endswith(".")


def test_the_folder_that_a_console_makes_is_known_by_its_slash() -> None:
    assert images.is_folder_marker("images_for_detection/new/")
    assert not images.is_folder_marker("images_for_detection/new")


@pytest.mark.parametrize(
    "path",
    [
        *(".DS_Store", "cat/.ipynb_checkpoints/1.jpg", "__MACOSX/cat/1.jpg", "cat/@eaDir/1.jpg"),
        *("Thumbs.db", "cat/THUMBS.DB", "System Volume Information/x", "$RECYCLE.BIN/a.jpg"),
    ],
)
def test_what_people_do_not_see_in_a_folder_is_by_the_way(path: str) -> None:
    assert images.is_by_the_way(path)


@pytest.mark.parametrize("path", ["cat/1.jpg", "cat/a.b/1.jpg", "cat/thumbs/1.jpg", "cat/1.", ""])
def test_what_people_see_is_not(path: str) -> None:
    assert not images.is_by_the_way(path)


def test_an_image_that_came_by_the_api_has_one_place_a_day() -> None:
    came = datetime(2026, 11, 21, 8, tzinfo=UTC)
    jpeg, png = (
        images.api_key(content, came) for content in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
    )
    assert jpeg == images.api_key(b"\xff\xd8\xff", came)
    assert jpeg.startswith("images_from_api/2026-11-21/") and jpeg.endswith(".jpg")
    assert png.endswith(".png")
