"""ResendWaiting: send the images round again that came while no model served.

Invoked by  statemachine/model_training.asl.yaml, state ``ResendWaiting``, when a model runs
Raises      ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; an image that is sent twice is recorded once
"""

from labelloop.entrypoint import Strict, task
from labelloop.services import waiting_images


class Input(Strict):
    """Nothing: the log knows what waits."""


class Output(Strict):
    """How many images were sent."""

    resent: int


@task
def lambda_handler(_: Input) -> Output:
    """Give each waiting record's image back to the detection queue."""
    return Output(resent=waiting_images.send_round())
