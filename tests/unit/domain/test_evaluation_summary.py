"""labelloop.domain.evaluation_summary: the service's summary file."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from labelloop.domain import evaluation_summary
from labelloop.domain.annotations import Annotation
from labelloop.errors import InconsistentError
from tests.unit.domain.evaluated import Json, read, snapshot_line

FIGURES = {"Precision": 0.97, "Recall": 0.96, "F1Score": 0.965}


def _summary_file(
    aggregated: Mapping[str, Any], metrics: Mapping[str, Any] | None = None, tests: int = 390
) -> bytes:
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
                    "NumberOfTestingImages": tests,
                    "Metrics": {**FIGURES, "Threshold": 0.014} if metrics is None else metrics,
                }
            ],
        }
    ).encode()


@pytest.mark.parametrize("aggregated", [{**FIGURES, "ConfusionMatrix": []}, {"Metrics": FIGURES}])
def test_a_summary_is_read_in_both_documented_forms(aggregated: Json) -> None:
    summary = evaluation_summary.read_summary(_summary_file(aggregated))
    assert (summary.f1, summary.precision, summary.recall) == (0.965, 0.97, 0.96)
    assert (summary.train_images, summary.test_images) == (5216, 624)
    (label,) = summary.labels
    assert (label.label, label.test_images, label.assumed_threshold) == ("CAP", 390, 0.014)
    assert [summary.metric(name) for name in ("f1", "precision", "recall")] == [0.965, 0.97, 0.96]
    assert summary.thresholds == {"CAP": 0.014}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"{", b"\xff"])
def test_a_summary_that_is_neither_is_said_to_be_unreadable(body: bytes) -> None:
    with pytest.raises(InconsistentError, match="cannot be read"):
        evaluation_summary.read_summary(body)


@pytest.mark.parametrize("missing", FIGURES)
@pytest.mark.parametrize("value", ["no value", None, math.nan, "0.9"])
def test_a_figure_that_is_missing_is_named(missing: str, value: Any) -> None:
    figures = {name: value for name, value in FIGURES.items() if name != missing}
    if value != "no value":
        figures[missing] = value
    with pytest.raises(InconsistentError, match=f"has no {missing},"):
        evaluation_summary.read_summary(_summary_file(figures))


def test_a_label_that_was_tested_needs_figures_and_one_that_was_not_needs_none() -> None:
    with pytest.raises(InconsistentError, match="no F1Score of the label CAP"):
        evaluation_summary.read_summary(_summary_file(FIGURES, {}))
    assert evaluation_summary.read_summary(_summary_file(FIGURES, {}, tests=0)).labels == ()


def test_08_one_label_in_two_unicode_forms() -> None:
    summary = evaluation_summary.read_summary(
        _summary_file(FIGURES).replace(b"CAP", b"Ka\\u0308fer")
    )
    assert summary.thresholds == {"K\u00e4fer": 0.014}
    (image,) = read([snapshot_line("s3://b/1.jpg", ["Ka\u0308fer"], [("Ka\u0308fer", 0.7)])])
    assert image.truth == Annotation.of_labels(["K\u00e4fer"])
    assert [finding.label for finding in image.found] == ["K\u00e4fer"]
