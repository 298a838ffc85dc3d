"""labelloop.domain.evaluation: the service's files, and the verdict."""

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import evaluation
from labelloop.domain.evaluation import Comparison, Summary
from labelloop.errors import InconsistentError

FIGURES = {"Precision": 0.97, "Recall": 0.96, "F1Score": 0.965}


def _summary_file(aggregated: dict[str, Any]) -> bytes:
    """The example of the developer guide."""
    return json.dumps(
        {
            "Version": 1,
            "EvaluationDetails": {
                "ProjectVersionArn": "arn",
                "EvaluationEndTimestamp": "2019-11-21T07:30:23.910943",
                "Labels": ["CAP", "WATCH"],
                "NumberOfTrainingImages": 5216,
                "NumberOfTestingImages": 624,
            },
            "AggregatedEvaluationResults": aggregated,
            "LabelEvaluationResults": [
                {
                    "Label": "CAP",
                    "NumberOfTestingImages": 390,
                    "Metrics": {**FIGURES, "Threshold": 0.014},
                }
            ],
        }
    ).encode()


@pytest.mark.parametrize("aggregated", [{**FIGURES, "ConfusionMatrix": []}, {"Metrics": FIGURES}])
def test_a_summary_is_read_in_both_documented_forms(aggregated: dict[str, Any]) -> None:
    summary = evaluation.read_summary(_summary_file(aggregated))
    assert (summary.f1, summary.precision, summary.recall) == (0.965, 0.97, 0.96)
    assert (summary.train_images, summary.test_images) == (5216, 624)
    (label,) = summary.labels
    assert (label.label, label.test_images, label.assumed_threshold) == ("CAP", 390, 0.014)
    assert [summary.metric(name) for name in ("f1", "precision", "recall")] == [0.965, 0.97, 0.96]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", _summary_file({"F1Score": 1.0})])
def test_a_summary_that_is_neither_is_said_to_be_unreadable(body: bytes) -> None:
    with pytest.raises(InconsistentError):
        evaluation.read_summary(body)


def _line(source: str, truth: str, said: list[tuple[str, float]], suffix: str = "-0") -> bytes:
    entry: dict[str, Any] = {
        "source-ref": source,
        "rekognition-custom-labels-training-0": 1,
        "rekognition-custom-labels-training-0-metadata": {"class-name": truth, "confidence": 1.0},
    }
    for position, (label, confidence) in enumerate(said):
        name = "rekognition-custom-labels-evaluation" + (
            suffix if position == 0 else f"-{position}"
        )
        entry[name] = 1
        entry[f"{name}-metadata"] = {"class-name": label, "confidence": confidence}
    return json.dumps(entry).encode()


@pytest.mark.parametrize("suffix", ["-0", ""])
def test_a_snapshot_is_read_with_and_without_the_number_in_its_names(suffix: str) -> None:
    body = _line("s3://b/1.jpg", "cat", [("dog", 0.7)], suffix)
    images = evaluation.read_snapshot(body)
    assert images == {"s3://b/1.jpg": evaluation.TestedImage("s3://b/1.jpg", "cat", "dog", 0.7)}
    assert not images["s3://b/1.jpg"].correct


def test_the_label_with_the_most_confidence_is_what_the_model_said() -> None:
    body = _line("s3://b/1.jpg", "cat", [("dog", 0.2), ("cat", 0.7), ("cow", 0.1)])
    assert evaluation.read_snapshot(body)["s3://b/1.jpg"].predicted == "cat"


def test_a_label_of_ours_is_the_truth_where_the_services_own_is_missing() -> None:
    entry = json.loads(_line("s3://b/1.jpg", "cat", [("cat", 0.7)]))
    del entry["rekognition-custom-labels-training-0-metadata"]
    entry["label-metadata"] = {"class-name": "dog"}
    assert evaluation.read_snapshot(json.dumps(entry).encode())["s3://b/1.jpg"].truth == "dog"


def test_lines_without_label_or_evaluation_and_blank_lines_are_passed_over() -> None:
    body = b"\n".join(
        [b'{"source-ref": "s3://b/1.jpg"}', b"", _line("s3://b/2.jpg", "cat", []), b""]
    )
    assert evaluation.read_snapshot(body) == {}


def test_a_line_that_is_not_json_is_said_with_its_number() -> None:
    with pytest.raises(InconsistentError, match="Line 2"):
        evaluation.read_snapshot(b"{}\n{")


def _tested(results: str, truth: str = "cat") -> dict[str, evaluation.TestedImage]:
    """A snapshot of images of which the model got those with a + right."""
    return {
        str(i): evaluation.TestedImage(str(i), truth, truth if result == "+" else "wrong", 0.9)
        for i, result in enumerate(results)
    }


def test_models_are_compared_on_the_images_they_share_only() -> None:
    candidate, champion = _tested("++-+"), _tested("+-")
    assert evaluation.compare(candidate, champion) == Comparison(2, 1.0, 0.5, 1, 0)
    assert evaluation.compare(candidate, {}) == Comparison(0, 0.0, 0.0, 0, 0)


def test_an_image_whose_label_was_corrected_counts_by_the_candidates_label() -> None:
    candidate, champion = _tested("+", "dog"), _tested("+", "cat")
    assert evaluation.compare(candidate, champion).only_candidate_right == 1


@pytest.mark.parametrize(("wins", "losses"), [*itertools.product(range(7), range(7))])
def test_the_sign_test_counts_every_way_in_which_it_could_have_come(wins: int, losses: int) -> None:
    comparison = Comparison(100, 0.5, 0.5, wins, losses)
    ways = list(itertools.product((0, 1), repeat=wins + losses))
    as_bad = sum(sum(way) >= losses for way in ways)
    assert comparison.p_worse == pytest.approx(as_bad / len(ways))


@given(st.integers(0, 1500), st.integers(0, 1500))
def test_the_sign_test_is_a_probability_however_many_images(wins: int, losses: int) -> None:
    p_worse = Comparison(5000, 0.5, 0.5, wins, losses).p_worse
    assert 0.0 <= p_worse <= 1.0
    if losses == 0:
        assert p_worse == 1.0


def _summary(f1: float = 0.9) -> Summary:
    return Summary(f1, 0.95, 0.7, 100, 20, ())


def _judge(
    comparison: Comparison | None, f1: float = 0.9, improvement: str = "0.00", metric: Any = "f1"
) -> evaluation.Verdict:
    return evaluation.judge(_summary(f1), comparison, metric, Decimal("0.80"), Decimal(improvement))


@pytest.mark.parametrize(("f1", "promote"), [(0.8, True), (0.81, True), (0.79999, False)])
def test_without_a_champion_the_minimum_alone_decides(f1: float, promote: bool) -> None:
    verdict = _judge(None, f1)
    assert verdict.promote is promote
    assert "No model was deployed before" in verdict.reasons[1]


def test_the_chosen_metric_is_the_one_that_is_judged() -> None:
    verdict = _judge(None, metric="recall")
    assert not verdict.promote
    assert verdict.reasons[0] == "Its recall of 0.70 is under the minimum of 0.80."


def test_under_twenty_shared_images_the_minimum_alone_decides() -> None:
    worse = evaluation.compare(_tested("-" * 19), _tested("+" * 19))
    verdict = _judge(worse)
    assert verdict.promote
    assert "shares 19 test images" in verdict.reasons[1]


def test_with_twenty_shared_images_a_worse_model_is_never_promoted() -> None:
    worse = evaluation.compare(_tested("-" * 20), _tested("+" * 20))
    verdict = _judge(worse, improvement="-1.00")
    assert not verdict.promote
    assert "never promoted" in verdict.reasons[-1]


def test_as_good_as_the_champion_is_good_enough_by_default() -> None:
    same = evaluation.compare(_tested("+-" * 10), _tested("+-" * 10))
    assert _judge(same).promote
    assert not _judge(same, improvement="0.01").promote


def test_a_little_worse_is_promoted_only_where_the_operator_allows_it_and_chance_explains_it() -> (
    None
):
    little = evaluation.compare(_tested("-" + "+" * 19), _tested("+" * 20))
    assert not _judge(little).promote
    assert _judge(little, improvement="-0.10").promote


def test_a_good_comparison_does_not_help_a_model_under_the_minimum() -> None:
    better = evaluation.compare(_tested("+" * 20), _tested("-" * 20))
    assert not _judge(better, f1=0.5).promote


@given(st.integers(20, 200), st.data())
def test_a_gain_that_is_exactly_the_minimum_is_enough(shared: int, data: st.DataObject) -> None:
    """In binary fractions 0.7 - 0.6 is less than 0.1."""
    champion = data.draw(st.integers(0, shared))
    candidate = data.draw(st.integers(champion, shared))
    comparison = evaluation.compare(
        _tested("+" * candidate + "-" * (shared - candidate)),
        _tested("+" * champion + "-" * (shared - champion)),
    )
    gain = Decimal(candidate - champion) / shared
    for improvement in (Decimal("0.05"), Decimal("0.10"), Decimal("0.25")):
        assert _judge(comparison, improvement=str(improvement)).promote == (gain >= improvement)


@given(st.integers(20, 60), st.data())
def test_the_verdict_says_a_sentence_for_every_reason(shared: int, data: st.DataObject) -> None:
    results = st.text("+-", min_size=shared, max_size=shared)
    comparison = evaluation.compare(_tested(data.draw(results)), _tested(data.draw(results)))
    verdict = _judge(comparison)
    assert all(reason.endswith(".") for reason in verdict.reasons)
    assert verdict.comparison == comparison
    if verdict.promote:
        assert comparison.candidate_accuracy >= comparison.champion_accuracy
