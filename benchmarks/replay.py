"""Replays a loop on a set of pictures by the product's own rules, without a stack.

Images come in; the version that serves detects them, and what it doubts people are asked about, all
or as many as a budget allows; every n-th is sampled; what they answer trains or tests; a candidate
is trained, compared and judged. What stands in for people knows the truth, and may err.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

import numpy as np
import numpy.typing as npt

from benchmarks.pictures import versions
from benchmarks.pictures.sets import SCENE_PX, PictureSet
from benchmarks.pictures.versions import Said, Taught, Version
from labelloop.domain import (
    answers,
    calibration,
    champion_questions,
    comparing,
    detections,
    image_labels,
    sampling,
    scoring,
    selection,
    splits,
    verdict,
)
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Answer
from labelloop.domain.comparison import Case, Comparison, Party
from labelloop.domain.detections import Outcome
from labelloop.domain.doubt import Calibration, Look
from labelloop.domain.origins import GIVEN, Origin, Provenance, Stratum
from labelloop.domain.parameters import BY_NAME
from labelloop.domain.splits import Split
from labelloop.domain.verdict import Rules, Verdict

ROUNDS = 6
IMAGES_A_ROUND = {
    ModelType.CLASSIFICATION: 150,
    ModelType.MULTI_LABEL: 150,
    ModelType.DETECTION: 100,
}
TEST_PCT = 20
"""The template's default of TestSetPercentage."""
DRIFT = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)
"""In a loop whose pictures drift: the share of them that are other ones, round by round."""
RULES = Rules("f1", Decimal(BY_NAME["Minimum-F1-Score"].default), Decimal(0))
MINIMUM_CONFIDENCE_PCT = Decimal(BY_NAME["Minimum-Label-Detection-Confidence"].default)

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Variant:
    """How a loop is run."""

    name: str
    interval: int = 0
    """Every so-manieth detection is sampled; 0 for none."""
    budget: int = 0
    """About so many doubtful images people are asked in a round; 0 for all."""
    drifts: bool = False
    wrong_share: float = 0.0
    """How many of the answers are wrong."""


VARIANTS = (
    Variant("plain"),
    Variant("sampled", interval=10),
    Variant("budget", interval=15, budget=30),
    Variant("drift", interval=10, drifts=True),
    Variant("wrong answers", interval=15, wrong_share=0.1),
)


class Loop:
    """A loop from the images it is given on."""

    def __init__(self, pictures: PictureSet, seed: int, variant: Variant) -> None:
        self.pictures, self.variant, self._seed = pictures, variant, seed
        self.rng = random.Random(f"{pictures.name}/{seed}")
        self.division = pictures.divided(self.rng)
        self._usual, self._others = iter(self.division.coming), iter(self.division.coming_drifted)
        self.taught: dict[int, Annotation] = {}
        self._came: dict[int, Provenance] = {}
        self._splits: dict[str, Split] = {}
        self.log: Counter[Stratum] = Counter()
        self._position = sampling.START
        self._answered: dict[str, dict[str, Answer]] = {}
        """What each version is known to have said, by its name and the content."""
        self._tested_with: dict[str, set[str]] = {}
        self._calibrations: dict[str, Calibration | None] = {}

    # --- Images ---

    def give(self) -> None:
        """The first labelled images: a few of each label, whatever comes more often."""
        wanted = self.rng.randint(8, 15)
        counts: Counter[str] = Counter()
        while any(counts[label] < wanted for label in self.pictures.labels):
            number = next(self._usual)
            labels = self.pictures.truths[number].labels
            if any(counts[label] < wanted for label in labels):
                self.taught[number], self._came[number] = self.pictures.truths[number], GIVEN
                counts.update(labels)

    def come(self, round_number: int, champion: Version) -> None:
        """A round's images are detected, and people answer about some."""
        numbers = list(self._coming(round_number))
        doubtful: list[int] = []
        accepted: list[int] = []
        for number, said in zip(numbers, champion.says(numbers), strict=True):
            is_accepted = self.accepts(champion, said)
            self.log[Stratum(champion.name, is_accepted)] += 1
            (accepted if is_accepted else doubtful).append(number)
        self._know(champion, numbers)
        sampled = set(self._sampled(numbers))
        for number in doubtful if not self.variant.budget else ():
            self._ask(number, Origin.DOUBTFUL, champion, 1.0)
        if self.variant.budget:
            self._choose(doubtful, sampled, champion)
        for number in accepted:
            if number in sampled:
                self._ask(number, Origin.SAMPLED, champion, 1 / self.variant.interval)

    def _coming(self, round_number: int) -> Iterator[int]:
        for _ in range(IMAGES_A_ROUND[self.pictures.model_type]):
            is_other = self.rng.random() < self.drifted_share(round_number)
            yield next(self._others if is_other else self._usual)

    def drifted_share(self, round_number: int) -> float:
        """Which share of a round's pictures are other ones than the usual."""
        return DRIFT[round_number] if self.variant.drifts else 0.0

    def came(self, number: int) -> Provenance:
        """How a labelled picture came to be one."""
        return self._came[number]

    def accepts(self, version: Version, said: Said) -> bool:
        """Whether the version is sure of what it says of an image, and of what it does not."""
        look = self.look(version, said)
        decided = detections.decide(
            look.found,
            self.pictures.model_type,
            MINIMUM_CONFIDENCE_PCT,
            asked_at_once=True,
            unsure=look.unsure,
        )
        return decided.outcome is Outcome.CONFIDENT

    def look(self, version: Version, said: Said) -> Look:
        """What all that the version says of an image comes to, by its own test images."""
        by = self.calibration(version)
        return by.look(said) if by else Look(tuple(said))

    def calibration(self, version: Version) -> Calibration | None:
        """What its test images tell of the version's confidences; None where it needs none."""
        return self._calibrations[version.name]

    def _sampled(self, numbers: Sequence[int]) -> list[int]:
        if not self.variant.interval:
            return []
        count = sum(self.log.values())
        order = {f"{count + at:09d}": number for at, number in enumerate(numbers)}
        taken, self._position = sampling.take(order, self._position, self.variant.interval)
        return [order[key] for key in taken]

    def _choose(self, doubtful: list[int], sampled: set[int], champion: Version) -> None:
        """Ask within the budget: some drawn at random, the others by what they would teach.

        What is the n-th one counts as drawn, too.
        """
        rate = selection.rate(self.variant.budget, len(doubtful))
        drawn = [number for number in doubtful if selection.is_drawn(self._content(number), rate)]
        left = max(0, self.variant.budget - len(drawn))
        nth = 1 / self.variant.interval if self.variant.interval else 0.0
        at_random = {*drawn, *sampled.intersection(doubtful)}
        for number in sorted(at_random):
            self._ask(number, Origin.DRAWN, champion, selection.either(rate, nth))
        kind = self.pictures.model_type
        candidates = []
        for number in doubtful:
            if number not in at_random:
                (said,) = champion.says([number])
                look = self.look(champion, said)
                what = image_labels.found(look.found, kind)
                deciding = what[-1].name if what else None
                candidates.append(
                    selection.candidate(str(number), deciding, look.found, kind, look.unsure)
                )
        useful = selection.most_useful_first(candidates, {})
        for each in islice(useful, left):
            self._ask(int(each.detection_id), Origin.CHOSEN, champion, None)

    def _ask(self, number: int, origin: Origin, version: Version, chance: float | None) -> None:
        said = self.pictures.truths[number]
        if self.rng.random() < self.variant.wrong_share:
            said = wrong(said, self.pictures, self.rng)
        if said.labels:
            accepted = origin is Origin.SAMPLED
            self.taught[number] = said
            self._came[number] = Provenance(origin, str(number), version.name, accepted, chance)

    # --- Training and judging ---

    def split(self) -> None:
        """Decide about each new image whether it trains or tests."""
        labelled = []
        for number, said in self.taught.items():
            content = self._content(number)
            if self._came[number].origin is Origin.SAMPLED:
                self._splits[content] = Split.TEST
            else:
                labelled.append((said.labels, content))
        self._splits.update(splits.assign(labelled, self._splits, TEST_PCT))

    def training(self) -> dict[int, Annotation]:
        """What trains, as people have labelled it."""
        return self._of(Split.TRAIN)

    def testing(self) -> dict[int, Annotation]:
        """What tests, as people have labelled it."""
        return self._of(Split.TEST)

    def _of(self, split: Split) -> dict[int, Annotation]:
        return {
            number: said
            for number, said in self.taught.items()
            if self._splits[self._content(number)] is split
        }

    def train(self, name: str, training: Taught) -> Version:
        """A version trained on these images, and tested on today's test set."""
        testing = self.testing()
        version = versions.train(name, self.pictures, training, testing)
        self._tested_with[name] = {self._content(number) for number in testing}
        self._know(version, list(testing))
        self._calibrations[name] = calibration.assess(
            self._cases(), self._answered[name], version.thresholds, self.pictures.model_type
        ).calibration
        return version

    def judge(
        self, candidate: Version, champion: Version, *, attempt: int = 1
    ) -> tuple[Comparison, Verdict]:
        """Whether the candidate takes the champion's place, by the product's own rules."""
        numbers = {self._content(number): number for number in self.testing()}
        cases = self._cases()
        known = self._answered[champion.name]
        to_ask = champion_questions.to_ask(cases, Party(known, champion.thresholds), champion.name)
        self._know(champion, [numbers[content] for content in to_ask])
        compared = comparing.compare(
            cases,
            Party(self._answered[candidate.name], candidate.thresholds),
            Party(known, champion.thresholds),
            model_type=self.pictures.model_type,
            metric=RULES.metric,
            shares=self.log,
            champion_version=champion.name,
            known_before=self._tested_with[champion.name],
        )
        judged = verdict.against_champion(
            candidate.summary.metric(RULES.metric),
            compared,
            RULES,
            self.pictures.model_type,
            attempt=attempt,
        )
        return compared, judged

    def _cases(self) -> list[Case]:
        return [
            Case(self._content(number), said, self._came[number])
            for number, said in self.testing().items()
        ]

    def _know(self, version: Version, numbers: Sequence[int]) -> None:
        known = self._answered.setdefault(version.name, {})
        for number, said in zip(numbers, version.says(numbers), strict=True):
            content = self._content(number)
            known[content] = answer(content, said)

    def _content(self, number: int) -> str:
        text = f"{self.pictures.name}/{self._seed}/{number}".encode()
        return splits.content_id(text, number)


def true_scores(version: Version, pictures: PictureSet, numbers: Sequence[int]) -> Scores:
    """How right the version is about each of these pictures, as it is deployed."""
    kind = pictures.model_type
    scores = [
        scoring.score(
            pictures.truths[number],
            scoring.found(answer("", said).findings, kind, version.thresholds),
            kind,
            RULES.metric,
        )
        for number, said in zip(numbers, version.says(numbers), strict=True)
    ]
    return np.array([float(score) for score in scores])


def answer(content: str, said: Said) -> Answer:
    """What a version said of a content."""
    return answers.of_labels(content, said, SCENE_PX, complete=True)


def wrong(said: Annotation, pictures: PictureSet, rng: random.Random) -> Annotation:
    """What somebody may say who is wrong about one label, or about one box."""
    if pictures.model_type is ModelType.DETECTION:
        boxes = list(said.boxes)
        box = boxes.pop(rng.randrange(len(boxes)))
        label = rng.choice([label for label in pictures.labels if label != box.label])
        if not boxes or rng.random() < 0.5:
            boxes.append(Box(label, box.left, box.top, box.width, box.height))
        return Annotation.of_boxes(boxes, SCENE_PX)
    if pictures.model_type is ModelType.MULTI_LABEL:
        label = rng.choice(pictures.labels)
        labels = set(said.labels).symmetric_difference({label})
        return Annotation.of_labels(labels) if labels else said
    return Annotation.of_labels(
        [rng.choice([one for one in pictures.labels if one not in said.labels])]
    )
