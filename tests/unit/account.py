"""An AWS account in memory: moto, the template's own tables, and the Rekognition emulator.

Its fixtures are for the tests of gateways and functions. Rekognition is answered on the wire, so
that botocore checks each request and parses each answer as it does on AWS.
"""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from moto import mock_aws
from moto.core.config import default_user_config
from moto.core.models import botocore_stubber
from moto.core.utils import utcnow
from moto.dynamodb.models import dynamodb_backends
from moto.s3 import models as s3_models
from moto.s3.models import s3_backends
from moto.sns.models import Subscription, sns_backends
from moto.sqs.models import sqs_backends

from labelloop import clock, remembered
from labelloop.aws import clients, daily_counts, parameters
from labelloop.domain.ceilings import Allowance
from labelloop.services import api_images
from labelloop.settings import Variable
from local.doors.protocols import rest_operation
from local.moto_patches.dynamodb import write_attributes_as_they_are
from local.moto_patches.every_service import list_operations_once
from local.rekognition import RekognitionService
from local.rekognition.service_error import ServiceError
from local.sagemaker.human_loops import HumanLoops
from local.sagemaker.service import SageMaker
from local.sagemaker.world import World
from tests import event_schemas
from tests.contract import files

REGION = "eu-west-1"
ACCOUNT_ID = "123456789012"
PREFIX = "/label-loop/"
TABLES = ("DetectionsTable", "ReviewTasksTable", "ModelVersionsTable")
_MOTO: Any = {
    "core": {**default_user_config["core"], "reset_boto3_session": False},
    "iam": {"load_aws_managed_policies": False},
}
"""One session of boto3 does for all tests: making one takes long, and it knows nothing of them. Nor
do AWS's own policies matter, which take longer."""
_AROUND: Any = None
for _patch in (list_operations_once, write_attributes_as_they_are):
    _patch(_AROUND)
_key = Subscription.private_key
Subscription.private_key = lambda _: _key(None)
"""One key signs for all subscriptions of all tests: nobody looks, and making one takes long."""
CLIENT_MAKERS = (clients.client, clients.client_without_retries, clients.patient_client)

Json = dict[str, Any]
Answer = Callable[[Json], Json]


@cache
def _client(service: str) -> Any:
    """Making a client takes long, so all tests share them; what they reach is each test's own."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


_WIRED = ("rekognition", "stepfunctions", "sagemaker", "sagemaker-a2i-runtime", "events")
_wires: dict[str, "Wire"] = {}
"""Those of the account of the test that runs now."""


@cache
def _put_on_wire() -> None:
    """Let the product's clients of these services ask the running test's account."""
    for make in CLIENT_MAKERS:
        for service in _WIRED:
            events = make(service).meta.events
            events.unregister("before-send", botocore_stubber)
            events.register("before-send", lambda service=service, **sent: _wires[service](**sent))


class Clock:
    """Stands still until a test moves it or the code sleeps."""

    def __init__(self) -> None:
        self.now_s = 1_795_252_527.0  # 2026-11-21T09:15:27Z

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.now_s += seconds


@dataclass
class Context:
    """What Lambda hands to a handler beside the event."""

    aws_request_id: str = "8f5e0a1c-6d2b-4f6e-9a39-0c1f5a8d7e21"
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:label-loop-X"
    log_group_name: str = "label-loop-functions"
    seconds_left: Callable[[], float] = lambda: 900.0

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda spells it."""
        return int(self.seconds_left() * 1000)


class _Raw(io.BytesIO):
    """The body of an answer, as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Wire:
    """Answers calls of one service that moto does not, by operation.

    ``answers`` comes first; an answer may raise ServiceError. ``requests`` has what was asked.
    """

    otherwise: Callable[[str, Json], Json] | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, Json]] = field(default_factory=list)

    def __call__(
        self, event_name: str, request: AWSPreparedRequest, **others: Any
    ) -> AWSResponse | None:
        content: Json = json.loads(request.body if isinstance(request.body, bytes) else b"{}")
        if "X-Amz-Target" in request.headers:
            operation = _text(request.headers["X-Amz-Target"]).split(".")[1]
        else:
            # A2I's requests name a path.
            url = urlsplit(request.url)
            body = json.dumps(content).encode()
            found = rest_operation("sagemaker", str(request.method), url.path, url.query, body)
            assert found, url
            operation, content = found
        if operation not in self.answers and self.otherwise is None:
            made: AWSResponse | None = botocore_stubber(event_name, request, **others)
            return made
        self.requests.append((operation, content))
        status, headers = 200, HTTPHeaders()
        try:
            if operation in self.answers:
                answer = self.answers[operation](content)
            else:
                assert self.otherwise
                answer = self.otherwise(operation, content)
        except ServiceError as error:
            status = error.http_status
            answer = {"__type": error.code, "message": error.message}
        return AWSResponse(request.url, status, headers, _Raw(json.dumps(answer).encode()))

    def asked(self, operation: str) -> list[Json]:
        """The requests of one operation."""
        return [request for name, request in self.requests if name == operation]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class _Bucket:
    """moto's S3 for the emulator."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def get(self, bucket: str, key: str, version: str | None) -> bytes:
        request = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
        try:
            body: bytes = self._s3.get_object(**request)["Body"].read()
        except self._s3.exceptions.ClientError as error:
            raise KeyError(key) from error
        return body

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=bucket, Key=key, Body=body)


def _world(standing: Clock, s3: Any) -> World:
    """moto's account for the emulated SageMaker; what roles may do is tested on whole stacks."""
    bucket = _Bucket(s3)

    def user_pool_client(pool: str, client_id: str) -> Json | None:
        cognito = _client("cognito-idp")
        try:
            answer = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client_id)
        except cognito.exceptions.ResourceNotFoundException:
            return None
        found: Json = answer["UserPoolClient"]
        return found

    return World(
        region=REGION,
        account_id=ACCOUNT_ID,
        now=standing,
        read=lambda _, name, key: bucket.get(name, key, None),
        write=lambda _, name, key, body: bucket.put(name, key, body),
        check=lambda *_: None,
        trusts=lambda _: True,
        user_pool_client=user_pool_client,
        emit=lambda *_: None,
    )


@dataclass
class Account:
    """What a test arranges and looks at."""

    clock: Clock
    rekognition: Wire
    stepfunctions: Wire
    sagemaker: Wire
    events: Wire
    human_loops: HumanLoops
    bucket: str
    project_arn: str
    _names: Mapping[str, str]
    _hooks: list[tuple[Any, str, Callable[..., Any]]] = field(default_factory=list)

    def boto3(self, service: str) -> Any:
        """A client of the test's own."""
        return _client(service)

    def hook(self, service: str, event_name: str, handler: Callable[..., Any]) -> None:
        """Let a handler of botocore's events see the product's own calls, in this test only."""
        events = clients.client(service).meta.events
        events.register(event_name, handler)
        self._hooks.append((events, event_name, handler))

    def unhook(self) -> None:
        """Take all handlers away."""
        for events, event_name, handler in self._hooks:
            events.unregister(event_name, handler)

    def put(self, key: str, body: bytes) -> str:
        """Upload an object; its version."""
        answer = self.boto3("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return str(answer["VersionId"])

    def keys(self, prefix: str = "") -> list[str]:
        """The keys in the bucket."""
        answer = self.boto3("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in answer.get("Contents", [])]

    def metadata(self, key: str) -> dict[str, str]:
        """What was put beside an object."""
        answer = self.boto3("s3").head_object(Bucket=self.bucket, Key=key)
        found: dict[str, str] = answer["Metadata"]
        return found

    def read(self, key: str) -> bytes:
        """An object's content."""
        body: bytes = self.boto3("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def items(self, table: str) -> list[Json]:
        """What a table holds, in DynamoDB's form, sorted."""
        answer = self.boto3("dynamodb").scan(TableName=self._names[table])
        return sorted(answer["Items"], key=lambda item: json.dumps(item, sort_keys=True))

    def set_parameter(self, name: str, value: str) -> None:
        """Do what the operator does in Parameter Store."""
        self.boto3("ssm").put_parameter(
            Name=PREFIX + name, Value=value, Type="String", Overwrite=True
        )
        parameters.settings.forget()

    def pause_hosting(self) -> None:
        """Do what ``labelloop stop`` does."""
        self.boto3("dynamodb").put_item(
            TableName=self._names["ModelVersionsTable"],
            Item={"kind": {"S": "state"}, "name": {"S": "hosting_pause"}},
        )

    def models_ran(self, hours: int) -> None:
        """Let models have run so long today."""
        now = clock.now()
        time = {"day": f"{now:%Y-%m-%d}", "seconds": hours * 3600, "models": 0}
        daily_counts.keep_model_time({**time, "looked": clock.iso(now)}, None)

    def operator_mail(self) -> list[Json]:
        """What was published to the operator's topic so far."""
        return self._messages("operator-inbox")

    def consumer_mail(self) -> list[Json]:
        """What was published to the consumer's topic since the last look."""
        return self._messages("consumer-inbox")

    def operator_facts(self) -> list[Json]:
        """What those messages tell programs, in their last lines."""
        texts = [mail["Message"] for mail in self.operator_mail()]
        return [json.loads(text.splitlines()[-1].removeprefix("For programs: ")) for text in texts]

    def _messages(self, queue: str) -> list[Json]:
        sqs = self.boto3("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found: list[Json] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def sent_events(self) -> list[Json]:
        """What was sent to EventBridge so far, as it brings it; each fits its schema."""
        events = [
            {
                "source": entry["Source"],
                "detail-type": entry["DetailType"],
                "resources": entry["Resources"],
                "detail": json.loads(entry["Detail"]),
            }
            for request in self.events.asked("PutEvents")
            for entry in request["Entries"]
        ]
        for event in events:
            event_schemas.check(event)
        return events

    def queued_for_detection(self) -> list[Json]:
        """What was sent to the detection queue since the last look."""
        return self._messages("detection")


def event(name: str) -> Json:
    """A sample event of ``events/``."""
    content: Json = json.loads((files.ROOT / f"events/{name}.json").read_text(encoding="utf-8"))
    return content


@contextlib.contextmanager
def in_memory() -> Iterator[None]:
    """AWS as moto has it, whatever the runtime's tests have made of moto in this process: its S3
    would date objects by a clock that has run ahead.
    """
    with mock_aws(config=_MOTO), pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_models, "utcnow", utcnow)
        yield


def make_bucket(name: str, region: str) -> None:
    """A bucket that keeps versions. It, tables and queues are made in moto itself, since each test
    has new ones: by requests that took more time than most tests.
    """
    s3 = s3_backends[ACCOUNT_ID]["aws"]
    s3.create_bucket(name, region)
    s3.put_bucket_versioning(name, "Enabled")


def make_table(name: str, called: str, region: str) -> None:
    """Make one of the template's tables."""
    properties = files.template()["Resources"][name]["Properties"]
    dynamodb_backends[ACCOUNT_ID][region].create_table(
        called,
        schema=properties["KeySchema"],
        attr=properties["AttributeDefinitions"],
        global_indexes=properties.get("GlobalSecondaryIndexes", []),
        billing_mode=properties["BillingMode"],
        throughput=None,
        indexes=None,
        streams=None,
        sse_specification=None,
        tags=[],
        deletion_protection_enabled=False,
        warm_throughput=None,
    )


def make_queue(name: str, region: str) -> str:
    """A queue; its URL."""
    sqs_backends[ACCOUNT_ID][region].create_queue(name)
    return f"https://sqs.{region}.amazonaws.com/{ACCOUNT_ID}/{name}"


def make_topic(name: str) -> str:
    """A topic whose messages go to a queue; its ARN."""
    make_queue(f"{name}-inbox", REGION)
    sns = sns_backends[ACCOUNT_ID][REGION]
    topic = str(sns.create_topic(name).arn)
    sns.subscribe(topic, f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}-inbox", "sqs")
    return topic


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    """A fresh account with what the template makes, and a process that knows nothing yet."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    standing = Clock()
    monkeypatch.setattr(clock, "_time", standing)
    monkeypatch.setattr(clock, "_sleep", standing.advance)
    _forget()
    with in_memory():
        yield from _made(monkeypatch, standing, tmp_path)


def _forget() -> None:
    """A process that has just begun has read nothing yet."""
    remembered.forget_all()
    api_images.this_container._allowance = Allowance()
    api_images.this_container._refused_until = None


def _made(monkeypatch: pytest.MonkeyPatch, standing: Clock, tmp_path: Path) -> Iterator[Account]:
    names = {name: f"label-loop-{name}" for name in TABLES}
    s3, bucket = _client("s3"), "label-loop-bucket"
    make_bucket(bucket, REGION)
    for name in TABLES:
        make_table(name, names[name], REGION)
    topic = make_topic("operator")

    emulator = RekognitionService(_Bucket(s3), standing, tmp_path, REGION, ACCOUNT_ID)
    project_arn = str(emulator.handle("CreateProject", {"ProjectName": "label-loop"})["ProjectArn"])
    variables = {
        Variable.ACCOUNT_ID: ACCOUNT_ID,
        Variable.ALLOW_NEW_LABELS: "false",
        Variable.ANSWERS_QUEUE_URL: make_queue("answers", REGION),
        Variable.BUCKET_NAME: bucket,
        Variable.CONSUMER_TOPIC_ARN: make_topic("consumer"),
        Variable.DETECTIONS_TABLE: names["DetectionsTable"],
        Variable.DETECTION_EVENTS: "false",
        Variable.DETECT_SCOPE: "labelloop/detect",
        Variable.READ_SCOPE: "labelloop/read",
        Variable.LOG_SCOPE: "labelloop/log",
        Variable.DETECTION_QUEUE_URL: make_queue("detection", REGION),
        Variable.DETECTION_RETENTION_DAYS: "0",
        Variable.DETECTION_STATE_MACHINE_ARN: _state_machine("detection"),
        Variable.FLOW_DEFINITION_ARN: "",
        Variable.HUMAN_LOOP_ROLE_ARN: f"arn:aws:iam::{ACCOUNT_ID}:role/label-loop-HumanLoopRole",
        Variable.WORKTEAM_ARN: f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:workteam/private-crowd/t",
        Variable.HOST_MODEL_FUNCTION: "label-loop-HostModelFunction",
        Variable.HUMAN_REVIEW_STATE_MACHINE_ARN: _state_machine("human-review"),
        Variable.IMAGE_ORIGINS: "https://bucket.s3.eu-west-1.amazonaws.com",
        Variable.IMPORT_BUCKETS: "camera-archive",
        Variable.MODEL_TYPE: "classification",
        Variable.MODEL_VERSIONS_TABLE: names["ModelVersionsTable"],
        Variable.OPERATORS_GROUP: "operators",
        Variable.OPERATOR_TOPIC_ARN: topic,
        Variable.PARAMETER_PREFIX: PREFIX,
        Variable.PROJECT_ARN: project_arn,
        Variable.READ_TIMEOUT_S: "4",
        Variable.REVIEWERS_GROUP: "reviewers",
        Variable.REVIEWERS_PER_IMAGE: "1",
        Variable.REVIEW_LABELS: "",
        Variable.REVIEW_PAGE: "https://api1.execute-api.eu-west-1.amazonaws.com/",
        Variable.REVIEW_TASKS_TABLE: names["ReviewTasksTable"],
        Variable.SAMPLING_SCHEDULE: "label-loop-sampling",
        Variable.SIGN_IN_URL: "https://label-loop-1.auth.eu-west-1.amazoncognito.com",
        Variable.STACK_NAME: "label-loop",
        Variable.TEST_SET_PERCENTAGE: "20",
        Variable.USD_PER_INFERENCE_UNIT_HOUR: "4.00",
        Variable.ANSWERS_RULE: "label-loop-answers",
        Variable.DETECTION_RULE: "label-loop-detection",
        Variable.TRAINING_SCHEDULE: "label-loop-training",
        Variable.USER_POOL_CLIENT_ID: "4l5m6n7o8p9q0r1s2t3u4v5w6x",
        Variable.USER_POOL_ID: "eu-west-1_AbCdEfGhI",
        Variable.USER_POOL_ISSUER: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
    }
    for variable in Variable:
        monkeypatch.setenv(variable, variables[variable])

    workers = SageMaker(_world(standing, s3))
    rekognition, stepfunctions = Wire(emulator.handle), Wire()
    events = Wire(answers={"PutEvents": _all_taken})
    sagemaker = Wire(workers.handle)
    _put_on_wire()
    _wires.update(rekognition=rekognition, stepfunctions=stepfunctions, events=events)
    _wires.update({"sagemaker": sagemaker, "sagemaker-a2i-runtime": sagemaker})
    made = Account(
        standing,
        rekognition,
        stepfunctions,
        sagemaker,
        events,
        workers.human_loops,
        bucket,
        project_arn,
        names,
    )
    yield made
    made.unhook()
    emulator.close()


def _all_taken(request: Json) -> Json:
    """EventBridge's answer to events."""
    return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in request["Entries"]]}


def _state_machine(name: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:label-loop-{name}"


def version(name: str, status: str = "RUNNING", project_arn: str = "") -> Json:
    """A project version as DescribeProjectVersions answers."""
    return {
        "ProjectVersionArn": version_arn(name, project_arn),
        "Status": status,
        "StatusMessage": f"The model is {status}.",
    }


def version_arn(name: str, project_arn: str = "") -> str:
    """The ARN of a version of this name."""
    project = project_arn or f"arn:aws:rekognition:{REGION}:{ACCOUNT_ID}:project/label-loop/1"
    return f"{project.rsplit('/', 1)[0]}/version/{name}/1795252527123"


def refuses(code: str, message: str = "No.", status: int = 400) -> Answer:
    """An answer that is an error."""

    def answer(_: Json) -> Json:
        raise ServiceError(code, message, status)

    return answer


def measured(written: str) -> list[Json]:
    """What a function gave CloudWatch to know, out of all that it wrote: values and dimensions."""
    lines = [json.loads(line) for line in written.splitlines() if '"_aws"' in line]
    return [{name: line[name] for name in line if name not in {"_aws", "Stack"}} for line in lines]
