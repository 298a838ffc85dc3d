"""Lines that somebody imported: what a manifest of Ground Truth or Custom Labels says of an image.

Read by the training, which takes a quarter of a million of them, and by `labelloop import`. Ground
Truth writes more than Custom Labels reads: class numbers as text, several labels as one list, an
attribute for each job that an image went through. All of it is taken, since a line is written anew
before it trains. What a training does not use, as confidences, is not looked at.

What the service refuses is bad; what it ignores, as a line that nobody has labelled, is not, and a
broken part of a line costs that part: each is named.

Formats: https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeVar

from labelloop.domain import labels as label_names
from labelloop.domain.annotations import (
    CLASSIFICATION_TYPE,
    DETECTION_TYPE,
    MOST_BOXES,
    MOST_LABELS,
    Annotation,
    Box,
    ModelType,
)
from labelloop.domain.line_attributes import (
    Attribute,
    BadLineError,
    IgnoredLineError,
    NoManifestLineError,
    checked_bucket,
    checked_label,
    class_map_of,
    class_name_of,
    class_of,
    creation_date_of,
    labelled,
    short,
)
from labelloop.domain.manifests import MAX_KEY_BYTES

MOST_CHARACTERS = 100_000
"""The service drops longer lines in silence."""

_MOST_BYTES_OF_A_SIGN = 4
_MULTI_LABEL_TYPE = "groundtruth/image-classification-multilabel"
_METADATA = "-metadata"
_FAILURE = "failure-reason"
"""In the metadata of what a labelling job could not label, beside no value."""
_SERVICE_PREFIX = "rekognition-custom-labels-"
_TRAINED_AS = f"{_SERVICE_PREFIX}training"
_SERVICE_FIELDS = frozenset({"cl-errors", "cl-metadata"})
_KINDS = frozenset({CLASSIFICATION_TYPE, _MULTI_LABEL_TYPE, DETECTION_TYPE})
_MOST_PX = 1_000_000
"""Beyond what any image has; JSON has numbers that are too large to reckon with."""
_BOX_NUMBERS = itemgetter("left", "top", "width", "height")

_Part = TypeVar("_Part")
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """What a line says of the image at ``s3://<bucket>/<key>``."""

    bucket: str
    """Empty where the key is the path of a file."""
    key: str
    annotation: Annotation
    created: str
    """When somebody said so: UTC in ISO 8601 with microseconds, so that texts compare as times."""
    problems: tuple[str, ...] = ()
    """Why parts of the line are not used, a sentence each."""


def read_line(line: str | bytes, model_type: ModelType, *, files: bool = False) -> ImportedLine:
    """What the line says that a model of this type can learn.

    A line may say that there is nothing in the image: its annotation is empty then. With ``files``
    a source-ref that is no address is the path of a file. Raises BadLineError, or IgnoredLineError.
    """
    content = _parsed(line)
    bucket, key = _location(content, files)
    problems: list[str] = []
    annotation, created = _READERS[model_type](_attributes(content), problems)
    return ImportedLine(bucket, key, annotation, created, tuple(problems))


def _parsed(line: str | bytes) -> dict[str, Any]:
    if isinstance(line, bytes):
        if len(line) > _MOST_BYTES_OF_A_SIGN * MOST_CHARACTERS:
            raise NoManifestLineError("It is far longer than any line that the service takes.")
        try:
            line = line.decode()
        except UnicodeDecodeError as error:
            raise NoManifestLineError("It is not UTF-8 text.") from error
    line = line.strip()
    if len(line) > MOST_CHARACTERS:
        raise BadLineError(f"It has {len(line)} characters; the service takes {MOST_CHARACTERS}.")
    try:
        content = json.loads(line.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise NoManifestLineError("It is not JSON.") from error
    if not isinstance(content, dict):
        raise NoManifestLineError("It is not a JSON object.")
    return content


def _location(content: Mapping[str, Any], files: bool) -> tuple[str, str]:
    """Bucket and key of the image."""
    reference = content.get("source-ref")
    if not isinstance(reference, str):
        raise NoManifestLineError("It has no source-ref, which names the image.")
    if files and reference and "://" not in reference:
        return "", reference
    bucket, slash, key = reference.removeprefix("s3://").partition("/")
    if not reference.startswith("s3://") or not slash or not key or key.endswith("/"):
        raise BadLineError("Its source-ref is not of the form s3://bucket/key of an image.")
    try:
        key_bytes = len(key.encode())
    except UnicodeEncodeError as error:
        raise BadLineError("The key in its source-ref is not text.") from error
    if key_bytes > MAX_KEY_BYTES:
        raise BadLineError(f"The key in its source-ref has over {MAX_KEY_BYTES} bytes.")
    return checked_bucket(bucket), key


def _attributes(content: Mapping[str, Any]) -> list[Attribute]:
    """The attributes that have metadata with a type, without the service's own.

    Raises BadLineError where there are only values without metadata: the service looks for both.
    """
    found, has_values = [], False
    for member, metadata in content.items():
        if member in _SERVICE_FIELDS or member.startswith(_SERVICE_PREFIX):
            continue
        # Lines may carry their owner's own fields, whatever those are called.
        if not member.endswith(_METADATA) or not isinstance(metadata, dict):
            has_values = has_values or isinstance(metadata, dict | list)
            continue
        kind = metadata.get("type")
        if isinstance(kind, str) or _FAILURE in metadata:
            name = member.removesuffix(_METADATA)
            kind = "" if _FAILURE in metadata else str(kind)
            if kind == _MULTI_LABEL_TYPE and isinstance(metadata.get("class-name"), str):
                # So the developer guide's own converter leaves the type of what it takes apart.
                kind = CLASSIFICATION_TYPE
            found.append(Attribute(name, kind, content.get(name), metadata))
        else:
            has_values = True
    if has_values and not found:
        raise BadLineError("It has no label with metadata that have a type, which says what it is.")
    return found


def _read_classification(
    attributes: list[Attribute], problems: list[str]
) -> tuple[Annotation, str]:
    labels, created = _newest(attributes, CLASSIFICATION_TYPE, ModelType.CLASSIFICATION)
    found = _without_none(_sound(labels, class_name_of, problems))
    if len(found) > 1:
        raise IgnoredLineError(
            f"It gives the image {len(found)} labels at the same time, and a classification model "
            "learns one label for each image."
        )
    return labelled(tuple(found)), created


def _read_multi_label(attributes: list[Attribute], problems: list[str]) -> tuple[Annotation, str]:
    single = [attribute for attribute in attributes if attribute.kind == CLASSIFICATION_TYPE]
    has_lists = any(attribute.kind == _MULTI_LABEL_TYPE for attribute in attributes)
    if not single and not has_lists:
        raise _nothing_fits(attributes, ModelType.MULTI_LABEL)
    names = _sound(single, class_name_of, problems) if single else []
    dates = [creation_date_of(attribute) for attribute in single]
    if has_lists:
        lists, created = _newest(attributes, _MULTI_LABEL_TYPE, ModelType.MULTI_LABEL)
        dates.append(created)
        for listed in _sound(lists, _listed_classes, problems):
            names += listed
    found = _without_none(names)
    if len(found) > MOST_LABELS:
        raise BadLineError(f"It has {len(found)} labels; the service takes {MOST_LABELS}.")
    return labelled(tuple(sorted(found))), max(dates)


def _read_detection(attributes: list[Attribute], problems: list[str]) -> tuple[Annotation, str]:
    newest, created = _newest(attributes, DETECTION_TYPE, ModelType.DETECTION)
    # An adjustment comes after what it adjusts in the line, too.
    attribute = newest[-1]
    size_px, entries = _read_boxes(attribute)
    if len(entries) > MOST_BOXES:
        raise BadLineError(f"It has {len(entries)} boxes; the service takes {MOST_BOXES}.")
    class_map = class_map_of(attribute) if entries else {}
    boxes = _sound(entries, lambda entry: _box(entry, class_map, size_px), problems)
    return Annotation.of_boxes(boxes, size_px), created


_READERS: Mapping[ModelType, Callable[[list[Attribute], list[str]], tuple[Annotation, str]]] = {
    ModelType.CLASSIFICATION: _read_classification,
    ModelType.MULTI_LABEL: _read_multi_label,
    ModelType.DETECTION: _read_detection,
}


def _sound(
    parts: Sequence[_Part], read: Callable[[_Part], _Read], problems: list[str]
) -> list[_Read]:
    """What the parts say of which something can be made, as the service does without the others.

    Raises BadLineError where there are parts, and none of them is sound.
    """
    found, unsound = [], []
    for part in parts:
        try:
            found.append(read(part))
        except BadLineError as error:
            unsound.append(error)
    if unsound and not found:
        raise unsound[0]
    problems += map(str, unsound)
    return found


def _newest(
    attributes: list[Attribute], kind: str, model_type: ModelType
) -> tuple[list[Attribute], str]:
    """The attributes of this kind with the latest creation-date, and the date."""
    fitting = [attribute for attribute in attributes if attribute.kind == kind]
    if not fitting:
        raise _nothing_fits(attributes, model_type)
    if len(fitting) == 1:
        return fitting, creation_date_of(fitting[0])
    dated = [(creation_date_of(attribute), attribute) for attribute in fitting]
    latest = max(date for date, _ in dated)
    return [attribute for date, attribute in dated if date == latest], latest


def _nothing_fits(attributes: list[Attribute], model_type: ModelType) -> ValueError:
    """The error that a line is whose attributes are of other kinds, if it has any."""
    for attribute in attributes:
        if _FAILURE in attribute.metadata:
            reason = short(attribute.metadata[_FAILURE])
            return IgnoredLineError(f"Ground Truth could not label the image: {reason}")
    kinds = sorted({attribute.kind for attribute in attributes})
    wanted = "bounding boxes" if model_type is ModelType.DETECTION else "label of the image"
    instead = f"; it has {', '.join(map(short, kinds))}" if kinds else ""
    reason = f"It has no {wanted}, from which a {model_type} model learns{instead}."
    # What is of another kind the service ignores; what is of none that it knows, it refuses.
    return IgnoredLineError(reason) if _KINDS.issuperset(kinds) else BadLineError(reason)


def _listed_classes(attribute: Attribute) -> list[str]:
    if not isinstance(attribute.value, list):
        raise BadLineError(f"{short(attribute.name)} is not a list of class numbers.")
    if not attribute.value:
        return []
    class_map = class_map_of(attribute)
    return [class_of(number, class_map) for number in attribute.value]


def _without_none(names: Iterable[str]) -> set[str]:
    """The labels of these names; one that says that the image is none of the labels is none."""
    return {checked_label(name) for name in names if not label_names.says_none(name)}


def _read_boxes(attribute: Attribute) -> tuple[tuple[int, int], list[Any]]:
    """Width and height of the image, and its boxes as they stand there."""
    sides: tuple[Any, ...] = ()
    entries: Any = None
    try:
        (size,) = attribute.value["image_size"]
        sides = size["width"], size["height"]
        entries = attribute.value.get("annotations", [])
    except (TypeError, KeyError, ValueError, AttributeError):
        pass
    size_px = [round(side) for side in sides if _is_number(side) and side >= 1]
    if not isinstance(entries, list) or len(size_px) < 2:
        raise BadLineError(
            f"{short(attribute.name)} does not have one image_size with width and height in "
            "pixels and a list of annotations."
        )
    return (size_px[0], size_px[1]), entries


def _box(entry: Any, class_map: Mapping[str, Any], size_px: tuple[int, int]) -> Box:
    try:
        numbers = _BOX_NUMBERS(entry)
    except (TypeError, KeyError):
        numbers = (None,)
    _check_numbers(numbers)
    return _in_whole_px(checked_label(class_of(entry.get("class_id"), class_map)), numbers, size_px)


def box_of(label: str, numbers: Sequence[float], size_px: tuple[int, int]) -> Box:
    """The box with this left, top, width and height in pixels, as a line of a manifest has it.

    Raises BadLineError for one that teaches nothing.
    """
    _check_numbers(numbers)
    return _in_whole_px(checked_label(label), numbers, size_px)


def _check_numbers(numbers: Sequence[Any]) -> None:
    if not all(map(_is_number, numbers)):
        raise BadLineError("A box does not have left, top, width and height in pixels.")


def _in_whole_px(label: str, numbers: Sequence[float], size_px: tuple[int, int]) -> Box:
    left, top, width, height = numbers
    (left, right), (top, bottom) = (
        _whole(first, first + length, side)
        for first, length, side in zip((left, top), (width, height), size_px, strict=True)
    )
    box = Box(label, left, top, right - left, bottom - top)
    problem = box.problem(size_px)
    if problem:
        raise BadLineError(problem)
    return box


def _whole(first: float, last: float, side: int) -> tuple[int, int]:
    """Two opposite edges on whole pixels; what looks out by less than a pixel is cut off.

    Boxes of several workers are consolidated to means, and so have parts of pixels.
    """
    begin, end = round(first), round(last)
    if -1 < first < 0:
        begin = 0
    if side < last < side + 1:
        end = side
    return begin, end


def _is_number(number: object) -> bool:
    # JSON's true is no number, though bool is an int.
    return type(number) in {int, float} and -_MOST_PX < number < _MOST_PX  # type: ignore[operator]


def without_service_fields(line: str) -> str:
    """The line without what Custom Labels added to it: errors, marks and its evaluation.

    For entries listed from a dataset, and for the manifest snapshots of a version. Where a snapshot
    has only its own copy of what the image was trained as, that becomes the line's own. A line that
    is no JSON object stays as it is.
    """
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(content, dict):
        return line
    cleaned = _cleaned(content)
    if not any(member.endswith(_METADATA) for member in cleaned):
        cleaned |= {
            member.removeprefix(_SERVICE_PREFIX): value
            for member, value in content.items()
            if member.startswith(_TRAINED_AS)
        }
    return json.dumps(cleaned, ensure_ascii=False)


def _cleaned(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _cleaned(value) if isinstance(value, dict) else value
        for name, value in content.items()
        if name not in _SERVICE_FIELDS and not name.startswith(_SERVICE_PREFIX)
    }
