"""What functions write in the embedded metric format is in the embedded runtime's CloudWatch."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.services.embedded_metrics import Metrics
from tests.unit.local.conftest import TestRuntime

MOMENT = datetime(2026, 11, 21, 9, 15, 27, tzinfo=UTC)


def line(label: str, seconds: float, value: float) -> dict[str, Any]:
    """A line with two directives: one metric by label and one for all."""
    moment = MOMENT + timedelta(seconds=seconds)
    return {
        "_aws": {
            "Timestamp": int(moment.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Test",
                    "Dimensions": [["Label"]],
                    "Metrics": [{"Name": "Images", "Unit": "Count"}],
                },
                {"Namespace": "Test", "Dimensions": [[]], "Metrics": [{"Name": "Size"}]},
            ],
        },
        "Label": label,
        "Images": 1,
        "Size": value,
    }


def sums(runtime: TestRuntime, name: str, **dimensions: str) -> dict[str, float]:
    """What CloudWatch says of a metric in the hour from the moment."""
    answer = runtime.client("cloudwatch").get_metric_statistics(
        Namespace="Test",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=MOMENT,
        EndTime=MOMENT + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum", "Maximum", "SampleCount"],
    )
    found: list[dict[str, Any]] = answer["Datapoints"]
    return {
        statistic: point[statistic]
        for point in found
        for statistic in ("Sum", "Maximum", "SampleCount")
    }


@pytest.fixture
def measured(runtime: Any, eventually: Callable[..., Any]) -> Any:
    """A runtime one of whose functions has measured something."""
    runtime.client("logs").create_log_group(logGroupName="/aws/lambda/sample-measure")
    function = runtime.add_function("sample.measure")
    lines = [line("cat", 0, 2.0), line("dog", 10, 3.0), line("cat", 20, 4.0), {"message": "x"}]
    runtime.functions.invoke(function, json.dumps({"lines": lines}).encode())
    eventually(lambda: sums(runtime, "Size").get("SampleCount") == 3)
    yield runtime
    runtime.client("logs").delete_log_group(logGroupName="/aws/lambda/sample-measure")


def test_metrics_are_found_by_their_dimensions_and_all_told(measured: Any) -> None:
    assert sums(measured, "Images", Label="cat") == {"Sum": 2, "Maximum": 1, "SampleCount": 2}
    assert sums(measured, "Images", Label="dog")["Sum"] == 1
    assert sums(measured, "Size") == {"Sum": 9, "Maximum": 4, "SampleCount": 3}
    told = [entry for entry in Metrics().as_json() if entry["namespace"] == "Test"]
    cats, dogs, size = told
    assert cats == {
        "namespace": "Test",
        "name": "Images",
        "dimensions": {"Label": "cat"},
        "unit": "Count",
        "count": 2,
        "sum": 2.0,
        "last": 1.0,
        "last_time": "2026-11-21T09:15:47Z",
    }
    assert (dogs["count"], size["sum"], size["unit"]) == (1, 9.0, "None")


def test_a_function_that_may_not_write_logs_measures_nothing(runtime: Any) -> None:
    runtime.client("logs").create_log_group(logGroupName="/aws/lambda/mute")
    runtime.authorizer.refused.add("logs:PutLogEvents")
    function = runtime.add_function("sample.measure", name="mute")
    content = json.dumps({"lines": [line("bird", 0, 1.0)]}).encode()
    assert runtime.functions.invoke(function, content).error is None
    assert not sums(runtime, "Images", Label="bird")
