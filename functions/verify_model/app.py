"""VerifyModel: prove a started version on a few of its own test images before it serves.

Invoked by  statemachine/model_training.asl.yaml, state ``VerifyModel``
Raises      ThrottledError, ModelNotReadyError, ServiceFailedError   retried by the state machine
            InconsistentError   caught: it runs, but does not do what its evaluation says
            NotFoundError       caught: somebody deleted the version, or its index
Idempotent  yes; it only reads
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from labelloop.aws import objects, rekognition
from labelloop.domain import verification
from labelloop.domain.annotations import ModelType
from labelloop.domain.images import ImageObject
from labelloop.domain.manifests import SplitImage
from labelloop.domain.pacing import Pace
from labelloop.domain.verification import Answer
from labelloop.entrypoint import Strict, task
from labelloop.errors import (
    InconsistentError,
    InvalidImageError,
    NotFoundError,
    ObjectUnreadableError,
)
from labelloop.services import paced_model, stored_evaluations, training_data


class Input(Strict):
    """The version that was started."""

    version: str
    version_arn: str


class Output(Strict):
    """On how many images it was tried."""

    tried: int


@task
def lambda_handler(request: Input) -> Output:
    """Let it look at test images spread over the labels; it must say what its evaluation says."""
    chosen = verification.choose(training_data.index(request.version))
    model_type = training_data.model_type()
    evaluated = _evaluation(rekognition.version(request.version), chosen, model_type)
    if evaluated.is_known:
        # What the service left out of its test is the image's fault, never the version's.
        chosen = [image for image in chosen if image.key in evaluated.expected]
    pace = Pace()
    answers = []
    for image in chosen:
        answer = _answer(request.version_arn, image, evaluated, model_type, pace)
        # What was deleted or replaced since says nothing about the model.
        if answer.is_as_expected or _is_as_it_was(image):
            answers.append(answer)
    problem = verification.complaint(answers)
    if problem:
        raise InconsistentError(f"Version {request.version} runs, but {problem}")
    return Output(tried=len(answers))


@dataclass(frozen=True)
class _Evaluation:
    """What a version's evaluation says of some images; nothing where there is none."""

    thresholds: Mapping[str, float] | None = None
    expected: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The labels that were found, by the image's key."""

    @property
    def is_known(self) -> bool:
        """Whether it says which images were tested."""
        return self.thresholds is not None


def _evaluation(
    version: rekognition.Version, chosen: list[SplitImage], model_type: ModelType
) -> _Evaluation:
    if version.summary is None or version.test_snapshot is None:
        return _Evaluation()
    wanted = {image.key for image in chosen}
    try:
        thresholds = stored_evaluations.summary(version).thresholds
        tested = stored_evaluations.tested(version, thresholds, model_type)
        found = ((image.key, image.labels) for image in tested if image.key in wanted)
        # The snapshot may be large: nothing is read behind the last of them.
        return _Evaluation(thresholds, dict(islice(found, len(wanted))))
    except NotFoundError:
        return _Evaluation()


def _answer(
    version_arn: str, image: SplitImage, evaluated: _Evaluation, model_type: ModelType, pace: Pace
) -> Answer:
    expected = evaluated.expected.get(image.key)
    try:
        # The thresholds are applied here, to what the evaluation was judged by.
        labels = paced_model.detect_everything(version_arn, _object(image), pace)
    except (InvalidImageError, ObjectUnreadableError) as error:
        return Answer(frozenset(), expected, refusal=str(error))
    return Answer(verification.found_labels(labels, model_type, evaluated.thresholds), expected)


def _is_as_it_was(image: SplitImage) -> bool:
    """Whether the object is still the one that the version was tested with."""
    try:
        return objects.latest(image.key).image.etag == image.etag
    except NotFoundError:
        return False


def _object(image: SplitImage) -> ImageObject:
    return ImageObject(objects.bucket(), image.key, None, image.etag, 0)
