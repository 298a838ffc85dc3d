"""All that there is of a stack at one moment, as the invariants look at it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.domain.detections import detection_id
from labelloop.domain.images import ImageObject
from tests.stack import Record, Stack

INTAKE = ("images_for_detection/", "images_to_label/")
"""The folders whose object versions each get a record."""
TRAINING = ("images_labeled_by_folder/", "images_imported/")
STANDARD = ("ModelTraining", "HumanSampling", "ImageLabeling", "ParameterChange")


@dataclass(frozen=True)
class World:
    """What the stack's services say."""

    came: Mapping[str, str]
    """Each object version that came in, by the name of its detection: its key."""
    records: Sequence[Record]
    tasks: Sequence[Record]
    answer_files: Sequence[str]
    training_images: Mapping[str, Mapping[str, str]]
    """The metadata of each image that may train, by key."""
    trained: Mapping[str, Sequence[Record]]
    """The lines of each version's index."""
    states: Mapping[str, Record]
    """What the registry knows beside versions and messages, by name."""
    told: Sequence[Record]
    """What the registry knows of the operator's messages."""
    versions: Mapping[str, str]
    """The service's word for each version."""
    executions: Sequence[Record]
    """All of Standard workflows."""
    mails: Sequence[Record]
    queued: Mapping[str, int]
    """The messages in each queue, hidden ones too."""
    busy: Mapping[str, int]

    @classmethod
    def of(cls, stack: Stack) -> "World":
        """The stack as it is now."""
        registry = stack._items("scan", TableName=stack.outputs["ModelVersionsTable"])
        deployed_versions = stack.keys("manifests/training/")
        return cls(
            came={name: key for prefix in INTAKE for name, key in _object_versions(stack, prefix)},
            records=stack.records(""),
            tasks=stack.tasks(),
            answer_files=stack.keys("a2i-human-loop-data/"),
            training_images={
                key: _metadata(stack, key) for prefix in TRAINING for key in stack.keys(prefix)
            },
            trained={
                key.split("/")[2]: [json.loads(line) for line in stack.read(key).splitlines()]
                for key in deployed_versions
                if key.endswith("/index.jsonl")
            },
            states={item["name"]: item for item in registry if item["kind"] == "state"},
            told=[item for item in registry if item["kind"] == "message"],
            versions=stack.model_statuses(),
            executions=list(_executions(stack)),
            mails=stack.local.control("GET", "mail"),
            queued=queued(stack),
            busy=stack.local.control("GET", "summary")["busy"],
        )


def queued(stack: Stack) -> dict[str, int]:
    """How many messages are in each of the stack's queues, hidden and delayed ones too."""
    sqs = stack.client("sqs")
    counts = ("", "NotVisible", "Delayed")
    names = [f"ApproximateNumberOfMessages{which}" for which in counts]
    return {
        url.rsplit("/", 1)[-1]: sum(
            int(count)
            for count in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)[
                "Attributes"
            ].values()
        )
        for url in sqs.list_queues(QueueNamePrefix=stack.local.name)["QueueUrls"]
    }


def running(stack: Stack) -> list[str]:
    """The Standard executions that have not ended."""
    steps = stack.client("stepfunctions")
    return [
        entry["executionArn"]
        for name in STANDARD
        for entry in steps.list_executions(
            stateMachineArn=stack.outputs[f"{name}StateMachineArn"], statusFilter="RUNNING"
        )["executions"]
    ]


def _object_versions(stack: Stack, prefix: str) -> Iterator[tuple[str, str]]:
    pages = (
        stack.client("s3")
        .get_paginator("list_object_versions")
        .paginate(Bucket=stack.bucket, Prefix=prefix)
    )
    for page in pages:
        for entry in page.get("Versions", ()):
            if not entry["Key"].endswith("/"):
                etag = entry["ETag"].strip('"')
                image = ImageObject(
                    stack.bucket, entry["Key"], entry["VersionId"], etag, entry["Size"]
                )
                yield detection_id(image), entry["Key"]


def _metadata(stack: Stack, key: str) -> Mapping[str, str]:
    answer = stack.client("s3").head_object(Bucket=stack.bucket, Key=key)
    metadata: Mapping[str, str] = answer["Metadata"]
    return metadata


def _executions(stack: Stack) -> Iterator[dict[str, Any]]:
    steps = stack.client("stepfunctions")
    for name in STANDARD:
        pages = steps.get_paginator("list_executions").paginate(
            stateMachineArn=stack.outputs[f"{name}StateMachineArn"]
        )
        for page in pages:
            for entry in page["executions"]:
                yield {**entry, "workflow": name}
