"""How a labelled image came to be one, and with what chance it was chosen.

A test set is no sample of what comes in: images that a model doubted are harder, and harder for the
model that doubted them than for any other. So each image keeps its origin, from the detection to
the index of every version that it trains or tests, and estimates weight it by that.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from labelloop.domain.detection_records import LABELING, DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.errors import UNREADABLE

_METADATA = "provenance"


class Origin(StrEnum):
    """How an image came to be labelled."""

    GIVEN = "given"
    """Somebody brought it with its label: nobody knows of what it is a sample."""
    DOUBTFUL = "doubtful"
    """A model doubted it, and people were asked about all that it doubted."""
    CHOSEN = "chosen"
    """A model doubted it, and it was chosen for what its answer would teach."""
    DRAWN = "drawn"
    """A model doubted it, and it was drawn at random of those that waited."""
    SAMPLED = "sampled"
    """It was the n-th detection, whatever the model thought of it."""
    LABELLING = "labelling"
    """People labelled it from nothing, before any model saw it."""


@dataclass(frozen=True, slots=True, order=True)
class Stratum:
    """The detections of a version that it was sure of, or those that it doubted."""

    version: str
    accepted: bool


LogShares = Mapping[Stratum, int]
"""How many detections of the inference log are in each stratum."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a labelled image comes from. What is not known of it is empty, or None."""

    origin: Origin
    detection_id: str = ""
    version: str = ""
    """The version that detected it."""
    accepted: bool | None = None
    """Whether that version was sure of it."""
    chance: float | None = None
    """With what chance an image like it was asked about, over 0 and up to 1."""

    @property
    def estimates(self) -> bool:
        """Whether it stands for images that come in: its chance is known, and it was left to it."""
        fair = {Origin.DOUBTFUL, Origin.DRAWN, Origin.SAMPLED}
        return self.origin in fair and self.accepted is not None and self.chance is not None

    def as_json(self) -> dict[str, Any]:
        """The form that ``from_json`` reads, without what is not known."""
        told: dict[str, Any] = {"origin": self.origin.value}
        for name in ("detection_id", "version", "accepted", "chance"):
            value = getattr(self, name)
            if value not in {None, ""}:
                told[name] = value
        return told

    @property
    def stratum(self) -> Stratum | None:
        """Of which detections it is one; None where it was not detected, or that is not known."""
        if self.accepted is None or not self.version:
            return None
        return Stratum(self.version, self.accepted)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Provenance":
        """The provenance that ``as_json`` told. Raises ValueError where it tells none."""
        try:
            accepted, chance = entry.get("accepted"), entry.get("chance")
            told = cls(
                Origin(entry["origin"]),
                str(entry.get("detection_id", "")),
                str(entry.get("version", "")),
                accepted,
                None if chance is None else float(chance),
            )
        except UNREADABLE as error:
            raise ValueError(f"No provenance: {error!r}") from error
        known = told.chance is None or 0 < told.chance <= 1
        if not known or not isinstance(accepted, bool | None):
            raise ValueError(f"No provenance: {entry}")
        return told


GIVEN = Provenance(Origin.GIVEN)


# --- From the inference log -----------------------------------------------------------------------


TOLD_BY = ("detection_id", "outcome", "version", "sampled", "drawn", "chance")
"""The facts of a record from which its origin is told."""


def of_record(record: DetectionRecord) -> Provenance:
    """How the image of a record in the inference log came to people.

    What one of a kind that was doubted is a sample of is the same however it came: an image that
    a budget had made wait counts as drawn at random where it was the n-th one, too.
    """
    if record.outcome == LABELING:
        return Provenance(Origin.LABELLING, record.detection_id)
    accepted = record.outcome == Outcome.CONFIDENT
    if accepted:
        origin = Origin.SAMPLED
    elif record.sampled or record.drawn:
        origin = Origin.DRAWN
    else:
        origin = Origin.DOUBTFUL if record.drawn is None else Origin.CHOSEN
    return Provenance(origin, record.detection_id, record.version or "", accepted, record.chance)


# --- With the image -------------------------------------------------------------------------------


def as_metadata(provenance: Provenance, bucket: str) -> dict[str, str]:
    """What goes with the copy of an image in this bucket, in S3's user-defined metadata."""
    return {_METADATA: json.dumps({**provenance.as_json(), "bucket": bucket})}


def from_metadata(metadata: Mapping[str, str], bucket: str) -> Provenance | None:
    """The provenance that goes with an image; None where none does.

    What cannot be read, or tells of another bucket's log, is nothing that we know: given.
    """
    if _METADATA not in metadata:
        return None
    try:
        told = json.loads(metadata[_METADATA])
        return Provenance.from_json(told) if told["bucket"] == bucket else GIVEN
    except UNREADABLE:
        return GIVEN
