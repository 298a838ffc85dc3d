"""Asking people about a detection, by whichever review backend the deployment has."""

from datetime import datetime

from labelloop.aws import detections, review_tasks
from labelloop.aws.wiring import wiring
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import Label, human_loop_name
from labelloop.domain.review_tasks import ReviewTask, suggestion
from labelloop.settings import Variable


def request(record: detections.Record, now: datetime) -> bool:
    """Ask people about the image of a record; False where they have been asked already."""
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    labels = [Label.from_json(entry) for entry in record.get("labels", [])]
    return review_tasks.create_once(
        ReviewTask(
            task_id=human_loop_name(record["detection_id"]),
            detection_id=record["detection_id"],
            bucket=record["bucket"],
            key=record["key"],
            version_id=record.get("version_id"),
            model_type=model_type,
            suggestion=suggestion(labels, model_type),
            wanted=wiring.whole_number(Variable.REVIEWERS_PER_IMAGE),
            created=now,
        ),
        now,
    )
