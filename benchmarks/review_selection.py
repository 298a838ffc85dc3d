"""How many answers the choice of images for review saves, against choosing them at random.

A model of a few labelled images looks at all that come in; people answer about so many of them; it
is trained again with their answers; and so on. What is chosen is what SelectReviews would choose,
by the functions' own rules; what learns is the emulator's classifier on its frozen backbone.
Answers are always right here, and people's are not.

There are two random choices. Any image: what people would label without a model. Any doubtful one:
what Label Loop would ask about without this choice. The pictures are those of ``pictures``: drawn
parts in two sets, photographs, and logos on photographs; each seed divides them anew into held
back, first labelled, and coming in.

Also tried on the drawn parts, with five seeds, some with more, as shares of the answers to images
chosen at random:

- the least sure image first, and the greatest entropy: worse where labels are alike, 0.83 and 0.89
  against 0.58, since images that resemble nothing known come first;
- the ratio of the two surest labels instead of their difference, and no turns of the labels: better
  in one set and worse in the other;
- images left out whose confidences are like those of one already chosen: no better, nor in a set
  with five shots of each scene, where it took 0.65 against 0.62.

So the simplest stayed.
"""

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import islice

import numpy as np
import numpy.typing as npt

from benchmarks import RESULTS
from benchmarks.pictures import sets
from benchmarks.pictures.sets import PictureSet
from labelloop.domain import detections, image_labels, selection
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import Outcome
from labelloop.domain.image_labels import Label
from labelloop.domain.parameters import BY_NAME
from labelloop_pages import charts
from labelloop_pages.page import page, table
from labelvision import classifier
from labelvision.classifier import Classifier

SETS = ("uneven parts", "parts", "photographs", "logos")
FIRST_OF_EACH_LABEL = 3
SEEDS = range(10)
ROUNDS, ANSWERS_A_ROUND = 8, 16
MINIMUM_CONFIDENCE_PCT = Decimal(BY_NAME["Minimum-Label-Detection-Confidence"].default)

Row = dict[str, object]
Found = Sequence[Label]
Choice = Callable[[Sequence[Found], random.Random], list[int]]
Curve = list[tuple[int, float]]
"""Answers so far, and the share of the held-back images that the model gets right then."""


# --- The choices ----------------------------------------------------------------------------------


def _doubtful(found: Sequence[Found]) -> list[int]:
    kind = ModelType.CLASSIFICATION
    outcomes = [detections.decide(labels, kind, MINIMUM_CONFIDENCE_PCT, True) for labels in found]
    return [at for at, decided in enumerate(outcomes) if decided.outcome is Outcome.REVIEW]


def _selected(found: Sequence[Found], _: random.Random) -> list[int]:
    candidates = []
    for at in _doubtful(found):
        surest = image_labels.surest_first(found[at])[0].name
        candidates.append(selection.candidate(str(at), surest, found[at], ModelType.CLASSIFICATION))
    first = islice(selection.most_useful_first(candidates, {}), ANSWERS_A_ROUND)
    return [int(each.detection_id) for each in first]


def _any_doubtful(found: Sequence[Found], rng: random.Random) -> list[int]:
    doubtful = _doubtful(found)
    return rng.sample(doubtful, min(ANSWERS_A_ROUND, len(doubtful)))


def _any(found: Sequence[Found], rng: random.Random) -> list[int]:
    return rng.sample(range(len(found)), ANSWERS_A_ROUND)


CHOICES: Mapping[str, Choice] = {
    "any image": _any,
    "any doubtful image": _any_doubtful,
    "selected": _selected,
}


# --- The loop -------------------------------------------------------------------------------------


def run() -> list[Row]:
    """A row a set and seed, and one a set over all seeds; draws the latter."""
    rows: list[Row] = []
    drawn: list[str] = []
    for name in SETS:
        pictures = sets.load(name)
        curves: dict[str, list[Curve]] = {choice: [] for choice in CHOICES}
        for seed in SEEDS:
            for choice, choose in CHOICES.items():
                curves[choice].append(_learn(pictures, choose, seed))
            rows.append(_row(name, seed, {choice: of[-1] for choice, of in curves.items()}))
            print(rows[-1], flush=True)
        mean = {choice: _mean(of) for choice, of in curves.items()}
        rows.append(_row(name, "mean of all", mean))
        drawn.append(_drawing(name, mean))
    RESULTS.mkdir(exist_ok=True)
    body = "<h1>Accuracy by number of answers</h1>" + "".join(drawn)
    (RESULTS / "review_selection.html").write_text(page("Review selection", body))
    return rows


def _learn(pictures: PictureSet, choose: Choice, seed: int) -> Curve:
    """The model's course from its first labelled images to its last round of answers."""
    rng = random.Random(seed)
    divided = pictures.divided(rng)
    held_back, coming = divided.held_back, divided.coming
    known: list[int] = []
    for label in pictures.labels:
        of_label = (at for at in coming if label in pictures.truths[at].labels)
        known += islice(of_label, FIRST_OF_EACH_LABEL)
    coming = [at for at in coming if at not in known]
    curve: Curve = []
    answers = 0
    for _ in range(ROUNDS):
        model = _trained(pictures, known)
        curve.append((answers, _accuracy(model, pictures, held_back)))
        chosen = [coming[place] for place in choose(_found(model, pictures, coming), rng)]
        answers += len(chosen)
        known += chosen
        coming = [at for at in coming if at not in chosen]
    return [*curve, (answers, _accuracy(_trained(pictures, known), pictures, held_back))]


def _trained(pictures: PictureSet, known: Sequence[int]) -> Classifier:
    embeddings, truths = pictures.features[known], _truths(pictures, known)
    return classifier.train(pictures.labels, embeddings, truths, embeddings[:0], truths[:0])


def _accuracy(model: Classifier, pictures: PictureSet, held_back: Sequence[int]) -> float:
    said = model.confidences(pictures.features[held_back]).argmax(axis=1)
    return float((said == _truths(pictures, held_back)).mean())


def _truths(pictures: PictureSet, numbers: Sequence[int]) -> npt.NDArray[np.intp]:
    of_label = {label: at for at, label in enumerate(pictures.labels)}
    truths = [of_label[pictures.truths[number].labels[0]] for number in numbers]
    return np.array(truths, dtype=np.intp)


def _found(model: Classifier, pictures: PictureSet, coming: Sequence[int]) -> list[Found]:
    return [
        [Label(name, 100 * share) for name, share in zip(model.labels, row, strict=True)]
        for row in model.confidences(pictures.features[coming]).tolist()
    ]


# --- The figures ----------------------------------------------------------------------------------


def _mean(curves: Sequence[Curve]) -> Curve:
    return [
        (
            round(statistics.fmean(answers for answers, _ in points)),
            statistics.fmean(accuracy for _, accuracy in points),
        )
        for points in zip(*curves, strict=True)
    ]


def _row(name: str, seed: int | str, curves: Mapping[str, Curve]) -> Row:
    selected = curves["selected"]
    return {
        "dataset": name,
        "seed": seed,
        "answers_ratio_to_random": _ratio(selected, curves["any image"]),
        "answers_ratio_to_random_doubtful": _ratio(selected, curves["any doubtful image"]),
        "curve": {
            choice: [(answers, round(accuracy, 4)) for answers, accuracy in curve]
            for choice, curve in curves.items()
        },
    }


def _ratio(curve: Curve, random_curve: Curve) -> float | None:
    """What share of the random choice's answers leads to where all of them lead; None if none."""
    all_answers, wanted = random_curve[-1]
    before_answers, before = curve[0]
    if before >= wanted:
        return 0.0
    for answers, accuracy in curve[1:]:
        if accuracy >= wanted:
            share = (wanted - before) / (accuracy - before)
            needed = before_answers + share * (answers - before_answers)
            return round(needed / all_answers, 2)
        before_answers, before = answers, accuracy
    return None


def _drawing(name: str, curves: Mapping[str, Curve]) -> str:
    points = [
        charts.Point(str(at[0][0]), tuple(accuracy for _, accuracy in at))
        for at in zip(*curves.values(), strict=True)
    ]
    series = list(zip(curves, ("v1", "v3", "v2"), strict=True))
    figures = table(
        ("answers", *curves),
        [(point.name, *(f"{value:.3f}" for value in point.values)) for point in points],
    )
    drawing = charts.course(points, series)
    return f'<h2>{name}</h2><div class="card">{drawing}{figures}</div>'
