"""What the stack's table and the service say about the model's versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from cli.failures import CommandError
from cli.stack import Stack

RUNNING = "RUNNING"
STARTING = "STARTING"
STOPPING = "STOPPING"
BILLED = {STARTING, RUNNING, STOPPING}
STARTABLE = {"TRAINING_COMPLETED", "STOPPED", "COPYING_COMPLETED", "FAILED", *BILLED}

_deserializer = TypeDeserializer()


@dataclass(frozen=True)
class Version:
    """A project version as the service describes it now."""

    name: str
    arn: str
    status: str
    message: str


def deployed(stack: Stack) -> Mapping[str, Any] | None:
    """The record of the version that serves; None before the first one does."""
    return _state(stack, "deployed")


def running_deployment(stack: Stack) -> str | None:
    """The execution that trains or deploys now."""
    lock = _state(stack, "training")
    if lock is None:
        return None
    states = stack.client("stepfunctions")
    try:
        status = states.describe_execution(executionArn=lock["owner"])["status"]
    except states.exceptions.ExecutionDoesNotExist:
        return None
    return str(lock["owner"]) if status == "RUNNING" else None


def records(stack: Stack) -> list[dict[str, Any]]:
    """What is known of every version, the newest first."""
    pages = (
        stack.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=stack.output("ModelVersionsTable"),
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": "version"}},
        )
    )
    found = [_plain(item) for page in pages for item in page["Items"]]
    return sorted(found, key=lambda record: int(record["number"]), reverse=True)


def versions(stack: Stack) -> list[Version]:
    """Every version that the service has, the newest first."""
    pages = (
        stack.client("rekognition")
        .get_paginator("describe_project_versions")
        .paginate(ProjectArn=stack.output("ProjectArn"))
    )
    return [
        Version(
            # …:project/<project>/version/<name>/<number>
            entry["ProjectVersionArn"].split("/")[-2],
            entry["ProjectVersionArn"],
            entry["Status"],
            entry.get("StatusMessage", ""),
        )
        for page in pages
        for entry in page["ProjectVersionDescriptions"]
    ]


def find(stack: Stack, name: str) -> Version:
    """The version of this name. Raises CommandError with the names that there are."""
    known = versions(stack)
    for version in known:
        if version.name == name:
            return version
    names = ", ".join(version.name for version in known[:5]) or "none yet"
    raise CommandError(f"The project has no version {name}. Its newest versions: {names}.")


def _state(stack: Stack, name: str) -> dict[str, Any] | None:
    answer = stack.client("dynamodb").get_item(
        TableName=stack.output("ModelVersionsTable"),
        Key={"kind": {"S": "state"}, "name": {"S": name}},
        ConsistentRead=True,
    )
    return _plain(answer["Item"]) if "Item" in answer else None


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _number_or(_deserializer.deserialize(value)) for name, value in item.items()}


def _number_or(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
