"""One rule for what several people's answers mean.

The review queue asks it when an answer comes in, the workflow when it reads the answers of either
backend.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from labelloop.domain.human_loops import Answer


class Agreement(StrEnum):
    """What the answers come to."""

    DECIDED = "decided"
    """More than half of the people chose this label."""
    NONE_OF_THE_ABOVE = "none"
    """More than half of the people chose no label."""
    UNDECIDED = "undecided"
    """No answer has more than half of the people behind it."""


@dataclass(frozen=True)
class Consensus:
    """What a group of people said together."""

    agreement: Agreement
    label: str | None
    """The label, when it is decided."""
    answers: int


def of(answers: Sequence[Answer]) -> Consensus:
    """What the answers come to: the choice of more than half of the people.

    A person who answered twice counts once, with the last answer.
    """
    by_worker = {answer.worker: answer.label for answer in answers}
    if not by_worker:
        return Consensus(Agreement.UNDECIDED, None, 0)
    choice, votes = Counter(by_worker.values()).most_common(1)[0]
    if votes * 2 <= len(by_worker):
        return Consensus(Agreement.UNDECIDED, None, len(by_worker))
    agreement = Agreement.NONE_OF_THE_ABOVE if choice is None else Agreement.DECIDED
    return Consensus(agreement, choice, len(by_worker))


def is_complete(answers: Sequence[Answer], wanted: int) -> bool:
    """Whether nobody else needs to be asked.

    After the wanted number of people, one more is asked where they do not agree, and then no more.
    """
    count = len({answer.worker for answer in answers})
    if count < wanted:
        return False
    return count > wanted or of(answers).agreement is not Agreement.UNDECIDED
