"""What a version's test results say: how sure its decisions are, and what a minimum would cost.

A label's curve is a logistic regression of whether it is there on its confidence, in log odds:
Platt scaling, which needs few results. Labels have few, so all of them together give a first curve,
around the thresholds and in units of each label's own spread; a label's results move its own from
there. So ten test images never make a chance of 0 or 1.

Images in which nothing was found are left out: they are doubtful anyway, and unlike all others, so
that what they lack says nothing of what is missing beside something that was found. A snapshot may
tell of boxes under the thresholds only where they are right, as Rekognition's do: then the curves
come from what was found, and are drawn out below the thresholds.

``benchmarks/doubt.py`` measures it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from labelloop.domain import scoring
from labelloop.domain.annotations import Box, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import Case
from labelloop.domain.detections import Outcome, certainty_pct, decide
from labelloop.domain.doubt import Calibration, Curve, Look, log_odds, share
from labelloop.domain.image_labels import Label, LabelBox, found, may_lack_boxes
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.scoring import UNKNOWN_THRESHOLD

FOLDS = 5
"""What a minimum would cost is told of images that the curves in question have not seen."""
TABLE_PCT = (30, 40, 50, 60, 70, 80, 90, 95)
"""Minimums that reports tell of."""

_FIRST = (2.0, -0.4)
"""A curve before any result: its slope in spreads, and a chance of 40 % at a threshold. The best F1
score, at which the service sets it, is where the chance is half that score."""
_FIRST_COUNTS = 3.0
_ALL_COUNT = 0.6
"""How much the curve of all labels weighs against a label's own results."""
_SPREAD_COUNTS = 5.0
"""So many results' worth is the mean spread of all labels for that of each."""
_LEAST_SPREAD = 0.3
_FLATTEST = 0.02
_ALWAYS_ASKED = -1.0
_STEP = 0.05
"""Log odds are counted in such steps."""
_MOST_STEPS = 50
_SETTLED = 1e-7

_Spot = tuple[str, float, bool, bool]
"""A label, log odds from its threshold, and whether it was found, and is there."""


@dataclass(frozen=True)
class Assessment:
    """How sure a version is of its decisions, and what a minimum would cost."""

    model_type: ModelType
    calibration: Calibration | None
    """None of a classification model, whose confidences are what counts."""
    outlook: "Outlook"

    def accepts(self, answer: Answer, minimum_pct: Decimal) -> bool:
        """Whether nobody would be asked about a detection with this answer."""
        look = _look(answer, self.calibration)
        decision = decide(
            look.found, self.model_type, minimum_pct, asked_at_once=True, unsure=look.unsure
        )
        return decision.outcome is Outcome.CONFIDENT

    def as_json(self) -> dict[str, Any]:
        """What ``evaluation/<version>/doubt.json`` says."""
        return {
            "calibration": self.calibration.as_json() if self.calibration else None,
            "outlook": self.outlook.as_json(),
        }


def assess(
    cases: Sequence[Case],
    said: Mapping[str, Answer],
    thresholds: Mapping[str, float],
    model_type: ModelType,
) -> Assessment:
    """How sure a version is, by what it said of its test images.

    ``thresholds`` are the assumed ones from 0 to 1, by label.
    """
    answered = sorted(
        (case for case in cases if case.content in said), key=lambda case: case.content
    )
    if model_type is ModelType.CLASSIFICATION:
        return Assessment(
            model_type, None, _outlook([(answered, None)], said, thresholds, model_type)
        )
    # Each image is judged by what the others tell.
    folds = [answered[start::FOLDS] for start in range(FOLDS)]
    spots = [_spots(fold, said, thresholds) for fold in folds]
    every = Counter[_Spot]()
    for counts in spots:
        every.update(counts)
    judged = [
        (fold, _learned(every - counts, thresholds))
        for fold, counts in zip(folds, spots, strict=True)
    ]
    outlook = _outlook(judged, said, thresholds, model_type)
    return Assessment(model_type, _learned(every, thresholds), outlook)


# --- What the test images tell --------------------------------------------------------------------


def _spots(
    cases: Iterable[Case], said: Mapping[str, Answer], thresholds: Mapping[str, float]
) -> Counter[_Spot]:
    """How often there was which decision."""
    plain = _plain(thresholds)
    counts: Counter[_Spot] = Counter()
    for case in cases:
        counts.update(_decisions(case, said[case.content], plain))
    return counts


def _plain(thresholds: Mapping[str, float]) -> Calibration:
    """What tells on which side of its threshold a label is, and no more."""
    curves = {label: Curve(threshold, 1.0, 0.0) for label, threshold in thresholds.items()}
    return Calibration(curves, Curve(UNKNOWN_THRESHOLD, 1.0, 0.0), 0.0)


def _decisions(case: Case, answer: Answer, plain: Calibration) -> list[_Spot]:
    over, under = plain.sides(_labels(answer))
    if not over:
        return []
    labels = [*over, *under]
    if case.truth.size_px is None:
        there = [label.name in case.truth.labels for label in labels]
    else:
        there = scoring.are_right(case.truth.boxes, [_finding(label) for label in labels])
    return [
        (label.name, _from_threshold(label, plain), place < len(over), is_there)
        for place, (label, is_there) in enumerate(zip(labels, there, strict=True))
    ]


def _labels(answer: Answer) -> list[Label]:
    """What a version said, as detections have it; their boxes in pixels, which makes no odds.

    What has no confidence at all it did not say: snapshots name what was missed so.
    """
    return [
        Label(
            finding.label,
            100 * finding.confidence,
            LabelBox(box.left, box.top, box.width, box.height) if (box := finding.box) else None,
        )
        for finding in answer.findings
        if finding.confidence > 0
    ]


def _finding(label: Label) -> Finding:
    """The finding that a label was made of."""
    if label.box is None:
        return Finding(label.name, label.confidence_pct / 100)
    sides = (label.box.left, label.box.top, label.box.width, label.box.height)
    return Finding(label.name, label.confidence_pct / 100, Box(label.name, *map(round, sides)))


def _from_threshold(label: Label, plain: Calibration) -> float:
    threshold = plain.curves.get(label.name, plain.other).threshold
    distance = log_odds(label.confidence_pct / 100) - log_odds(threshold)
    return round(distance / _STEP) * _STEP


# --- The curves -----------------------------------------------------------------------------------

_Points = Mapping[float, tuple[int, int]]
"""Log odds from the threshold, and how many there were there and not there."""


def _learned(counts: Counter[_Spot], thresholds: Mapping[str, float]) -> Calibration:
    tells_of_misses = any(not is_found and not there for _, _, is_found, there in counts)
    by_label: dict[str, dict[float, tuple[int, int]]] = {}
    for (label, distance, is_found, there), count in counts.items():
        if is_found or tells_of_misses:
            points = by_label.setdefault(label, {})
            right, wrong = points.get(distance, (0, 0))
            points[distance] = (right + count, wrong) if there else (right, wrong + count)
    spreads = _spreads(by_label)
    every: dict[float, tuple[int, int]] = {}
    for label, points in by_label.items():
        for distance, (right, wrong) in points.items():
            place = round(distance / spreads[label] / _STEP) * _STEP
            before = every.get(place, (0, 0))
            every[place] = (before[0] + right, before[1] + wrong)
    of_all = _Fit(every, _FIRST, _FIRST_COUNTS).curve()
    curves = {}
    for label, threshold in thresholds.items():
        spread = spreads.get(label, spreads[""])
        points = {at / spread: both for at, both in by_label.get(label, {}).items()}
        slope, shift = _Fit(points, of_all, _ALL_COUNT).curve()
        curves[label] = Curve(threshold, max(slope / spread, _FLATTEST), shift)
    other = Curve(UNKNOWN_THRESHOLD, max(of_all[0] / spreads[""], _FLATTEST), of_all[1])
    results = sum(right + wrong for right, wrong in every.values())
    return Calibration(curves, other, 1 / (results + 2))


def _spreads(by_label: Mapping[str, _Points]) -> dict[str, float]:
    """How far apart the log odds of a label usually are; by no name, those of any label."""
    squares, sizes = {}, {}
    for label, points in by_label.items():
        size = sum(right + wrong for right, wrong in points.values())
        mean = sum(at * (right + wrong) for at, (right, wrong) in points.items()) / size
        squares[label] = sum(
            (at - mean) ** 2 * (right + wrong) for at, (right, wrong) in points.items()
        )
        sizes[label] = size
    usual = sum(squares.values()) / sum(sizes.values()) if sizes else 1.0
    spreads = {
        label: (squares[label] + _SPREAD_COUNTS * usual) / (sizes[label] + _SPREAD_COUNTS)
        for label in by_label
    }
    return {
        label: max(math.sqrt(square), _LEAST_SPREAD)
        for label, square in {**spreads, "": usual}.items()
    }


@dataclass(frozen=True)
class _Fit:
    """The search for the likeliest curve, beginning at one that counts as so many results."""

    points: _Points
    before: tuple[float, float]
    counts: float

    def curve(self) -> tuple[float, float]:
        """Slope and shift, by Newton's method; each step is halved until it is none for worse."""
        slope, shift = self.before
        loss = self._loss(slope, shift)
        for _ in range(_MOST_STEPS):
            down_slope, down_shift = self._step(slope, shift)
            while (after := self._loss(slope - down_slope, shift - down_shift)) > loss:
                down_slope, down_shift = down_slope / 2, down_shift / 2
            slope, shift = slope - down_slope, shift - down_shift
            if loss - after < _SETTLED:
                break
            loss = after
        return slope, shift

    def _step(self, slope: float, shift: float) -> tuple[float, float]:
        to_slope, to_shift = (
            self.counts * (now - then)
            for now, then in zip((slope, shift), self.before, strict=True)
        )
        by_slope, by_shift, mixed = self.counts, self.counts, 0.0
        for at, (right, wrong) in self.points.items():
            said = share(slope * at + shift)
            surplus = (right + wrong) * said - right
            weight = (right + wrong) * said * (1 - said)
            to_slope += surplus * at
            to_shift += surplus
            by_slope += weight * at * at
            by_shift += weight
            mixed += weight * at
        size = by_slope * by_shift - mixed * mixed
        return (
            (by_shift * to_slope - mixed * to_shift) / size,
            (by_slope * to_shift - mixed * to_slope) / size,
        )

    def _loss(self, slope: float, shift: float) -> float:
        away = (slope - self.before[0]) ** 2 + (shift - self.before[1]) ** 2
        loss = self.counts * away / 2
        for at, (right, wrong) in self.points.items():
            odds = slope * at + shift
            surprise = max(odds, 0.0) + math.log1p(math.exp(-abs(odds)))
            loss += (right + wrong) * surprise - right * odds
        return loss


# --- What a minimum would cost --------------------------------------------------------------------


@dataclass(frozen=True)
class Price:
    """What a minimum confidence comes to on a version's test images."""

    minimum_pct: Decimal
    images: int
    asked: int
    """About so many of them people would be asked."""
    mistakes: int
    """So many were not wholly right."""
    caught: int
    """So many of those are among the ones that people would be asked about."""


@dataclass(frozen=True)
class Outlook:
    """How sure a version was of its test images, and of how many rightly."""

    sure: tuple[tuple[float, int, int], ...]
    """Certainties in percent, how many images had each, and how many of those were not right."""

    @property
    def images(self) -> int:
        """How many there were."""
        return sum(images for _, images, _ in self.sure)

    def at(self, minimum_pct: Decimal) -> Price:
        """What this minimum would have come to."""
        asked = [row for row in self.sure if Decimal(str(row[0])) < minimum_pct]
        return Price(
            minimum_pct,
            self.images,
            sum(images for _, images, _ in asked),
            sum(mistakes for _, _, mistakes in self.sure),
            sum(mistakes for _, _, mistakes in asked),
        )

    def as_json(self) -> list[list[float]]:
        """The form that ``from_json`` reads."""
        return [list(row) for row in self.sure]

    @classmethod
    def from_json(cls, entry: Sequence[Sequence[float]]) -> "Outlook":
        """The outlook that ``as_json`` told. Raises TypeError or ValueError."""
        return cls(tuple((float(pct), int(images), int(bad)) for pct, images, bad in entry))


_Judged = tuple[Sequence[Case], Calibration | None]
"""Test images, and what decides how sure the version was of them."""


def _outlook(
    judged: Iterable[_Judged],
    said: Mapping[str, Answer],
    thresholds: Mapping[str, float],
    model_type: ModelType,
) -> Outlook:
    counts: Counter[tuple[float, bool]] = Counter()
    for cases, calibration in judged:
        for case in cases:
            answer = said[case.content]
            what = scoring.found(answer.findings, model_type, thresholds)
            right = scoring.score(case.truth, what, model_type) == 1
            counts[_certainty(_look(answer, calibration), model_type), not right] += 1
    return Outlook(
        tuple(
            (at, counts[at, False] + counts[at, True], counts[at, True])
            for at in sorted({at for at, _ in counts})
        )
    )


def _look(answer: Answer, calibration: Calibration | None) -> Look:
    labels = _labels(answer)
    return calibration.look(labels) if calibration else Look(tuple(labels))


def _certainty(look: Look, model_type: ModelType) -> float:
    """Rounded down to a tenth of a percent.

    What is asked about whatever the minimum is comes under all.
    """
    what = found(look.found, model_type)
    certainty = certainty_pct(what, look.unsure)
    takes_for_none = any(label.name == NONE_OF_THEM for label in what)
    if certainty is None or takes_for_none or may_lack_boxes(what):
        return _ALWAYS_ASKED
    return math.floor(certainty * 10) / 10
