"""The model that serves, whichever version it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from labelloop.aws import deployed_version, none_answers, rekognition
from labelloop.domain import rejection
from labelloop.domain.annotations import ModelType
from labelloop.domain.image_labels import Label
from labelloop.domain.images import ImageObject
from labelloop.errors import ModelNotReadyError, NotFoundError
from labelloop.services import version_doubt


@dataclass(frozen=True)
class Answer:
    """What the version that serves says of an image."""

    version: str | None
    """None before one was deployed."""
    labels: Sequence[Label] | None
    """What it found, or of a classification model all labels; None where it does not answer."""
    unsure: Sequence[Label] = ()
    """What it did not find, and may be there; the likeliest first."""
    complete: bool = False
    """Whether it was asked for that, so that these are all that are likely to be there."""


def ask(image: ImageObject | bytes, model_type: ModelType) -> Answer:
    """What the version that serves says of the image.

    A multi-label or detection model is asked for all that is likely, and its assumed thresholds are
    applied here; one of which no calibration is known applies them itself. Raises what
    ``rekognition.detect`` raises.
    """
    version: str | None = None
    # What was read lately may have been replaced and stopped: then what serves now is asked.
    for read_anew in (False, True):
        deployed = deployed_version.lately(at_once=read_anew)
        if deployed is None:
            continue
        version = deployed.version
        try:
            return _answer(deployed, image, model_type)
        except (ModelNotReadyError, NotFoundError):
            continue
    return Answer(version, None)


def _answer(
    deployed: deployed_version.Deployed, image: ImageObject | bytes, model_type: ModelType
) -> Answer:
    if model_type is ModelType.CLASSIFICATION:
        labels = rekognition.detect_everything(deployed.version_arn, image)
        return Answer(deployed.version, labels)
    calibration = version_doubt.calibration(deployed.version)
    if calibration is None:
        return Answer(deployed.version, rekognition.detect(deployed.version_arn, image, None))
    least_pct = calibration.least_confidence_pct
    look = calibration.look(rekognition.detect(deployed.version_arn, image, least_pct))
    return Answer(deployed.version, look.found, look.unsure, complete=True)


def accepts_none(
    version: str, labels: Sequence[Label], model_type: ModelType, minimum_confidence_pct: Decimal
) -> bool:
    """Whether the version may take the image for none of its labels without anybody looking.

    What people have said so far is only read for an image that it takes for none.
    """
    return rejection.is_none(labels, model_type) and rejection.may_be_accepted(
        none_answers.lately(), version, minimum_confidence_pct
    )
