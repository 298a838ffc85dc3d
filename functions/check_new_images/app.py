"""CheckNewImages: count the labelled images that no model has learnt from.

Invoked by  statemachine/model_training.asl.yaml, state ``CheckNewImages``
Raises      ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; it notes what it saw, and the same again changes nothing
"""

from labelloop.aws import last_look, model_versions, parameters, training_lock
from labelloop.domain import inventory, manifests
from labelloop.domain.last_look import Look
from labelloop.domain.listed import Listed
from labelloop.domain.model_versions import last_trained
from labelloop.domain.parameters import OperatorSettings
from labelloop.entrypoint import Strict, task
from labelloop.services import training_data


class Input(Strict):
    """Whether the operator asked for this training, whatever is new."""

    force: bool


class Output(Strict):
    """Whether to train, and what has changed since the last training that succeeded."""

    train: bool
    locked: bool
    """Whether a training or deployment goes on, or died."""
    new_images: int
    images: int
    minimum: int
    digest: str


@task
def lambda_handler(request: Input) -> Output:
    """Compare what lies in the folders with what the last model was trained on.

    What lies there as it did at the last look is not compared again.
    """
    settings = parameters.settings()
    listed, files = training_data.images(), training_data.imported_manifests()
    if not settings.train_none_of_the_above:
        listed = inventory.without_nones(listed)
    of_sampled = "sampled ones train" if settings.train_on_sampled_answers else ""
    digest = training_data.digest(listed, files, of_sampled)
    since = last_trained(model_versions.known())
    look = last_look.read()
    if look is None or (look.digest, look.since) != (digest, since):
        look = _look(listed, files, digest, since, settings)
        last_look.note(look)
    enough = look.changes.total >= settings.minimum_untrained_images
    return Output(
        train=request.force or (settings.automatic_training and enough and not look.settled),
        locked=training_lock.read() is not None,
        new_images=look.changes.total,
        images=look.images,
        minimum=settings.minimum_untrained_images,
        digest=digest,
    )


def _look(
    listed: list[Listed],
    files: list[Listed],
    digest: str,
    since: str | None,
    settings: OperatorSettings,
) -> Look:
    """What has changed. Sampled images do not count where they only test: they teach nothing."""
    lines, _ = training_data.imported_lines(files)
    now = inventory.seen_now(listed, lines, training_data.model_type())

    def counts(key: str) -> bool:
        return settings.train_on_sampled_answers or not manifests.is_sampled(key)

    changes = manifests.changes(
        {key: seen for key, seen in now.items() if counts(key)},
        ((key, seen) for key, seen in training_data.seen_by(since) if counts(key)),
    )
    return Look(digest, since, changes, len(now))
