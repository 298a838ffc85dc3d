"""The formats in which data sets go out, and what each has a place for."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from labelloop.domain.annotations import Annotation

from . import coco, file_manifests, folders, tables, voc, yolo
from .written import Images, Put


def _any_labels(labels: Collection[str], splits: Collection[str]) -> str:  # noqa: ARG001
    return ""


@dataclass(frozen=True)
class Format:
    """One of them."""

    name: str
    """What people call it."""
    folder: Callable[[str, Annotation], str]
    """Where the images of a split are, within the export."""
    write: Callable[[Images, Put], None]
    boxes: bool = True
    labels: bool = True
    """Of whole images."""
    several: bool = True
    """Of those, more than one an image."""
    refusal: Callable[[Collection[str], Collection[str]], str] = _any_labels
    """Why it cannot have some of these labels in these splits, in a sentence."""


FORMATS: Mapping[str, Format] = {
    "manifest": Format(file_manifests.NAME, lambda split, _: split, file_manifests.write),
    "folders": Format(
        folders.NAME,
        lambda split, said: str(PurePosixPath(split, *said.labels[:1])),
        folders.write,
        boxes=False,
        several=False,
        refusal=folders.refusal,
    ),
    "coco": Format(coco.NAME, lambda split, _: split, coco.write, labels=False),
    "yolo": Format(yolo.NAME, lambda split, _: f"images/{split}", yolo.write, labels=False),
    "voc": Format(voc.NAME, lambda *_: "JPEGImages", voc.write, labels=False, refusal=voc.refusal),
    "csv": Format(tables.NAME, lambda split, _: split, tables.write, refusal=tables.refusal),
}


def refusal(wanted: str, *, boxes: bool, labels: bool, several: bool) -> str:
    """Why a format has no place for what images show, in a sentence; empty where it has.

    They have ``boxes``, or ``labels`` of whole images, or ``several`` of those.
    """

    def lacks(one: Format) -> str:
        if boxes and not one.boxes:
            return "boxes"
        if labels and not one.labels:
            return "labels of whole images"
        return "images with several labels" if several and not one.several else ""

    lacking = lacks(FORMATS[wanted])
    if not lacking:
        return ""
    able = [name for name, one in FORMATS.items() if not lacks(one)]
    return f"{FORMATS[wanted].name} has no place for {lacking}. These have: {', '.join(able)}."
