"""What an attribute of an imported line may be: its date, its classes, its names, each checked."""

import string
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from labelloop.domain import labels as label_names
from labelloop.domain.annotations import Annotation
from labelloop.errors import InvalidRequestError

MOST_OF_A_DATE = 100

_BUCKET_CHARACTERS = frozenset(string.ascii_letters + string.digits + ".-_")


class BadLineError(ValueError):
    """The service would refuse the line; the message says why, in a sentence."""


class NoManifestLineError(BadLineError):
    """It is no line of a manifest at all: it names no image."""


class IgnoredLineError(ValueError):
    """The line has nothing that a model of this type learns; the message says so in a sentence."""


class Attribute(NamedTuple):
    """One attribute of a line: its value, and the metadata that says how to read it."""

    name: str
    kind: str
    value: Any
    metadata: Mapping[str, Any]


def creation_date_of(attribute: Attribute) -> str:
    """When somebody said so, in UTC, so that texts compare as times."""
    date = attribute.metadata.get("creation-date")
    if not isinstance(date, str):
        raise BadLineError(f"{short(attribute.name)} has no creation-date.")
    if len(date) > MOST_OF_A_DATE:
        raise BadLineError(f"Its creation-date is no date: {short(date)}")
    return _utc(date)


def class_name_of(attribute: Attribute) -> str:
    """The label of an attribute that has one."""
    label = attribute.metadata.get("class-name")
    if not isinstance(label, str):
        raise BadLineError(f"{short(attribute.name)} has no class-name, which is the label.")
    if attribute.value is None:
        raise BadLineError(f"{short(attribute.name)} has metadata, but no value.")
    return label


def class_map_of(attribute: Attribute) -> Mapping[str, Any]:
    """The labels of an attribute by their numbers."""
    class_map = attribute.metadata.get("class-map")
    if not isinstance(class_map, dict):
        raise BadLineError(f"{short(attribute.name)} has no class-map, which has the labels.")
    return class_map


def class_of(number: object, class_map: Mapping[str, Any]) -> str:
    """The label with this number, which Ground Truth may write as text, and others with a point."""
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    label = class_map.get(str(number))
    if not isinstance(label, str):
        raise BadLineError(f"Its class-map has no label for class {short(number)}.")
    return label


def short(shown: object) -> str:
    """What somebody wrote, as far as a sentence has room for it."""
    # JSON can have halves of characters, which no file can.
    text = str(shown).encode(errors="backslashreplace").decode()
    return text if len(text) <= 60 else f"{text[:60]}…"


# A manifest has few labels, buckets and dates beside its many lines: each is checked, and held,
# once.


def checked_label(label: str) -> str:
    """The label's name as it is kept. Raises BadLineError where the service would not take it."""
    # What is remembered is short: lines may have anything.
    if len(label) > label_names.MOST_GIVEN:
        raise BadLineError(f"A label's name has up to {label_names.MAX_CHARACTERS} characters.")
    return _checked_name(label)


@lru_cache(maxsize=4096)
def _checked_name(label: str) -> str:
    try:
        return label_names.check(label)
    except InvalidRequestError as error:
        raise BadLineError(str(error)) from error


def checked_bucket(bucket: str) -> str:
    """The bucket's name. Raises BadLineError for one that cannot be."""
    if not 3 <= len(bucket) <= 63 or not _BUCKET_CHARACTERS.issuperset(bucket):
        raise BadLineError(f"Its source-ref names a bucket that cannot be: {short(bucket)}")
    return sys.intern(bucket)


@lru_cache(maxsize=4096)
def labelled(labels: tuple[str, ...]) -> Annotation:
    """What an image of these labels shows: one value for all of them."""
    return Annotation.of_labels(labels)


@lru_cache(maxsize=4096)
def _utc(date: str) -> str:
    try:
        time = datetime.fromisoformat(date)
        if time.tzinfo is not None:
            time = time.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise BadLineError(f"Its creation-date is no date: {short(date)}") from error
    return time.isoformat(timespec="microseconds")
