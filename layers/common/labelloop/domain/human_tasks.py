"""What workers of Amazon A2I are asked: the input of a human loop, as the task templates read it.

The templates are beside ``functions/set_up_human_review``. Their elements and limits:
https://docs.aws.amazon.com/sagemaker/latest/dg/sms-ui-template-crowd-image-classifier.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.human_loops import NONE_OF_THE_ABOVE
from labelloop.domain.image_labels import Label
from labelloop.errors import InvalidRequestError

MOST_CATEGORIES = 10
"""As many as an element of a task template takes."""
UNAVAILABLE = "unavailable"
"""Stands where the ARN of a flow definition is, where A2I takes no new customers."""
_CLOSED = ("maintenance", "new customer", "existing customer", "not available", "no longer avail")


def is_closed(reason: str) -> bool:
    """Whether a refusal says that A2I is not there for this account, or not in this Region."""
    return any(words in reason.casefold() for words in _CLOSED)


def categories(labels: Sequence[str], model_type: ModelType) -> list[str]:
    """What a worker can choose: of one label, none of them too.

    Raises InvalidRequestError where there are none or too many.
    """
    none = [NONE_OF_THE_ABOVE] if model_type is ModelType.CLASSIFICATION else []
    if not labels:
        raise InvalidRequestError("There are no labels yet that a worker could choose.")
    most = MOST_CATEGORIES - len(none)
    if len(labels) > most:
        raise InvalidRequestError(
            f"A2I's page takes {most} labels for a {model_type} model, and there are {len(labels)}."
        )
    return [*labels, *none]


def initial_boxes(labels: Sequence[Label], size_px: tuple[int, int]) -> list[dict[str, Any]]:
    """The boxes that a worker begins with, in pixels of the image as it is shown."""
    width, height = size_px
    return [
        {
            "label": label.name,
            "left": round(box.left * width),
            "top": round(box.top * height),
            "width": round(box.width * width),
            "height": round(box.height * height),
        }
        for label in labels
        if label.box is not None
        for box in [label.box.inside()]
    ]


def input_content(
    record: DetectionRecord,
    shown_uri: str,
    choices: Sequence[str],
    found: Sequence[Label],
    boxes: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The input of a human loop; A2I writes it into its output, too."""
    return {
        "detection_id": record.detection_id,
        "image": f"s3://{record.bucket}/{record.key}",
        "version_id": record.version_id,
        "taskObject": shown_uri,
        "labels": list(choices),
        "suggestion": [label.shown().as_json() for label in found],
        "initialBoxes": list(boxes),
    }
