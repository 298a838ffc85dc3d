"""Names of labels: they come from people, and become folder names and lines in manifests."""

import unicodedata

from labelloop.errors import InvalidRequestError

MAX_CHARACTERS = 255
MAX_BYTES = 900
"""In UTF-8: an S3 key has up to 1,024 bytes, and the image's own name shall fit in beside it."""
NONE_OF_THEM = "__none_of_them__"
"""The label under which a classification model learns what is none of its labels. Nobody's own
label has this name: ``check`` refuses it."""
SHOWN_AS_NONE = "none of them"
"""What people and programs read in its place."""
_SAY_NONE = {SHOWN_AS_NONE, "none of the above", NONE_OF_THEM}


def check(name: str) -> str:
    """The name, as it may be used.

    Raises InvalidRequestError for a name that would break a key or a manifest.
    """
    if not name.strip() or name != name.strip():
        raise InvalidRequestError("A label needs a name that neither begins nor ends with a space.")
    if len(name) > MAX_CHARACTERS:
        raise InvalidRequestError(f"A label's name has up to {MAX_CHARACTERS} characters.")
    if len(name.encode(errors="replace")) > MAX_BYTES:
        raise InvalidRequestError(
            f"A label's name has up to {MAX_BYTES} bytes; signs beyond ASCII have up to four each."
        )
    if "/" in name:
        raise InvalidRequestError("A label's name cannot have a slash: it names one folder.")
    if says_none(name):
        raise InvalidRequestError(
            f"{name} says of an image that it is none of the labels, so no label can have that "
            "name."
        )
    if name in {".", ".."}:
        raise InvalidRequestError("A label's name cannot be . or ..")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in name):
        raise InvalidRequestError("A label's name cannot have control characters.")
    return name


def says_none(name: str) -> bool:
    """Whether somebody who gives an image this name says that it is none of the labels."""
    return name.strip().casefold() in _SAY_NONE


def shown(name: str) -> str:
    """The name of a label that a model knows, as people and programs read it."""
    return SHOWN_AS_NONE if name == NONE_OF_THEM else name


def known_as(shown_name: str) -> str:
    """The name by which a model knows the label that is shown so."""
    return NONE_OF_THEM if shown_name == SHOWN_AS_NONE else shown_name
