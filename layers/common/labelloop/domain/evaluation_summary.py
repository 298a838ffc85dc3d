"""A version's figures, from the summary file that the service writes of it.

https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/im-summary-file-api.html
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.domain.labels import composed
from labelloop.domain.scoring import Metric
from labelloop.errors import UNREADABLE, InconsistentError


@dataclass(frozen=True)
class LabelResult:
    """How well one label does on its test images; figures from 0 to 1."""

    label: str
    test_images: int
    f1: float
    precision: float
    recall: float
    assumed_threshold: float

    def figure(self, metric: str) -> float:
        """The figure of this name."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall}[metric]


@dataclass(frozen=True)
class Summary:
    """A version's figures, from 0 to 1."""

    f1: float
    precision: float
    recall: float
    train_images: int
    test_images: int
    labels: tuple[LabelResult, ...]

    def metric(self, name: Metric) -> float:
        """The figure of this name."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall}[name]

    @property
    def thresholds(self) -> dict[str, float]:
        """The confidence from which on each label counts as found."""
        return {result.label: result.assumed_threshold for result in self.labels}


def read_summary(body: bytes) -> Summary:
    """The figures in a summary file, in either of its documented forms.

    Raises InconsistentError when it is neither, or lacks a figure.
    """
    try:
        content = json.loads(body)
        details = content["EvaluationDetails"]
        aggregated = content["AggregatedEvaluationResults"]
        figures = aggregated.get("Metrics", aggregated)
        results = (_label_result(entry) for entry in content["LabelEvaluationResults"])
        return Summary(
            f1=_figure(figures, "F1Score"),
            precision=_figure(figures, "Precision"),
            recall=_figure(figures, "Recall"),
            train_images=int(details["NumberOfTrainingImages"]),
            test_images=int(details["NumberOfTestingImages"]),
            labels=tuple(result for result in results if result),
        )
    except UNREADABLE as error:
        raise InconsistentError(f"The evaluation summary cannot be read: {error!r}") from error


def _label_result(entry: Mapping[str, Any]) -> LabelResult | None:
    """A label's figures; None for a label without test images, which may have none."""
    test_images = int(entry["NumberOfTestingImages"])
    metrics = entry.get("Metrics") or {}
    if not test_images and metrics.get("F1Score") is None:
        return None
    return LabelResult(
        label=composed(str(entry["Label"])),
        test_images=test_images,
        f1=_figure(metrics, "F1Score", entry["Label"]),
        precision=_figure(metrics, "Precision", entry["Label"]),
        recall=_figure(metrics, "Recall", entry["Label"]),
        assumed_threshold=_figure(metrics, "Threshold", entry["Label"]),
    )


def _figure(figures: Mapping[str, Any], name: str, label: str | None = None) -> float:
    found = figures.get(name)
    if isinstance(found, int | float) and math.isfinite(found):
        return float(found)
    of_label = f" of the label {label}" if label else ""
    raise InconsistentError(
        f"The evaluation summary has no {name}{of_label}, so nobody can say how good the model is."
    )
