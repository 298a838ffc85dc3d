"""labelloop.domain.estimates: weighted means and how sure they are."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import estimates
from labelloop.domain.estimates import Weighed
from labelloop.domain.origins import GIVEN, Origin, Provenance, Stratum
from labelloop.domain.scoring import Counts

ACCEPTED, DOUBTED = Stratum("v1", accepted=True), Stratum("v1", accepted=False)
SAMPLED = Provenance(Origin.SAMPLED, "d", "v1", True, 0.01)
DOUBTFUL = Provenance(Origin.DOUBTFUL, "d", "v1", False, 1.0)
CHOSEN = Provenance(Origin.CHOSEN, "d", "v1", False)


def _plain(*values: float) -> list[Weighed]:
    return [Weighed("", 1.0, value) for value in values]


def test_a_stratum_weighs_what_it_has_of_the_log_however_many_images_it_has() -> None:
    images = [*[SAMPLED] * 10, *[DOUBTFUL] * 30, GIVEN, CHOSEN]
    found = estimates.of_incoming(images, {ACCEPTED: 600, DOUBTED: 400})
    assert sum(found.weights[:10]) == pytest.approx(0.6)
    assert sum(found.weights[10:40]) == pytest.approx(0.4)
    assert found.weights[40:] == (0, 0)
    assert (found.covers, found.empty) == (1.0, {})


def test_within_a_stratum_an_image_weighs_the_inverse_of_its_chance() -> None:
    often = Provenance(Origin.DRAWN, "d", "v1", False, 0.5)
    seldom = Provenance(Origin.SAMPLED, "d", "v1", False, 0.1)
    found = estimates.of_incoming([often, seldom], {DOUBTED: 7})
    assert found.weights[1] == pytest.approx(5 * found.weights[0])


def test_no_image_weighs_more_than_ten_times_the_mean() -> None:
    images = [SAMPLED, *[DOUBTFUL] * 99]
    found = estimates.of_incoming(images, {ACCEPTED: 900, DOUBTED: 100})
    assert found.weights[0] / found.weights[1] == pytest.approx(0.1 / (0.1 / 99))
    assert sum(found.weights) == pytest.approx(1)


def test_what_nobody_knows_of_is_named_and_not_stood_in_for() -> None:
    found = estimates.of_incoming([DOUBTFUL, GIVEN], {ACCEPTED: 900, DOUBTED: 100})
    assert found.weights == (1.0, 0.0)
    assert (found.covers, found.empty) == (0.1, {ACCEPTED: 0.9})
    assert estimates.of_incoming([DOUBTFUL], {}).weights == (0.0,)
    assert estimates.of_incoming([GIVEN], {ACCEPTED: 1}).empty == {ACCEPTED: 1.0}


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=50))
def test_the_effective_number_is_at_most_the_number(weights: list[float]) -> None:
    assert 1 - 1e-9 <= estimates.effective(weights) <= len(weights) + 1e-6


def test_images_of_equal_weight_count_whole() -> None:
    assert estimates.effective([0.2] * 5) == pytest.approx(5)
    assert estimates.effective([]) == 0


def test_a_share_has_wilsons_interval() -> None:
    """The handbook's example has 4 of 20."""
    estimate = estimates.mean(_plain(*[1.0] * 4, *[0.0] * 16))
    assert (estimate.value, estimate.images, estimate.effective_images) == (0.2, 20, 20)
    assert estimate.low == pytest.approx(0.08066, abs=1e-4)
    assert estimate.high == pytest.approx(0.41602, abs=1e-4)


def test_all_right_leaves_open_what_so_few_leave_open() -> None:
    estimate = estimates.mean(_plain(*[1.0] * 10))
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(0.7225, abs=1e-3)
    halves = estimates.mean(_plain(*[0.5] * 10))
    assert halves.low < 0.5 < halves.high


def test_of_nothing_everything_is_possible() -> None:
    nothing = estimates.mean([])
    assert (nothing.low, nothing.high, nothing.images) == (0.0, 1.0, 0)


def test_the_same_images_make_the_same_interval_in_any_order() -> None:
    rng = random.Random(1)
    images = [Weighed(rng.choice("ab"), 1.0, rng.random()) for _ in range(60)]
    shuffled = rng.sample(images, len(images))
    one, other = estimates.mean(images), estimates.mean(shuffled)
    assert one.value == pytest.approx(other.value)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.02)
    assert estimates.mean(images) == one


def test_images_are_drawn_within_their_strata() -> None:
    """Between strata there may be any difference: it is no error of the mean."""
    apart = [*[Weighed("a", 1.0, 0.1)] * 50, *[Weighed("b", 1.0, 0.9)] * 50]
    means = estimates.drawn(apart)
    assert estimates.std_error(means) == pytest.approx(0, abs=1e-12)
    together = [Weighed("", 1.0, image.value) for image in apart]
    assert estimates.std_error(estimates.drawn(together)) == pytest.approx(0.04, abs=0.004)


def test_an_image_that_is_alone_in_its_stratum_is_drawn_with_others() -> None:
    alone = [Weighed(str(number), 1.0, float(number % 2)) for number in range(20)]
    assert estimates.std_error(estimates.drawn(alone)) > 0.05


@pytest.mark.parametrize("count", [60, 600])
def test_the_interval_holds_the_true_mean_as_often_as_it_says(count: int) -> None:
    """Of 200 samples 95 % should; some three standard deviations around that are allowed."""
    rng = random.Random(count)
    held = 0
    for _ in range(200):
        images = [Weighed("", 1.0, float(rng.choice((-1, 0, 0, 0, 1)))) for _ in range(count)]
        low, high = estimates.interval(estimates.drawn(images))
        held += low <= 0 <= high
    assert 0.90 <= held / 200 <= 0.99


# --- F1, precision and recall ---------------------------------------------------------------------


def test_a_labels_precision_and_recall_have_wilsons_interval() -> None:
    counts = Counts(right=4, found=20, there=5)
    precision = estimates.of_counts(counts, "precision")
    assert (precision.value, precision.images) == (0.2, 20)
    assert (precision.low, precision.high) == pytest.approx((0.08066, 0.41602), abs=1e-4)
    assert estimates.of_counts(counts, "recall").value == 0.8


def test_a_labels_f1_lies_in_its_interval_and_near_1_leaves_open_what_few_leave_open() -> None:
    f1 = estimates.of_counts(Counts(right=4, found=6, there=5), "f1")
    assert f1.value == pytest.approx(8 / 11)
    assert 0 < f1.low < f1.value < f1.high < 1
    perfect = estimates.of_counts(Counts(3, 3, 3), "f1")
    assert (perfect.value, perfect.high) == (1, 1)
    assert perfect.low < 0.7
    assert estimates.of_counts(Counts(0, 0, 0), "f1").high == 1


def test_the_mean_over_labels_is_of_those_that_images_show() -> None:
    """Of "cog" none is shown: what it takes away shows in the recall of the others."""
    images = [
        {"nut": Counts(1, 1, 1)},
        {"nut": Counts(0, 0, 1), "cog": Counts(0, 1, 0)},
        {"bolt": Counts(1, 1, 1)},
    ]
    assert estimates.over_labels(images, "recall").value == pytest.approx((0.5 + 1) / 2)
    assert estimates.over_labels(images, "precision").value == 1
    assert estimates.over_labels(images, "f1").value == pytest.approx((2 / 3 + 1) / 2)
    assert estimates.over_labels([], "f1").high == 1


@pytest.mark.parametrize(("labels", "images", "right"), [(4, 15, 0.5), (4, 15, 0.9), (20, 10, 0.8)])
def test_the_interval_of_the_mean_f1_holds_it_as_often_as_it_says(
    labels: int, images: int, right: float
) -> None:
    """Of 200 samples 95 % should; a mistake is any of the other labels, so that the true F1 is
    the share that is right."""
    rng = random.Random(labels)
    held = 0
    for _ in range(200):
        sample = []
        for truth in range(labels):
            for _ in range(images):
                others = [other for other in range(labels) if other != truth]
                said = truth if rng.random() < right else rng.choice(others)
                sample.append(_taken_for(str(truth), str(said)))
        found = estimates.over_labels(sample, "f1")
        held += found.low <= right <= found.high
    assert 0.90 <= held / 200 <= 0.99


def test_an_image_with_many_boxes_says_more_than_one_with_few() -> None:
    few = estimates.over_labels([{"nut": Counts(1, 1, 1)}] * 5, "recall")
    many = estimates.over_labels([{"nut": Counts(10, 10, 10)}] * 5, "recall")
    assert few.value == many.value == 1
    assert few.low < many.low < 1


def _taken_for(truth: str, said: str) -> dict[str, Counts]:
    if truth == said:
        return {truth: Counts(1, 1, 1)}
    return {truth: Counts(0, 0, 1), said: Counts(0, 1, 0)}
