"""COCO: a JSON file with ``images``, ``annotations`` and ``categories``, and images anywhere.

Format: https://cocodataset.org/#format-data
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from labelloop.domain import layouts

from .values import DataSet, Drawn, Example, Files, Place, around, no_image, number
from .written import Images, Put, Written, listed

NAME = "COCO"
_CROWD = "It covers a crowd (iscrowd), not one object."


def is_one(content: object) -> bool:
    """Whether a JSON file is one that says where things are."""
    return (
        isinstance(content, dict)
        and all(isinstance(content.get(part), list) for part in ("images", "annotations"))
        and isinstance(content.get("categories"), list)
    )


def read(files: Files, file: str, content: Mapping[str, Any], into: DataSet) -> None:
    """Take what one file says."""
    categories = {
        _id(entry, "id"): entry.get("name")
        for entry in content["categories"]
        if isinstance(entry, dict)
    }
    name = PurePosixPath(file).stem
    split = layouts.split_named(name) or layouts.split_named("/".join(file.split("/")[:-1]))
    images: dict[Any, Example] = {}
    for entry in content["images"]:
        example = _image(files, file, entry, name.removeprefix("instances_"), into)
        if example is None:
            continue
        example.split = split
        if images.setdefault(_id(entry, "id"), example) is not example:
            into.leave_out(*example.place, "Another image has this id.")
    known = {_id(entry, "id") for entry in content["images"]}
    for annotation in content["annotations"]:
        _take(file, annotation, into, images=images, known=known, categories=categories)
    into.examples += images.values()


def _id(entry: Any, member: str) -> int | str | None:
    value = entry.get(member) if isinstance(entry, dict) else None
    return value if isinstance(value, int | str) else None


def _image(files: Files, file: str, entry: Any, hint: str, into: DataSet) -> Example | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str):
        into.leave_out(file, "images", "An image has no file_name.")
        return None
    place = Place(file, f"image {entry.get('id')}")
    found = files.image(entry["file_name"], file, hint)
    if _id(entry, "id") is None:
        into.leave_out(*place, "It has no id.")
        return None
    if found is None:
        into.leave_out(*place, no_image(entry["file_name"]))
        return None
    sides = [number(entry.get(side)) for side in ("width", "height")]
    if all(side and side >= 1 for side in sides):
        size_px: tuple[int, int] | None = (int(sides[0] or 0), int(sides[1] or 0))
    else:
        size_px = files.size_px(found)
    return Example(found, place, size_px=size_px)


def _take(
    file: str,
    entry: Any,
    into: DataSet,
    *,
    images: Mapping[Any, Example],
    known: set[Any],
    categories: Mapping[Any, Any],
) -> None:
    if not isinstance(entry, dict):
        into.leave_out(file, "annotations", "An annotation is no JSON object.")
        return
    where = f"annotation {entry.get('id')}"
    image = _id(entry, "image_id")
    example, label = images.get(image), categories.get(_id(entry, "category_id"))
    if example is None:
        # Of an image that is not there, the image is named.
        if image not in known:
            into.leave_out(file, where, f"There is no image {entry.get('image_id')}.")
    elif not isinstance(label, str):
        into.leave_out(file, where, f"There is no category {entry.get('category_id')}.")
    elif entry.get("iscrowd") == 1:
        into.leave_out(file, where, _CROWD)
    elif (numbers := _box(entry)) is None:
        into.leave_out(file, where, "It has no bbox of four numbers, and no outline.")
    else:
        into.outlines += bool(entry.get("segmentation"))
        example.boxes.append(Drawn(label, *numbers, Place(file, where)))


def _box(entry: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    box = entry.get("bbox")
    if isinstance(box, list) and len(box) == 4:
        numbers = [number(value) for value in box]
        left, top, width, height = numbers
        if None not in (left, top, width, height):
            return (left or 0.0, top or 0.0, width or 0.0, height or 0.0)
    outline = entry.get("segmentation")
    if isinstance(outline, dict):
        return _of_mask(outline)
    if not isinstance(outline, list):
        return None
    points: list[tuple[float, float]] = []
    for polygon in outline:
        values = [number(value) for value in polygon] if isinstance(polygon, list) else []
        if len(values) < 6 or len(values) % 2 or None in values:
            return None
        sound = [value or 0.0 for value in values]
        points += zip(sound[::2], sound[1::2], strict=True)
    return around(points) if points else None


def _of_mask(mask: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    """The box around a mask: pixels are counted down the columns, those outside and inside in turn.

    Format: https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.h
    """
    size, counts = mask.get("size"), mask.get("counts")
    if not isinstance(size, list) or not size or not isinstance(size[0], int) or size[0] < 1:
        return None
    height = size[0]
    runs = list(_unpacked(counts)) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(isinstance(run, int) and run >= 0 for run in runs):
        return None
    points: list[tuple[float, float]] = []
    end = 0
    for place, run in enumerate(runs):
        start, end = end, end + run
        if place % 2 and run:
            (first, top), (last, bottom) = divmod(start, height), divmod(end - 1, height)
            top, bottom = (0, height - 1) if last > first else (top, bottom)
            points += [(first, top), (last + 1, bottom + 1)]
    return around(points) if points else None


def _unpacked(text: str) -> Iterator[int]:
    """The counts in a text: five bits a character, and from the fourth on what is more than before.

    Negative numbers come of text that is none.
    """
    before: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - ord("0")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        if len(before) > 2:
            value += before[-2]
        before.append(value)
        yield value
        value = shift = 0


def write(images: Images, put: Put) -> None:
    """Write a file a split; pixels stay as they are."""
    for split in images.splits:
        put(f"annotations/instances_{split}.json", _pieces(images, split))


def _pieces(images: Images, split: str) -> Iterator[str]:
    numbers = {label: number for number, label in enumerate(images.labels, start=1)}
    categories = [{"id": number, "name": label} for label, number in numbers.items()]
    yield f'{{"categories": {_json(categories)},\n"images": ['
    yield from listed(
        _json(_image_entry(number, one)) for number, one in enumerate(images.of(split), start=1)
    )
    yield '\n],\n"annotations": ['
    boxes = (
        (image, box)
        for image, one in enumerate(images.of(split), start=1)
        for box in one.annotation.boxes
    )
    yield from listed(
        _json(
            {
                "id": number,
                "image_id": image,
                "category_id": numbers[box.label],
                "bbox": [box.left, box.top, box.width, box.height],
                "area": box.width * box.height,
                "iscrowd": 0,
                "segmentation": [],
            }
        )
        for number, (image, box) in enumerate(boxes, start=1)
    )
    yield "\n]}\n"


def _image_entry(number: int, one: Written) -> dict[str, Any]:
    width_px, height_px = one.annotation.size_px or (0, 0)
    name = PurePosixPath(one.image).name
    return {"id": number, "file_name": name, "width": width_px, "height": height_px}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
