"""A stack as the command line sees it: moto's services, and a model and executions that stand in.

What stands in is a real client whose answers are made up, so that botocore checks each request.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeVar

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from cli.__main__ import main
from cli.stack import Stack
from labelloop.aws.items import to_item
from tests.unit.account import in_memory, make_queue, make_table

BUCKET = "the-bucket"
REGION = "us-east-1"
OPERATOR = "arn:aws:sts::123456789012:user/moto"
"""Who gives the commands."""
BILLED = ("STARTING", "RUNNING", "STOPPING")
PROJECT = "arn:aws:rekognition:us-east-1:123456789012:project/label-loop/1"
PREFIX = "/label-loop/"

Told = TypeVar("Told")
Answer = Callable[[dict[str, Any]], Mapping[str, Any] | None]


@cache
def client(service: str) -> Any:
    """Making a client takes long, so all tests share them; what they reach is each test's own."""
    return boto3.client(service)  # type: ignore[call-overload]


def answering(service: str, answers: Mapping[str, Answer]) -> Any:
    """A client that answers these operations so, and leaves all others to moto.

    An answer that raises ClientError is a refusal.
    """
    client = boto3.client(service)  # type: ignore[call-overload]
    asked = threading.local()

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.now = dict(params)

    def answer(model: Any, **_: Any) -> Any:
        if model.name not in answers:
            return None
        metadata = {"ResponseMetadata": {"HTTPStatusCode": 200}}
        try:
            parsed = answers[model.name](asked.now) or {}
        except ClientError as error:
            return SimpleNamespace(status_code=400), {**metadata, **error.response}
        return SimpleNamespace(status_code=200), {**metadata, **parsed}

    client.meta.events.register(f"provide-client-params.{service}", note)
    client.meta.events.register(f"before-call.{service}", answer)
    return client


def refused(code: str, message: str = "no") -> Answer:
    """An answer that is a refusal."""

    def refuse(_: dict[str, Any]) -> None:
        refusal: Any = {"Error": {"Code": code, "Message": message}}
        raise ClientError(refusal, "Any")

    return refuse


class Model:
    """Versions whose status moves one step each time it is asked for."""

    def __init__(self) -> None:
        self.coming: dict[str, list[str]] = {}
        self.elsewhere: dict[str, list[str]] = {}
        self.summaries: dict[str, str] = {}
        """The keys of what the versions' evaluations came to, in the stack's bucket."""
        self.starts: list[str] = []
        self.stops = 0
        self.room = 2
        """How many may run."""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        """The images that versions were shown, and how."""
        self.untagged: set[str] = set()
        """The ARNs of what the service has taken no tag for."""
        self.says: Callable[[str, dict[str, Any]], list[dict[str, Any]]] = lambda *_: []
        """The labels that a version gives for a request."""
        self.client = answering(
            "rekognition",
            {
                "DescribeProjects": self._projects,
                "DescribeProjectVersions": self._versions,
                "StartProjectVersion": self._start,
                "StopProjectVersion": self._stop,
                "DetectCustomLabels": self._detect,
                "ListTagsForResource": self._tags,
            },
        )

    def _projects(self, _: Any) -> Mapping[str, Any]:
        others = [PROJECT.replace("label-loop", name) for name in self.elsewhere]
        return {"ProjectDescriptions": [{"ProjectArn": arn} for arn in (PROJECT, *others)]}

    def _versions(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        """One version a page."""
        project = asked["ProjectArn"].split("/")[1]
        coming = self.coming if project == "label-loop" else {"v1": self.elsewhere[project]}
        place = int(asked.get("NextToken", "0"))
        names = list(coming)
        if place >= len(names):
            return {"ProjectVersionDescriptions": []}
        statuses = coming[names[place]]
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        arn = asked["ProjectArn"].replace("/1", f"/version/{names[place]}/2")
        entry: dict[str, Any] = {"ProjectVersionArn": arn, "Status": status, "MinInferenceUnits": 2}
        if names[place] in self.summaries:
            summary = {"Bucket": BUCKET, "Name": self.summaries[names[place]]}
            entry["EvaluationResult"] = {"Summary": {"S3Object": summary}}
        more = {"NextToken": str(place + 1)} if place + 1 < len(names) else {}
        return {"ProjectVersionDescriptions": [entry], **more}

    def _start(self, asked: dict[str, Any]) -> None:
        name = asked["ProjectVersionArn"].split("/")[-2]
        billed = [statuses[0] in BILLED for statuses in self.coming.values()]
        if self.coming[name][0] in BILLED:
            refused("ResourceInUseException", "not now")(asked)
        if sum(billed) + len(self.elsewhere) >= self.room:
            refused("LimitExceededException", "too many")(asked)
        self.starts.append(name)
        self.coming[name] = ["STARTING", "STARTING", "RUNNING"]

    def _detect(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        name = asked["ProjectVersionArn"].split("/")[-2]
        if self.coming[name][0] != "RUNNING":
            refused("ResourceNotReadyException", "not running")(asked)
        self.asked.append((name, asked))
        return {"CustomLabels": self.says(name, asked)}

    def _tags(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        arn = asked["ResourceArn"]
        return {"Tags": {} if arn in self.untagged else {"labelloop:stack": "label-loop"}}

    def _stop(self, asked: dict[str, Any]) -> None:
        self.stops += 1
        name = asked["ProjectVersionArn"].split("/")[-2]
        if self.coming[name][0] != "RUNNING":
            refused("ResourceInUseException", "not now")(asked)
        self.coming[name] = ["STOPPING", "STOPPING", "STOPPED"]


class Executions:
    """One execution that ends as it is told to."""

    def __init__(self) -> None:
        self.inputs: list[dict[str, Any]] = []
        """What each was begun with, but for who asked."""
        self.asked_by: list[str] = []
        self.coming: list[dict[str, Any]] = [{"status": "RUNNING"}, {"status": "SUCCEEDED"}]
        self.history: list[dict[str, Any]] = []
        self.begun: list[str] = []
        """The executions that are listed, the latest first."""
        self.began = datetime.now(UTC)
        self.without_history: set[str] = set()
        self.client = answering(
            "stepfunctions",
            {
                "StartExecution": self._start,
                "DescribeExecution": self._describe,
                "GetExecutionHistory": self._history,
                "ListExecutions": self._list,
            },
        )

    def _start(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        request = json.loads(asked["input"])
        if "asked_by" in request:
            self.asked_by.append(request.pop("asked_by"))
        self.inputs.append(request)
        return {"executionArn": f"{asked['stateMachineArn']}:1"}

    def _history(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        known = asked["executionArn"] not in self.without_history
        return {"events": self.history if known else []}

    def _list(self, _: dict[str, Any]) -> Mapping[str, Any]:
        began = {"startDate": self.began}
        return {"executions": [{"executionArn": arn, **began} for arn in self.begun]}

    def _describe(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        found = self.coming.pop(0) if len(self.coming) > 1 else self.coming[0]
        if found["status"] == "GONE":
            refused("ExecutionDoesNotExist")(asked)
        return {"executionArn": asked["executionArn"], **found}


class World:
    """A stack as the command line sees it."""

    def __init__(self, more_outputs: Mapping[str, str] | None = None) -> None:
        self.model = Model()
        self.executions = Executions()
        self.tables = client("dynamodb")
        self.queues = client("sqs")
        self.parameters = client("ssm")
        make_table("ModelVersionsTable", "versions", REGION)
        make_table("DetectionsTable", "detections", REGION)
        make_table("ReviewTasksTable", "tasks", REGION)
        urls = {name: make_queue(name, REGION) for name in ("d", "a", "e")}
        outputs = {
            "ProjectArn": PROJECT,
            "ParameterPrefix": PREFIX,
            "ModelVersionsTable": "versions",
            "DetectionsTable": "detections",
            "ReviewTasksTable": "tasks",
            "ModelTrainingStateMachineArn": "arn:machine",
            "ImageLabelingStateMachineArn": "arn:labeling",
            "HumanSamplingStateMachineArn": "arn:sampling",
            "DetectionDeadLetterQueueUrl": urls["d"],
            "AnswersDeadLetterQueueUrl": urls["a"],
            "UndeliveredEventsQueueUrl": urls["e"],
            **(more_outputs or {}),
        }
        self.stack = Stack("label-loop", outputs, self._client, look_every_s=0.0)

    def _client(self, service: str, **_: Any) -> Any:
        fakes = {"rekognition": self.model.client, "stepfunctions": self.executions.client}
        return fakes.get(service) or client(service)

    def put(self, table: str, **values: Any) -> None:
        self.tables.put_item(TableName=table, Item=to_item(values))

    def deploy(self, name: str, status: str) -> None:
        self.model.coming[name] = [status]
        self.put("versions", kind="version", name=name, number=len(self.model.coming))
        self.put("versions", kind="state", name="deployed", version=name, version_arn="arn:v")

    def ask(self, question: Callable[[], Told]) -> Told:
        """What a gateway says of this stack."""
        with self.stack.gateways():
            return question()

    def run(self, *words: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(main, list(words), obj=self.stack, input=answer)


@contextmanager
def aws_in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Moto's services, without anything of the developer's own settings."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with in_memory():
        yield


def error_of(result: Result) -> str:
    """The one line with which a command failed."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    line = result.stderr.strip().splitlines()[-1]
    assert result.stderr.count("Error:") == 1 and "Traceback" not in result.stderr
    return line
