"""Human loops: an input, as many answers as the flow definition wants, an output in the bucket."""

import json
import threading
import urllib.parse
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.rekognition.service_error import ServiceError
from local.sagemaker.world import World

IN_PROGRESS = "InProgress"
ENDS = ("Completed", "Failed", "Stopped")

Json = dict[str, Any]


@dataclass
class Loop:
    """One human loop."""

    name: str
    arn: str
    flow: Json
    """The flow definition, as it was created."""
    content: Json
    created: float
    status: str = IN_PROGRESS
    reason: str | None = None
    answers: list[Json] = field(default_factory=list)
    output_uri: str | None = None

    @property
    def role_arn(self) -> str:
        """Under what role its image is read and its output written."""
        return str(self.flow["RoleArn"])


class HumanLoops:
    """The account's human loops. Threads may share them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loops: dict[str, Loop] = {}
        self._lock = threading.RLock()

    def start(self, request: Json, flow: Json, flow_arn: str) -> Json:
        """StartHumanLoop."""
        name = request["HumanLoopName"]
        try:
            content = json.loads(request["HumanLoopInput"]["InputContent"])
        except ValueError as error:
            raise ServiceError("ValidationException", f"InputContent: {error}", 400) from error
        with self._lock:
            before = self._loops.get(name)
            if before is None or before.status != IN_PROGRESS:
                arn = self._world.arn(f"human-loop/{name}")
                known = {**flow, "FlowDefinitionArn": flow_arn}
                self._loops[name] = Loop(name, arn, known, content, self._world.now())
            elif before.content != content or before.flow["FlowDefinitionArn"] != flow_arn:
                message = f"An active human loop of the name {name} has another input."
                raise ServiceError("ConflictException", message, 409)
            return {"HumanLoopArn": self._loops[name].arn}

    def describe(self, request: Json) -> Json:
        """DescribeHumanLoop."""
        with self._lock:
            loop = self._loops.get(request["HumanLoopName"])
        if loop is None:
            message = f"There is no human loop {request['HumanLoopName']}."
            raise ServiceError("ResourceNotFoundException", message, 404)
        return {
            "CreationTime": _iso(loop.created),
            "FlowDefinitionArn": loop.flow["FlowDefinitionArn"],
            "HumanLoopArn": loop.arn,
            "HumanLoopName": loop.name,
            "HumanLoopStatus": loop.status,
            **({"FailureReason": loop.reason} if loop.reason else {}),
            **({"HumanLoopOutput": {"OutputS3Uri": loop.output_uri}} if loop.output_uri else {}),
        }

    def summaries(self, request: Json) -> Json:
        """ListHumanLoops, on one page."""
        with self._lock:
            return {
                "HumanLoopSummaries": [
                    {
                        "HumanLoopName": loop.name,
                        "HumanLoopStatus": loop.status,
                        "CreationTime": _iso(loop.created),
                        "FlowDefinitionArn": loop.flow["FlowDefinitionArn"],
                    }
                    for loop in self._loops.values()
                    if loop.flow["FlowDefinitionArn"] == request["FlowDefinitionArn"]
                ]
            }

    def stop(self, request: Json) -> Json:
        """StopHumanLoop, which takes no time here."""
        try:
            self.end(request["HumanLoopName"], "Stopped", None)
        except LookupError as error:
            raise ServiceError("ResourceNotFoundException", str(error), 404) from error
        return {}

    def under_way(self, flow_arn: str) -> bool:
        """Whether a flow definition has loops that have not ended."""
        with self._lock:
            return any(
                loop.status == IN_PROGRESS and loop.flow["FlowDefinitionArn"] == flow_arn
                for loop in self._loops.values()
            )

    def listed(self) -> list[Json]:
        """Every loop: what it asks, and how far it is."""
        with self._lock:
            return [
                {
                    "name": loop.name,
                    "status": loop.status,
                    "input": loop.content,
                    "answers": len(loop.answers),
                    "wanted": loop.flow["HumanLoopConfig"]["TaskCount"],
                    "output": loop.output_uri,
                }
                for loop in self._loops.values()
            ]

    def answer(self, name: str, worker: str, content: Json) -> Json:
        """Take a worker's answer; with the last one, the loop is completed.

        Raises LookupError where the worker has no such task, PermissionError where the loop's role
        cannot show the image.
        """
        with self._lock:
            loop = self._open(name)
            if any(given["workerId"] == worker for given in loop.answers):
                raise LookupError(f"{worker} has answered {name} already")
            bucket, key = split_uri(str(loop.content["taskObject"]))
            self._world.read(loop.role_arn, bucket, key)
            moment = _iso(self._world.now())
            loop.answers.append(
                {
                    "acceptanceTime": moment,
                    "submissionTime": moment,
                    "timeSpentInSeconds": 1.0,
                    "answerContent": content,
                    "workerId": worker,
                    "workerMetadata": {
                        "identityData": {
                            "identityProviderType": "Cognito",
                            "issuer": f"https://cognito-idp.{self._world.region}.amazonaws.com/p",
                            "sub": worker,
                        }
                    },
                }
            )
            if len(loop.answers) == loop.flow["HumanLoopConfig"]["TaskCount"]:
                self._end(loop, "Completed", None)
            return {"status": loop.status, "answers": len(loop.answers)}

    def end(self, name: str, status: str, reason: str | None) -> Json:
        """End a loop without further answers. Raises LookupError where none is under way."""
        if status not in ENDS:
            raise LookupError(f"a loop ends as one of {', '.join(ENDS)}, not as {status}")
        with self._lock:
            loop = self._open(name)
            self._end(loop, status, reason)
            return {"status": loop.status, "answers": len(loop.answers)}

    def _open(self, name: str) -> Loop:
        loop = self._loops.get(name)
        if loop is None or loop.status != IN_PROGRESS:
            raise LookupError(f"no human loop {name} is under way")
        return loop

    def _end(self, loop: Loop, status: str, reason: str | None) -> None:
        if status == "Completed":
            self._write_output(loop)
        loop.status, loop.reason = status, reason
        self._world.emit(
            "SageMaker A2I HumanLoop Status Change",
            {
                "creationTime": _iso(loop.created),
                "failureCode": None,
                "failureReason": reason,
                "flowDefinitionArn": loop.flow["FlowDefinitionArn"],
                "humanLoopArn": loop.arn,
                "humanLoopName": loop.name,
                "humanLoopOutput": {"outputS3Uri": loop.output_uri},
                "humanLoopStatus": status,
            },
            [loop.arn],
        )

    def _write_output(self, loop: Loop) -> None:
        bucket, prefix = split_uri(loop.flow["OutputConfig"]["S3OutputPath"])
        moment = datetime.fromtimestamp(loop.created, UTC).strftime("%Y/%m/%d/%H/%M/%S")
        flow_name = loop.flow["FlowDefinitionName"]
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        key = f"{folder}{flow_name}/{moment}/{loop.name}/output.json"
        output = {
            "flowDefinitionArn": loop.flow["FlowDefinitionArn"],
            "humanAnswers": loop.answers,
            "humanLoopName": loop.name,
            "inputContent": loop.content,
        }
        self._world.write(loop.role_arn, bucket, key, json.dumps(output).encode())
        loop.output_uri = f"s3://{bucket}/{key}"


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 address."""
    parts = urllib.parse.urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
