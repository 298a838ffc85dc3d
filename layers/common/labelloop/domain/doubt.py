"""How sure a version is of each of its decisions, in terms that mean the same for every label.

A multi-label or detection model decides of every label, or box, whether it is there: where its
confidence reaches the label's assumed threshold. Thresholds may be 0.014 or 0.98, so neither a
confidence nor its distance from one says how sure a decision is. What does is the chance with which
what has such a confidence is there, by the version's own test results: ``calibration`` learns it,
and `evaluation/<version>/doubt.json` keeps it. A decision is then near on either side: found with a
small chance, or not found with a large one.

A classification model finds the one label that it is surest of, whose confidence stays what counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelloop.domain.annotations import overlap
from labelloop.domain.image_labels import Label, surest_first
from labelloop.domain.labels import composed

LIKELY = 0.01
"""What is less likely is not asked for, and not kept."""
MOST_UNSURE = 50
"""Of what was not found, so much is kept with a detection: the likeliest."""
SAME_THING = 0.5
"""Boxes of one label that overlap so much are around the same thing."""
_LEAST_CONFIDENCE = 1e-6
_SINGLE = 1e-6
"""The service's numbers have single precision: what differs by less is equal."""


@dataclass(frozen=True, slots=True)
class Curve:
    """How likely a label is there, by how far its confidence is from its threshold, in log odds."""

    threshold: float
    """From 0 to 1."""
    slope: float
    """Over 0."""
    shift: float

    def chance(self, confidence: float) -> float:
        """From 0 to 1, as the confidence is."""
        odds = self.slope * (log_odds(confidence) - log_odds(self.threshold)) + self.shift
        return share(odds)

    def confidence(self, chance: float) -> float:
        """The confidence with which it is there with this chance."""
        return share(log_odds(self.threshold) + (log_odds(chance) - self.shift) / self.slope)


def log_odds(share: float) -> float:
    """From -13.8 to 13.8: the service has confidences of 0 and 1."""
    inside = min(max(share, _LEAST_CONFIDENCE), 1 - _LEAST_CONFIDENCE)
    return math.log(inside / (1 - inside))


def share(odds: float) -> float:
    """What ``log_odds`` makes these odds of, from 0 to 1."""
    return 1 / (1 + math.exp(-odds)) if odds > 0 else math.exp(odds) / (1 + math.exp(odds))


@dataclass(frozen=True)
class Look:
    """What a version says of an image, on either side of its thresholds."""

    found: tuple[Label, ...]
    """The surest first."""
    unsure: tuple[Label, ...] = ()
    """What was not found, and may be there; the likeliest first."""


@dataclass(frozen=True)
class Calibration:
    """How sure a multi-label or detection version is of its decisions."""

    curves: Mapping[str, Curve]
    other: Curve
    """For labels that no test image shows."""
    least_chance: float
    """So many test results leave that much open: no chance is nearer to 0, or to 1."""

    @property
    def least_confidence_pct(self) -> float:
        """What has less is not likely to be there, whichever label it is."""
        least = min(curve.confidence(LIKELY) for curve in (*self.curves.values(), self.other))
        return 100 * least

    def look(self, labels: Sequence[Label]) -> Look:
        """What all that the version says of an image comes to."""
        found, rest = self.sides(labels)
        unsure = [label for label in rest if self._curve(label).chance(_of(label)) >= LIKELY]
        with_chance = sorted(map(self._with_chance, unsure), key=_likeliest_first)
        return Look(tuple(map(self._with_chance, found)), tuple(with_chance))

    def sides(self, labels: Sequence[Label]) -> tuple[list[Label], list[Label]]:
        """What was found, and what was not, each the surest first.

        A box around what was found is no other thing, though its confidence is too small.
        """
        found: list[Label] = []
        rest: list[Label] = []
        for label in surest_first(labels):
            reached = _of(label) >= self._curve(label).threshold * (1 - _SINGLE)
            (found if reached else rest).append(label)
        return found, [label for label in rest if not any(_same_thing(label, it) for it in found)]

    def _curve(self, label: Label) -> Curve:
        return self.curves.get(label.name, self.other)

    def _with_chance(self, label: Label) -> Label:
        chance, least = self._curve(label).chance(_of(label)), self.least_chance
        return replace(label, chance_pct=100 * (least + (1 - 2 * least) * chance))

    def as_json(self) -> dict[str, Any]:
        """The form that ``from_json`` reads."""
        return {
            "labels": {name: _told(curve) for name, curve in self.curves.items()},
            "other": _told(self.other),
            "least_chance": round(self.least_chance, 6),
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Calibration":
        """The calibration that ``as_json`` told. Raises KeyError, TypeError or ValueError."""
        told = entry["labels"].items()
        curves = {composed(str(name)): Curve(*map(float, curve)) for name, curve in told}
        return cls(curves, Curve(*map(float, entry["other"])), float(entry["least_chance"]))


def _told(curve: Curve) -> list[float]:
    # The threshold decides what is found, so it stays as the service has it.
    return [curve.threshold, round(curve.slope, 6), round(curve.shift, 6)]


def _of(label: Label) -> float:
    return label.confidence_pct / 100


def _likeliest_first(label: Label) -> tuple[float, str]:
    return -label.sure_pct, label.name


def _same_thing(one: Label, other: Label) -> bool:
    if one.box is None or other.box is None or one.name != other.name:
        return False
    return overlap(one.box, other.box) >= SAME_THING
