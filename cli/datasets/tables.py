"""CSV: a row an image with its label, or a row a box; with a header or without.

Without one, a row is ``image,label`` or ``image,label,left,top,width,height``. The names of columns
are those that tables are published with; ``filename,width,height,class,xmin,…`` is TensorFlow's.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from labelloop.domain import layouts

from .values import IMAGE_SUFFIXES, DataSet, Drawn, Example, Files, Place, no_image, number
from .written import Images, Put

NAME = "CSV"
SUFFIXES = (".csv", ".tsv")
_LOOKED_AT = 50
"""So many rows tell whether a table names images."""
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "image": (
        *("image", "filename", "file", "file_name", "path", "filepath", "image_path", "img"),
        *("image_id", "imageid", "image_name", "img_name", "id"),
    ),
    "label": ("label", "class", "class_name", "classname", "category", "target", "labels"),
    "left": ("left", "xmin", "x_min", "x1", "x", "bbox_x"),
    "top": ("top", "ymin", "y_min", "y1", "y", "bbox_y"),
    "right": ("right", "xmax", "x_max", "x2"),
    "bottom": ("bottom", "ymax", "y_max", "y2"),
    "width": ("width", "w", "bbox_width"),
    "height": ("height", "h", "bbox_height"),
    "split": ("split", "set", "subset", "partition"),
}
_EDGES = frozenset({"left", "top", "right", "bottom", "width", "height"})
_WITHOUT_HEADER = {
    2: {"image": 0, "label": 1},
    6: {"image": 0, "label": 1, "left": 2, "top": 3, "width": 4, "height": 5},
}
_CELL_OF_JSON = re.compile(r"\[?\s*\{")
_EXCEL_SAYS = "sep="
"""Before the character between cells, in a first line of their own."""


@dataclass(frozen=True, slots=True)
class _Table:
    delimiter: str
    rows: list[tuple[int, list[str]]]
    """Those that are not empty, with the lines they end on."""


def is_one(files: Files, file: str) -> bool:
    """Whether a table names images that are there."""
    rows = _table(files.beginning(file), _LOOKED_AT).rows
    columns = _columns(rows[0][1]) if rows else None
    if columns is None:
        return False
    at = columns["image"]
    # Without a header, a number may be any, though an image is called after it.
    named = [row[at] for _, row in rows if len(row) > at]
    if _header(rows[0][1]) is None:
        named = [name for name in named if name.strip().lower().endswith(IMAGE_SUFFIXES)]
    return any(files.image(name, file) for name in named)


def has_header(files: Files, file: str) -> bool:
    """Whether a table has columns for images and labels, whatever they name."""
    rows = _table(files.beginning(file), 1).rows
    return bool(rows) and _header(rows[0][1]) is not None


def read(files: Files, file: str, into: DataSet) -> None:
    """Take what the rows say."""
    table = _table(files.text(file))
    rows = table.rows
    columns = _columns(rows[0][1]) if rows else None
    if columns is None:
        into.leave_out(file, "", "It is no table that can be read to its end.")
        return
    if _header(rows[0][1]) is not None:
        rows = rows[1:]
    by_image: dict[str, Example] = {}
    for line, row in rows:
        if len(row) <= max(columns.values()):
            into.leave_out(file, f"line {line}", f"It has {len(row)} columns: others have more.")
            continue
        cells = {name: row[at].strip() for name, at in columns.items()}
        if table.delimiter == ";":
            # Where the comma is in numbers, what is between cells is another.
            cells |= {name: cells[name].replace(",", ".") for name in _EDGES & cells.keys()}
        _take(files, Place(file, f"line {line}"), cells, by_image, into)
    into.examples += by_image.values()


def _table(text: str, most: int | None = None) -> _Table:
    first = text.partition("\n")[0].strip('\r"')
    says = first.lower().startswith(_EXCEL_SAYS) and len(first) == len(_EXCEL_SAYS) + 1
    delimiter = first[-1] if says else max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    table = _Table(delimiter, [])
    try:
        for row in reader:
            if any(map(str.strip, row)) and not (says and reader.line_num == 1):
                table.rows.append((reader.line_num, row))
            if most is not None and len(table.rows) >= most:
                break
    except csv.Error:
        table.rows.clear()
    return table


def _header(row: Sequence[str]) -> dict[str, int] | None:
    """The columns by a header; None where the row is none."""
    names = [cell.strip().lower() for cell in row]
    found = {
        column: names.index(name)
        for column, known in _COLUMNS.items()
        for name in reversed(known)
        if name in names
    }
    return found if {"image", "label"} <= found.keys() else None


def _columns(row: Sequence[str]) -> dict[str, int] | None:
    found = _header(row)
    if found is None:
        # A header that has no column for labels, as where each label is a column, is no row.
        named = any(cell.strip().lower() in _COLUMNS["image"] for cell in row)
        return None if named else _WITHOUT_HEADER.get(len(row))
    if {"right", "bottom"} <= found.keys():
        # Width and height are the image's then.
        found = {name: at for name, at in found.items() if name not in {"width", "height"}}
    boxes = ({"left", "top", "width", "height"}, {"left", "top", "right", "bottom"})
    if any(box <= found.keys() for box in boxes):
        return found
    return {name: at for name, at in found.items() if name in {"image", "label", "split"}}


def _take(
    files: Files,
    place: Place,
    cells: Mapping[str, str],
    by_image: dict[str, Example],
    into: DataSet,
) -> None:
    image = files.image(cells["image"], place.file)
    if image is None:
        into.leave_out(*place, no_image(cells["image"]))
        return
    if image not in by_image:
        path = PurePosixPath(place.file)
        named = (cells.get("split", ""), path.stem, str(path.parent))
        split = next(filter(None, map(layouts.split_named, named)), "")
        by_image[image] = Example(image, place, split=split)
    example = by_image[image]
    if _CELL_OF_JSON.match(cells["label"]):
        into.leave_out(*place, "Its label is JSON, as in Label Studio's CSV: export JSON there.")
        return
    if "left" not in cells:
        if cells["label"] and cells["label"] not in example.labels:
            example.labels.append(cells["label"])
        return
    edges = [cells["left"], cells["top"]]
    edges += [cells[name] for name in ("right", "bottom", "width", "height") if name in cells]
    if not cells["label"] and not any(edges):
        return
    numbers = [number(cell) for cell in edges]
    if None in numbers:
        into.leave_out(*place, "Its box is not four numbers.")
        return
    left, top, third, fourth = (value or 0.0 for value in numbers)
    if "right" in cells:
        third, fourth = third - left, fourth - top
    if example.size_px is None:
        example.size_px = files.size_px(image)
    example.boxes.append(Drawn(cells["label"], left, top, third, fourth, place))


def write(images: Images, put: Put) -> None:
    """Write a row an image and label, or a row a box; images without any have a row, too."""
    put("labels.csv", _lines(images))


def refusal(labels: Collection[str], _: Collection[str]) -> str:
    """Why a table cannot have one of these labels, in a sentence; empty where it has them all."""
    for label in labels:
        if _CELL_OF_JSON.match(label):
            return f"The label {label} begins as JSON does, for which a table's readers take it."
    return ""


def _lines(images: Images) -> Iterator[str]:
    boxes = any(one.annotation.size_px for one in islice(images.each(), 1))
    yield _line("image", "label", *(("left", "top", "width", "height") if boxes else ()), "split")
    for one in images.each():
        if not boxes:
            for label in one.annotation.labels:
                yield _line(one.image, label, one.split)
            continue
        for box in one.annotation.boxes:
            edges = (box.left, box.top, box.width, box.height)
            yield _line(one.image, box.label, *edges, one.split)
        if not one.annotation.boxes:
            yield _line(one.image, "", "", "", "", "", one.split)


def _line(*cells: str | int) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
