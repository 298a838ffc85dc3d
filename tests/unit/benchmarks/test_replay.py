"""Loops are replayed by the product's rules; people's stand-in and the split keep to them, too."""

import random
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from benchmarks import promotion, replay
from benchmarks.pictures import versions
from benchmarks.pictures.sets import SCENE_PX, PictureSet
from benchmarks.replay import Loop, Variant, true_scores
from labelloop.domain import scoring
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import of_labels
from labelloop.domain.origins import Origin
from labelvision.feature_grid import CHANNELS, STRIDE_PX

LABELS = ("ash", "beech", "cedar")
USUAL, DRIFTED = 1800, 600


def clouds(model_type: ModelType = ModelType.CLASSIFICATION) -> PictureSet:
    """Pictures whose embeddings lie about one middle a label, and about another when they drift."""
    rng = np.random.default_rng(1)
    middles = rng.standard_normal((len(LABELS), 48))
    truths, features = [], []
    for number in range(USUAL + DRIFTED):
        shown = rng.choice(len(LABELS), 1 + (model_type is ModelType.MULTI_LABEL), replace=False)
        point = middles[shown].sum(axis=0) + 2.2 * rng.standard_normal(48)
        if number >= USUAL:
            point += 1.5
        features.append(point / np.linalg.norm(point))
        truths.append(Annotation.of_labels(LABELS[at] for at in shown))
    rows = np.array(features, dtype=np.float32)
    return PictureSet("clouds", model_type, LABELS, tuple(truths), rows, USUAL, 600)


def scenes(count: int) -> PictureSet:
    """Scenes whose cells show by their features what is there: one box each."""
    rng = np.random.default_rng(1)
    looks = rng.standard_normal((2, CHANNELS))
    columns, rows = SCENE_PX[0] // STRIDE_PX, SCENE_PX[1] // STRIDE_PX
    truths, features = [], []
    for _ in range(count):
        grid = rng.standard_normal((rows, columns, CHANNELS)).astype(np.float16)
        left, top, kind = rng.integers(0, columns - 9), rng.integers(0, rows - 7), rng.integers(2)
        grid[top : top + 7, left : left + 9] += looks[kind].astype(np.float16)
        # Where in the thing a cell lies shows, too.
        across, down = np.linspace(-2, 2, 9), np.linspace(-2, 2, 7)
        grid[top : top + 7, left : left + 9, :40] += across[None, :, None].astype(np.float16)
        grid[top : top + 7, left : left + 9, 40:80] += down[:, None, None].astype(np.float16)
        px = [int(cells) * STRIDE_PX for cells in (left, top, 9, 7)]
        truths.append(Annotation.of_boxes([Box(LABELS[kind], *px)], SCENE_PX))
        features.append(grid.reshape(-1, CHANNELS))
    return PictureSet(
        "scenes", ModelType.DETECTION, LABELS[:2], tuple(truths), np.stack(features), count, 20
    )


def rounds(loop: Loop, count: int = 2) -> Iterator[versions.Version]:
    loop.give()
    loop.split()
    champion = loop.train("v0", loop.training())
    for number in range(count):
        loop.come(number, champion)
        loop.split()
        yield champion


def test_a_division_gives_no_picture_twice() -> None:
    divided = clouds().divided(random.Random(1))
    parts = (
        divided.held_back,
        divided.held_back_drifted,
        divided.coming,
        divided.coming_drifted,
    )
    together = [number for part in parts for number in part]
    assert sorted(together) == list(range(USUAL + DRIFTED))
    assert (len(parts[0]), len(parts[1])) == (600, 200)
    assert max(divided.held_back + divided.coming) < USUAL


def test_sampled_answers_test_and_never_train() -> None:
    loop = Loop(clouds(), 1, Variant("sampled", interval=5))
    for _ in rounds(loop):
        came = {number: loop.came(number) for number in loop.taught}
        sampled = {number for number, one in came.items() if one.origin is Origin.SAMPLED}
        assert sampled
        assert sampled <= set(loop.testing())
        assert {came[number].chance for number in sampled} == {0.2}
        assert all(came[number].accepted for number in sampled)
        assert not set(loop.training()) & set(loop.testing())


def test_images_test_or_train_for_good() -> None:
    loop = Loop(clouds(), 1, Variant("sampled", interval=5))
    before: set[int] = set()
    for _ in rounds(loop, 3):
        assert before <= set(loop.testing())
        before = set(loop.testing())


def test_all_doubtful_images_are_asked_about_where_there_is_no_budget() -> None:
    loop = Loop(clouds(), 1, Variant("plain"))
    for champion in rounds(loop, 1):
        given = sum(loop.came(number).origin is Origin.GIVEN for number in loop.taught)
        doubted = [share for share in loop.log.items() if not share[0].accepted]
        assert sum(loop.log.values()) == replay.IMAGES_A_ROUND[ModelType.CLASSIFICATION]
        assert len(loop.taught) - given == sum(count for _, count in doubted)
        assert all(stratum.version == champion.name for stratum, _ in doubted)


def test_a_budget_is_kept_and_a_part_of_it_drawn_at_random() -> None:
    loop = Loop(clouds(), 1, Variant("budget", budget=20))
    for champion in rounds(loop, 1):
        origins = [loop.came(number).origin for number in loop.taught]
        assert origins.count(Origin.CHOSEN) + origins.count(Origin.DRAWN) == 20
        assert 0 < origins.count(Origin.DRAWN) < 12
        (doubtful,) = (count for stratum, count in loop.log.items() if not stratum.accepted)
        chances = {
            loop.came(number).chance
            for number in loop.taught
            if loop.came(number).origin is Origin.DRAWN
        }
        assert chances == {0.2 * 20 / doubtful}
        assert champion.name == "v0"


def test_so_many_answers_are_wrong() -> None:
    pictures = clouds()
    loop = Loop(pictures, 1, Variant("wrong answers", wrong_share=0.5))
    for _ in rounds(loop, 1):
        asked = [number for number in loop.taught if loop.came(number).origin is not Origin.GIVEN]
        wrong = sum(loop.taught[number] != pictures.truths[number] for number in asked)
        assert 0.3 < wrong / len(asked) < 0.7


@pytest.mark.parametrize("model_type", [ModelType.CLASSIFICATION, ModelType.MULTI_LABEL])
def test_whoever_is_wrong_says_something_else_that_can_be_trained_on(model_type: ModelType) -> None:
    pictures, rng = clouds(model_type), random.Random(1)
    for truth in pictures.truths[:50]:
        said = replay.wrong(truth, pictures, rng)
        assert said != truth
        assert set(said.labels) <= set(LABELS)
        assert said.labels


def test_whoever_is_wrong_about_boxes_errs_in_one_and_leaves_one() -> None:
    pictures, rng = scenes(30), random.Random(1)
    for truth in pictures.truths:
        said = replay.wrong(truth, pictures, rng)
        assert said != truth
        assert len(said.boxes) == 1


def test_a_detector_finds_the_boxes_of_scenes_by_their_features() -> None:
    pictures = scenes(90)
    training = {number: pictures.truths[number] for number in range(60)}
    testing = {number: pictures.truths[number] for number in range(60, 75)}
    version = versions.train("v1", pictures, training, testing)
    right = 0
    for number in range(75, 90):
        (said,) = version.says([number])
        surest = of_labels("", said, SCENE_PX, complete=True).findings[:1]
        right += sum(scoring.are_right(pictures.truths[number].boxes, surest))
    assert right >= 12


def test_a_version_says_all_its_labels_and_learned_from_what_it_was_taught() -> None:
    pictures = clouds()
    right = {number: pictures.truths[number] for number in range(200)}
    testing = {number: pictures.truths[number] for number in range(200, 260)}
    rng = random.Random(1)
    misled = {number: replay.wrong(said, pictures, rng) for number, said in right.items()}
    version = versions.train("v1", pictures, right, testing)
    worse = versions.train("v2", pictures, misled, testing)
    (said,) = version.says([300])
    assert {label.name for label in said} == set(LABELS)
    held_back = range(300, 600)
    assert true_scores(version, pictures, held_back).mean() > 0.6
    assert true_scores(worse, pictures, held_back).mean() < 0.3


def test_candidates_made_to_be_worse_never_serve() -> None:
    result = promotion.replay_loop(clouds(), 0)
    judged = result["judged"]
    worse = [each for each in judged if each["kind"] not in {"candidate", "after a rollback"}]
    assert len(worse) == 2 * replay.ROUNDS
    assert sum(each["true"] for each in worse) < 0
    own = [each for each in judged if each["kind"] == "candidate"]
    # What serves changes with the loop's own candidates alone.
    for before, after in pairwise(own):
        assert (before["champion"] != after["champion"]) == (
            before["promoted"] and before["true"] != 0
        )
    assert result["regret"] < min(result["regret_never"], result["regret_always"])
    # With its own candidates alone a loop loses little by promoting them all.
    assert result["regret_always_own"] < 0.5 * result["regret_always"]
