"""labelloop.domain.doubt: how sure decisions are, on either side of thresholds that may be odd."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain.doubt import LIKELY, Calibration, Curve
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.labels import composed

SHARES = st.floats(0.001, 0.999)
CURVES = st.builds(Curve, SHARES, st.floats(0.02, 5), st.floats(-3, 3))
LOW, HIGH = Curve(0.014, 1.0, -0.4), Curve(0.98, 2.0, -0.4)
CALIBRATION = Calibration({"low": LOW, "high": HIGH}, Curve(0.5, 1.0, 0.0), 0.01)


def _box(name: str, pct: float, left: float, width: float = 0.2) -> Label:
    return Label(name, pct, LabelBox(left, 0.1, width, 0.2))


def test_at_every_threshold_the_chance_is_the_same_however_odd_it_is() -> None:
    assert LOW.chance(0.014) == pytest.approx(HIGH.chance(0.98))
    assert LOW.chance(0.05) > 0.6
    assert HIGH.chance(0.97) < 0.3


@given(CURVES, SHARES, SHARES)
def test_a_greater_confidence_never_means_a_smaller_chance(
    curve: Curve, one: float, other: float
) -> None:
    less, more = sorted((one, other))
    assert 0 <= curve.chance(less) <= curve.chance(more) <= 1


@given(CURVES)
def test_the_confidence_of_a_chance_has_that_chance(curve: Curve) -> None:
    confidence = curve.confidence(LIKELY)
    if 1e-6 < confidence < 1 - 1e-6:  # beyond, all confidences count as one
        assert curve.chance(confidence) == pytest.approx(LIKELY, rel=1e-3)


def test_confidences_of_nothing_and_of_everything_have_chances_too() -> None:
    assert 0 <= LOW.chance(0.0) < LOW.chance(1.0) <= 1


def test_what_is_found_and_what_may_be_there_are_told_apart_by_each_labels_own_threshold() -> None:
    look = CALIBRATION.look([Label("low", 2.0), Label("high", 97.0), Label("other", 49.0)])
    assert [label.name for label in look.found] == ["low"]
    assert [label.name for label in look.unsure] == ["other", "high"], "the likeliest first"
    assert [label.confidence_pct for label in look.unsure] == [49.0, 97.0]
    assert all(label.chance_pct is not None for label in (*look.found, *look.unsure))


def test_what_reaches_its_threshold_is_found() -> None:
    (found,), rest = CALIBRATION.sides([Label("low", 1.4)])
    assert (found, rest) == (Label("low", 1.4), [])


def test_what_is_hardly_there_is_neither_asked_for_nor_kept() -> None:
    least_pct = CALIBRATION.least_confidence_pct
    assert 0 < least_pct < 1.4
    labels = [Label("low", least_pct * 1.01), Label("low", least_pct * 0.99)]
    assert [label.confidence_pct for label in CALIBRATION.look(labels).unsure] == [
        pytest.approx(least_pct * 1.01)
    ]


def test_so_few_results_leave_something_open_on_either_side() -> None:
    (found,) = CALIBRATION.look([Label("low", 100.0)]).found
    assert found.chance_pct == pytest.approx(99, abs=0.1)


def test_a_box_around_what_was_found_is_no_other_thing() -> None:
    calibration = Calibration({"nut": Curve(0.5, 1.0, 0.0)}, Curve(0.5, 1.0, 0.0), 0.0)
    found, same, beside, other = (
        _box("nut", 80.0, 0.1),
        _box("nut", 40.0, 0.12),
        _box("nut", 40.0, 0.5),
        _box("bolt", 40.0, 0.1),
    )
    look = calibration.look([same, found, beside, other])
    assert [label.box for label in look.found] == [found.box]
    assert {(label.name, label.box) for label in look.unsure} == {
        ("nut", beside.box),
        ("bolt", other.box),
    }


@given(st.dictionaries(st.text().map(composed), CURVES, max_size=3), CURVES, st.floats(0, 0.3))
def test_what_is_kept_is_read_again(
    curves: dict[str, Curve], other: Curve, least_chance: float
) -> None:
    kept = Calibration(curves, other, least_chance)
    read = Calibration.from_json(json.loads(json.dumps(kept.as_json())))
    assert read.curves.keys() == kept.curves.keys()
    for name, curve in kept.curves.items():
        assert read.curves[name].threshold == curve.threshold
        assert math.isclose(read.curves[name].slope, curve.slope, abs_tol=1e-6)
        assert math.isclose(read.curves[name].shift, curve.shift, abs_tol=1e-6)


@pytest.mark.parametrize("content", [{}, {"labels": [], "other": [], "least_chance": 0}])
def test_what_is_no_calibration_is_refused(content: dict[str, object]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
        Calibration.from_json(content)
