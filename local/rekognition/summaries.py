"""Sums a model's evaluation up in the file that Custom Labels leaves; called by ``training``."""

from typing import Any

from labelvision.evaluation import Evaluation
from local.rekognition.snapshots import iso_time


def summary(
    evaluation: Evaluation,
    project_version_arn: str,
    ended_at: float,
    training_images: int,
    testing_images: int,
) -> dict[str, Any]:
    """The evaluation result summary file."""
    aggregated: dict[str, Any] = {
        "Precision": evaluation.precision,
        "Recall": evaluation.recall,
        "F1Score": evaluation.f1,
    }
    if evaluation.average_precision is not None:
        aggregated["AveragePrecision"] = evaluation.average_precision
        aggregated["AverageRecall"] = evaluation.average_recall
    if evaluation.confusion is not None:
        aggregated["ConfusionMatrix"] = [
            {"GroundTruthLabel": truth, "PredictedLabel": predicted, "Value": share}
            for (truth, predicted), share in evaluation.confusion.items()
        ]
    return {
        "Version": 1,
        "EvaluationDetails": {
            "ProjectVersionArn": project_version_arn,
            "EvaluationEndTimestamp": iso_time(ended_at),
            "Labels": list(evaluation.labels),
            "NumberOfTrainingImages": training_images,
            "NumberOfTestingImages": testing_images,
        },
        "AggregatedEvaluationResults": aggregated,
        "LabelEvaluationResults": [
            {
                "Label": result.label,
                "NumberOfTestingImages": result.test_images,
                "Metrics": {
                    "Threshold": result.threshold,
                    "Precision": result.precision,
                    "Recall": result.recall,
                    "F1Score": result.f1,
                },
            }
            for result in evaluation.tested
        ],
    }
