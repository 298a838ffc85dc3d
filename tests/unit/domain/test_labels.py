"""labelloop.domain.labels: names that can be a folder and a line in a manifest."""

import pytest

from labelloop.domain import labels
from labelloop.errors import InvalidRequestError


@pytest.mark.parametrize(
    "name",
    ["scratch", "no defect", "Kratzer, groß", "傷", "a.b", "...", "x" * 255, "🙂", "傷" * 255],
)
def test_peoples_words_are_taken_as_they_are(name: str) -> None:
    assert labels.check(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        " x",
        "x ",
        "a/b",
        "/",
        ".",
        "..",
        "a\nb",
        "a\tb",
        "a\x00",
        "a\u200eb",
        "x" * 256,
        "\ud800",
        "🙂" * 255,
        "\u2028x",
    ],
)
def test_what_would_break_a_key_or_a_manifest_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        labels.check(name)


@pytest.mark.parametrize(
    "name", [labels.NONE_OF_THEM, "None of the Above", "none of the above", "none of them"]
)
def test_what_says_that_an_image_is_none_of_the_labels_is_no_label(name: str) -> None:
    assert labels.says_none(name)
    with pytest.raises(InvalidRequestError, match="none of the labels"):
        labels.check(name)


def test_people_read_words_for_what_is_none_of_the_labels() -> None:
    assert labels.shown(labels.NONE_OF_THEM) == "none of them"
    assert labels.known_as("none of them") == labels.NONE_OF_THEM
    assert labels.shown("gear") == labels.known_as("gear") == "gear"
