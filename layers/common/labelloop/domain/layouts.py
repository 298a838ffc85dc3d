"""How data sets are laid out: which folders are parts of one, and no labels.

Asked by `labelloop import` before it takes a folder, and by a training of the bucket's folders.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from labelloop.domain.labels import is_container

_SPLIT = re.compile(
    r"(train(ing|val)?|test(ing)?|val(id|idation)?|dev|eval(uation)?|unlabell?ed)"
    r"[-_ ]?(set|split|data|images)?[-_ ]?(\d{4})?"
)
"""COCO's are called train2017 and val2017; others have a training_set and a test_set."""
_BESIDE_CONTAINERS = {"labels", "annotations", "masks", "segmentationclass", "segmentationobject"}


def is_split(folder: str) -> bool:
    """Whether data sets call a part of their images so."""
    return _SPLIT.fullmatch(folder.lower()) is not None


def is_part(folder: str) -> bool:
    """Whether it is called as one or the other."""
    return is_split(folder) or is_container(folder)


def parts(images: Iterable[Sequence[str]]) -> dict[str, frozenset[str]]:
    """The folders that are parts of data sets, or have such parts, with the folders in them.

    ``images`` has each image's path, in its pieces. A folder called "train" may show trains: beside
    labels it is a part where another part is, as "test", or where the labels are within it again.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    flat = set()
    for path in images:
        if len(path) > 2:
            found[path[0]].add(path[1])
        elif len(path) > 1:
            flat.add(path[0])
            found[path[0]] |= set()
    everything = found.keys()
    names = set(filter(is_container, everything))
    if names:
        names |= {name for name in everything if name.lower() in _BESIDE_CONTAINERS}
    splits = set(filter(is_split, everything))
    repeated = {name for name in splits - flat if not found[name].isdisjoint(everything)}
    names |= splits if len(splits) > 1 or names | splits == everything else repeated
    outer = [name for name in everything - names - flat if _are_parts(found[name])]
    # Where it is so in several, each label has its images in such folders.
    if len(outer) == 1:
        names |= {*outer}
    return {name: frozenset(found[name]) for name in names}


def _are_parts(folders: Collection[str]) -> bool:
    return all(map(is_part, folders))
