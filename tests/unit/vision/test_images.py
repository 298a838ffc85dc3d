"""labelvision.images: what is no image is refused, wherever it ends."""

import pytest

from labelvision import images
from labelvision.images import Problem, UnusableImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an image",
        SIGNATURE,
        SIGNATURE + b"\0\0",
        SIGNATURE + b"\0\0\0\0IHD",
        SIGNATURE + b"\xff\xff\xff\xfftEXt",
    ],
)
def test_what_ends_too_early_is_no_image(content: bytes) -> None:
    with pytest.raises(UnusableImageError) as refused:
        images.decode(content)
    assert refused.value.problem is Problem.NOT_AN_IMAGE
