"""Two versions on the same images, spelt: a + where a version is right, a - where it is wrong."""

from collections.abc import Mapping, Sequence

from labelloop.domain import comparing
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import Case, Comparison, Party
from labelloop.domain.origins import GIVEN, Provenance

BOTH = {"cat": 0.5, "dog": 0.5}


def cases(count: int, came: Provenance = GIVEN, label: str = "cat", first: int = 0) -> list[Case]:
    truth = Annotation.of_labels([label])
    return [Case(f"{number:04}", truth, came) for number in range(first, first + count)]


def party(some: Sequence[Case], results: str, thresholds: Mapping[str, float] = BOTH) -> Party:
    """A version that is right on the cases with a +, wrong on those with a -, silent on a blank."""
    answers = {}
    for case, result in zip(some, results, strict=False):
        (truth,) = case.truth.labels
        wrong = "dog" if truth != "dog" else "cat"
        if result != " ":
            label = truth if result == "+" else wrong
            answers[case.content] = Answer(case.content, (Finding(label, 0.8),), complete=True)
    return Party(answers, thresholds)


def compare(candidate: str, champion: str, some: Sequence[Case] | None = None) -> Comparison:
    images = cases(max(len(candidate), len(champion))) if some is None else some
    return comparing.compare(
        images,
        party(images, candidate),
        party(images, champion),
        model_type=ModelType.CLASSIFICATION,
        champion_version="v1",
    )
