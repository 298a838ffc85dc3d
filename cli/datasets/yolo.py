"""YOLO: a text file beside each image, and a ``data.yaml`` or ``classes.txt`` with the names.

A line has the number of a class and a box (middle, width and height), or the points of an outline,
in shares of the image. Of ``data.yaml`` those fields are read that are documented; it is no YAML
beyond them.

Formats: https://docs.ultralytics.com/datasets/detect/ and …/segment/
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote

from labelloop.domain import layouts

from ..failures import CommandError
from .values import (
    IMAGE_SUFFIXES,
    TEST,
    TRAIN,
    VALID,
    DataSet,
    Drawn,
    Example,
    Files,
    Place,
    around,
    composed_path,
    number,
)
from .written import Images, Put, stem

NAME = "YOLO"
CLASSES = "classes.txt"
_PARTS = {"train": TRAIN, "val": VALID, "valid": VALID, "validation": VALID, "test": TEST}
_FIELD = re.compile(r"(\w+)\s*:\s*(.*)")
_ITEM = re.compile(r"(?:-|([\"']?\d+[\"']?)\s*:)\s*(.+)")
_BEGINS_IN_BRACKETS = re.compile(r"\w+\s*:\s*[\[{]")
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'"
_ENTRY = re.compile(rf"\s*({_QUOTED}|[^\s,\[\]{{}}][^,\[\]{{}}]*)")
_PAIR = re.compile(rf"[\"']?(\d+)[\"']?\s*:\s*({_QUOTED}|[^,}}]+)")
_TEXT_OR_COMMENT = re.compile(rf"((?:^|[\[{{,:-])\s*)({_QUOTED})|(?<!\S)#.*")
"""A text in quotes, which begin one where a value does; elsewhere they are part of one."""
_ESCAPED = re.compile(r"\\(?:x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|(.))")


@dataclass
class Config:
    """What ``data.yaml`` says."""

    names: dict[int, str] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    """Where the images of each split are."""
    points: int = 0
    """How many numbers of key points go with each box."""


def parse(text: str) -> Config:
    """What the documented fields say; without names it is another kind of file."""
    config, lists = Config(), _lists(text)
    for key, values in lists.items():
        if key == "names":
            config.names = {
                int(number) if number.isdigit() else place: name
                for place, (number, name) in enumerate(values)
            }
        elif key in _PARTS:
            config.parts.setdefault(_PARTS[key], []).extend(name for _, name in values)
        elif key == "kpt_shape":
            sides = [int(name) for _, name in values if name.isdigit()]
            config.points = sides[0] * sides[1] if len(sides) == 2 else 0
    return config


def _lists(text: str) -> dict[str, list[tuple[str, str]]]:
    """Each field of the first level with what it lists: numbers, where it has some, and texts."""
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in _joined(text.splitlines()):
        top = _FIELD.fullmatch(line)
        if top:
            current = found.setdefault(top[1], [])
            current += _inline(top[2])
        elif item := _ITEM.fullmatch(line.strip()):
            current.append(((item[1] or "").strip("\"'"), _plain(item[2])))
    return found


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """The lines without their comments; what is in brackets over several of them, as one."""
    pending: list[str] = []
    opened = 0
    for raw in lines:
        line = _without_comment(raw)
        if not pending and not _BEGINS_IN_BRACKETS.match(line):
            yield line
            continue
        pending.append(line.strip())
        opened += _opened(line)
        if opened <= 0:
            yield " ".join(pending)
            pending, opened = [], 0


def _without_comment(line: str) -> str:
    return _TEXT_OR_COMMENT.sub(lambda found: "".join(found.groups("")), line).rstrip()


def _opened(line: str) -> int:
    """How many brackets it opens that it does not close."""
    bare = _TEXT_OR_COMMENT.sub(r"\1", line)
    return sum(map(bare.count, "[{")) - sum(map(bare.count, "]}"))


def _inline(value: str) -> list[tuple[str, str]]:
    value = value.strip()
    if not value or value in {"null", "~"}:
        return []
    if value[0] not in "[{":
        return [("", _plain(value))]
    if value[0] == "[":
        return [("", _plain(entry)) for entry in _ENTRY.findall(value[1:-1])]
    return [(number, _plain(name)) for number, name in _PAIR.findall(value)]


def _plain(value: str) -> str:
    value = value.strip()
    if len(value) < 2 or value[0] != value[-1] or value[0] not in "\"'":
        return value
    if value[0] == "'":
        return value[1:-1].replace("''", "'")
    try:
        return str(json.loads(_ESCAPED.sub(_as_json, value)))
    except ValueError:
        return value[1:-1]


def _as_json(escaped: re.Match[str]) -> str:
    """A character as JSON escapes it, of which YAML has shorter and longer ways."""
    code = escaped[1] or escaped[2]
    return json.dumps(chr(int(code, 16)))[1:-1] if code else escaped[0]


def read(files: Files, file: str, into: DataSet) -> None:
    """Take what the files beside the images say, with the names in this one."""
    if PurePosixPath(file).name == CLASSES:
        lines = [line.strip() for line in files.text(file).splitlines()]
        config = Config({place: name for place, name in enumerate(lines) if name})
        scope = _beside_labels(PurePosixPath(file).parent)
    else:
        config = parse(files.text(file))
        scope = PurePosixPath(file).parent
    listed = {split: frozenset(_listed(files, places)) for split, places in config.parts.items()}
    labels = _label_files(files)
    used = set()
    for image in files.with_suffix(*IMAGE_SUFFIXES):
        if not PurePosixPath(image).is_relative_to(scope):
            continue
        label_file = _label_file(image, labels)
        split = _split_of(image, config.parts, listed)
        if label_file is None:
            # Such an image has nothing of the kind in it, which is said by leaving the file away.
            into.examples.append(Example(image, Place(image), split=split))
            continue
        used.add(label_file)
        into.examples.append(_example(files, image, label_file, config, into, split=split))
    for name in files.with_suffix(".txt"):
        path = PurePosixPath(name)
        is_label = "labels" in map(str.lower, path.parts[:-1]) and path.name != CLASSES
        if is_label and name not in used and path.is_relative_to(scope):
            into.leave_out(name, "", "There is no image of this name.")


def nameless(files: Files) -> str | None:
    """The first file with boxes beside an image, which wants names of classes; None for none."""
    labels = _label_files(files)
    for image in files.with_suffix(*IMAGE_SUFFIXES):
        file = _label_file(image, labels)
        lines = [line.split() for line in files.beginning(file).splitlines()] if file else []
        if any(lines) and all(map(_is_line, filter(None, lines))):
            return file
    return None


def _is_line(words: Sequence[str]) -> bool:
    try:
        _line(words, Config({int(words[0]): words[0]}))
    except ValueError:
        return False
    return True


def _beside_labels(folder: PurePosixPath) -> PurePosixPath:
    """The folder that has the labels, and the images beside them."""
    parts = [part.lower() for part in folder.parts]
    return PurePosixPath(*folder.parts[: parts.index("labels")]) if "labels" in parts else folder


def _listed(files: Files, places: Sequence[str]) -> list[str]:
    """The images that are named in text files, where a split is such a list."""
    found = []
    for place in places:
        if not place.lower().endswith(".txt"):
            continue
        lists = files.image(place.removeprefix("../"), "")
        for line in files.text(lists).splitlines() if lists else ():
            image = files.image(line.strip(), lists or "")
            if image:
                found.append(image)
    return found


def _split_of(
    image: str, parts: Mapping[str, Sequence[str]], listed: Mapping[str, frozenset[str]]
) -> str:
    """The split that says most of where an image is: of two that say the same, that for training.

    Many say that the images to validate are those to train, too.
    """
    folders = PurePosixPath(image).parts[:-1]
    found = {split: 0 for split in (TRAIN, TEST, VALID) if image in listed.get(split, ())}
    for split in () if found else (TRAIN, TEST, VALID):
        for place in parts.get(split, ()):
            pieces = place.replace("\\", "/").split("/")
            wanted = tuple(part for part in pieces if part not in {"", ".", ".."})
            span = range(len(folders) - len(wanted) + 1)
            if wanted and any(folders[at : at + len(wanted)] == wanted for at in span):
                found[split] = max(len(wanted), found.get(split, 0))
    if found:
        return max(found, key=lambda split: found[split])
    return "" if parts else next(filter(None, map(layouts.split_named, folders)), "")


def _label_files(files: Files) -> dict[str, str]:
    """The text files by how images are called: Label Studio writes some names as in addresses."""
    names = files.with_suffix(".txt")
    return {composed_path(unquote(name)): name for name in names} | {
        composed_path(name): name for name in names
    }


def _label_file(image: str, names: Mapping[str, str]) -> str | None:
    """The file with the boxes: in ``labels`` where the image is in ``images``, or beside it."""
    path = PurePosixPath(composed_path(image)).with_suffix(".txt")
    parts = list(path.parts)
    places = [at for at, part in enumerate(parts[:-1]) if part.lower() == "images"]
    candidates = [str(path)]
    if places:
        parts[places[-1]] = "labels"
        candidates.insert(0, "/".join(parts))
    else:
        candidates.insert(0, "/".join((*parts[:-1], "labels", parts[-1])))
    return next((names[name] for name in candidates if name in names), None)


def _example(
    files: Files, image: str, file: str, config: Config, into: DataSet, *, split: str
) -> Example:
    example = Example(image, Place(file), split=split)
    try:
        lines = [line.split() for line in files.text(file).splitlines()]
    except CommandError as error:
        into.leave_out(file, "", str(error))
        return example
    if any(lines):
        example.size_px = files.size_px(image)
    for count, words in enumerate(lines, start=1):
        if not words or example.size_px is None:
            continue
        try:
            label, numbers, outline = _line(words, config)
        except ValueError as error:
            into.leave_out(file, f"line {count}", str(error))
            continue
        into.outlines += outline
        width_px, height_px = example.size_px
        left, top, width, height = numbers
        place = Place(file, f"line {count}")
        example.boxes.append(
            Drawn(
                label,
                left * width_px,
                top * height_px,
                width * width_px,
                height * height_px,
                place,
            )
        )
    return example


def _line(
    words: Sequence[str], config: Config
) -> tuple[str, tuple[float, float, float, float], bool]:
    """Label, box and whether it was an outline. Raises ValueError with a sentence."""
    values = [number(word) for word in words]
    if None in values:
        raise ValueError("It is not a line of numbers.")
    first, *numbers = [value or 0.0 for value in values]
    label = config.names.get(int(first)) if first.is_integer() else None
    if label is None:
        raise ValueError(f"There is no name for class {words[0]}.")
    if any(not -0.01 <= value <= 1.01 for value in numbers[:4]):
        raise ValueError("Its numbers are not shares of the image, from 0 to 1.")
    if len(numbers) == 4 or (config.points and len(numbers) == 4 + config.points):
        across, down, width, height = numbers[:4]
        # What programs round to six digits looks out of the image by as much.
        left, right = _within(across - width / 2, across + width / 2)
        top, bottom = _within(down - height / 2, down + height / 2)
        return label, (left, top, right - left, bottom - top), False
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        return label, around(zip(numbers[::2], numbers[1::2], strict=True)), True
    raise ValueError(
        f"It has {len(numbers)} numbers after the class: a box has 4, and an outline 6 or more."
    )


def _within(first: float, last: float) -> tuple[float, float]:
    slack = 0.00001
    return (0.0 if -slack < first < 0 else first), (1.0 if 1 < last < 1 + slack else last)


def write(images: Images, put: Put) -> None:
    """Write a file an image, and ``data.yaml``; programs that want a ``val`` find the test images.

    Shares of the image are told so exactly that they come to the same pixels again.
    """
    numbers = {label: number for number, label in enumerate(images.labels)}
    for one in images.each():
        width_px, height_px = one.annotation.size_px or (1, 1)
        put(
            f"labels/{one.split}/{stem(one.image)}.txt",
            (
                f"{numbers[box.label]} {(box.left + box.width / 2) / width_px:.10g} "
                f"{(box.top + box.height / 2) / height_px:.10g} {box.width / width_px:.10g} "
                f"{box.height / height_px:.10g}\n"
                for box in one.annotation.boxes
            ),
        )
    put("data.yaml", _config(images))


def _config(images: Images) -> Iterator[str]:
    keys = {"train": ("train",), "test": ("val", "test")}
    for split in images.splits:
        for key in keys[split]:
            yield f"{key}: images/{split}\n"
    yield "names:\n"
    for place, label in enumerate(images.labels):
        yield f"  {place}: {_quoted(label)}\n"


def _quoted(label: str) -> str:
    """The label as YAML and JSON both have texts in quotes; what this reader counts is escaped."""
    text = json.dumps(label, ensure_ascii=False)
    return re.sub(r"[#\[\]{}]|(?! )\s", lambda found: f"\\u{ord(found[0]):04x}", text)
