"""What reading each image told: done once for each object, and remembered."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from labelloop.domain import senders
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.fitness import RULES, UPRIGHT
from labelloop.domain.manifests import (
    folder_label,
)
from labelloop.domain.origins import GIVEN, Origin, Provenance
from labelloop.errors import UNREADABLE, InconsistentError

INSPECTED_FOLDER = "manifests/inspected/"
INSPECTION_FOLDER = "manifests/inspection/"
"""The batches of images that are to be inspected; each is deleted when it is."""
BATCH_IMAGES = 2500
"""A batch takes a minute or two, and holds less than a megabyte."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """An object as it was read once: its content's identity and size, or why it is of no use."""

    key: str
    etag: str
    content: str = ""
    size_px: tuple[int, int] | None = None
    """As it is in the file."""
    refusal: str = ""
    provenance: Provenance | None = None
    """None where the object tells none."""
    orientation: int = UPRIGHT
    """How it is to be shown."""
    rules: int = RULES
    """By which it was judged: by those of ``fitness`` today, or earlier ones."""

    def as_line(self) -> str:
        """The line that ``read_inspected`` reads."""
        told: dict[str, Any] = {"refusal": self.refusal}
        if not self.refusal:
            told = {"content": self.content, "size_px": self.size_px}
            if self.orientation != UPRIGHT:
                told["orientation"] = self.orientation
        if self.provenance is not None:
            told["provenance"] = self.provenance.as_json()
        entry = {"key": self.key, "etag": self.etag, **told, "rules": self.rules}
        return json.dumps(entry, ensure_ascii=False)


def read_inspected(lines: Iterable[bytes]) -> Iterator[Inspected]:
    """What was remembered. A line that cannot be read is forgotten: the image is read again."""
    for line in lines:
        try:
            entry = json.loads(line)
            size_px, provenance = entry.get("size_px"), entry.get("provenance")
            yield Inspected(
                entry["key"],
                entry["etag"],
                entry.get("content", ""),
                (int(size_px[0]), int(size_px[1])) if size_px else None,
                entry.get("refusal", ""),
                Provenance.from_json(provenance) if provenance else None,
                int(entry.get("orientation", UPRIGHT)),
                int(entry.get("rules", 0)),
            )
        except UNREADABLE:
            continue


def as_logged(one: Inspected, record: DetectionRecord, *, all_asked: bool) -> Inspected:
    """The same with how it came, by the log's record of the detection after which it is named.

    ``all_asked`` says that people have been asked about every doubtful image so far, so that early
    records, which do not say it, mean it.
    """
    if not _is_copy(one, record.etag):
        return replace(one, provenance=GIVEN)
    provenance = senders.provenance(record)
    if all_asked and provenance.origin is Origin.DOUBTFUL and provenance.chance is None:
        provenance = replace(provenance, chance=1.0)
    return replace(one, provenance=provenance)


def _is_copy(one: Inspected, etag: str) -> bool:
    """Whether the object may hold what was detected, whose ETag this is.

    Copies have other ETags than objects that were uploaded in parts, and those with boxes may have
    been turned upright.
    """
    return "-" in etag or folder_label(one.key) is None or etag == one.etag


@dataclass(frozen=True, slots=True)
class ToInspect:
    """An image to read, after it was copied in where it lies elsewhere."""

    key: str
    etag: str
    """Empty where the object is not there yet."""
    source_bucket: str = ""
    source_key: str = ""

    def as_line(self) -> str:
        """The line that ``read_batch`` reads."""
        entry = {"key": self.key, "etag": self.etag}
        if self.source_bucket:
            entry |= {"source_bucket": self.source_bucket, "source_key": self.source_key}
        return json.dumps(entry, ensure_ascii=False)


def read_batch(lines: Iterable[bytes]) -> list[ToInspect]:
    """The images of a batch. Raises InconsistentError for a line that is none."""
    try:
        return [ToInspect(**json.loads(line)) for line in lines]
    except UNREADABLE as error:
        raise InconsistentError(f"A batch of images to inspect cannot be read: {error}") from error
