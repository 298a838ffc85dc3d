"""Names of labels: they come from people, and become folder names and lines in manifests."""

import re
import unicodedata
from functools import lru_cache

from labelloop.domain.images import is_by_the_way
from labelloop.errors import InvalidRequestError

MAX_CHARACTERS = 255
MOST_GIVEN = 4 * MAX_CHARACTERS
"""As somebody may write it, decomposed and with spaces around it."""
MAX_BYTES = 900
"""In UTF-8: an S3 key has up to 1,024 bytes, and the image's own name shall fit in beside it."""
NONE_OF_THEM = "__none_of_them__"
"""The label under which a classification model learns what is none of its labels. Nobody's own
label has this name: ``check`` refuses it."""
SHOWN_AS_NONE = "none of them"
"""What people and programs read in its place."""
_JOINERS = "\u200c\u200d"
"""Several languages cannot be written without them, nor many emoji; at an end they do nothing."""
_AROUND = re.compile(rf"^[\s{_JOINERS}]+|[\s{_JOINERS}]+$")
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and signs that show nothing."""
_VARIANTS = "".join(map(chr, range(0xFE00, 0xFE10)))
"""They choose how the sign before them looks, and show nothing by themselves."""
_SAY_NONE = {SHOWN_AS_NONE, "none of the above", NONE_OF_THEM}


def composed(name: str) -> str:
    """The name as every door takes it: ä is one character, and nothing unseen is around it.

    Macs have ä as two characters in the names of their files; people see one label. What is too
    long for any name stays as it is: composing takes the square of its length.
    """
    return name if len(name) > MOST_GIVEN else _composed(name)


@lru_cache(maxsize=4096)
def _composed(name: str) -> str:
    return _AROUND.sub("", unicodedata.normalize("NFC", name))


def check(name: str) -> str:
    """The composed name, as it may be used.

    Raises InvalidRequestError for a name that would break a manifest, or could not be told apart.
    """
    name = composed(name)
    if not name:
        raise InvalidRequestError("A label needs a name.")
    if len(name) > MAX_CHARACTERS:
        raise InvalidRequestError(f"A label's name has up to {MAX_CHARACTERS} characters.")
    if says_none(name):
        raise InvalidRequestError(
            f"{name} says of an image that it is none of the labels, so no label can have that "
            "name."
        )
    if any(map(_shows_nothing, name)) or not name.strip(_VARIANTS):
        raise InvalidRequestError(
            "A label's name cannot have control characters, or others that show nothing."
        )
    return name


def _shows_nothing(character: str) -> bool:
    if character in _JOINERS:
        return False
    return character in _FILLERS or unicodedata.category(character) in {"Cc", "Cf", "Cs"}


def check_folder(name: str) -> str:
    """The same of a label that is to be the name of a folder. Raises InvalidRequestError."""
    name = check(name)
    if len(name.encode()) > MAX_BYTES:
        raise InvalidRequestError(
            f"A folder's name has up to {MAX_BYTES} bytes; signs beyond ASCII have up to four each."
        )
    if "/" in name:
        raise InvalidRequestError(
            "A label's folder cannot have a slash in its name: give such a label in a manifest."
        )
    if name.startswith(".") or is_by_the_way(name):
        raise InvalidRequestError(
            "A folder of this name is hidden, or another program has made it: nothing looks there."
        )
    if is_container(name):
        raise InvalidRequestError(
            "Data sets have all of their images in a folder of this name, whatever they show."
        )
    return name


def is_container(folder: str) -> bool:
    """Whether data sets call the folder so that has all of their images, whatever they show."""
    return folder.lower() in _CONTAINERS


_CONTAINERS = {"images", "jpegimages", "imgs", "img"}


def fits_a_folder(name: str) -> bool:
    """Whether a label can be the name of a folder."""
    try:
        check_folder(name)
    except InvalidRequestError:
        return False
    return True


def says_none(name: str) -> bool:
    """Whether somebody who gives an image this name says that it is none of the labels.

    Whatever spaces are between the words: some programs write ones that do not break a line.
    """
    return len(name) <= MOST_GIVEN and " ".join(name.split()).casefold() in _SAY_NONE


def shown(name: str) -> str:
    """The name of a label that a model knows, as people and programs read it."""
    return SHOWN_AS_NONE if name == NONE_OF_THEM else name


def known_as(shown_name: str) -> str:
    """The name by which a model knows the label that is shown so."""
    return NONE_OF_THEM if shown_name == SHOWN_AS_NONE else shown_name
