"""Reads manifest lines as Custom Labels does: which are dropped or wrong, which label each has.

One label an image (``groundtruth/image-classification``) is the only kind that this emulator
trains. A manifest of another kind is refused as a whole: dropping its lines one by one would look
like bad data. Called by ``service`` for datasets; ``training`` works on the entries. Another kind
starts at ``_read_label``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.rekognition.objects import parse_s3_uri

CLASSIFICATION_TYPE = "groundtruth/image-classification"
DETECTION_TYPE = "groundtruth/object-detection"
METADATA_SUFFIX = "-metadata"

MAXIMUM_LINE_CHARACTERS = 100_000
MAXIMUM_LABEL_CHARACTERS = 255
MAXIMUM_LABELS = 250
MAXIMUM_LINES = 250_000
MAXIMUM_MANIFEST_BYTES = 1024**3
MAXIMUM_INVALID_SHARE = 0.2


class UnsupportedManifestError(Exception):
    """The manifest is right for Custom Labels, but this emulator does not train its kind."""


class UnreadableManifestError(Exception):
    """A terminal error of the file as a whole; the message starts with Custom Labels' own code."""


@dataclass(frozen=True)
class LineProblem:
    """An error or warning that Custom Labels attaches to a line."""

    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True)
class Entry:
    """One image of a dataset. ``label`` is None when the line has none, or none that is valid."""

    content: Mapping[str, Any]
    source_ref: str
    label: str | None
    errors: tuple[LineProblem, ...] = ()

    @property
    def warnings(self) -> tuple[LineProblem, ...]:
        if self.label is not None or self.errors:
            return ()
        message = "The line has no label, so the image is not used for training."
        return (LineProblem("WARNING_UNANNOTATED_RECORD", message),)

    def as_line(self) -> str:
        """The line as ListDatasetEntries gives it back."""
        listed: dict[str, Any] = {**self.content}
        if self.errors:
            listed["cl-errors"] = [error.as_json() for error in self.errors]
        listed["cl-metadata"] = {"is_labeled": self.label is not None}
        return json.dumps(listed, separators=(",", ":"), ensure_ascii=False)


def read_manifest(content: bytes) -> dict[str, Entry]:
    """The entries by source-ref, in the order of the lines.

    What Custom Labels drops in silence is missing: invalid JSON, no usable source-ref, too long a
    line, a source-ref that came before. Raises UnreadableManifestError, UnsupportedManifestError.
    """
    if len(content) > MAXIMUM_MANIFEST_BYTES:
        raise UnreadableManifestError(
            "ERROR_MANIFEST_SIZE_TOO_LARGE: The manifest file is over the maximum supported size."
        )
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UnreadableManifestError(
            "ERROR_MANIFEST_INACCESSIBLE_OR_UNSUPPORTED_FORMAT: The manifest is not UTF-8 text."
        ) from error
    entries: dict[str, Entry] = {}
    invalid = 0
    for number, line in enumerate(lines, start=1):
        entry = _read_line(number, line)
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


def label_counts(entries: Iterable[Entry]) -> dict[str, int]:
    """How many images each label has, by the label's name in alphabetical order."""
    counts: dict[str, int] = {}
    for entry in entries:
        if entry.label is not None:
            counts[entry.label] = counts.get(entry.label, 0) + 1
    return dict(sorted(counts.items()))


def _read_line(number: int, line: str) -> Entry | None:
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
    content = {
        key: value for key, value in content.items() if key not in {"cl-errors", "cl-metadata"}
    }
    labels, errors = _read_labels(number, content)
    if len(labels) > 1:
        raise UnsupportedManifestError(
            f"Line {number} has {len(labels)} labels. The local emulator trains single-label image "
            f"classification ({CLASSIFICATION_TYPE}, one label an image) only."
        )
    return Entry(content, source_ref, labels[0] if labels else None, tuple(errors))


def _read_labels(number: int, content: Mapping[str, Any]) -> tuple[list[str], list[LineProblem]]:
    """The line's valid labels, and what is wrong with the others."""
    attributes = [
        key.removesuffix(METADATA_SUFFIX) for key in content if key.endswith(METADATA_SUFFIX)
    ]
    labels: list[str] = []
    errors: list[LineProblem] = []
    for attribute in attributes:
        found = _read_label(number, attribute, content)
        if isinstance(found, LineProblem):
            errors.append(found)
        else:
            labels.append(found)
    has_values = any(key != "source-ref" for key in content)
    if has_values and not labels:
        message = "The line has no valid label attribute."
        errors.append(LineProblem("ERROR_NO_VALID_LABEL_ATTRIBUTES", message))
    return labels, errors


def _read_label(number: int, attribute: str, content: Mapping[str, Any]) -> str | LineProblem:
    """The label that one attribute and its metadata give, or what is wrong with them."""
    metadata = content[attribute + METADATA_SUFFIX]
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("type"), str):
        return _metadata_problem(attribute, "is not an object with a type")
    kind = metadata["type"]
    if kind == DETECTION_TYPE:
        raise UnsupportedManifestError(
            f"Line {number} has bounding boxes ({DETECTION_TYPE}). The local emulator trains "
            f"single-label image classification ({CLASSIFICATION_TYPE}) only."
        )
    if kind != CLASSIFICATION_TYPE:
        message = f"{attribute} is of type {kind}, which is not supported."
        return LineProblem("ERROR_UNSUPPORTED_USE_CASE_TYPE", message)
    value = content.get(attribute)
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{attribute} is missing or not a whole number."
        return LineProblem("ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", message)
    return _read_classification(attribute, metadata)


def _read_classification(attribute: str, metadata: Mapping[str, Any]) -> str | LineProblem:
    label = metadata.get("class-name")
    if not isinstance(label, str) or not label.strip():
        return _metadata_problem(attribute, "has no class-name")
    if len(label) > MAXIMUM_LABEL_CHARACTERS:
        message = f"The label of {attribute} is longer than {MAXIMUM_LABEL_CHARACTERS} characters."
        return LineProblem("ERROR_INVALID_LABEL_NAME_LENGTH", message)
    if not _is_share(metadata.get("confidence")):
        return _metadata_problem(attribute, "has no confidence between 0 and 1")
    if metadata.get("human-annotated") not in ("yes", "no"):
        return _metadata_problem(attribute, 'says neither "yes" nor "no" for human-annotated')
    if not _is_date(metadata.get("creation-date")):
        return _metadata_problem(attribute, "has no ISO 8601 creation-date")
    return label


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_date(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _metadata_problem(attribute: str, what: str) -> LineProblem:
    message = f"The metadata of {attribute} {what}."
    return LineProblem("ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT", message)
