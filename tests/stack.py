"""A running stack as its users know it: what the tests share that need the whole application.

Everything goes through the doors that people have: S3, Parameter Store, DynamoDB, Step Functions,
Cognito and the review API. Only the operator's inbox and ordered failures come from the runtime.

Nothing here waits blindly: ``wait_for`` asks again until a deadline and says what it waited for.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import urllib3
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from cli.__main__ import main
from labelloop.clock import iso
from labelloop.domain.detections import detection_id, human_loop_name
from labelloop.domain.images import ImageObject
from local.clock import Clock
from local.launch import PATIENCE_S, ROOT, LocalStack, launch, wait_for
from local.people import add_person
from tests import images

OPERATOR_EMAIL = "operator@example.com"
CONSUMER_EMAIL = "consumer@example.com"
TIME_SCALE = 100
"""Leaves 5 s of SQS's patience: no message comes again while a slow machine works on it."""
REKOGNITION_SPEED = 15
"""Makes a training of half an hour 1.2 s, together with the time scale."""
PERMISSIONS_LOG = os.environ.get("PERMISSIONS_LOG", os.devnull)
"""Where every launched stack notes in the end which permissions were used, and what was refused."""
SETTINGS = {
    # Schedules run fast too: they do nothing that a test has not asked for.
    "Enable-Automatic-Training": "false",
    "Enable-Automatic-Human-Sampling": "false",
    # A model of few images gives a doubtful one 5 %, and never less than 25 % to the others.
    "Minimum-Label-Detection-Confidence": "15.0",
}

Record = Mapping[str, Any]
DAYS_TRIED = 5
_launched: list[Stack] = []


@dataclass(frozen=True)
class Uploaded:
    """One version of one object in the bucket."""

    key: str
    version_id: str
    detection_id: str
    """The name that its detection has in the log."""

    @property
    def task_id(self) -> str:
        """The name that its review task has, if there is one."""
        return human_loop_name(self.detection_id)


@dataclass(frozen=True)
class Execution:
    """An execution of a workflow that has ended."""

    arn: str
    status: str
    error: str | None
    cause: str | None
    states: tuple[str, ...]
    """The names of the states that it entered, in order."""


class Stack:
    """A deployed stack, and what its users do with it."""

    def __init__(self, local: LocalStack, time_scale: float) -> None:
        self.local = local
        self.endpoint = local.endpoint
        self.outputs = local.outputs
        self.bucket = local.outputs["BucketName"]
        self.time_scale = time_scale
        self._drawn = 0

    def client(self, service: str) -> Any:
        """The operator's client for a service."""
        return self.local.client(service)

    def labelloop(self, *words: str) -> Result:
        """What a ``labelloop`` command of the operator says."""
        options = ("--local", "--data-dir", str(self.local.data_dir))
        return CliRunner().invoke(main, [*words, *options])

    def physical_id(self, logical_id: str) -> str:
        """The name that a resource of the template has; of a queue, its URL."""
        resources = self.local.control("GET", "stack")["resources"]
        found: str = resources[logical_id]["physical_id"]
        return found

    # --- Images -----------------------------------------------------------------------------------

    def upload(self, key: str, content: bytes) -> Uploaded:
        """Put an object into the bucket."""
        answer = self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=content)
        version, etag = answer["VersionId"], answer["ETag"].strip('"')
        image = ImageObject(self.bucket, key, version, etag, len(content))
        return Uploaded(key, version, detection_id(image))

    def label(self, counts: Mapping[str, int], folder: str = "") -> list[Uploaded]:
        """Put that many new images under each label; the labels are those of ``tests.images``."""
        drawn = [
            (f"images_labeled_by_folder/{label}/{folder}{number}.jpg", images.draw(label, number))
            for label, count in counts.items()
            for number in self.numbers(count)
        ]
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(lambda file: self.upload(*file), drawn))

    def numbers(self, count: int) -> range:
        """Numbers that no image of this stack has had yet."""
        self._drawn += count
        return range(self._drawn - count, self._drawn)

    def new_image(self, label: str | None = None) -> bytes:
        """An image that the stack has not seen: of a label, or one that no model is sure of."""
        (number,) = self.numbers(1)
        return images.draw(label, number) if label else images.draw_doubtful(number)

    def detect(self, label: str | None = None, key: str | None = None) -> Uploaded:
        """Upload a new image for detection: of a label, or a doubtful one."""
        content = self.new_image(label)
        return self.upload(key or f"images_for_detection/{self._drawn - 1}.jpg", content)

    def keys(self, prefix: str) -> list[str]:
        """The keys in the bucket that begin so."""
        pages = (
            self.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.bucket, Prefix=prefix)
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def read(self, key: str) -> bytes:
        """The content of an object in the bucket."""
        content: bytes = self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def read_json(self, key: str) -> Any:
        """The content of a JSON object in the bucket."""
        return json.loads(self.read(key))

    # --- What is known ----------------------------------------------------------------------------

    def item(self, table: str, **key: str) -> Record:
        """An item of the table with that output name; empty when there is none."""
        answer = self.client("dynamodb").get_item(
            TableName=self.outputs[table],
            Key={name: {"S": value} for name, value in key.items()},
            ConsistentRead=True,
        )
        return _plain_item(answer.get("Item", {}))

    def record(self, upload: Uploaded) -> Record:
        """What the inference log says about an image; empty when it says nothing."""
        return self.item("DetectionsTable", detection_id=upload.detection_id)

    def records(self, prefix: str) -> list[Record]:
        """The inference log's records of the images whose keys begin so."""
        found = self._items("scan", TableName=self.outputs["DetectionsTable"])
        return [record for record in found if record["key"].startswith(prefix)]

    def task(self, upload: Uploaded) -> Record:
        """The review task about an image; empty when there is none."""
        return self.item("ReviewTasksTable", task_id=upload.task_id)

    def tasks(self) -> list[Record]:
        """Every review task."""
        found = self._items("scan", TableName=self.outputs["ReviewTasksTable"])
        # The table has the reviewers' figures, too.
        return [item for item in found if "detection_id" in item]

    def forget_tasks(self) -> None:
        """Remove every review task, so that nobody has to look through them for a new one."""
        for task in self.tasks():
            self.client("dynamodb").delete_item(
                TableName=self.outputs["ReviewTasksTable"], Key={"task_id": {"S": task["task_id"]}}
            )

    def versions(self) -> list[Record]:
        """What is known of every model version, the oldest first."""
        found = self._items(
            "query",
            TableName=self.outputs["ModelVersionsTable"],
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": "version"}},
        )
        return sorted(found, key=lambda version: int(version["number"]))

    def deployed(self) -> str | None:
        """The version that serves."""
        version: str | None = self.item("ModelVersionsTable", kind="state", name="deployed").get(
            "version"
        )
        return version

    def model_statuses(self) -> dict[str, str]:
        """The service's own word about each version of the project."""
        answer = self.client("rekognition").describe_project_versions(
            ProjectArn=self.outputs["ProjectArn"]
        )
        return {
            entry["ProjectVersionArn"].split("/")[3]: entry["Status"]
            for entry in answer["ProjectVersionDescriptions"]
        }

    def dataset_arns(self) -> set[str]:
        """The project's datasets."""
        answer = self.client("rekognition").describe_projects(ProjectNames=[self.local.name])
        (project,) = answer["ProjectDescriptions"]
        return {dataset["DatasetArn"] for dataset in project["Datasets"]}

    def raw_items(self, table: str) -> list[dict[str, Any]]:
        """Every item of the table with that output name, as DynamoDB has it."""
        return self._raw_items("scan", TableName=self.outputs[table])

    def _items(self, operation: str, **request: Any) -> list[Record]:
        return [_plain_item(item) for item in self._raw_items(operation, **request)]

    def _raw_items(self, operation: str, **request: Any) -> list[dict[str, Any]]:
        pages = self.client("dynamodb").get_paginator(operation).paginate(**request)
        return [item for page in pages for item in page["Items"]]

    # --- Messages ---------------------------------------------------------------------------------

    def operator_mails(self, kind: str | None = None) -> list[Record]:
        """The operator's e-mails, of one kind or all."""
        return [
            mail
            for mail in self.local.control("GET", "mail")
            if mail["topic"] == self.outputs["OperatorTopic"]
            and kind in {None, mail["attributes"]["kind"]}
        ]

    def measured(self, metric: str, statistic: str = "Sum", **dimensions: str) -> float:
        """What CloudWatch knows of one of the stack's metrics, over all time; 0 for nothing."""
        own = {"Stack": self.local.name, **dimensions}
        answer = self.client("cloudwatch").get_metric_statistics(
            Namespace="LabelLoop",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in own.items()],
            StartTime=datetime(2020, 1, 1, tzinfo=UTC),
            EndTime=datetime(2100, 1, 1, tzinfo=UTC),
            Period=100 * 365 * 86400,
            Statistics=[statistic],
        )
        return sum(float(point[statistic]) for point in answer["Datapoints"])

    def consumer_mails(self, upload: Uploaded) -> list[Record]:
        """The consumer's e-mails about an image."""
        return [
            mail
            for mail in self.local.control("GET", "mail")
            if mail["topic"] == self.outputs["ConsumerTopic"]
            and mail["attributes"]["detection_id"] == upload.detection_id
        ]

    # --- Parameters -------------------------------------------------------------------------------

    def parameter(self, name: str) -> str:
        """The value of one of the operator's parameters."""
        answer = self.client("ssm").get_parameter(Name=self.outputs["ParameterPrefix"] + name)
        value: str = answer["Parameter"]["Value"]
        return value

    def set_parameters(self, values: Mapping[str, str], wait: bool = True) -> None:
        """Change parameters, and wait for as long as a function may still know the old values."""
        for name, value in values.items():
            self.client("ssm").put_parameter(
                Name=self.outputs["ParameterPrefix"] + name, Value=value, Overwrite=True
            )
        if wait:
            self.leap(61)

    @contextlib.contextmanager
    def parameters(self, values: Mapping[str, str]) -> Iterator[None]:
        """Other values for the length of a block."""
        before = {name: self.parameter(name) for name in values}
        self.set_parameters(values)
        try:
            yield
        finally:
            self.set_parameters(before)

    @contextlib.contextmanager
    def sampling(self, interval: int) -> Iterator[None]:
        """Every so many detections sampled for the length of a block, none from before it.

        The schedule itself comes round once a month.
        """
        values = {
            "Enable-Automatic-Human-Sampling": "true",
            "Automatic-Human-Sampling-Frequency": "44640",
            "Human-Sampling-Interval": str(interval),
        }
        enabled = ("rate(44640 minutes)", "ENABLED")
        with self.parameters(values):
            wait_for(lambda: self.schedule("sampling") == enabled, "the schedule")
            yield

    def leave_model_alone(self) -> None:
        """Do what an operator does who wants no model started or stopped."""
        self.client("dynamodb").put_item(
            TableName=self.outputs["ModelVersionsTable"],
            Item={"kind": {"S": "state"}, "name": {"S": "hosting_pause"}},
        )
        self.disable("hosting")

    @contextlib.contextmanager
    def model_started_when_needed(self) -> Iterator[None]:
        """Do what an operator does who lets the model be started, for the length of a block."""
        pause = {"kind": {"S": "state"}, "name": {"S": "hosting_pause"}}
        table = self.outputs["ModelVersionsTable"]
        self.client("dynamodb").delete_item(TableName=table, Key=pause)
        try:
            yield
        finally:
            self.client("dynamodb").put_item(TableName=table, Item=pause)

    def schedule(self, name: str) -> tuple[str, str]:
        """Expression and state of the ``training`` or ``sampling`` schedule."""
        answer = self.client("scheduler").get_schedule(Name=f"{self.local.name}-{name}")
        return answer["ScheduleExpression"], answer["State"]

    def disable(self, name: str) -> None:
        """Let the schedule of this name start nothing by itself."""
        scheduler, name = self.client("scheduler"), f"{self.local.name}-{name}"
        known = scheduler.get_schedule(Name=name)
        wanted = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        scheduler.update_schedule(**{part: known[part] for part in wanted}, State="DISABLED")

    @contextlib.contextmanager
    def review_budget(self, budget: int) -> Iterator[None]:
        """So many questions a day for the length of a block, of which none has been asked."""
        with self.parameters({"Daily-Review-Budget": str(budget)}):
            self.begin_review_day("2999-01-01")
            yield
        self.client("dynamodb").delete_item(
            TableName=self.outputs["ModelVersionsTable"],
            Key={"kind": {"S": "state"}, "name": {"S": "review_day"}},
        )

    def begin_review_day(self, date: str) -> None:
        """Let a day begin that is later than any clock says: no midnight comes in between."""
        before = self.item("ModelVersionsTable", kind="state", name="review_day")
        self.client("dynamodb").put_item(
            TableName=self.outputs["ModelVersionsTable"],
            Item={
                "kind": {"S": "state"},
                "name": {"S": "review_day"},
                "date": {"S": date},
                "asked": {"L": []},
                "chosen": {"L": []},
                "revision": {"N": str(before.get("revision", -1) + 1)},
            },
        )

    # --- Workflows --------------------------------------------------------------------------------

    def start(self, workflow: str, request: Mapping[str, Any] | None = None) -> str:
        """Start a Standard workflow (``model_training``); the execution's ARN."""
        machine = "".join(word.title() for word in workflow.split("_"))
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs[f"{machine}StateMachineArn"],
            input=json.dumps(request or {}),
        )
        arn: str = answer["executionArn"]
        return arn

    def end_of(self, execution_arn: str) -> Execution:
        """Wait for an execution's end."""
        steps = self.client("stepfunctions")

        def ended() -> Any:
            answer = steps.describe_execution(executionArn=execution_arn)
            return None if answer["status"] == "RUNNING" else answer

        answer = wait_for(ended, f"the end of {execution_arn}")
        return Execution(
            execution_arn,
            answer["status"],
            answer.get("error"),
            answer.get("cause"),
            tuple(self.states(execution_arn)),
        )

    def states(self, execution_arn: str) -> list[str]:
        """The states that an execution has entered so far."""
        pages = (
            self.client("stepfunctions")
            .get_paginator("get_execution_history")
            .paginate(executionArn=execution_arn)
        )
        return [
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]

    def run(self, workflow: str, request: Mapping[str, Any] | None = None) -> Execution:
        """Start a Standard workflow and wait for its end."""
        return self.end_of(self.start(workflow, request))

    def run_express(self, workflow: str, event: Mapping[str, Any]) -> Record:
        """What StartSyncExecution answers about an Express workflow (``detection``)."""
        machine = "".join(word.title() for word in workflow.split("_"))
        answer: Record = self.client("stepfunctions").start_sync_execution(
            stateMachineArn=self.outputs[f"{machine}StateMachineArn"], input=json.dumps(event)
        )
        return answer

    def event(self, upload: Uploaded, size: int = 1000) -> dict[str, Any]:
        """S3's event about an upload, as far as the workflows read it."""
        content = {"key": upload.key, "size": size, "etag": "", "version-id": upload.version_id}
        return {"detail": {"bucket": {"name": self.bucket}, "object": content}}

    # --- Waiting ----------------------------------------------------------------------------------

    def now(self) -> datetime:
        """What the stack's own clock says."""
        path = self.local.data_dir / "stack.json"
        return Clock.from_env(json.loads(path.read_text(encoding="utf-8"))["clock"]).datetime()

    def spend_model_hours(self, ago: timedelta = timedelta()) -> None:
        """Let models have run for two hours today, or so long ago: more than a ceiling of one."""
        now = self.now() - ago
        item = {"day": f"{now:%Y-%m-%d}", "looked": iso(now), "kind": "state", "name": "model_time"}
        self.client("dynamodb").put_item(
            TableName=self.outputs["ModelVersionsTable"],
            Item={name: {"S": value} for name, value in item.items()}
            | {"seconds": {"N": "7200"}, "models": {"N": "0"}},
        )

    def leap(self, seconds: float) -> None:
        """Let that many of the stack's own seconds be over at once."""
        self.local.control("POST", "clock", {"leap_s": seconds})

    def sleep(self, seconds: float) -> None:
        """Let that many of the stack's own seconds pass, with all that happens meanwhile."""
        time.sleep(seconds / self.time_scale)

    def wait_for_record(
        self,
        upload: Uploaded,
        outcome: str | None = None,
        has: str | None = None,
    ) -> Record:
        """The record of an image, once it has that outcome and that attribute."""

        def found() -> Record:
            record = self.record(upload)
            fits = outcome in {None, record.get("outcome")} and (has is None or has in record)
            return record if fits else {}

        what = f"the record of {upload.key} with outcome {outcome or 'any'} and {has or 'no more'}"
        try:
            return wait_for(found, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the record is {self.record(upload)}") from error

    def wait_for_task(self, upload: Uploaded) -> Record:
        """The review task of an image, once there is one."""
        return wait_for(lambda: self.task(upload), f"the task of {upload.key}")

    def wait_for_mail(self, kind: str, about: str = "") -> list[Record]:
        """The operator's e-mails of a kind that name something, once there is one."""

        def found() -> list[Record]:
            return [mail for mail in self.operator_mails(kind) if about in mail["message"]]

        return wait_for(found, f"an e-mail of the kind {kind} about {about!r}")

    def wait_until_rests(self, function: str) -> None:
        """Wait until no invocation of a function is under way."""
        wait_for(
            lambda: function not in self.local.control("GET", "summary")["busy"],
            f"the end of {function}",
        )

    def wait_until_idle(self) -> None:
        """Wait until no event is on its way, no message in a queue and none being worked on."""
        urls = [self.physical_id(name) for name in ("DetectionQueue", "AnswersQueue")]
        sqs = self.client("sqs")
        counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")

        def idle() -> bool:
            return all(
                set(
                    sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(counts))[
                        "Attributes"
                    ].values()
                )
                == {"0"}
                for url in urls
            )

        def no_events() -> bool:
            return not self.local.control("GET", "summary")["events_underway"]

        # Each twice: what is worked on makes events, and those make messages.
        def stays_idle() -> bool:
            return no_events() and idle() and no_events() and idle()

        wait_for(stays_idle, "empty queues")

    # --- Failures ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def faults(self, *orders: Mapping[str, Any]) -> Iterator[None]:
        """Calls that fail as ordered for the length of a block."""
        self.local.control("PUT", "faults", list(orders))
        try:
            yield
        finally:
            self.local.control("DELETE", "faults")

    @contextlib.contextmanager
    def outcomes(self, *orders: Mapping[str, Any]) -> Iterator[None]:
        """Ends that the service's own work comes to, as ordered for the length of a block."""
        self.local.control("PUT", "rekognition", {"outcomes": list(orders)})
        try:
            yield
        finally:
            self.local.control("DELETE", "rekognition")

    def call(self, function: str, request: Mapping[str, Any]) -> Any:
        """What a function, given by its logical id, answers."""
        answer = self.client("lambda").invoke(
            FunctionName=self.physical_id(function), Payload=json.dumps(request).encode()
        )
        content = json.load(answer["Payload"])
        assert "FunctionError" not in answer, content
        return content

    def fire(self, schedule: str) -> Any:
        """Let a schedule, given by its logical id, run now."""
        return self.local.control("POST", f"schedules/{schedule}")

    # --- People -----------------------------------------------------------------------------------

    def add_person(self, group: str = "reviewers") -> tuple[str, str]:
        """User name and password of a new person of a group."""
        pool, cognito = self.outputs["UserPoolId"], self.client("cognito-idp")
        name = f"{secrets.token_hex(4)}@example.com"
        password = f"Aa1-{secrets.token_urlsafe(16)}"
        add_person(cognito, pool, name, password, *filter(None, [group]))
        return name, password

    def add_reviewer(self, group: str = "reviewers") -> Reviewer:
        """A new person of a group, signed in."""
        name, password = self.add_person(group)

        def sign_in() -> str:
            answer = self.client("cognito-idp").admin_initiate_auth(
                UserPoolId=self.outputs["UserPoolId"],
                ClientId=self.outputs["UserPoolClientId"],
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": name, "PASSWORD": password},
            )
            return str(answer["AuthenticationResult"]["IdToken"])

        return Reviewer(self.outputs["ApiUrl"], sign_in(), sign_in)


class Reviewer:
    """A signed-in person at the review API, who signs in again when a token has ended."""

    def __init__(self, api_url: str, token: str, sign_in: Callable[[], str] | None = None) -> None:
        self._api_url = api_url.rstrip("/")
        self._token = token
        self._sign_in = sign_in

    @property
    def sub(self) -> str:
        """What nobody can change of the person."""
        part = self._token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return str(claims["sub"])

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and content of the API's answer."""
        status, answer = self._ask(method, path, body)
        if status == 401 and self._sign_in is not None:
            self._token = self._sign_in()
            status, answer = self._ask(method, path, body)
        return status, answer

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        answer = urllib3.request(
            method,
            self._api_url + path,
            json=body,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=PATIENCE_S,
            retries=False,
        )
        return answer.status, json.loads(answer.data) if answer.data else None

    @property
    def token(self) -> str:
        """What opens the API."""
        return self._token

    def may_take(self) -> set[str]:
        """The names of the oldest tasks that the person may take now."""
        status, answer = self.ask("GET", "/review/tasks")
        assert status == 200, answer
        return {task["task_id"] for task in answer["tasks"]}

    def take(self, *but_not: str) -> Record | None:
        """The next task that is none of these; None when there is none."""
        status, answer = self.ask("POST", "/review/tasks/next", {"except": but_not})
        assert status in {200, 204}, answer
        return dict(answer["tasks"][0]) if answer else None

    def take_task(self, upload: Uploaded) -> Record:
        """Claim tasks until it is the one about this image; the others are given back."""
        others: list[str] = []

        def taken() -> Record:
            # Quickly: the leases of those that are in the way end in seconds.
            while (task := self.take(*others[-100:])) and task["task_id"] != upload.task_id:
                if task["task_id"] in others:
                    return {}
                others.append(task["task_id"])
            return task or {}

        try:
            return wait_for(taken, f"the task about {upload.key}")
        finally:
            for task_id in others:
                self.ask("POST", f"/review/tasks/{task_id}/release")

    def answer(self, upload: Uploaded, said: str | Mapping[str, Any] | None) -> Record:
        """Say what is in a claimed task's image: a label, None for none of them, or a body."""
        body = (
            {"none": True} if said is None else {"label": said} if isinstance(said, str) else said
        )
        status, answer = self.ask("POST", f"/review/tasks/{upload.task_id}/answer", body)
        assert status == 200, answer
        return dict(answer)

    def review(self, upload: Uploaded, said: str | Mapping[str, Any] | None) -> Record:
        """Take the task about an image and answer it."""
        self.take_task(upload)
        return self.answer(upload, said)

    def undo(self, upload: Uploaded) -> None:
        """Take an answer back, which claims the task again."""
        status, answer = self.ask("POST", f"/review/tasks/{upload.task_id}/undo")
        assert status == 200, answer


def on_one_day(test: Callable[..., None]) -> Callable[..., None]:
    """A test of what holds on one of the stack's days (UTC), which are minutes here.

    Where midnight came in between, it is begun anew.
    """

    @functools.wraps(test)
    def on_any_day(**fixtures: Any) -> None:
        (stack,) = (one for one in fixtures.values() if isinstance(one, Stack))
        for _ in range(DAYS_TRIED - 1):
            day = stack.now().date()
            try:
                return test(**fixtures)
            except Exception:
                if stack.now().date() == day:
                    raise
        return test(**fixtures)

    return on_any_day


@contextlib.contextmanager
def launched(
    *,
    time_scale: float = TIME_SCALE,
    parameters: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    hosting: bool = False,
    **options: Any,
) -> Iterator[Stack]:
    """A new stack for the length of a block.

    ``parameters`` are the deployment's, ``settings`` the operator's beside ``SETTINGS``. Unless
    ``hosting`` is asked for, the model is started and stopped by nobody but the test.
    """
    deployment = {"NotificationEmail": OPERATOR_EMAIL, "ConsumerEmail": CONSUMER_EMAIL}
    with launch(
        time_scale=time_scale,
        tps=100,
        parameters={**deployment, **(parameters or {})},
        environment={
            "LABELLOOP_REKOGNITION_SPEED": str(REKOGNITION_SPEED),
            "LABELLOOP_PERMISSIONS_LOG": PERMISSIONS_LOG,
            **(environment or {}),
        },
        **options,
    ) as local:
        stack = Stack(local, time_scale)
        stack.set_parameters({**SETTINGS, **(settings or {})}, wait=False)
        if not hosting:
            stack.leave_model_alone()
        _launched.append(stack)
        try:
            yield stack
        finally:
            _launched.remove(stack)


def with_little_time(folder: Path, stem: str) -> Path:
    """The template, but the function of this folder has a minute: it hands over what takes long."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    for code in ("functions", "layers", "statemachine"):
        (folder / code).symlink_to(ROOT / code)
    long, short = (f"/{stem}\n      Timeout: {seconds}\n" for seconds in (900, 60))
    assert long in text
    path = folder / "template.yaml"
    path.write_text(text.replace(long, short), encoding="utf-8")
    return path


def running() -> list[Stack]:
    """The stacks that are running now."""
    return list(_launched)


def refused(ask: Callable[[], Any]) -> str:
    """The code of the error that the call ends in."""
    try:
        ask()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    raise AssertionError("the call was not refused")


def train_first_model(stack: Stack, images_per_label: int = 8) -> str:
    """Let the stack train and deploy its first model; the version's name."""
    stack.label(dict.fromkeys(images.LABELS, images_per_label))
    execution = stack.run("model_training", {"force": True})
    version = stack.deployed()
    assert version, (execution, stack.operator_mails())
    return version


_deserialize = TypeDeserializer().deserialize


def _plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(_deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    """Numbers as Python's own, at any depth."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value
