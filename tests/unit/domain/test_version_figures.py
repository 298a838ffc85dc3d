"""labelloop.domain.version_figures: of the test set and of what comes in."""

import pytest

from labelloop.domain import version_figures
from labelloop.domain.annotations import Annotation
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import Case
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.origins import GIVEN, Origin, Provenance, Stratum
from labelloop.domain.scoring import Metric
from tests.unit.domain.evaluated import figures


def _case(number: int, label: str, came: Provenance = GIVEN) -> Case:
    return Case(f"c{number}", Annotation.of_labels([label]), came)


def test_figures_are_told_for_the_test_set_and_for_what_comes_in() -> None:
    """The doubtful half of the test set is a tenth of what comes in."""
    doubted = Provenance(Origin.DOUBTFUL, "d", "v1", False, 1.0)
    sampled = Provenance(Origin.SAMPLED, "d", "v1", True, 0.01)
    cases = [_case(n, "cat", doubted if n < 10 else sampled) for n in range(20)]
    shares = {Stratum("v1", accepted=False): 100, Stratum("v1", accepted=True): 900}
    found = figures(cases, "d" * 10 + "c" * 10, shares)
    assert found.test_set.value == 0.5
    assert found.incoming
    assert found.incoming.value == pytest.approx(0.9)
    assert found.covers == 1.0
    assert found.accepted
    assert (found.accepted.value, found.accepted.images) == (1.0, 10)
    assert found.labels["cat"].images == 20
    assert found.incoming_labels["cat"].value == pytest.approx(0.9)
    assert found.in_all["recall"].value == 0.5
    assert found.in_all["precision"].value == 1.0
    told = found.as_json()
    (cat,) = told["labels"]
    assert cat["f1"]["value"] == told["f1"]["value"] == pytest.approx(2 / 3)
    assert cat["f1"]["low"] < cat["f1"]["value"] < cat["f1"]["high"]
    assert {name: one.as_json() for name, one in found.in_short().items()} == {
        name: told[name]
        for name in ("test_set", "incoming", "accepted", "f1", "precision", "recall")
    }


@pytest.mark.parametrize(
    ("metric", "figure"), [("f1", 7 / 12), ("precision", 0.75), ("recall", 0.5)]
)
def test_what_is_none_of_the_labels_is_left_out_where_a_version_is_the_first_to_know_it(
    metric: Metric, figure: float
) -> None:
    """As the service counts: what reaches its label's threshold, and the mean over the labels."""
    thresholds = {"cat": 0.5, "dog": 0.3, NONE_OF_THEM: 0.5}
    said = [
        ("cat", {"cat": 0.6, "dog": 0.3}),
        ("cat", {NONE_OF_THEM: 0.6, "cat": 0.4}),
        ("dog", {"cat": 0.4, "dog": 0.3, NONE_OF_THEM: 0.3}),
        ("dog", {NONE_OF_THEM: 0.9, "dog": 0.1}),
        (NONE_OF_THEM, {"cat": 0.9}),
        (NONE_OF_THEM, {NONE_OF_THEM: 0.9}),
    ]
    cases, answers = [], {}
    for number, (truth, confidences) in enumerate(said):
        cases.append(Case(str(number), Annotation.of_labels([truth]), GIVEN))
        findings = tuple(Finding(*each) for each in confidences.items())
        answers[str(number)] = Answer(str(number), findings, complete=True)
    found = version_figures.figure_without_none(cases, answers, thresholds, metric)
    assert found == pytest.approx(figure)


def test_a_stratum_without_a_test_image_is_named() -> None:
    doubted = Provenance(Origin.DOUBTFUL, "d", "v1", False, 1.0)
    shares = {Stratum("v1", accepted=False): 100, Stratum("v1", accepted=True): 900}
    found = figures([_case(1, "cat", doubted)], "c", shares)
    assert found.covers == pytest.approx(0.1)
    assert found.empty == {"accepted by v1": 0.9}
    nothing = figures([_case(1, "cat")], "c", shares)
    assert nothing.incoming is None
    assert nothing.empty == {"accepted by v1": 0.9, "doubted by v1": 0.1}
