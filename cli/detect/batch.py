"""The images of a folder that `labelloop detect` takes to the model, and what became of each."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome

from .. import files

FINAL = frozenset(Outcome) - {Outcome.WAITING}
PENDING = "pending"
"""The outcome of an image that is in the bucket, and not in the inference log yet."""
FAILED = "failed"
"""The outcome of an image that could not be read or sent."""
COLUMNS = (
    *("file", "key", "outcome", "label", "confidence_pct", "labels", "unsure"),
    *("reason", "version", "detection_id", "human_loop"),
)


@dataclass
class Image:
    """A file that the model is to see, and what became of it."""

    path: Path
    name: str
    """The path within the folder."""
    key: str = ""
    refusal: str | None = None
    """Why the service would never take it: it is not sent."""
    failure: str | None = None
    """Why it could not be read or sent."""
    was_there: bool = False
    detection_id: str = ""
    record: DetectionRecord | None = None
    """What the inference log has about it, as far as it was read."""

    @property
    def outcome(self) -> str:
        """An outcome of the inference log, or that there is none yet."""
        if self.refusal:
            return Outcome.REJECTED
        if self.failure:
            return FAILED
        return self.record.outcome if self.record else PENDING

    def row(self) -> dict[str, Any]:
        """One row of the results."""
        told = self.record.as_json() if self.record else {}
        facts = {
            "labels": [],
            "unsure": [],
            **told,
            "file": files.printable(self.name),
            "key": self.key if self.detection_id else None,
            "outcome": self.outcome,
            "reason": self.refusal or self.failure or (self.record and self.record.reason),
            "detection_id": self.detection_id or None,
        }
        return {column: facts.get(column) for column in COLUMNS}


@dataclass
class Batch:
    """The images of a folder under the name that they have in the bucket."""

    name: str
    images: list[Image] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Files that are no images, by their content and by their names."""

    def sent(self) -> list[Image]:
        """The images that are in the bucket."""
        return [image for image in self.images if image.detection_id]

    def counts(self) -> Counter[str]:
        """How many images have which outcome."""
        return Counter(image.outcome for image in self.images)

    def unfinished(self, *, uploading_only: bool) -> bool:
        """Whether running the same command again has something to do."""
        if uploading_only:
            return any(image.failure for image in self.images)
        return any(image.outcome not in FINAL for image in self.images)
