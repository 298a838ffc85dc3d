"""What answers that images are none of the labels teach: before them, and after so many.

A model knows some labels of a set of pictures; the others of the set are what comes in beside them.
People answer "None of the Above" about doubtful pictures of one half of those, and the model learns
it. Then it looks at pictures that are held back: of the labels that it knows, of those that people
have answered about, of those that nobody has, which are new kinds of things, and of other sets,
which show nothing of the kind. Each seed draws the labels and the pictures anew.

What counts as accepted is decided by the product's rule at the default confidence, as though people
had said already that the model may take an image for none of its labels.

    python -m benchmarks rejection
"""

import math
import os
import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from itertools import product
from multiprocessing import get_context

import numpy as np

from benchmarks.pictures import sets, versions
from benchmarks.pictures.sets import PictureSet
from benchmarks.pictures.versions import Taught, Version
from labelloop.domain import splits
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.detections import Outcome, decide
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.parameters import BY_NAME
from labelloop.domain.splits import Split

SETS = ("photographs", "logos", "parts")
LABELS_KNOWN = (2, 4)
IMAGES_A_LABEL = 80
ANSWERS = (0, 10, 20, 40, 80)
"""No more than a label has images: of more, no more would train."""
SEEDS = range(20)
HELD_BACK = 1500
OF_OTHER_SETS = 500
TEST_PCT = 20
MINIMUM_CONFIDENCE_PCT = Decimal(BY_NAME["Minimum-Label-Detection-Confidence"].default)
WORKERS = 2

Row = dict[str, object]
Figures = dict[str, float]


@dataclass(frozen=True)
class _Pictures:
    """Which pictures are what, by their numbers in all sets together."""

    known: Sequence[int]
    """Of the labels that the model knows, held back."""
    learnt: Sequence[int]
    """The same, to learn from."""
    answered: Sequence[int]
    """Of the labels that people are asked about, held back."""
    asked: Sequence[int]
    """The same, about which people can be asked."""
    new: Sequence[int]
    """Of the labels that nobody has answered about."""
    others: Sequence[int]
    """Of other sets."""


# --- The pictures ---------------------------------------------------------------------------------


@cache
def _all_pictures() -> tuple[PictureSet, Mapping[str, range]]:
    """All sets as one, and which numbers are whose; only the usual pictures."""
    loaded = [sets.load(name) for name in SETS]
    numbers: dict[str, range] = {}
    for each in loaded:
        first = sum(map(len, numbers.values()))
        numbers[each.name] = range(first, first + each.usual)
    together = replace(
        loaded[0],
        name="all",
        truths=tuple(truth for each in loaded for truth in each.truths[: each.usual]),
        features=np.concatenate([each.features[: each.usual] for each in loaded]),
    )
    return together, numbers


def _drawn(name: str, labels_known: int, rng: random.Random) -> _Pictures:
    pictures, numbers = _all_pictures()
    order = rng.sample(numbers[name], len(numbers[name]))
    held_back, others = order[:HELD_BACK], order[HELD_BACK:]
    labels = rng.sample(sets.KINDS[name].labels, len(sets.KINDS[name].labels))
    known, unknown = labels[:labels_known], labels[labels_known:]
    answered, new = unknown[: len(unknown) // 2], unknown[len(unknown) // 2 :]

    def of(labels: Sequence[str], some: Sequence[int]) -> list[int]:
        return [number for number in some if pictures.truths[number].labels[0] in labels]

    elsewhere = [number for other in SETS if other != name for number in numbers[other]]
    return _Pictures(
        known=of(known, held_back),
        learnt=[at for label in known for at in of([label], others)[:IMAGES_A_LABEL]],
        answered=of(answered, held_back),
        asked=of(answered, others),
        new=of(new, held_back),
        others=rng.sample(elsewhere, OF_OTHER_SETS),
    )


# --- One model ------------------------------------------------------------------------------------


def _measure(name: str, labels_known: int, seed: int) -> dict[int, Figures]:
    """What a model does after so many answers."""
    pictures, _ = _all_pictures()
    some = _drawn(name, labels_known, random.Random(f"{name}/{labels_known}/{seed}"))
    learnt = {number: pictures.truths[number] for number in some.learnt}
    before = _trained(pictures, learnt)
    doubted = [
        number
        for number, label in zip(some.asked, _accepted(before, some.asked), strict=True)
        if label is None
    ]
    found = {}
    for count in ANSWERS:
        answers = dict.fromkeys(doubted[:count], Annotation.of_labels([NONE_OF_THEM]))
        model = _trained(pictures, {**learnt, **answers}) if count else before
        found[count] = _figures(model, pictures, some)
    return found


def _trained(pictures: PictureSet, taught: Taught) -> Version:
    labelled = [(shown.labels, str(number)) for number, shown in taught.items()]
    decided = splits.assign(labelled, {}, TEST_PCT)
    parts: dict[Split, dict[int, Annotation]] = {split: {} for split in Split}
    for number, shown in taught.items():
        parts[decided[str(number)]][number] = shown
    return versions.train("any", pictures, parts[Split.TRAIN], parts[Split.TEST])


def _accepted(model: Version, numbers: Sequence[int]) -> list[str | None]:
    """The label of each picture that is accepted; None of one that a person is asked about."""
    decisions = (
        decide(
            said,
            ModelType.CLASSIFICATION,
            MINIMUM_CONFIDENCE_PCT,
            asked_at_once=True,
            accepts_none=True,
        )
        for said in model.says(numbers)
    )
    return [
        each.label.name if each.label and each.outcome is Outcome.CONFIDENT else None
        for each in decisions
    ]


def _figures(model: Version, pictures: PictureSet, some: _Pictures) -> Figures:
    truths = [pictures.truths[number].labels[0] for number in some.known]
    surest = [max(said, key=lambda label: label.confidence_pct) for said in model.says(some.known)]
    accepted = _accepted(model, some.known)
    kinds = {"answered": some.answered, "new": some.new, "other sets": some.others}
    figures: Figures = {}
    for kind, numbers in kinds.items():
        labels = _accepted(model, numbers)
        figures[f"{kind}: accepted"] = _share(each not in {None, NONE_OF_THEM} for each in labels)
        figures[f"{kind}: none"] = _share(each == NONE_OF_THEM for each in labels)
    return figures | {
        "known: right": _share(
            label.name == truth for label, truth in zip(surest, truths, strict=True)
        ),
        "known: taken for none": _share(label.name == NONE_OF_THEM for label in surest),
        "known: accepted": _share(each not in {None, NONE_OF_THEM} for each in accepted),
        "known: accepted wrong": _share(
            each not in {None, NONE_OF_THEM, truth}
            for each, truth in zip(accepted, truths, strict=True)
        ),
        "known: none": _share(each == NONE_OF_THEM for each in accepted),
    }


def _share(flags: Iterable[bool]) -> float:
    return statistics.fmean(flags)


# --- All of them ----------------------------------------------------------------------------------


def run() -> list[Row]:
    """A row for each set, number of labels and number of answers: means and standard errors."""
    _all_pictures()  # Builds the sets before several processes want them.
    jobs = list(product(SETS, LABELS_KNOWN, SEEDS))
    found: defaultdict[tuple[str, int, int], list[Figures]] = defaultdict(list)
    # Each process has one core: numpy would take both for each.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as processes:
        for at, ((name, known, _), of_seed) in enumerate(
            zip(jobs, processes.map(_measure, *zip(*jobs, strict=True)), strict=True), start=1
        ):
            for count, figures in of_seed.items():
                found[name, known, count].append(figures)
            print(f"\r{at} of {len(jobs)} courses", end="", flush=True)
    print()
    return [_row(*key, of_seeds) for key, of_seeds in found.items()]


def _row(name: str, known: int, count: int, of_seeds: Sequence[Figures]) -> Row:
    row: Row = {"dataset": name, "labels": known, "answers": count, "seeds": len(of_seeds)}
    for figure in of_seeds[0]:
        values = [figures[figure] for figures in of_seeds]
        error = statistics.stdev(values) / math.sqrt(len(values))
        row[figure] = [round(statistics.fmean(values), 4), round(error, 4)]
    return row
