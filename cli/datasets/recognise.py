"""What a data set is, by its files: nothing is taken for what it is not.

A folder that is none of these may be one of folders by label, which ``folder_import`` tells.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from labelloop.domain import layouts
from labelloop.domain.annotations import ModelType
from labelloop.domain.imports import MANIFEST_SUFFIXES

from ..failures import CommandError
from . import coco, file_manifests, label_studio, tables, voc, yolo
from .values import IMAGE_SUFFIXES, DataSet, Files, Place, Problem
from .written import SOURCES

_JOB_OUTPUT = "manifests/output/output.manifest"
"""Where in the folder of a labelling job of Ground Truth its result is."""

_SOURCE = '"source-ref"'

_MAY_SAY = (".json", ".jsonl", ".ndjson", ".manifest", ".xml", ".csv", ".tsv", ".yaml", ".yml")
"""How files end that may be annotations of a kind that is not known."""

_BEGIN = ("{", "[", "<")
"""How JSON and XML begin, whatever the file is called."""

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True)
class Recognised:
    """What some files are, and how they are read."""

    format: str
    files: tuple[str, ...]
    """Those with the annotations."""
    read: Callable[[DataSet], None]
    in_s3: bool = False
    """Whether it is a manifest of images in a bucket, which is brought otherwise."""

    def data_set(self) -> DataSet:
        """What they say."""
        found = DataSet(self.format)
        self.read(found)
        return found


def file(files: Files, name: str, model_type: ModelType) -> Recognised:
    """What this one of the files is. Raises CommandError where it is nothing that is known."""
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    found: list[Recognised] = []
    if suffix == ".json":
        found, broken = _of_json(files, [name])
        if broken and _SOURCE not in files.beginning(name):
            (problem,) = broken
            raise CommandError(
                f"{problem.place}: {problem.reason} Nor is it a manifest, which has JSON Lines: no "
                "line of it has a source-ref, which names an image."
            )
    elif suffix in {".yaml", ".yml"} or path.name == yolo.CLASSES:
        found = _of_yolo(files, [name])
    elif suffix in tables.SUFFIXES:
        found = [_table(files, [name])] if tables.is_one(files, name) else []
    elif suffix == ".xml":
        # Nobody means one image alone: the others of the data set have files beside this one.
        beside = [each for each in files.with_suffix(".xml") if path.parent == _folder(each)]
        found = _of_voc(files, beside)
    if found:
        return found[0]
    if suffix in _ARCHIVES:
        raise CommandError(_unpack(name))
    if suffix not in MANIFEST_SUFFIXES:
        raise CommandError(
            f"{name} is nothing that is known: neither a manifest, whose name ends in "
            f"{', '.join(MANIFEST_SUFFIXES[:-1])} or {MANIFEST_SUFFIXES[-1]}, nor a COCO or Label "
            "Studio JSON file, a data.yaml or classes.txt with YOLO's labels, a VOC file, or a CSV "
            "file with columns that are known and images that are there."
        )
    return _manifest(files, name, model_type)


def _folder(name: str) -> PurePosixPath:
    return PurePosixPath(name).parent


def is_of_bucket(files: Files, name: str) -> bool:
    """Whether this file is a manifest of images in a bucket, beside which nothing is looked for."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".json" and _of_json(files, [name])[0]:
        return False
    return suffix in MANIFEST_SUFFIXES and not file_manifests.names_files(files.beginning(name))


def folder(files: Files, model_type: ModelType) -> Recognised | None:
    """What all of the files are; None where no annotations are among them.

    Raises CommandError where they are several things at once, or packed, and where one that cannot
    be understood may say what the images show.
    """
    archives = files.with_suffix(*_ARCHIVES)
    if archives and archives == files.names:
        raise CommandError(_unpack(archives[0]))
    of_json, broken = _of_json(files, files.with_suffix(".json"))
    found = [
        *of_json,
        *_of_yolo(files, _yolo_files(files)),
        *_of_voc(files, files.with_suffix(".xml")),
    ]
    listed = files.with_suffix(*tables.SUFFIXES)
    named = [name for name in listed if tables.is_one(files, name)]
    if named:
        others = [name for name in listed if name not in named and tables.has_header(files, name)]
        found.append(_table(files, named, others))
    jobs = [name for name in files.names if f"/{name}".endswith(f"/{_JOB_OUTPUT}")]
    lines = jobs or files.with_suffix(".manifest", ".jsonl")
    found += _together(
        [
            one
            for one in (_manifest(files, name, model_type) for name in lines)
            # Where a folder is only said to have manifests, one is named.
            if jobs or not one.in_s3
        ]
    )
    if len(found) > 1:
        each = ", ".join(f"{one.format} ({one.files[0]})" for one in found)
        raise CommandError(f"There are several data sets: {each}. Name the file of one of them.")
    if not found:
        _refuse_unknown(files, broken, model_type)
    return found[0] if found else None


def _refuse_unknown(files: Files, broken: Iterable[Problem], model_type: ModelType) -> None:
    """Raise CommandError where something that cannot be understood speaks of the images.

    Else their folders would be taken for what they show. What speaks of none is by the way.
    """
    detects = model_type is ModelType.DETECTION
    folders = not detects and any("/" in name for name in files.with_suffix(*IMAGE_SUFFIXES))
    way_out = (
        "Bring it as COCO's JSON, YOLO's labels, VOC's XML, a CSV file or a manifest."
        if detects
        else "If the folders are the labels, take it out of there; if all of the images show the "
        "same, say what: --label NAME."
    )
    for place, reason in broken:
        # Of a file that cannot even be opened, nobody can tell what it speaks of.
        is_closed = not place.where and not files.beginning(place.file)
        if not folders or is_closed or files.speaks_of_images(place.file):
            raise CommandError(f"{place}: {reason} It may say what the images show. {way_out}")
    nameless = yolo.nameless(files)
    if nameless:
        raise CommandError(
            f"It looks like a data set with boxes: {nameless} is written as YOLO's labels are, and "
            f"what its classes are called is missing. Put {yolo.CLASSES} beside such files, or "
            "data.yaml above them."
        )
    for name in _that_may_say(files):
        if files.speaks_of_images(name, folders=not detects):
            raise CommandError(
                f"{name} speaks of the images and may say what they show, but is nothing that is "
                f"known. {way_out}"
            )


def _that_may_say(files: Files) -> list[str]:
    """The files that may be annotations by their names, or by how they begin where those tell
    nothing.
    """
    ours = [name for name in files.with_suffix(*_MAY_SAY) if PurePosixPath(name).name != SOURCES]
    unnamed = [name for name in files.names if not PurePosixPath(name).suffix]
    begin_so = [name for name in unnamed if files.beginning(name).lstrip().startswith(_BEGIN)]
    return ours + begin_so


def _unpack(name: str) -> str:
    return f"{name} is an archive: unpack it, and import the folder that comes out."


def _together(manifests: list[Recognised]) -> list[Recognised]:
    """Manifests of files as one data set, where each is called after a split of its own."""
    names = [name for one in manifests for name in one.files]
    splits = {layouts.split_named(PurePosixPath(name).stem) for name in names}
    if len(names) < 2 or "" in splits or len(splits) < len(names):
        return manifests

    def take(into: DataSet) -> None:
        for one in manifests:
            one.read(into)

    return [Recognised(file_manifests.NAME, tuple(names), take)]


# --- Each format ----------------------------------------------------------------------------------


def _of_json(files: Files, names: Sequence[str]) -> tuple[list[Recognised], list[Problem]]:
    """What some files are, and which ones are no JSON."""
    # What is none of these is not kept: some programs write one with the image in it for each.
    read: dict[str, Any] = {}
    broken: list[Problem] = []
    for name in names:
        try:
            content = json.loads(files.text(name))
        except json.JSONDecodeError as error:
            broken.append(Problem(Place(name, f"line {error.lineno}"), f"No JSON: {error.msg}."))
            continue
        except CommandError as error:
            broken.append(Problem(Place(name), str(error)))
            continue
        except (ValueError, RecursionError):
            broken.append(Problem(Place(name), "It is no JSON that can be read."))
            continue
        if coco.is_one(content) or label_studio.is_one(content):
            read[name] = content
        elif label_studio.is_in_short(content):
            raise CommandError(f"{name} is Label Studio's JSON-MIN: export JSON there.")
    boxes = [name for name, content in read.items() if coco.is_one(content)]
    # Of one picture, the others say where limbs are, or tell it in words.
    instances = [name for name in boxes if PurePosixPath(name).name.startswith("instances_")]
    exports = [name for name, content in read.items() if label_studio.is_one(content)]
    found = []
    if boxes:
        chosen = instances or boxes
        found.append(
            Recognised(coco.NAME, tuple(chosen), _each(coco.read, files, chosen, read, broken))
        )
    if exports:
        take = _each(label_studio.read, files, exports, read, broken)
        found.append(Recognised(label_studio.NAME, tuple(exports), take))
    return found, broken


def _each(
    read: Callable[[Files, str, Any, DataSet], None],
    files: Files,
    names: Sequence[str],
    content: dict[str, Any],
    broken: Sequence[Problem],
) -> Callable[[DataSet], None]:
    def take(into: DataSet) -> None:
        for name in names:
            read(files, name, content[name], into)
        into.problems += broken

    return take


def _yolo_files(files: Files) -> list[str]:
    configs = [
        name
        for name in files.with_suffix(".yaml", ".yml")
        if yolo.parse(files.beginning(name)).names
    ]
    return configs or [
        name for name in files.with_suffix(".txt") if PurePosixPath(name).name == yolo.CLASSES
    ]


def _of_yolo(files: Files, names: Sequence[str]) -> list[Recognised]:
    found: dict[str, tuple[str, DataSet]] = {}
    for name in names:
        content = DataSet(yolo.NAME)
        yolo.read(files, name, content)
        # Files of settings have names, too; what they go with says whether there are labels.
        if not any(example.place.file != example.image for example in content.examples):
            continue
        # labelImg puts the same names into each folder in which it saves labels; others keep the
        # same file under two names.
        is_list = PurePosixPath(name).name == yolo.CLASSES
        beside = "" if is_list else f"{_folder(name)}\n"
        kind = f"{beside}{files.text(name)}"
        first = found.setdefault(kind, (name, content))[1]
        if first is not content:
            _add(content, first)
    return [Recognised(yolo.NAME, (name,), _already(content)) for name, content in found.values()]


def _add(further: DataSet, to: DataSet) -> None:
    """Take what is said of further images of one data set."""
    known = {example.image for example in to.examples}
    if known.isdisjoint(example.image for example in further.examples):
        to.examples += further.examples
        to.problems += further.problems
        to.outlines += further.outlines


def _already(content: DataSet) -> Callable[[DataSet], None]:
    def take(into: DataSet) -> None:
        into.examples, into.problems = content.examples, content.problems
        into.outlines = content.outlines

    return take


def _of_voc(files: Files, names: Sequence[str]) -> list[Recognised]:
    ours = [name for name in names if voc.is_one(files.beginning(name))]
    known, places = set(ours), set(map(_folder, ours))

    def take(into: DataSet) -> None:
        for name in names:
            if name not in known and _folder(name) in places:
                into.leave_out(name, "", "It is no annotation of Pascal VOC.")
        listed = voc.splits(files)
        for name in ours:
            voc.read(files, name, listed, into)

    return [Recognised(voc.NAME, tuple(ours), take)] if ours else []


def _table(files: Files, names: Sequence[str], others: Iterable[str] = ()) -> Recognised:
    def take(into: DataSet) -> None:
        for name in names:
            tables.read(files, name, into)
        for name in others:
            into.leave_out(name, "", "None of the images is there that its first rows name.")

    return Recognised(tables.NAME, tuple(names), take)


def _manifest(files: Files, name: str, model_type: ModelType) -> Recognised:
    def take(into: DataSet) -> None:
        file_manifests.read(files, name, model_type, into)

    in_s3 = not file_manifests.names_files(files.beginning(name))
    return Recognised(file_manifests.NAME, (name,), take, in_s3)
