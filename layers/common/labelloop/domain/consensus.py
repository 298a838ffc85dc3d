"""One rule for what several people's answers mean: what more than half of them said.

The review queue asks it when an answer comes in, the workflow when it reads the answers of either
backend. Labels are counted one by one. Boxes are first brought together: those of the same label
that different people drew around the same thing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import median

from labelloop.domain.annotations import MOST_BOXES, Annotation, Box, ModelType, overlap
from labelloop.domain.human_loops import Answer
from labelloop.domain.labels import NONE_OF_THEM

SAME_THING_OVERLAP = 0.5
"""Boxes are around the same thing from this share of shared area on: of all that either covers."""

NOTHING = Annotation.of_labels(())
NONE_OF_THE_LABELS = Annotation.of_labels([NONE_OF_THEM])
"""What an image teaches a model that gives each image one label, where it is none of them."""


class Agreement(StrEnum):
    """What the answers come to."""

    DECIDED = "decided"
    """More than half of the people said this."""
    NONE_OF_THE_ABOVE = "none"
    """More than half of the people chose no label, or drew no box."""
    UNDECIDED = "undecided"
    """There is something that neither more than half of the people said nor more than half did
    not, or nothing at all that more than half of them said."""


@dataclass(frozen=True)
class Consensus:
    """What a group of people said together."""

    agreement: Agreement
    said: Annotation
    """Empty unless it is decided."""
    answers: int

    def teaches(self, model_type: ModelType) -> Annotation:
        """What the image teaches a model of this type; nothing where there are no labels.

        Only where each image has one label can there be one for what is none of them: the service
        passes by images without any label, or any box.
        """
        none = self.agreement is Agreement.NONE_OF_THE_ABOVE
        return NONE_OF_THE_LABELS if none and model_type is ModelType.CLASSIFICATION else self.said


def of(answers: Sequence[Answer], model_type: ModelType) -> Consensus:
    """What the answers come to.

    A person who answered twice counts once, with the last answer.
    """
    by_worker = _by_worker(answers)
    people = len(by_worker)
    agreement, said = _UNDECIDED
    if by_worker and sum(not one.labels for one in by_worker.values()) * 2 > people:
        agreement = Agreement.NONE_OF_THE_ABOVE
    elif by_worker:
        agreement, said = _RULES[model_type](by_worker)
    return Consensus(agreement, said, people)


def is_complete(answers: Sequence[Answer], wanted: int, model_type: ModelType) -> bool:
    """Whether nobody else needs to be asked.

    After the wanted number of people, one more is asked where they do not agree, and then no more.
    A box that not more than half of them drew is something they do not agree about, too: two who
    missed a thing are not right against one who saw it.
    """
    by_worker = _by_worker(answers)
    count = len(by_worker)
    if count < wanted:
        return False
    if count > wanted:
        return True
    if of(answers, model_type).agreement is Agreement.UNDECIDED:
        return False
    return model_type is not ModelType.DETECTION or all(
        len(group) * 2 > count for group in _groups(by_worker)
    )


def agree(one: Annotation, other: Annotation) -> bool:
    """Whether two people said the same of an image: the same labels, or boxes around the same."""
    if one.size_px is None or other.size_px is None:
        return one.labels == other.labels
    return one.size_px == other.size_px and all(
        len(group) == 2 for group in _groups({"one": one, "other": other})
    )


def _by_worker(answers: Sequence[Answer]) -> dict[str, Annotation]:
    return {answer.worker: answer.said for answer in answers}


# --- By type of model -----------------------------------------------------------------------------

_UNDECIDED = (Agreement.UNDECIDED, NOTHING)
_Verdict = tuple[Agreement, Annotation]


def _of_one_label(by_worker: Mapping[str, Annotation]) -> _Verdict:
    choice, votes = Counter(said.labels for said in by_worker.values()).most_common(1)[0]
    if votes * 2 <= len(by_worker):
        return _UNDECIDED
    return Agreement.DECIDED, Annotation.of_labels(choice)


def _of_labels(by_worker: Mapping[str, Annotation]) -> _Verdict:
    votes = Counter(label for said in by_worker.values() for label in said.labels)
    chosen = [label for label, count in votes.items() if count * 2 > len(by_worker)]
    if not chosen or any(count * 2 == len(by_worker) for count in votes.values()):
        return _UNDECIDED
    return Agreement.DECIDED, Annotation.of_labels(chosen)


def _of_boxes(by_worker: Mapping[str, Annotation]) -> _Verdict:
    sizes_px = {said.size_px for said in by_worker.values() if said.size_px is not None}
    groups = _groups(by_worker)
    chosen = [group for group in groups if len(group) * 2 > len(by_worker)]
    tied = any(len(group) * 2 == len(by_worker) for group in groups)
    if not chosen or tied or len(sizes_px) != 1 or len(chosen) > MOST_BOXES:
        return _UNDECIDED
    return Agreement.DECIDED, Annotation.of_boxes(map(_middle, chosen), sizes_px.pop())


_RULES = {
    ModelType.CLASSIFICATION: _of_one_label,
    ModelType.MULTI_LABEL: _of_labels,
    ModelType.DETECTION: _of_boxes,
}


# --- Boxes ----------------------------------------------------------------------------------------

_Drawn = tuple[str, int]
"""Somebody's box: the person, and its place among the boxes of the answer."""


def _groups(by_worker: Mapping[str, Annotation]) -> list[list[Box]]:
    """The boxes by what they are around: of each person one at most in a group.

    Those that overlap most come together first. The order of people is nothing.
    """
    boxes = {
        (worker, number): box
        for worker, said in sorted(by_worker.items())
        for number, box in enumerate(said.boxes)
    }
    groups: dict[_Drawn, frozenset[_Drawn]] = {drawn: frozenset([drawn]) for drawn in boxes}
    for one, other in _by_overlap(boxes):
        together = groups[one] | groups[other]
        if len({worker for worker, _ in together}) == len(together):
            groups.update(dict.fromkeys(together, together))
    return [[boxes[drawn] for drawn in group] for group in dict.fromkeys(groups.values())]


def _by_overlap(boxes: Mapping[_Drawn, Box]) -> Iterable[tuple[_Drawn, _Drawn]]:
    """Pairs of boxes around the same thing, those that overlap most first."""
    pairs = [
        (overlap(boxes[one], boxes[other]), one, other)
        for one, other in combinations(boxes, 2)
        if one[0] != other[0] and boxes[one].label == boxes[other].label
    ]
    same = [pair for pair in pairs if pair[0] >= SAME_THING_OVERLAP]
    return [(one, other) for _, one, other in sorted(same, key=lambda pair: (-pair[0], pair[1:]))]


def _middle(group: Sequence[Box]) -> Box:
    """The box whose edges are the medians of the group's, in whole pixels."""
    left = int(median(box.left for box in group))
    top = int(median(box.top for box in group))
    right = int(median(box.left + box.width for box in group))
    bottom = int(median(box.top + box.height for box in group))
    return Box(group[0].label, left, top, right - left, bottom - top)
