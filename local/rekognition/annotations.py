"""Reads the label attributes of a manifest line: image-level labels and bounding boxes.

Called by ``manifest`` for each attribute that has metadata. An error spoils no more than it must:
of four boxes with one outside the image, Custom Labels trains with the other three (guide,
tm-debugging-scope-json-line), and so does this.
"""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

CLASSIFICATION_TYPE = "groundtruth/image-classification"
DETECTION_TYPE = "groundtruth/object-detection"
METADATA_SUFFIX = "-metadata"

MAXIMUM_LABEL_CHARACTERS = 255
MAXIMUM_BOXES = 50
# Training scales larger images down to this side, and a box must be over 1 px each way after that.
SCALED_SIDE_PX = 1280
SMALLEST_SIDE_PX = 1


Place = tuple[str | int, ...]


@dataclass(frozen=True)
class LineProblem:
    """An error or warning that Custom Labels attaches to a line, or to the part it is about."""

    code: str
    message: str
    place: Place = ()
    """The names and numbers that lead to the part: none for the line itself."""

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}


class LabelledBox(NamedTuple):
    """A bounding box in whole pixels from the top left corner; manifests may have fractions."""

    label: str
    left: int
    top: int
    width: int
    height: int
    place: Place = ()
    """Where in the line it is."""


@dataclass(frozen=True)
class Attribute:
    """What one attribute says of the image; ``is_empty`` when it says that nothing is there."""

    labels: tuple[str, ...] = ()
    boxes: tuple[LabelledBox, ...] = ()
    problems: tuple[LineProblem, ...] = ()
    is_empty: bool = False


class _UnreadableError(Exception):
    """The attribute, or the box, cannot be used."""

    def __init__(self, code: str, message: str, place: Place = ()) -> None:
        super().__init__(message)
        self.problem = LineProblem(code, message, place)


def read_attribute(name: str, content: Mapping[str, Any]) -> Attribute:
    """The labels and boxes of the attribute ``name`` of a line, and what is wrong with it."""
    metadata = content[name + METADATA_SUFFIX]
    try:
        if not isinstance(metadata, Mapping):
            message = f"The metadata of {name} is not an object."
            raise _UnreadableError("ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT", message)
        if not isinstance(metadata.get("type"), str):
            raise _metadata_error(name, "has no type")
        kind = metadata["type"]
        if kind == CLASSIFICATION_TYPE:
            return Attribute(labels=(_read_classification(name, content.get(name), metadata),))
        if kind == DETECTION_TYPE:
            return _read_detection(name, content.get(name), metadata)
    except _UnreadableError as error:
        return Attribute(problems=(error.problem,))
    message = f"{name} is of type {kind}, which is not supported."
    place = (name + METADATA_SUFFIX,)
    return Attribute(problems=(LineProblem("ERROR_UNSUPPORTED_USE_CASE_TYPE", message, place),))


def with_problems(
    content: Mapping[str, Any],
    problems: Iterable[LineProblem],
    name: str,
    *,
    into_boxes: bool = True,
) -> dict[str, Any]:
    """The line with a list ``name`` in each part that has problems (guide,
    tm-debugging-scope-json-line); without ``into_boxes``, a box's are put beside the boxes.
    """
    line = copy.deepcopy(dict(content))
    for problem in problems:
        part: Any = line
        for step in problem.place if into_boxes else problem.place[:1]:
            part = part[step]
        part.setdefault(name, []).append(problem.as_json())
    return line


def box_problem(box: LabelledBox, width_px: int, height_px: int) -> LineProblem | None:
    """What is wrong with the box in an image of this size, None if nothing is."""
    what = f"The box of {box.label} at {box.left}, {box.top}"
    if (
        min(box.left, box.top, box.width, box.height) < 0
        or box.left + box.width > width_px
        or box.top + box.height > height_px
    ):
        message = f"{what} is not inside the image of {width_px} x {height_px} px."
        return LineProblem("ERROR_INVALID_BOUNDING_BOX", message, box.place)
    scale = min(1.0, SCALED_SIDE_PX / max(width_px, height_px))
    if min(box.width, box.height) * scale <= SMALLEST_SIDE_PX:
        message = f"{what} is {box.width} x {box.height} px, which is too small."
        return LineProblem("ERROR_BOUNDING_BOX_TOO_SMALL", message, box.place)
    return None


def _read_classification(name: str, value: Any, metadata: Mapping[str, Any]) -> str:
    if not _is_whole(value):
        message = f"{name} is missing or not a whole number."
        raise _UnreadableError("ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", message)
    label = _checked_label(name, metadata.get("class-name"), "class-name")
    if not _is_share(metadata.get("confidence")):
        raise _metadata_error(name, "has no confidence between 0 and 1")
    _check_origin(name, metadata)
    return label


def _read_detection(name: str, value: Any, metadata: Mapping[str, Any]) -> Attribute:
    width_px, height_px, annotations = _read_boxes_value(name, value)
    class_map, objects = metadata.get("class-map"), metadata.get("objects")
    if not isinstance(class_map, Mapping) or not isinstance(objects, list):
        raise _metadata_error(name, "has no class-map or no list of objects")
    _check_origin(name, metadata)
    if not annotations:
        return Attribute(is_empty=True)
    if len(annotations) > MAXIMUM_BOXES:
        message = f"{name} has {len(annotations)} boxes; {MAXIMUM_BOXES} are the most."
        raise _UnreadableError("ERROR_TOO_MANY_BOUNDING_BOXES", message, (name,))
    boxes: list[LabelledBox] = []
    problems: list[LineProblem] = []
    for number, annotation in enumerate(annotations):
        try:
            _check_object(name, objects, number)
            box = _read_box(name, number, annotation, class_map)
        except _UnreadableError as error:
            problems.append(error.problem)
            continue
        problem = box_problem(box, width_px, height_px)
        if problem:
            problems.append(problem)
        else:
            boxes.append(box)
    if not boxes:
        message = f"None of the boxes of {name} can be used."
        problems.append(LineProblem("ERROR_NO_VALID_ANNOTATIONS", message, (name,)))
    return Attribute(boxes=tuple(boxes), problems=tuple(problems))


def _read_boxes_value(name: str, value: Any) -> tuple[int, int, list[Any]]:
    """Width and height in pixels, and the annotations."""
    if isinstance(value, Mapping) and isinstance(value.get("annotations"), list):
        sizes = value.get("image_size")
        if isinstance(sizes, list) and len(sizes) == 1 and isinstance(sizes[0], Mapping):
            numbers: list[Any] = [sizes[0].get(side) for side in ("width", "height", "depth")]
            if all(_is_number(number) and number > 0 for number in numbers):
                return round(numbers[0]), round(numbers[1]), value["annotations"]
    message = f"{name} does not have one image_size in pixels and a list of annotations."
    place = (name,) if isinstance(value, Mapping) else ()
    raise _UnreadableError("ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", message, place)


def _check_object(name: str, objects: Sequence[Any], number: int) -> None:
    described = objects[number] if number < len(objects) else None
    if not isinstance(described, Mapping) or not _is_share(described.get("confidence")):
        message = f"The metadata of {name} has no confidence for box {number}."
        place = (name + METADATA_SUFFIX,)
        raise _UnreadableError("ERROR_MISSING_BOUNDING_BOX_CONFIDENCE", message, place)


def _read_box(name: str, number: int, annotation: Any, class_map: Mapping[str, Any]) -> LabelledBox:
    place: Place = (name, "annotations", number) if isinstance(annotation, Mapping) else (name,)
    members = ("left", "top", "width", "height")
    if not isinstance(annotation, Mapping) or not all(
        _is_number(annotation.get(member)) for member in members
    ):
        message = f"A box of {name} does not have left, top, width and height in pixels."
        raise _UnreadableError("ERROR_INVALID_BOUNDING_BOX", message, place)
    class_id = annotation.get("class_id")
    if not _is_whole(class_id) or str(class_id) not in class_map:
        message = f"The class-map of {name} has no class_id {class_id}."
        raise _UnreadableError("ERROR_MISSING_CLASS_MAP_ID", message, place)
    label = _checked_label(name, class_map[str(class_id)], "class-map")
    left, top, width, height = (annotation[member] for member in members)
    # The guide's program for COCO (md-coco-transform-example) writes fractions, as COCO has them.
    right, bottom = round(left + width), round(top + height)
    left, top = round(left), round(top)
    return LabelledBox(label, left, top, right - left, bottom - top, place)


def _checked_label(name: str, label: Any, member: str) -> str:
    if not isinstance(label, str) or not label.strip():
        raise _metadata_error(name, f"has no label in {member}")
    if len(label) > MAXIMUM_LABEL_CHARACTERS:
        message = f"The label of {name} is longer than {MAXIMUM_LABEL_CHARACTERS} characters."
        place = (name + METADATA_SUFFIX,)
        raise _UnreadableError("ERROR_INVALID_LABEL_NAME_LENGTH", message, place)
    return label


def _check_origin(name: str, metadata: Mapping[str, Any]) -> None:
    if metadata.get("human-annotated") not in ("yes", "no"):
        raise _metadata_error(name, 'says neither "yes" nor "no" for human-annotated')
    if not _is_date(metadata.get("creation-date")):
        raise _metadata_error(name, "has no ISO 8601 creation-date")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_date(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _metadata_error(name: str, what: str) -> _UnreadableError:
    message = f"The metadata of {name} {what}."
    place = (name + METADATA_SUFFIX,)
    return _UnreadableError("ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT", message, place)
