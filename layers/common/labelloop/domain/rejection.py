"""What may become of an image that a model takes for none of its labels.

Where answers that an image is none of the labels train, they are a label of their own, and the
model can say it of other images. That must not swallow new kinds of things, which no model knows
either. So people look at every such image until their answers say that the model is right about
most of them, and from then on at many of them for ever.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from labelloop.domain.accuracy import LEAST_ANSWERS, Accuracy
from labelloop.domain.annotations import ModelType
from labelloop.domain.image_labels import Label, found
from labelloop.domain.labels import NONE_OF_THEM

LEAST_ANSWERS_OF_VERSION = 10
"""So many of them are about the version that serves: another version says it of other images."""
NEWEST_ANSWERS = 200
"""Older ones are forgotten: they say little of what comes in now."""


@dataclass(frozen=True, slots=True)
class NoneAnswer:
    """What people said of an image that a version took for none of its labels."""

    detection_id: str
    version: str
    confidence_pct: float
    """How sure the version was."""
    right: bool | None
    """None where they do not agree, or took it back."""
    completed: str
    """When they said so: UTC in ISO 8601, so that texts compare as times."""

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "NoneAnswer":
        """The answer with these values; what is not known may be missing."""
        return cls(
            entry["detection_id"],
            entry["version"],
            float(entry["confidence_pct"]),
            entry.get("right"),
            entry["completed"],
        )


def is_none(labels: Sequence[Label], model_type: ModelType) -> bool:
    """Whether a model takes an image for none of its labels."""
    return any(label.name == NONE_OF_THEM for label in found(labels, model_type))


def with_answer(answers: Iterable[NoneAnswer], answer: NoneAnswer) -> tuple[NoneAnswer, ...]:
    """The newest answers, the newest last, when this one has come.

    A detection has one, the latest: one that comes again changes nothing, nor does an earlier one
    that comes late.
    """
    latest = {each.detection_id: each for each in answers}
    before = latest.setdefault(answer.detection_id, answer)
    latest[answer.detection_id] = max(before, answer, key=lambda each: each.completed)
    newest_last = sorted(latest.values(), key=lambda each: (each.completed, each.detection_id))
    return tuple(newest_last[-NEWEST_ANSWERS:])


def figures(
    answers: Iterable[NoneAnswer], minimum_confidence_pct: Decimal, version: str | None = None
) -> Accuracy:
    """How often it was right to take an image for none of the labels, of the images of which the
    version was sure enough; those of one version alone where it is named.
    """
    said = [
        each.right
        for each in answers
        if each.right is not None
        and Decimal(str(each.confidence_pct)) >= minimum_confidence_pct
        and version in {None, each.version}
    ]
    return Accuracy(sum(said), len(said))


def may_be_accepted(
    answers: Sequence[NoneAnswer], version: str, minimum_confidence_pct: Decimal
) -> bool:
    """Whether this version may take an image for none of its labels, and nobody look at it.

    It may when it is right at least as often as the minimum confidence says: surely so, by the 95 %
    interval, of 30 answers or more, and not surely less often, of ten or more about this version.
    """
    minimum = float(minimum_confidence_pct / 100)
    of_any = figures(answers, minimum_confidence_pct)
    of_version = figures(answers, minimum_confidence_pct, version)
    return (
        of_any.answers >= LEAST_ANSWERS
        and of_version.answers >= LEAST_ANSWERS_OF_VERSION
        and of_any.interval[0] >= minimum
        and of_version.interval[1] >= minimum
    )
