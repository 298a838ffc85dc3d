"""Label Studio's JSON export: a list of tasks, each with what people drew or chose.

Format: https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from .values import DataSet, Drawn, Example, Files, Place, around, no_image, number

NAME = "Label Studio"
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What it puts before the names of files that were uploaded into it."""
_IN_SHORT = {"id", "annotator", "annotation_id", "lead_time"}


def is_one(content: object) -> bool:
    """Whether a JSON file is such an export."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(task, dict) and isinstance(task.get("data"), dict) and "annotations" in task
            for task in content
        )
    )


def is_in_short(content: object) -> bool:
    """Whether it is an export that does not say of what kind each answer is."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(task, dict) and task.keys() >= _IN_SHORT for task in content)
    )


def read(files: Files, file: str, content: list[Mapping[str, Any]], into: DataSet) -> None:
    """Take what one export says."""
    for count, task in enumerate(content, start=1):
        place = Place(file, f"task {task.get('id', count)}")
        addresses = [value for value in task["data"].values() if isinstance(value, str)]
        images = [image for image in (_image(files, file, one) for one in addresses) if image]
        if len(images) != 1:
            into.leave_out(*place, no_image(addresses[0] if addresses else "of the task"))
            continue
        result = _counts(task["annotations"])
        if result is None:
            into.leave_out(*place, "Nobody has labelled it, or whoever did has skipped it.")
            continue
        example = Example(images[0], place)
        for region in result:
            _take(files, region, example, into)
        into.examples.append(example)


def _image(files: Files, file: str, address: str) -> str | None:
    """The file that a task's address means."""
    folder, slash, name = address.rpartition("/")
    uploaded = f"{folder}{slash}{_UPLOADED.sub('', name, count=1)}"
    return files.image(address, file) or files.image(uploaded, file)


def _counts(annotations: object) -> list[Any] | None:
    """The regions of the annotation that was made or changed last; None where nobody made one."""
    made = [
        entry
        for entry in (annotations if isinstance(annotations, list) else [])
        if isinstance(entry, dict)
        and not entry.get("was_cancelled")
        and isinstance(entry.get("result"), list)
    ]
    if not made:
        return None
    newest = max(
        made, key=lambda entry: str(entry.get("updated_at") or entry.get("created_at") or "")
    )
    result: list[Any] = newest["result"]
    return result


def _take(files: Files, region: Any, example: Example, into: DataSet) -> None:
    value = region.get("value") if isinstance(region, dict) else None
    kind = region.get("type") if isinstance(region, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str):
        into.leave_out(*example.place, "A region of it has no type, or no value.")
        return
    named = value.get(kind)
    if kind == "choices" and isinstance(named, list):
        example.labels += [name for name in named if isinstance(name, str)]
        return
    if kind not in {"rectanglelabels", "polygonlabels"}:
        if kind not in {"rectangle", "polygon"}:
            into.leave_out(
                *example.place, f"What it has of the type {kind} is no box, and no label."
            )
        # Without labels such a region comes beside one with them.
        return
    sides = [number(region.get(f"original_{side}")) for side in ("width", "height")]
    size_px = (int(sides[0] or 0), int(sides[1] or 0))
    if min(size_px) < 1:
        size_px = files.size_px(example.image) or (0, 0)
    points = _corners(value, size_px) if kind == "rectanglelabels" else _points(value, size_px)
    if not points or not isinstance(named, list) or not named or not isinstance(named[0], str):
        into.leave_out(*example.place, "A region of it has no label, or not the numbers of a box.")
        return
    example.size_px = size_px if min(size_px) else None
    into.outlines += kind == "polygonlabels" or bool(value.get("rotation"))
    example.boxes.append(Drawn(named[0], *around(points), example.place))


def _corners(value: Mapping[str, Any], size_px: tuple[int, int]) -> list[tuple[float, float]]:
    """The corners of a box that is turned around its top left one; numbers are in percent."""
    numbers = [number(value.get(name)) for name in ("x", "y", "width", "height")]
    if None in numbers:
        return []
    left, top, width, height = (
        (share or 0.0) / 100 * side for share, side in zip(numbers, size_px * 2, strict=True)
    )
    turn = math.radians(number(value.get("rotation")) or 0.0)
    cosine, sine = math.cos(turn), math.sin(turn)
    return [
        (left + across * cosine - down * sine, top + across * sine + down * cosine)
        for across, down in ((0, 0), (width, 0), (width, height), (0, height))
    ]


def _points(value: Mapping[str, Any], size_px: tuple[int, int]) -> list[tuple[float, float]]:
    found = []
    for point in value.get("points") or []:
        sides = [number(side) for side in point] if isinstance(point, list) else []
        if len(sides) != 2 or None in sides:
            return []
        across, down = ((side or 0.0) / 100 * px for side, px in zip(sides, size_px, strict=True))
        found.append((across, down))
    return found
