"""ResendWaiting: send the images round again that came while no model served.

Invoked by  statemachine/model_training.asl.yaml, state ``ResendWaiting``, when a model runs
Raises      ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; an image that is sent twice is recorded once
"""

import json

from labelloop.aws import detections, model_registry, queues
from labelloop.domain.messages import IMAGES_WAITING_ONCE
from labelloop.entrypoint import Strict, task


class Input(Strict):
    """Nothing: the log knows what waits."""


class Output(Strict):
    """How many images were sent."""

    resent: int


@task
def lambda_handler(_: Input) -> Output:
    """Give each waiting record's image back to the detection queue."""
    # Told again should it come to that again.
    model_registry.forget_telling(IMAGES_WAITING_ONCE)
    bodies = [_event(record) for record in detections.waiting()]
    queues.send_for_detection(bodies)
    return Output(resent=len(bodies))


def _event(record: detections.Record) -> str:
    """The event that brought the image, as far as detection reads it."""
    image = {
        "key": record["key"],
        "size": record["size_bytes"],
        "etag": record["etag"],
        "version-id": record.get("version_id"),
    }
    detail = {"bucket": {"name": record["bucket"]}, "object": image}
    return json.dumps({"source": "labelloop", "detail-type": "Image Waiting", "detail": detail})
