"""Which share of a version's mistakes people find who are asked about what it doubts.

A version that a loop of three rounds has made looks at pictures that are held back, and is asked
by the product's own rule which of them it doubts: of multi-label and detection models by what their
own test images say of their confidences. A picture counts as a mistake that is not wholly right.

For each minimum there is a row with the share of pictures that people are asked about, and the
share of the mistakes among those. The row "30 % asked" has the minimum that asks about as many; it
ought to catch ``bound_pct``, which is 0.7 of what is possible: that, or all. Beside it stands what
the rule would catch if it knew the curves of 1,000 and more held-back pictures: what is missing
there to the bound is the engine's scores' fault.
"""

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from benchmarks import replay
from benchmarks.pictures import sets
from benchmarks.pictures.sets import PictureSet
from benchmarks.pictures.versions import Said, Version
from benchmarks.replay import Loop, Variant, true_scores
from labelloop.domain import calibration, detections, image_labels
from labelloop.domain.comparison import Case
from labelloop.domain.detections import Outcome
from labelloop.domain.doubt import Calibration, Look
from labelloop.domain.origins import GIVEN

SETS = ("several", "boxes", "parts", "photographs", "logos")
SEEDS = range(10)
ROUNDS = 3
MINIMUMS_PCT = (50, 60, 70, 80, 90, 95, 98)
ASKED = 0.30
PART_OF_POSSIBLE = 0.7

Row = dict[str, object]


@dataclass(frozen=True)
class Measured:
    """How sure a version is of each picture, and whether that is a mistake."""

    certain_pct: Sequence[float]
    is_asked: Mapping[int, Sequence[bool]]
    """By minimum."""
    is_wrong: Sequence[bool]

    @property
    def wrong(self) -> float:
        """The share of mistakes."""
        return statistics.fmean(self.is_wrong)

    def asked(self, minimum_pct: int) -> float:
        """The share of pictures that a minimum asks about."""
        return statistics.fmean(self.is_asked[minimum_pct])

    def caught(self, is_asked: Sequence[bool]) -> float:
        """The share of the mistakes that are among the pictures asked about."""
        pairs = zip(is_asked, self.is_wrong, strict=True)
        return sum(asked and wrong for asked, wrong in pairs) / max(1, sum(self.is_wrong))

    def least_sure(self, share: float) -> list[bool]:
        """Such a share of the pictures: the least sure ones."""
        numbers = list(range(len(self.certain_pct)))
        random.Random(0).shuffle(numbers)
        numbers.sort(key=lambda at: self.certain_pct[at])
        asked = set(numbers[: round(share * len(numbers))])
        return [at in asked for at in range(len(numbers))]


def run() -> list[Row]:
    """A row a set and minimum, and one a set with 30 % asked; means over all seeds."""
    rows: list[Row] = []
    for name in SETS:
        pictures = sets.load(name)
        both = []
        for seed in SEEDS:
            both.append(measure(pictures, seed))
            print(f"{name}: {seed + 1} of {len(SEEDS)}", flush=True)
        own, known = [one for one, _ in both], [one for _, one in both]
        rows += [_at_minimum(pictures, own, minimum) for minimum in MINIMUMS_PCT]
        rows.append(_at_30_pct(pictures, own, known))
    return rows


def measure(pictures: PictureSet, seed: int) -> tuple[Measured, Measured]:
    """What a loop's last version doubts by its own test images, and by what others would tell."""
    loop = Loop(pictures, seed, Variant("sampled", interval=10))
    loop.give()
    loop.split()
    version = loop.train("v0", loop.training())
    for number in range(ROUNDS):
        loop.come(number, version)
        loop.split()
        version = loop.train(f"v{number + 1}", loop.training())
    held_back = loop.division.held_back
    own = loop.calibration(version)
    halves = held_back[::2], held_back[1::2]
    known = [_learned(pictures, version, half) for half in halves]
    return (
        _measured(pictures, version, [(number, own) for number in held_back]),
        _measured(
            pictures,
            version,
            [(number, known[1]) for number in halves[0]]
            + [(number, known[0]) for number in halves[1]],
        ),
    )


def _learned(pictures: PictureSet, version: Version, numbers: Sequence[int]) -> Calibration | None:
    """What these pictures, rightly labelled, tell of the version's confidences."""
    cases = [Case(str(number), pictures.truths[number], GIVEN) for number in numbers]
    said = {
        str(number): replay.answer(str(number), of_one)
        for number, of_one in zip(numbers, version.says(numbers), strict=True)
    }
    return calibration.assess(cases, said, version.thresholds, pictures.model_type).calibration


def _measured(
    pictures: PictureSet,
    version: Version,
    judged_by: Sequence[tuple[int, Calibration | None]],
) -> Measured:
    kind = pictures.model_type
    numbers = [number for number, _ in judged_by]
    looks = [look(said, by) for said, (_, by) in zip(version.says(numbers), judged_by, strict=True)]
    certain = [
        detections.certainty_pct(image_labels.found(one.found, kind), one.unsure) for one in looks
    ]
    return Measured(
        [-1.0 if pct is None else pct for pct in certain],
        {
            minimum: [
                detections.decide(
                    one.found, kind, Decimal(minimum), asked_at_once=True, unsure=one.unsure
                ).outcome
                is Outcome.REVIEW
                for one in looks
            ]
            for minimum in MINIMUMS_PCT
        },
        [bool(score < 1) for score in true_scores(version, pictures, numbers)],
    )


def look(said: Said, by: Calibration | None) -> Look:
    """What all that a version says of a picture comes to."""
    return by.look(said) if by else Look(tuple(said))


def _at_minimum(pictures: PictureSet, measured: Sequence[Measured], minimum_pct: int) -> Row:
    asked = [one.asked(minimum_pct) for one in measured]
    caught = [one.caught(one.is_asked[minimum_pct]) for one in measured]
    return {
        "dataset": pictures.name,
        "model_type": pictures.model_type.value,
        "minimum_pct": minimum_pct,
        "wrong_pct": _pct([one.wrong for one in measured]),
        "asked_pct": _pct(asked),
        "caught_pct": _pct(caught),
        "caught_error": _error(caught),
    }


def _at_30_pct(
    pictures: PictureSet, measured: Sequence[Measured], known: Sequence[Measured]
) -> Row:
    caught = [one.caught(one.least_sure(ASKED)) for one in measured]
    by_known = [one.caught(one.least_sure(ASKED)) for one in known]
    bounds = [PART_OF_POSSIBLE * min(1.0, ASKED / one.wrong) for one in measured]
    return {
        "dataset": pictures.name,
        "model_type": pictures.model_type.value,
        "asked": "30 %",
        "wrong_pct": _pct([one.wrong for one in measured]),
        "caught_pct": _pct(caught),
        "caught_error": _error(caught),
        "known_curves_pct": _pct(by_known),
        "bound_pct": _pct(bounds),
        "seeds_under_the_bound": sum(
            had < bound for had, bound in zip(caught, bounds, strict=True)
        ),
    }


def _pct(shares: Sequence[float]) -> float:
    return round(100 * statistics.fmean(shares), 1)


def _error(shares: Sequence[float]) -> float:
    """The standard error of the mean, in points."""
    return round(100 * statistics.stdev(shares) / math.sqrt(len(shares)), 1)
