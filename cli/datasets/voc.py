"""Pascal VOC: an XML file an image, in ``Annotations`` or beside it, as labelImg writes it, too.

Edges are taken as they stand there: the challenge counted pixels from 1, programs do from 0, and no
file says which.

Format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html
"""

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

# Entities are all that is dangerous in it, and files with a document type are refused before.
from xml.etree import ElementTree

from labelloop.domain import layouts

from ..failures import CommandError
from .values import TEST, TRAIN, VALID, DataSet, Drawn, Example, Files, Place, no_image, number
from .written import Images, Put, Written, stem

NAME = "Pascal VOC"
_IN_NO_XML = frozenset("\ufffe\uffff")
"""Of what labels may have."""
_LISTS = {"train": TRAIN, "trainval": TRAIN, "val": VALID, "test": TEST}


def is_one(text: str) -> bool:
    """Whether an XML file says what is in an image."""
    return "<annotation" in text[:2000] and "<!DOCTYPE" not in text


def splits(files: Files) -> dict[str, str]:
    """The splits of the images by their names, where ``ImageSets/Main`` has lists of them."""
    found = {}
    for split in ("trainval", "train", "val", "test"):
        for name in files.with_suffix(f"imagesets/main/{split}.txt"):
            for line in files.text(name).splitlines():
                if line.split():
                    found[line.split()[0]] = _LISTS[split]
    return found


def read(files: Files, file: str, listed: Mapping[str, str], into: DataSet) -> None:
    """Take what one file says."""
    try:
        text = files.text(file)
    except CommandError as error:
        into.leave_out(file, "", str(error))
        return
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        into.leave_out(file, "", "It has a document type of its own, which is not read.")
        return
    try:
        root = ElementTree.fromstring(text)  # noqa: S314
    except (ElementTree.ParseError, ValueError) as error:
        into.leave_out(file, "", f"It is no XML: {error}.")
        return
    path = PurePosixPath(file)
    named = (root.findtext("filename") or "").strip()
    # Renamed images keep their old name in there; the file's own goes with the image.
    image = files.image(path.stem, file, "JPEGImages") or files.image(named, file, "JPEGImages")
    if image is None:
        into.leave_out(file, "", no_image(named or path.stem))
        return
    split = listed.get(path.stem) or next(
        filter(None, map(layouts.split_named, path.parts[:-1])), ""
    )
    sides = [number(root.findtext(f"size/{side}")) for side in ("width", "height")]
    if all(side and side >= 1 for side in sides):
        size_px: tuple[int, int] | None = (int(sides[0] or 0), int(sides[1] or 0))
    else:
        size_px = files.size_px(image)
    example = Example(image, Place(file), size_px=size_px, split=split)
    for count, entry in enumerate(root.iter("object"), start=1):
        where = f"object {count}"
        label = entry.findtext("name")
        edges = [
            number(entry.findtext(f"bndbox/{edge}")) for edge in ("xmin", "ymin", "xmax", "ymax")
        ]
        if label is None or None in edges:
            into.leave_out(file, where, "It has no name, or no bndbox of four numbers.")
            continue
        left, top, right, bottom = (edge or 0.0 for edge in edges)
        place = Place(file, where)
        example.boxes.append(Drawn(label, left, top, right - left, bottom - top, place))
        into.outlines += entry.find("polygon") is not None
    into.examples.append(example)


def write(images: Images, put: Put) -> None:
    """Write a file an image, with edges from 0 as programs count them, and the lists of splits."""
    for one in images.each():
        put(f"Annotations/{stem(one.image)}.xml", (_xml(one),))
    for split in images.splits:
        names = (f"{stem(one.image)}\n" for one in images.of(split))
        put(f"ImageSets/Main/{split}.txt", names)


def refusal(labels: Collection[str], _: Collection[str]) -> str:
    """Why XML cannot have one of these labels, in a sentence; empty where it has them all."""
    for label in labels:
        if not _IN_NO_XML.isdisjoint(label):
            return f"The label {label!r} has a character that XML has no place for."
    return ""


def _xml(one: Written) -> str:
    root = ElementTree.Element("annotation")
    path = PurePosixPath(one.image)
    _tell(root, folder=path.parent.name, filename=path.name)
    width_px, height_px = one.annotation.size_px or (0, 0)
    _tell(ElementTree.SubElement(root, "size"), width=width_px, height=height_px, depth=3)
    _tell(root, segmented=0)
    for box in one.annotation.boxes:
        entry = ElementTree.SubElement(root, "object")
        _tell(entry, name=box.label, pose="Unspecified", truncated=0, difficult=0)
        right, bottom = box.left + box.width, box.top + box.height
        edges = ElementTree.SubElement(entry, "bndbox")
        _tell(edges, xmin=box.left, ymin=box.top, xmax=right, ymax=bottom)
    ElementTree.indent(root)
    return f"{ElementTree.tostring(root, encoding='unicode')}\n"


def _tell(parent: ElementTree.Element, **texts: str | int) -> None:
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = str(text)
