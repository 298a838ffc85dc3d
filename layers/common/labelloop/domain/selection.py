"""Which doubtful images people are asked about where only so many a day may be.

The most useful ones are those that the model can least decide about, spread over what it takes them
for: else the label that confuses it most would use the whole day up. What is compared are the
confidences in the inference log; pixels and the model's inner features, by which near-duplicates
could be told, are not to be had from the service. ``benchmarks/review_selection.py`` measures it.

A share of the budget is drawn at random instead: what is chosen for its use tells nothing of the
others. For each image it is decided once, some minutes after it came and before it can be chosen,
whether it is drawn, by its name and with a chance that is the same for all that are decided at the
time. Those that were not drawn at first are never drawn later, so that the chance is exact.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import certainty_pct
from labelloop.domain.image_labels import Label, surest_first

LOOK_EVERY = timedelta(minutes=15)
"""How often images are chosen. Reviewers are given the day's share of each look."""
MOST_AT_ONCE = 2000
"""More than a look's share of the largest budget, 100,000 a day."""
DRAWN_SHARE = 0.2
"""So much of a budget goes to images that are drawn at random."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Candidate:
    """A doubtful image that nobody has been asked about."""

    detection_id: str
    taken_for: str
    """What the least sure decision is about; empty where nothing was found."""
    margin_pct: float
    """How far the model was from another opinion: the less, the more an answer teaches."""


def candidate(
    detection_id: str,
    decided: str | None,
    labels: Sequence[Label],
    model_type: ModelType,
    unsure: Sequence[Label] = (),
) -> Candidate:
    """What a detection is worth.

    A classification model's margin is the difference of its two surest labels. The others decide of
    each label whether it is there: how sure the least sure of these decisions is stands for it, be
    it about what was found or about what is ``unsure``; and 0 for nothing found.
    """
    if model_type is ModelType.CLASSIFICATION:
        pct = [label.confidence_pct for label in surest_first(labels)]
        surest, second, *_ = *pct, 0.0, 0.0
        return Candidate(detection_id, decided or "", surest - second)
    certain_pct = certainty_pct(labels, unsure) or 0.0
    if unsure and labels and 100 - unsure[0].sure_pct == certain_pct:
        decided = unsure[0].name
    return Candidate(detection_id, decided or "", certain_pct)


def most_useful_first(
    candidates: Iterable[Candidate], asked: Mapping[str, int]
) -> Iterator[Candidate]:
    """The candidates in the order in which people should be asked about them.

    ``asked`` says how many of each label have been asked about already. It is the turn of the label
    with the fewest; of it, the image with the least margin comes.
    """
    by_label: dict[str, list[Candidate]] = defaultdict(list)
    for each in sorted(candidates, key=lambda each: (-each.margin_pct, each.detection_id)):
        by_label[each.taken_for].append(each)
    counts = defaultdict(int, asked)
    while by_label:
        label = min(by_label, key=lambda name: (counts[name], by_label[name][-1].margin_pct, name))
        yield by_label[label].pop()
        counts[label] += 1
        if not by_label[label]:
            del by_label[label]


def rate(daily_budget: int, a_day: int) -> float:
    """With what chance an image is drawn, where so many come in a day that wait."""
    return min(1.0, DRAWN_SHARE * daily_budget / max(1, a_day))


def is_drawn(detection_id: str, chance: float) -> bool:
    """Whether an image is drawn; by its name, so that it is the same whenever it is asked."""
    digest = hashlib.sha256(f"drawn {detection_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < chance


def either(one: float, other: float) -> float:
    """The chance that at least one of two independent things happens."""
    return one + (1 - one) * other


@dataclass(frozen=True)
class Day:
    """What has been chosen on a day, in UTC."""

    date: str
    """Such as 2026-11-21; empty before the first."""
    asked: Mapping[str, int] = field(default_factory=dict)
    """How many images have been chosen, by what the model took them for."""
    chosen: tuple[str, ...] = ()
    """The detections chosen last, which people may not have been asked about yet."""
    revision: int = 0
    drawn: Mapping[str, float] = field(default_factory=dict)
    """The detections that were drawn at random and not asked about yet, with their chances."""
    drawn_to: str = ""
    """Up to which place in the log it is decided what is drawn; empty before the first look."""
    rate: float = 0.0
    """With what chance images were drawn at the last look."""

    def at(self, now: datetime) -> "Day":
        """The day that it is now, nothing chosen where it has only begun.

        No day comes twice: a clock that is behind goes on with the later day.
        """
        today = f"{now:%Y-%m-%d}"
        return self if today <= self.date else replace(self, date=today, asked={}, chosen=())

    def share(self, daily_budget: int, now: datetime) -> int:
        """How many may be chosen now, of what the day has left.

        The same at each look of the rest of the day, so that reviewers have some at any time; at
        least one, so that a small budget is spent early.
        """
        left = max(0, daily_budget - sum(self.asked.values()))
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        looks_left = -(-(midnight - now) // LOOK_EVERY)  # this one among them
        return min(MOST_AT_ONCE, -(-left // looks_left))

    def choosing(self, candidates: Sequence[Candidate]) -> "Day":
        """The day when these have been chosen, too."""
        asked = defaultdict(int, self.asked)
        for each in candidates:
            asked[each.taken_for] += 1
        chosen = tuple(each.detection_id for each in candidates)
        return replace(self, asked=dict(asked), chosen=chosen, revision=self.revision + 1)

    def all_asked(self) -> "Day":
        """The day when people have been asked about all that was chosen."""
        asked = self.without(self.chosen)
        return replace(asked, chosen=(), revision=self.revision + 1)

    def drawing(self, fresh: Mapping[str, float], to: str, rate: float) -> "Day":
        """The day when these have been drawn, with their chances, of all up to that place."""
        return replace(self, drawn={**self.drawn, **fresh}, drawn_to=to, rate=rate)

    def without(self, gone: Collection[str]) -> "Day":
        """The day when it is known that these wait no more."""
        left = {one: chance for one, chance in self.drawn.items() if one not in gone}
        return replace(self, drawn=left)
