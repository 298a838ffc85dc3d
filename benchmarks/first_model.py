"""Brings a stack its first model, as an operator would: labelled images, then a forced training."""

import io
import json
import random
from typing import Any

from local.drawing import LABELS, draw
from local.launch import LocalStack, wait_for

SIZE_PX = 224
TRAINING_TAKES_AT_MOST_S = 300.0


def pictures(count: int, seed: int) -> list[bytes]:
    """That many different JPEG files of the drawn parts, the same for the same seed."""
    rng = random.Random(seed)
    return [_jpeg(LABELS[number % len(LABELS)], rng) for number in range(count)]


def deploy_first_model(stack: LocalStack, images_per_label: int = 10) -> str:
    """The version that serves in the end. Raises AssertionError when the workflow fails."""
    s3, rng = stack.client("s3"), random.Random(1)
    for label in LABELS:
        for number in range(images_per_label):
            s3.put_object(
                Bucket=stack.outputs["BucketName"],
                Key=f"images_labeled_by_folder/{label}/{number}.jpg",
                Body=_jpeg(label, rng),
            )
    stack.client("ssm").put_parameter(
        Name=f"{stack.outputs['ParameterPrefix']}Minimum-F1-Score",
        Value="0.00",  # whatever it has learnt will do here
        Type="String",
        Overwrite=True,
    )
    states = stack.client("stepfunctions")
    execution = states.start_execution(
        stateMachineArn=stack.outputs["ModelTrainingStateMachineArn"],
        input=json.dumps({"force": True}),
    )["executionArn"]

    def ended() -> dict[str, Any] | None:
        described: dict[str, Any] = states.describe_execution(executionArn=execution)
        return None if described["status"] == "RUNNING" else described

    end = wait_for(ended, "the first training", TRAINING_TAKES_AT_MOST_S)
    assert end is not None and end["status"] == "SUCCEEDED", end
    version: str = json.loads(end["output"])["prepared"]["version"]
    return version


def _jpeg(label: str, rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    draw(label, rng, SIZE_PX).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
