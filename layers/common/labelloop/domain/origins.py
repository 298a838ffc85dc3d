"""How a labelled image came to be one, and with what chance it was chosen.

A test set is no sample of what comes in: images that a model doubted are harder, and harder for the
model that doubted them than for any other. So each image keeps its origin, from the detection to
the index of every version that it trains or tests, and estimates weight it by that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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
            chance = entry.get("chance")
            return cls(
                Origin(entry["origin"]),
                str(entry.get("detection_id", "")),
                str(entry.get("version", "")),
                entry.get("accepted"),
                None if chance is None else float(chance),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"No provenance: {error!r}") from error


GIVEN = Provenance(Origin.GIVEN)
