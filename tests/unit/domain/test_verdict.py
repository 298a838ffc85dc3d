"""labelloop.domain.verdict: who takes over, and why."""

import math
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import comparing, estimates, verdict
from labelloop.domain.annotations import ModelType
from labelloop.domain.comparison import Comparison, Difference
from labelloop.domain.estimates import Weighed
from labelloop.domain.verdict import Rules, Verdict
from tests.unit.domain.compared import cases, compare, party

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType


def _rules(metric: Any = "f1", improvement: str = "0.00", decides: Any = "first") -> Rules:
    return Rules(metric, Decimal("0.80"), Decimal(improvement), decides)


def _first(figure: float, metric: Any = "f1", model_type: ModelType = CLASSIFICATION) -> Verdict:
    own = estimates.mean([Weighed("", 1.0, value) for value in (1.0, 1.0, 1.0, 0.0)])
    return verdict.first(figure, own, _rules(metric), model_type)


def _against(
    compared: Comparison, figure: float = 0.9, *, attempt: int = 1, **rules: Any
) -> Verdict:
    return verdict.against_champion(
        figure, compared, _rules(**rules), CLASSIFICATION, attempt=attempt
    )


# --- The first model ------------------------------------------------------------------------------


@pytest.mark.parametrize(("f1", "promote"), [(0.8, True), (0.81, True), (0.79999, False)])
def test_without_a_champion_the_minimum_decides(f1: float, promote: bool) -> None:
    said = _first(f1)
    assert said.promote is promote
    assert said.reasons[1] == "No other model is deployed, so there is none to compare it with."


def test_the_figure_is_told_with_what_it_rests_on() -> None:
    assert _first(0.9).reasons[0] == (
        "Its F1 score of 0.90 reaches the minimum of 0.80. On its 4 test images it is right on "
        "75.0 % (95 %: 30.1 to 95.4)."
    )
    assert _first(0.79999, "recall", MULTI_LABEL).reasons[0] == (
        "Its recall of 0.79999 is under the minimum of 0.80. On its 4 test images the recall of "
        "its labels is 0.750 in the mean (95 %: 0.301 to 0.954)."
    )


def test_a_champion_that_somebody_deleted_does_not_serve() -> None:
    own = estimates.mean([Weighed("", 1.0, 1.0)])
    said = verdict.first(0.9, own, _rules(), CLASSIFICATION, "The deployed model v3 is gone")
    assert said.promote
    assert "The deployed model v3 is gone" in said.reasons[1]


# --- Where a model serves -------------------------------------------------------------------------


def test_a_better_model_takes_over_whatever_the_minimum() -> None:
    better = compare("+" * 20 + "-" * 20, "+" * 15 + "-" * 25)
    said = _against(better, 0.5)
    assert said.promote
    assert said.reasons[0] == (
        "Its F1 score of 0.50 is under the minimum of 0.80; where a model serves, the comparison "
        "with it decides."
    )
    assert "right on 50.0 % and the deployed model on 37.5 %" in said.reasons[1]
    assert "a difference of +12.5 points (95 %: " in said.reasons[1]


def test_a_better_model_under_the_minimum_does_not_where_the_minimum_always_decides() -> None:
    better = compare("+" * 40, "+" * 15 + "-" * 25)
    said = _against(better, 0.5, decides="always")
    assert not said.promote
    assert "which Minimum-Decides = always never allows" in said.reasons[0]
    assert _against(better, 0.8, decides="always").promote


@pytest.mark.parametrize("count", [3, 40, 400])
def test_a_worse_model_never_takes_over_even_with_few_images_and_above_the_minimum(
    count: int,
) -> None:
    said = _against(compare("+" * (count - 1) + "-", "+" * count), 0.95)
    assert not said.promote
    assert "less than the minimum improvement of 0.00" in said.reasons[2]


def test_how_often_the_rule_errs_is_told_where_it_does() -> None:
    few = _against(compare("+" * 12 + "-" * 8, "-" * 4 + "+" * 12 + "-" * 4))
    assert "5 points worse would pass" in few.reasons[2]
    many = compare("+" * 900 + "-" * 100, "+" * 890 + "-" * 110)
    assert "5 points worse" not in _against(many).reasons[2]


def test_as_good_as_the_champion_is_good_enough_by_default() -> None:
    same = compare("+" * 36 + "-" * 4, "+" * 36 + "-" * 4)
    assert _against(same).promote
    assert not _against(same, improvement="0.01").promote


def test_what_lies_under_the_minimum_for_sure_has_to_be_better() -> None:
    same = compare("+-" * 40, "+-" * 40)
    own = estimates.mean([Weighed("", 1.0, float(n % 2)) for n in range(80)])
    for improvement in ("0.00", "-0.50"):
        rules = _rules(improvement=improvement)
        said = verdict.against_champion(0.5, same, rules, CLASSIFICATION, own=own)
        assert not said.promote
        assert "it would have to be better" in said.reasons[-1]
    better = compare("+-" * 40 + "+", "+-" * 40 + "-")
    assert verdict.against_champion(0.5, better, _rules(), CLASSIFICATION, own=own).promote


def test_a_little_worse_is_promoted_only_where_the_operator_allows_it_and_chance_explains_it() -> (
    None
):
    little = compare("-" + "+" * 39, "+" * 40)
    assert not _against(little).promote
    assert _against(little, improvement="-0.10").promote
    surely = compare("-" * 12 + "+" * 28, "+" * 40)
    said = _against(surely, improvement="-0.90")
    assert not said.promote
    assert "It is worse, and that is no chance" in said.reasons[3]
    few = _against(compare("---++", "+++++"), improvement="-1.00")
    assert not few.promote
    assert "It is worse by its whole interval" in few.reasons[3]


def test_a_label_that_has_become_worse_for_sure_is_named_and_refused() -> None:
    images = [*cases(60), *cases(60, label="dog", first=60)]
    mine, theirs = "+" * 60 + "-" * 9 + "+" * 51, "-" * 20 + "+" * 100
    said = _against(compare(mine, theirs, images))
    assert not said.promote
    assert "It has become worse at 'dog'" in said.reasons[3]
    assert "worse on 9 and better on 0" in said.reasons[3]


def test_labels_that_were_not_compared_are_named() -> None:
    images = [*cases(10), *cases(4, label="hen", first=10)]
    compared = comparing.compare(
        images,
        party(images, "+" * 14, {"cat": 0.5, "dog": 0.5, "hen": 0.5}),
        party(images, "+" * 10 + "-" * 4),
        model_type=CLASSIFICATION,
    )
    assert _against(compared).reasons[-1] == "Labels that only it knows were not compared: 'hen'."


def test_what_could_not_be_compared_leaves_the_champion() -> None:
    nothing = compare("", "")
    assert not _against(nothing, 0.99).promote
    assert "no test image on which it could be compared" in _against(nothing, 0.99).reasons[1]
    said = verdict.against_champion(
        0.99, compare("+" * 10, "+" * 4), _rules(), CLASSIFICATION, is_complete=False
    )
    assert not said.promote
    assert "answers about 6 test images are missing" in said.reasons[1]


@given(st.integers(20, 200), st.data())
def test_a_gain_that_is_exactly_the_minimum_is_enough(shared: int, data: st.DataObject) -> None:
    """In binary fractions 0.7 - 0.6 is less than 0.1."""
    champion = data.draw(st.integers(0, shared))
    candidate = data.draw(st.integers(champion, shared))
    compared = compare(
        "+" * candidate + "-" * (shared - candidate), "+" * champion + "-" * (shared - champion)
    )
    gain = Decimal(candidate - champion) / shared
    for improvement in (Decimal("0.05"), Decimal("0.10"), Decimal("0.25")):
        assert _against(compared, improvement=str(improvement)).promote == (gain >= improvement)


@given(st.integers(1, 60), st.data())
def test_a_promoted_model_is_not_worse_and_every_reason_is_a_sentence(
    shared: int, data: st.DataObject
) -> None:
    results = st.text("+-", min_size=shared, max_size=shared)
    compared = compare(data.draw(results), data.draw(results))
    improvement = data.draw(st.sampled_from(["-1.00", "-0.10", "0.00", "0.10"]))
    said = _against(compared, improvement=improvement)
    assert all(reason.endswith(".") for reason in said.reasons)
    if said.promote:
        assert compared.decides.gain >= float(improvement) - 1e-9
        assert compared.decides.high >= 0 or float(improvement) >= 0


# --- Further candidates ---------------------------------------------------------------------------


def test_further_candidates_of_the_same_data_have_to_be_shown_better() -> None:
    compared = compare("+" * 22 + "-" * 18, "+" * 20 + "-" * 2 + "+" + "-" * 17)
    assert compared.decides.gain > 0
    needed = [verdict._needed(_rules(), attempt, compared.decides) for attempt in range(1, 6)]
    assert needed[0] == 0
    assert needed == sorted(needed)
    assert needed[1] == pytest.approx(1.959964 * compared.decides.std_error, rel=1e-4)
    assert _against(compared).promote
    said = _against(compared, attempt=2)
    assert not said.promote
    assert "as candidate 2 made of the same data" in said.reasons[2]


def test_of_many_further_candidates_that_are_no_better_few_pass_together() -> None:
    """Of ten that are as good as the champion 5 % may pass, all together."""
    rng = random.Random(3)
    levels = [verdict._needed(_rules(), attempt, _with_error(1.0)) for attempt in range(2, 12)]
    passed = sum(any(rng.gauss(0, 1) >= level for level in levels) for _ in range(4000))
    assert passed / 4000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)


def _with_error(error: float) -> Difference:
    nothing = estimates.mean([])
    return Difference(0.0, -1.0, 1.0, error, nothing, nothing, 0, 0)


# --- Whether to ask -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidate", "champion", "missing", "is_open"),
    [
        ("+-" * 20, "+-" * 20, 0, False),
        ("+-" * 20, "+-" * 20, 5, True),
        ("+" * 40, "-" * 40, 30, False),  # It could not change, whatever they are.
        ("+" * 40, "-" * 40, 50, True),  # They could all go the other way.
        ("-" * 40, "+" * 40, 30, False),
        ("+" * 20, "-" * 20, 5, True),  # Too few.
        ("+-" * 150, "+-" * 150, 500, False),  # More are never asked.
    ],
)
def test_the_champion_is_asked_where_that_could_change_the_verdict(
    candidate: str, champion: str, missing: int, is_open: bool
) -> None:
    compared = compare(candidate + "+" * missing, champion)
    assert compared.missing == missing
    assert verdict.is_open(0.9, compared, _rules()) is is_open


def test_nobody_is_asked_where_the_minimum_refuses_anyway() -> None:
    compared = compare("+-" * 20 + "+" * 5, "+-" * 20)
    assert verdict.is_open(0.5, compared, _rules())
    assert not verdict.is_open(0.5, compared, _rules(decides="always"))
