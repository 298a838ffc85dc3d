"""What is measured, and the line of a log that CloudWatch reads it from.

The line is in CloudWatch's embedded metric format. It is made here and not by Powertools, whose
Metrics adds a dimension of its own and gives all metrics of a line the same ones: both make more
metrics, and each is billed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

NAMESPACE = "LabelLoop"
STACK = "Stack"
"""The dimension that every metric has: an account may have several stacks."""


@dataclass(frozen=True)
class Metric:
    """One thing that is measured."""

    name: str
    unit: Literal["Count", "Percent", "None"]
    """CloudWatch's word; it has none for hours and money."""
    meaning: str
    dimensions: tuple[str, ...] = ()
    """Beside the stack: there is a metric of this name for each of their values."""


DETECTIONS = Metric(
    "Detections",
    "Count",
    "Images whose outcome was recorded, each once; one that waited for a model counts as waiting, "
    "and again by what the model said.",
    ("Outcome",),
)
CONFIDENCE = Metric(
    "Confidence",
    "Percent",
    "The confidence of the label that decided, of each image in which something was found.",
)
REVIEWS_WAITING = Metric(
    "ReviewsWaiting",
    "Count",
    "Review tasks that are not finished, counted up to 10000; nothing where there are none.",
)
MODEL_RUNNING = Metric(
    "ModelRunning",
    "Count",
    "1 where the deployed model runs, else 0. It is the one that is always published, so that its "
    "silence tells that nobody looks after the model.",
)
MODEL_RUNNING_HOURS = Metric(
    "ModelRunningHours",
    "None",
    "Hours for which the deployed model has run without a break, where Model-Hosting is "
    "on-demand; nothing while it does not run, or shall run always.",
)
OTHER_MODELS_RUNNING = Metric(
    "OtherModelsRunning",
    "Count",
    "Models of the project that run beside the deployed one; nothing where there are none.",
)
MODEL_COST = Metric(
    "ModelCost",
    "None",
    "US dollars for two minutes of all models that run, at InferenceUnitHourPrice: its sum is "
    "about what they have cost; nothing while none runs.",
)
F1 = Metric(
    "F1",
    "None",
    "The F1 of each version that was evaluated, 0 to 1, with promoted or rejected as its verdict, "
    "and how many test images it rests on.",
    ("Version", "Verdict", "TestImages"),
)

CATALOGUE = (
    DETECTIONS,
    CONFIDENCE,
    REVIEWS_WAITING,
    MODEL_RUNNING,
    MODEL_RUNNING_HOURS,
    OTHER_MODELS_RUNNING,
    MODEL_COST,
    F1,
)


def embedded(
    stack: str, values: Mapping[Metric, float], dimensions: Mapping[str, str], moment: datetime
) -> str:
    """The values as one line in the embedded metric format.

    ``dimensions`` has a value for each dimension that one of the metrics has beside the stack.
    """
    directives: dict[tuple[str, ...], dict[str, Any]] = {}
    for metric in values:
        directive = directives.setdefault(
            metric.dimensions,
            {"Namespace": NAMESPACE, "Dimensions": [[STACK, *metric.dimensions]], "Metrics": []},
        )
        directive["Metrics"].append({"Name": metric.name, "Unit": metric.unit})
    document = {
        "_aws": {
            "Timestamp": round(moment.timestamp() * 1000),
            "CloudWatchMetrics": list(directives.values()),
        },
        STACK: stack,
        **dimensions,
        **{metric.name: value for metric, value in values.items()},
    }
    return json.dumps(document, separators=(",", ":"))
