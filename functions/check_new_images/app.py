"""CheckNewImages: count the labelled images that no model has learnt from.

Invoked by  statemachine/model_training.asl.yaml, state ``CheckNewImages``
Raises      ThrottledError, ServiceFailedError   retried by the state machine
            ConfigurationError                   caught: the operator is told
Idempotent  yes; it only reads
"""

from labelloop.aws import objects, parameters, training_data
from labelloop.domain import manifests
from labelloop.entrypoint import Strict, task


class Input(Strict):
    """Whether the operator asked for this training, whatever is new."""

    force: bool


class Output(Strict):
    """Whether to train."""

    train: bool
    new_images: int
    images: int
    minimum: int


@task
def lambda_handler(request: Input) -> Output:
    """Compare what lies in the label folders with what the last model was trained on."""
    settings = parameters.settings()
    images = manifests.labelled_images(objects.listing(manifests.LABELLED_FOLDER))
    new = manifests.count_new(images, training_data.last_trained())
    wanted = request.force or (
        settings.automatic_training and new >= settings.minimum_untrained_images
    )
    return Output(
        train=wanted,
        new_images=new,
        images=len(images),
        minimum=settings.minimum_untrained_images,
    )
