"""Folders by label, within those of the splits: what there is of them is the images alone.

`labelloop import` reads them in ``folder_import``.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable

from labelloop.domain import labels as label_names
from labelloop.domain import layouts
from labelloop.domain.labels import SHOWN_AS_NONE
from labelloop.errors import InvalidRequestError

from .written import Images, Put

NAME = "folders by label"
MOST_BYTES = 255
"""Of a file's or a folder's name, on all common systems."""
_ON_WINDOWS = re.compile(r'[<>:"\\|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$', re.IGNORECASE)


def write(images: Images, put: Put) -> None:
    """Nothing: the folders say all of it."""


def refusal(labels: Collection[str], splits: Iterable[str]) -> str:
    """Why folders cannot be called after these labels, in a sentence; empty where they can."""
    alike = Counter(label.casefold() for label in labels)
    for label in labels:
        try:
            if label != SHOWN_AS_NONE:
                label_names.check_folder(label)
        except InvalidRequestError as error:
            return f"{label} is a label: {error}"
        if len(label.encode()) > MOST_BYTES or _ON_WINDOWS.search(label):
            return f"Not every system can have a folder {label}, which is a label."
        if alike[label.casefold()] > 1:
            return f"{label} and another label are one folder where case is nothing."
    meant = {(split, label) for split in splits for label in labels}
    homes = layouts.homes([(*folders, "image.jpg") for folders in meant])
    if homes != {(split,): split for split in splits}:
        return "Among folders of these labels nobody could tell which ones are the splits."
    return ""
