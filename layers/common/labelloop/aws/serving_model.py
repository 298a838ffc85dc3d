"""The model that serves, whichever version it is."""

from collections.abc import Sequence
from decimal import Decimal

from labelloop.aws import model_registry, rekognition
from labelloop.domain import rejection
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import Label
from labelloop.domain.images import ImageObject
from labelloop.errors import ModelNotReadyError, NotFoundError


def ask(image: ImageObject | bytes, model_type: ModelType) -> tuple[str | None, list[Label] | None]:
    """The version that serves, and its labels; None for them where it does not answer.

    Raises what ``rekognition.detect`` raises.
    """
    version: str | None = None
    # What was read lately may have been replaced and stopped: then what serves now is asked.
    for read_anew in (False, True):
        deployed = model_registry.deployed_lately(at_once=read_anew)
        if deployed is None:
            continue
        version = deployed.version
        try:
            return version, rekognition.detect(deployed.version_arn, image, model_type)
        except (ModelNotReadyError, NotFoundError):
            continue
    return version, None


def accepts_none(
    version: str, labels: Sequence[Label], model_type: ModelType, minimum_confidence_pct: Decimal
) -> bool:
    """Whether the version may take the image for none of its labels without anybody looking.

    What people have said so far is only read for an image that it takes for none.
    """
    return rejection.is_none(labels, model_type) and rejection.may_be_accepted(
        model_registry.none_answers_lately(), version, minimum_confidence_pct
    )
