"""labelloop.domain.metrics: the line that CloudWatch reads metrics from."""

import json
from datetime import UTC, datetime

import jsonschema
import pytest
from botocore.session import Session

from labelloop.domain.metrics import CATALOGUE, CONFIDENCE, DETECTIONS, F1, Metric, embedded

MOMENT = datetime(2026, 11, 21, 9, 15, 27, 500_000, UTC)
NAME = {"type": "string", "minLength": 1, "maxLength": 255}
UNITS = Session().get_service_model("cloudwatch").shape_for("StandardUnit").enum  # type: ignore[attr-defined]
SPECIFICATION = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": NAME,
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 9, "items": NAME},
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {"Name": NAME, "Unit": {"enum": UNITS}},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""What the CloudWatch user's guide says under "Specification: Embedded metric format"."""


def _document(values: dict[Metric, float], **dimensions: str) -> dict[str, object]:
    line = embedded("label-loop", values, dimensions, MOMENT)
    assert "\n" not in line
    document: dict[str, object] = json.loads(line)
    return document


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_each_metric_is_written_as_the_specification_wants(metric: Metric) -> None:
    dimensions = dict.fromkeys(metric.dimensions, "one of them")
    document = _document({metric: 1.5}, **dimensions)
    jsonschema.validate(document, SPECIFICATION)
    # What the directives name must be there, dimensions as texts and metrics as numbers.
    assert {name: document[name] for name in document if name != "_aws"} == {
        "Stack": "label-loop",
        **dimensions,
        metric.name: 1.5,
    }


def test_metrics_of_one_line_have_the_dimensions_that_are_theirs() -> None:
    document = _document({DETECTIONS: 1, CONFIDENCE: 96.5}, Outcome="confident")
    assert document == {
        "_aws": {
            "Timestamp": 1795252527500,
            "CloudWatchMetrics": [
                {
                    "Namespace": "LabelLoop",
                    "Dimensions": [["Stack", "Outcome"]],
                    "Metrics": [{"Name": "Detections", "Unit": "Count"}],
                },
                {
                    "Namespace": "LabelLoop",
                    "Dimensions": [["Stack"]],
                    "Metrics": [{"Name": "Confidence", "Unit": "Percent"}],
                },
            ],
        },
        "Stack": "label-loop",
        "Outcome": "confident",
        "Detections": 1,
        "Confidence": 96.5,
    }


def test_a_line_is_small() -> None:
    values: dict[Metric, float] = {DETECTIONS: 1, CONFIDENCE: 97.100006}
    assert len(embedded("label-loop", values, {"Outcome": "confident"}, MOMENT)) < 400


def test_names_are_told_apart() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)
    assert F1 in CATALOGUE
