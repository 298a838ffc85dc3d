"""What the stack's table and the service say about the model's versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from labelloop.aws.items import from_item
from labelloop.clock import iso
from labelloop.domain.accuracy import Sample
from labelloop.domain.ceilings import ModelTime, day_of
from labelloop.domain.rejection import NoneAnswer
from labelloop.domain.sampling import LogCounts

from .failures import CommandError
from .stack import Stack, caller, deployment_parameter

RUNNING = "RUNNING"
STARTING = "STARTING"
STOPPING = "STOPPING"
BILLED = {STARTING, RUNNING, STOPPING}
UNIT_HOUR_USD = 4.00
"""What an inference unit costs an hour where the stack is older than InferenceUnitHourPrice."""
STARTABLE = {"TRAINING_COMPLETED", "STOPPED", "COPYING_COMPLETED", "FAILED", *BILLED}


@dataclass(frozen=True)
class Version:
    """A project version as the service describes it now."""

    name: str
    arn: str
    status: str
    message: str
    inference_units: int
    """With how many it runs, or would be started again."""
    summary: tuple[str, str] | None = None
    """The bucket and key of what its training's evaluation came to."""


def deployed(stack: Stack) -> Mapping[str, Any] | None:
    """The record of the version that serves; None before the first one does."""
    return _state(stack, "deployed")


def pause_hosting(stack: Stack) -> None:
    """Let nothing start the deployed model before somebody asks for it; note who wants that."""
    noted = {"by": {"S": caller(stack)}, "at": {"S": iso(stack.now())}}
    stack.client("dynamodb").put_item(
        TableName=stack.output("ModelVersionsTable"), Item={**_key("hosting_pause"), **noted}
    )


def resume_hosting(stack: Stack) -> None:
    """Let the deployed model be started and stopped as Model-Hosting says."""
    stack.client("dynamodb").delete_item(
        TableName=stack.output("ModelVersionsTable"), Key=_key("hosting_pause")
    )


def hosting_is_paused(stack: Stack) -> bool:
    """Whether somebody has stopped the deployed model by hand."""
    return _state(stack, "hosting_pause") is not None


def who_paused_hosting(stack: Stack) -> str:
    """Who has done so, and when, as far as that is known: in words, or nothing."""
    noted = _state(stack, "hosting_pause") or {}
    return f"by {noted['by']} at {noted['at']}" if noted.get("by") else ""


def asked_directly(stack: Stack) -> str | None:
    """When the deployed model was last asked without a record in the log; None for never."""
    at = (_state(stack, "asked_directly") or {}).get("at")
    return None if at is None else str(at)


def note_asked_directly(stack: Stack) -> str:
    """Note that it is asked so now, which is work all the same; when that is."""
    at = iso(stack.now())
    item = {**_key("asked_directly"), "at": {"S": at}}
    stack.client("dynamodb").put_item(TableName=stack.output("ModelVersionsTable"), Item=item)
    return at


def ran_for(stack: Stack, name: str) -> timedelta | None:
    """How long a version that runs has done so; None where nobody has seen it begin."""
    hosting = _state(stack, "hosting") or {}
    if hosting.get("version") != name or not hosting.get("running_since"):
        return None
    if hosting.get("stopped"):
        return None
    since: timedelta = stack.now() - datetime.fromisoformat(hosting["running_since"])
    return since


def hours_today(stack: Stack) -> float:
    """For how many hours models have run today (UTC), all of the project together."""
    values = _state(stack, "model_time")
    return ModelTime.from_json(values).hours_on(stack.now()) if values else 0.0


def api_images_today(stack: Stack) -> int:
    """How many images the API has counted today (UTC), blocks that were begun among them."""
    values = _item(stack, "images", day_of(stack.now()))
    return int(values["counted"]) if values else 0


def unit_hour_usd(stack: Stack) -> float:
    """What an inference unit costs an hour, as the stack was deployed with."""
    return float(deployment_parameter(stack, "InferenceUnitHourPrice") or UNIT_HOUR_USD)


def _key(name: str, kind: str = "state") -> dict[str, Any]:
    return {"kind": {"S": kind}, "name": {"S": name}}


def running_deployment(stack: Stack) -> str | None:
    """The execution that trains or deploys now."""
    execution, status = training_lock(stack)
    return execution if status == "RUNNING" else None


def training_lock(stack: Stack) -> tuple[str | None, str]:
    """The execution that holds the lock of trainings and deployments, and its status.

    A status of "GONE" is that of an execution which Step Functions has forgotten.
    """
    lock = _state(stack, "training")
    if lock is None:
        return None, ""
    states = stack.client("stepfunctions")
    try:
        described = states.describe_execution(executionArn=lock["owner"])
    except states.exceptions.ExecutionDoesNotExist:
        return str(lock["owner"]), "GONE"
    return str(lock["owner"]), str(described["status"])


def records(stack: Stack) -> list[dict[str, Any]]:
    """What is known of every version, the newest first."""
    return sorted(_all(stack, "version"), key=lambda record: int(record["number"]), reverse=True)


def samples(stack: Stack, name: str) -> list[Sample]:
    """What people's answers to sampled detections of a version say."""
    found = _all(stack, f"sample#{name}")
    return [Sample(tuple(item["labels"]), item["right"]) for item in found if "right" in item]


def log_counts(stack: Stack) -> LogCounts:
    """What the images were that sampling has passed; nothing where it never was switched on."""
    return LogCounts.from_json((_state(stack, "sampling") or {}).get("log", {}))


def counted_since_sample(stack: Stack) -> int:
    """How many detections sampling has counted since the last one that it took."""
    return int((_state(stack, "sampling") or {}).get("since_last", 0))


def none_answers(stack: Stack) -> list[NoneAnswer]:
    """What people's newest answers say of images that versions took for none of their labels."""
    found = _state(stack, "none_answers") or {"answers": []}
    return [NoneAnswer.from_json(entry) for entry in found["answers"]]


def versions(stack: Stack, project_arn: str | None = None) -> list[Version]:
    """Every version that the service has of the stack's or another project, the newest first."""
    pages = (
        stack.client("rekognition")
        .get_paginator("describe_project_versions")
        .paginate(ProjectArn=project_arn or stack.output("ProjectArn"))
    )
    return [
        Version(
            # …:project/<project>/version/<name>/<number>
            entry["ProjectVersionArn"].split("/")[-2],
            entry["ProjectVersionArn"],
            entry["Status"],
            entry.get("StatusMessage", ""),
            entry.get("MinInferenceUnits", 1),
            _place(entry.get("EvaluationResult", {}).get("Summary", {}).get("S3Object")),
        )
        for page in pages
        for entry in page["ProjectVersionDescriptions"]
    ]


def _place(s3_object: Mapping[str, str] | None) -> tuple[str, str] | None:
    return (s3_object["Bucket"], s3_object["Name"]) if s3_object else None


def record(stack: Stack, name: str) -> dict[str, Any]:
    """What is known of the version of this name; nothing is an empty record."""
    return next((record for record in records(stack) if record["name"] == name), {})


def verdict(judged: Mapping[str, Any], good: str) -> str:
    """What was found of a version that was judged, by its record; ``good`` is the word for good."""
    if judged.get("promote"):
        return good
    return "not compared" if judged.get("uncompared") else "rejected"


def find(stack: Stack, name: str) -> Version:
    """The version of this name. Raises CommandError with the names that there are."""
    known = versions(stack)
    for version in known:
        if version.name == name:
            return version
    names = ", ".join(version.name for version in known[:5]) or "none yet"
    raise CommandError(f"The project has no version {name}. Its newest versions: {names}.")


def _all(stack: Stack, kind: str) -> list[dict[str, Any]]:
    """Every item of a kind in the table of versions, by name."""
    pages = (
        stack.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=stack.output("ModelVersionsTable"),
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": kind}},
        )
    )
    return [from_item(item) for page in pages for item in page["Items"]]


def _state(stack: Stack, name: str) -> dict[str, Any] | None:
    return _item(stack, "state", name)


def _item(stack: Stack, kind: str, name: str) -> dict[str, Any] | None:
    answer = stack.client("dynamodb").get_item(
        TableName=stack.output("ModelVersionsTable"),
        Key=_key(name, kind),
        ConsistentRead=True,
    )
    return from_item(answer["Item"]) if "Item" in answer else None
