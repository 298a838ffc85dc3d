"""Brings a stack its first model, as an operator would: labelled images, then a forced training."""

import io
import json
import random
from typing import Any

from labelloop.domain.annotations import Annotation, training_line
from labelloop_pages.machine_parts import LABELS, draw
from local.launch import LocalStack, wait_for

SIZE_PX = 224
TRAINING_TAKES_AT_MOST_S = 300.0
CREATED = "2026-11-21T09:15:27"


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


def serve_at_once(stack: LocalStack, images_per_label: int = 10) -> str:
    """A version that serves without the workflow, whose waiting takes real time on a real clock.

    What it was trained on, and that nobody has judged it, matters to no detection.
    """
    bucket, project = stack.outputs["BucketName"], stack.outputs["ProjectArn"]
    s3, rekognition, rng = stack.client("s3"), stack.client("rekognition"), random.Random(1)
    for kind in ("TRAIN", "TEST"):
        lines = []
        for label in LABELS:
            for number in range(images_per_label):
                key = f"at-once/{kind}/{label}/{number}.jpg"
                s3.put_object(Bucket=bucket, Key=key, Body=_jpeg(label, rng))
                annotation = Annotation.of_labels([label])
                lines.append(training_line(f"s3://{bucket}/{key}", annotation, CREATED))
        manifest = f"at-once/{kind}.manifest"
        s3.put_object(Bucket=bucket, Key=manifest, Body="\n".join(lines).encode())
        source = {"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Name": manifest}}}
        rekognition.create_dataset(ProjectArn=project, DatasetType=kind, DatasetSource=source)

    def datasets_are_ready() -> bool:
        (found,) = rekognition.describe_projects()["ProjectDescriptions"]
        return {each["Status"] for each in found["Datasets"]} == {"CREATE_COMPLETE"}

    wait_for(datasets_are_ready, "the datasets", TRAINING_TAKES_AT_MOST_S)
    arn: str = rekognition.create_project_version(
        ProjectArn=project, VersionName="at-once", OutputConfig={"S3Bucket": bucket}
    )["ProjectVersionArn"]

    def status_is(wanted: str) -> bool:
        answer = rekognition.describe_project_versions(ProjectArn=project)
        return bool(answer["ProjectVersionDescriptions"][0]["Status"] == wanted)

    wait_for(lambda: status_is("TRAINING_COMPLETED"), "the training", TRAINING_TAKES_AT_MOST_S)
    rekognition.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
    wait_for(lambda: status_is("RUNNING"), "the model", TRAINING_TAKES_AT_MOST_S)
    deployed = {"kind": "state", "name": "deployed", "version": "at-once", "version_arn": arn}
    stack.client("dynamodb").put_item(
        TableName=stack.outputs["ModelVersionsTable"],
        Item={name: {"S": value} for name, value in deployed.items()},
    )
    return "at-once"


def _jpeg(label: str, rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    draw(label, rng, SIZE_PX).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
