"""How data sets are laid out: which folders are parts of one, and no labels.

Asked by `labelloop import` before it takes a folder, and by a training of the bucket's folders.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labelloop.domain.labels import is_container

_SPLIT = re.compile(
    r"(train(ing|val)?|test(ing)?|val(id|idation)?|dev|eval(uation)?|pred(iction)?|hold[-_ ]?out"
    r"|unlabell?ed)[-_ ]?(set|split|data|images)?[-_ ]?(\d{4})?|fold[-_ ]?\d{1,2}"
)
"""COCO's are called train2017 and val2017; others have a training_set and a test_set."""
_SPLIT_OF = re.compile(r"(?<![a-z])(train(ing)?|test(ing)?|val(id|idation)?|pred)(?![a-z])")
"""Within a longer name, as in seg_train beside seg_test."""
_OUTER = re.compile(
    r"(archive|data[-_ ]?sets?|data|download|export)s?[-_ ]?(\(?\d+\)?)?|.+-(main|master)"
)
_BESIDE_SPLITS = {
    "doc",
    "docs",
    "documentation",
    "meta",
    "metadata",
    "license",
    "licenses",
    "assets",
}
"""May have images, which show no label."""
_BESIDE_CONTAINERS = {"labels", "annotations", "masks", "segmentationclass", "segmentationobject"}

Folders = tuple[str, ...]
"""One within the other, without the file."""


def is_split(folder: str) -> bool:
    """Whether data sets call a part of their images so."""
    return _SPLIT.fullmatch(folder.lower()) is not None


def split_named(name: str) -> str:
    """The split that a folder or a file is called after: train, valid or test; empty for none."""
    found = _SPLIT_OF.search(name.lower())
    if found is None:
        return "train" if re.search(r"(?<![a-z])trainval(?![a-z])", name.lower()) else ""
    return {"tr": "train", "te": "test", "va": "valid"}.get(found[0][:2], "")


def is_part(folder: str) -> bool:
    """Whether it is called as one or the other."""
    return is_split(folder) or is_container(folder)


@dataclass(frozen=True, slots=True)
class Part:
    """A folder that is part of a data set, or has its parts somewhere below."""

    way: Folders
    """From there on down to where the parts, or the labels, are: empty where it is one itself."""
    within: frozenset[str]
    """The folders that are there."""


def parts(images: Iterable[Sequence[str]], *, whole: bool = False) -> dict[str, Part]:
    """The folders that are no labels, by what is in them.

    ``images`` has each image's path, in its pieces. A folder called "train" may show trains: beside
    labels it is a part where another part is, as "test", or where the labels are within it again.
    Where they are the ``whole`` of what somebody brings, one folder around several others is taken
    for an outer one, whatever it is called.
    """
    found: defaultdict[str, set[Folders]] = defaultdict(set)
    for path in images:
        if len(path) > 1:
            found[path[0]].add(tuple(path[1:-1]))
    everything = found.keys()
    names = set(filter(is_container, everything))
    if names:
        names |= {name for name in everything if name.lower() in _BESIDE_CONTAINERS}
    splits = set(filter(is_split, everything)) | _alike(everything)
    repeated = {
        name
        for name in splits
        if () not in found[name] and not _folders(found[name]).isdisjoint(everything)
    }
    names |= splits if len(splits) > 1 or names | splits == everything else repeated
    told = {name: Part((), _folders(found[name])) for name in names}
    alone = whole and len(everything) == 1
    outer = {
        name: way for name in everything - names if (way := _way_down(name, found[name], alone))
    }
    # Where it is so in several, each label has its images in such folders.
    return told | outer if len(outer) == 1 else told


def homes(images: Iterable[Sequence[str]], above: str = "") -> dict[Folders, str] | None:
    """Where all that is brought has its folders of labels, with the split that each is named after.

    None where that cannot be told: those may be parts of a data set of another kind, or a label
    with folders of its owner's order. ``above`` is the folder that the images are in.
    """
    paths = [tuple(path) for path in images]
    found = parts(paths, whole=True)
    if not found:
        return {(): ""}
    outer = [part for part in found.values() if part.way]
    if outer:
        if len(found) > 1 or not _leads_to_labels(outer[0], above):
            return None
        ways = [outer[0].way]
    else:
        ways = [(name,) for name in found]
        if not all(is_split(name) or _SPLIT_OF.search(name.lower()) for name in found):
            return None
    beside = {path[0] for path in paths if len(path) > 1} - found.keys()
    if any(folder.lower() not in _BESIDE_SPLITS for folder in beside):
        return None
    told: dict[Folders, str] = {}
    for way in ways:
        inner = [path[len(way) :] for path in paths if path[: len(way)] == way]
        within = homes(inner, way[-1]) if all(len(path) > 1 for path in inner) else None
        if within is None:
            return None
        split = "" if outer else split_named(way[-1])
        told |= {way + folder: split or own for folder, own in within.items()}
    return told


def _leads_to_labels(part: Part, above: str) -> bool:
    """Whether what is in an outer folder are splits, or it is called as no label would be."""
    last = part.way[-1]
    repeated = last in (above, *part.way[:-1])
    return any(map(is_split, part.within)) or repeated or _is_outer(last)


def _alike(folders: Iterable[str]) -> set[str]:
    """Those that are called alike, but for the split that each is called after."""
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for folder in folders:
        name, count = _SPLIT_OF.subn("*", folder.lower())
        if count:
            by_name[name].add(folder)
    several = [alike for alike in by_name.values() if len({*map(str.lower, alike)}) > 1]
    return {folder for alike in several for folder in alike}


def _folders(paths: Iterable[Folders]) -> frozenset[str]:
    return frozenset(path[0] for path in paths if path)


def _way_down(name: str, paths: set[Folders], alone: bool) -> Part | None:
    """Where below a folder the parts of a data set are, or the labels; None where it is a label."""
    way: Folders = (name,)
    while () not in paths:
        within = _folders(paths)
        if all(map(is_part, within)) or (len(within) > 1 and (alone or _is_outer(way[-1]))):
            return Part(way, within)
        if len(within) > 1:
            return None
        way += tuple(within)
        paths = {path[1:] for path in paths}
    return None


def _is_outer(folder: str) -> bool:
    """Whether it is called as if it were no label."""
    return _OUTER.fullmatch(folder.lower()) is not None
