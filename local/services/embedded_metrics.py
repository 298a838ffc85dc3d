"""CloudWatch's embedded metric format: lines of functions' logs that become metrics.

As on AWS a function calls nothing for it: what it writes to a log that it may write to is read, and
kept in moto's CloudWatch, where GetMetricStatistics and GetMetricData find it. Callers:
``local/services/worker_log.py``, and ``local/doors/control.py`` for GET /_local/metrics.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from local.constants import ACCOUNT_ID, REGION

_MARK = '"CloudWatchMetrics"'


class Metrics:
    """The stack's metrics."""

    def __init__(self) -> None:
        self._backend = cloudwatch_backends[ACCOUNT_ID][REGION]

    def take(self, line: str) -> None:
        """Keep what a line of a log measures; any other line is passed over."""
        if _MARK not in line:
            return
        document = json.loads(line)
        # moto compares with times that have no zone.
        moment = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            data = list(_data(document, directive, moment.replace(tzinfo=None)))
            self._backend.put_metric_data(directive["Namespace"], data)

    def as_json(self) -> list[dict[str, Any]]:
        """What GET /_local/metrics says: each metric that was published, and what it came to."""
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for datum in list(self._backend.metric_data):
            dimensions = {dimension.name: dimension.value for dimension in datum.dimensions}
            key = (datum.namespace, datum.name, *sorted(dimensions.items()))
            entry = found.setdefault(
                key,
                {
                    "namespace": datum.namespace,
                    "name": datum.name,
                    "dimensions": dimensions,
                    "unit": datum.unit,
                    "count": 0,
                    "sum": 0.0,
                },
            )
            entry |= {
                "count": entry["count"] + 1,
                "sum": entry["sum"] + datum.value,
                "last": datum.value,
                "last_time": f"{datum.timestamp:%Y-%m-%dT%H:%M:%SZ}",
            }
        return [found[key] for key in sorted(found, key=str)]


def _data(
    document: Mapping[str, Any], directive: Mapping[str, Any], moment: datetime
) -> Iterator[dict[str, Any]]:
    """What PutMetricData would be asked to keep: each metric once for each set of dimensions."""
    for names in directive["Dimensions"]:
        dimensions = [{"Name": name, "Value": document[name]} for name in names]
        for metric in directive["Metrics"]:
            yield {
                "MetricName": metric["Name"],
                "Unit": metric.get("Unit", "None"),
                "Value": float(document[metric["Name"]]),
                "Timestamp": moment,
                "Dimensions": dimensions,
            }
