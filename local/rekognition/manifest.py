"""Reads manifest lines as Custom Labels does: which are dropped or wrong, what each image shows.

A line may have one image-level label, several, or bounding boxes, and a manifest may mix them;
which of them a training uses is its use case. Called by ``service`` for datasets; ``training``
works on the entries.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from local.rekognition.annotations import (
    METADATA_SUFFIX,
    Attribute,
    LabelledBox,
    LineProblem,
    read_attribute,
    with_problems,
)
from local.rekognition.object_store import parse_s3_uri

MAXIMUM_LINE_CHARACTERS = 100_000
MAXIMUM_LABELS = 250
MAXIMUM_LABELS_PER_IMAGE = 50
MAXIMUM_LINES = 250_000
MAXIMUM_MANIFEST_BYTES = 1024**3
MAXIMUM_INVALID_SHARE = 0.2


class UnreadableManifestError(Exception):
    """A terminal error of the file as a whole; the message starts with Custom Labels' own code."""


class UseCase(Enum):
    """What a model finds: labels of the whole image, or boxes in it."""

    IMAGE_LEVEL_LABELS = "IMAGE_LEVEL_LABELS"
    OBJECT_LOCALIZATION = "OBJECT_LOCALIZATION"


@dataclass(frozen=True)
class Entry:
    """One image of a dataset, with those of its labels and boxes that are valid."""

    content: Mapping[str, Any]
    source_ref: str
    labels: tuple[str, ...] = ()
    boxes: tuple[LabelledBox, ...] = ()
    errors: tuple[LineProblem, ...] = ()
    empty_attributes: int = 0

    @property
    def is_labelled(self) -> bool:
        return bool(self.labels or self.boxes)

    def labels_for(self, use_case: UseCase) -> tuple[str, ...]:
        """The different labels that the image shows, as far as the use case looks at them."""
        if use_case is UseCase.IMAGE_LEVEL_LABELS:
            return self.labels
        return tuple(dict.fromkeys(box.label for box in self.boxes))

    @property
    def all_labels(self) -> frozenset[str]:
        return frozenset(self.labels).union(box.label for box in self.boxes)

    @property
    def warnings(self) -> tuple[LineProblem, ...]:
        if self.errors:
            return ()
        if self.empty_attributes:
            code = "WARNING_NO_ATTRIBUTE_ANNOTATIONS"
            if not self.is_labelled:
                code = "WARNING_NO_ANNOTATIONS"
            return (LineProblem(code, "The list of annotations is empty."),)
        if self.is_labelled:
            return ()
        message = "The line has no label, so the image is not used for training."
        return (LineProblem("WARNING_UNANNOTATED_RECORD", message),)

    def as_line(self) -> str:
        """The line as ListDatasetEntries gives it back."""
        listed = with_problems(self.content, self.errors, "cl-errors", into_boxes=False)
        listed["cl-metadata"] = {"is_labeled": self.is_labelled}
        return json.dumps(listed, separators=(",", ":"), ensure_ascii=False)


def has_extension(key: str) -> bool:
    """Whether the manifest's name is one that Custom Labels takes."""
    return "." in key.rsplit("/", 1)[-1]


def read_manifest(content: bytes) -> dict[str, Entry]:
    """The entries by source-ref, in the order of the lines.

    What Custom Labels drops in silence is missing: invalid JSON, no usable source-ref, too long a
    line, a source-ref that came before. Raises UnreadableManifestError.
    """
    if len(content) > MAXIMUM_MANIFEST_BYTES:
        raise UnreadableManifestError(
            "ERROR_MANIFEST_SIZE_TOO_LARGE: The manifest file is over the maximum supported size."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableManifestError(
            "ERROR_MANIFEST_INACCESSIBLE_OR_UNSUPPORTED_FORMAT: The manifest is not UTF-8 text."
        ) from error
    # str.splitlines would also break lines at separators that JSON allows within text
    lines = text.removesuffix("\n").split("\n") if text else []
    entries: dict[str, Entry] = {}
    invalid = 0
    for line in lines:
        entry = _read_line(line)
        if entry is None:
            invalid += 1
        elif entry.source_ref not in entries:
            entries[entry.source_ref] = entry
            invalid += bool(entry.errors)
    if lines and invalid > MAXIMUM_INVALID_SHARE * len(lines):
        raise UnreadableManifestError(
            "ERROR_TOO_MANY_RECORDS_IN_ERROR: The manifest file has too many invalid lines "
            f"({invalid} of {len(lines)})."
        )
    return entries


def check_size(entries: Iterable[Entry]) -> None:
    """Raises UnreadableManifestError when a dataset would have too many images or labels."""
    counted = list(entries)
    if len(counted) > MAXIMUM_LINES:
        raise UnreadableManifestError(
            "ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM: The manifest file has too many rows."
        )
    if len(label_counts(counted)) > MAXIMUM_LABELS:
        raise UnreadableManifestError(
            f"ERROR_MANIFEST_TOO_MANY_LABELS: More than {MAXIMUM_LABELS} labels."
        )


def choose_use_case(entries: Iterable[Entry]) -> UseCase:
    """The use case of a training dataset: the one that more of its lines are for.

    The guide says that the service chooses one and filters the other lines, but not how. With as
    many of either, boxes win: they say more.
    """
    counted = list(entries)
    boxes = sum(bool(entry.boxes) for entry in counted)
    labels = sum(bool(entry.labels) for entry in counted)
    if boxes and boxes >= labels:
        return UseCase.OBJECT_LOCALIZATION
    return UseCase.IMAGE_LEVEL_LABELS


def label_counts(entries: Iterable[Entry], use_case: UseCase | None = None) -> dict[str, int]:
    """How many images show each label, by the label's name in alphabetical order."""
    counts: dict[str, int] = {}
    for entry in entries:
        for label in entry.all_labels if use_case is None else entry.labels_for(use_case):
            counts[label] = counts.get(label, 0) + 1
    return dict(sorted(counts.items()))


def box_counts(entries: Iterable[Entry]) -> dict[str, int]:
    """How many boxes each label has; labels without any are missing."""
    counts: dict[str, int] = {}
    for entry in entries:
        for box in entry.boxes:
            counts[box.label] = counts.get(box.label, 0) + 1
    return counts


def _read_line(line: str) -> Entry | None:
    """The line's entry, None if Custom Labels drops it."""
    if len(line) > MAXIMUM_LINE_CHARACTERS:
        return None
    try:
        content = json.loads(line)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    source_ref = content.get("source-ref")
    if not isinstance(source_ref, str) or parse_s3_uri(source_ref) is None:
        return None
    content = _without_service_fields(content)
    names = [key.removesuffix(METADATA_SUFFIX) for key in content if key.endswith(METADATA_SUFFIX)]
    return _combine(content, source_ref, [read_attribute(name, content) for name in names])


def _without_service_fields(content: dict[str, Any]) -> dict[str, Any]:
    """The line without what the service adds to it, so that such a line can be given back.

    ListDatasetEntries adds to it, and so does a training, to its validation manifests.
    """
    return {
        key: _cleaned(value)
        for key, value in content.items()
        if key not in {"cl-errors", "cl-metadata"}
        and not (key in {"errors", "warnings"} and isinstance(value, list))
    }


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return _without_service_fields(value)
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def _combine(content: dict[str, Any], source_ref: str, attributes: list[Attribute]) -> Entry:
    """The entry of a line with these attributes."""
    labels = tuple(dict.fromkeys(label for found in attributes for label in found.labels))
    boxes = tuple(box for found in attributes for box in found.boxes)
    errors = [problem for found in attributes for problem in found.problems]
    empty = sum(found.is_empty for found in attributes)
    has_values = any(key != "source-ref" for key in content)
    if has_values and not (labels or boxes or empty):
        message = "The line has no valid label attribute."
        errors.append(LineProblem("ERROR_NO_VALID_LABEL_ATTRIBUTES", message))
    if len(labels) > MAXIMUM_LABELS_PER_IMAGE:
        # Documented as a limit, without a code of its own.
        message = f"The image has {len(labels)} labels; {MAXIMUM_LABELS_PER_IMAGE} are the most."
        errors.append(LineProblem("ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", message))
        labels = ()
    return Entry(content, source_ref, labels, boxes, tuple(errors), empty)
