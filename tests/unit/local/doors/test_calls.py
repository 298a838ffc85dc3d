"""Every request is recognised as the call it is, with the permissions that it needs."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

from local.doors.calls import Call, CallLog, LoggedCall, UnknownCallError, identify
from local.http_messages import Request
from local.permissions import actions

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/t"
PROJECT = "arn:aws:rekognition:us-east-1:123456789012:project/p/1"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
ROLE = "arn:aws:iam::123456789012:role/r"


class Sent(Exception):  # noqa: N818 - carries what was sent
    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


def as_request(prepared: AWSPreparedRequest) -> Request:
    parts = urlsplit(prepared.url)
    body: Any = prepared.body or b""
    content = body.read() if hasattr(body, "read") else body
    return Request(
        method=prepared.method,
        path=unquote(parts.path),
        raw_path=parts.path,
        query=parts.query,
        headers={
            name.lower(): value.decode() if isinstance(value, bytes) else str(value)
            for name, value in prepared.headers.items()
        },
        body=content.encode() if isinstance(content, str) else bytes(content),
    )


def call_of(service: str, operation: str, **parameters: Any) -> Call:
    """The call that is recognised in what boto3 sends."""
    client: Any = boto3.session.Session().client(
        service,  # type: ignore[call-overload]
        endpoint_url="http://127.0.0.1:1",
        region_name="us-east-1",
        aws_access_key_id="KEY",
        aws_secret_access_key="secret",
        aws_session_token="worker-7",
        config=Config(inject_host_prefix=False, s3={"addressing_style": "path"}),
    )

    def catch(request: AWSPreparedRequest, **_: Any) -> None:
        raise Sent(as_request(request))

    client.meta.events.register("before-send", catch)
    with pytest.raises(Sent) as sent:
        getattr(client, operation)(**parameters)
    return identify(sent.value.request)


def needs(call: Call) -> set[tuple[str, str]]:
    assert call.requirements is not None
    return {(action, resource) for action, resource, *_ in call.requirements}


SCHEDULE = {
    "Name": "s",
    "GroupName": "g",
    "ScheduleExpression": "rate(1 day)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {"Arn": MACHINE, "RoleArn": ROLE},
}
SCHEDULE_ARN = "arn:aws:scheduler:us-east-1:123456789012:schedule/g/s"
ITEM = {"pk": {"S": "1"}}


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("s3", "get_object", {"Bucket": "b", "Key": "a/x y"}, {("s3:GetObject", "b/a/x y")}),
        (
            "s3",
            "get_object",
            {"Bucket": "b", "Key": "k", "VersionId": "v"},
            {("s3:GetObjectVersion", "b/k")},
        ),
        ("s3", "head_object", {"Bucket": "b", "Key": "k"}, {("s3:GetObject", "b/k")}),
        ("s3", "put_object", {"Bucket": "b", "Key": "k"}, {("s3:PutObject", "b/k")}),
        (
            "s3",
            "put_object",
            {"Bucket": "b", "Key": "k", "Tagging": "a=b"},
            {("s3:PutObject", "b/k"), ("s3:PutObjectTagging", "b/k")},
        ),
        (
            "s3",
            "copy_object",
            {"Bucket": "b", "Key": "k", "CopySource": {"Bucket": "c", "Key": "x/y z"}},
            {("s3:PutObject", "b/k"), ("s3:GetObject", "c/x/y z")},
        ),
        (
            "s3",
            "copy_object",
            {
                "Bucket": "b",
                "Key": "k",
                "CopySource": {"Bucket": "c", "Key": "x", "VersionId": "v"},
            },
            {("s3:PutObject", "b/k"), ("s3:GetObjectVersion", "c/x")},
        ),
        (
            "s3",
            "copy_object",
            {
                "Bucket": "b",
                "Key": "k",
                "CopySource": "c/x",
                "TaggingDirective": "REPLACE",
                "Tagging": "a=b",
                "ACL": "private",
            },
            {
                ("s3:PutObject", "b/k"),
                ("s3:GetObject", "c/x"),
                ("s3:PutObjectTagging", "b/k"),
                ("s3:PutObjectAcl", "b/k"),
            },
        ),
        (
            "s3",
            "upload_part_copy",
            {"Bucket": "b", "Key": "k", "UploadId": "u", "PartNumber": 1, "CopySource": "c/x"},
            {("s3:PutObject", "b/k"), ("s3:GetObject", "c/x")},
        ),
        (
            "s3",
            "get_object",
            {"Bucket": "b", "Key": "k", "Range": "bytes=0-65535"},
            {("s3:GetObject", "b/k")},
        ),
        (
            "s3",
            "list_parts",
            {"Bucket": "b", "Key": "k", "UploadId": "u"},
            {("s3:ListMultipartUploadParts", "b/k")},
        ),
        ("s3", "delete_object", {"Bucket": "b", "Key": "k"}, {("s3:DeleteObject", "b/k")}),
        (
            "s3",
            "delete_objects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "1&"}, {"Key": "2", "VersionId": "v"}]}},
            {("s3:DeleteObject", "b/1&"), ("s3:DeleteObjectVersion", "b/2")},
        ),
        ("s3", "list_objects_v2", {"Bucket": "b"}, {("s3:ListBucket", "b")}),
        ("s3", "list_object_versions", {"Bucket": "b"}, {("s3:ListBucketVersions", "b")}),
        ("s3", "create_multipart_upload", {"Bucket": "b", "Key": "k"}, {("s3:PutObject", "b/k")}),
        (
            "s3",
            "upload_part",
            {"Bucket": "b", "Key": "k", "UploadId": "u", "PartNumber": 1},
            {("s3:PutObject", "b/k")},
        ),
        (
            "s3",
            "complete_multipart_upload",
            {"Bucket": "b", "Key": "k", "UploadId": "u"},
            {("s3:PutObject", "b/k")},
        ),
        (
            "s3",
            "abort_multipart_upload",
            {"Bucket": "b", "Key": "k", "UploadId": "u"},
            {("s3:AbortMultipartUpload", "b/k")},
        ),
        ("s3", "get_object_tagging", {"Bucket": "b", "Key": "k"}, {("s3:GetObjectTagging", "b/k")}),
        ("s3", "get_bucket_acl", {"Bucket": "b"}, {("s3:GetBucketAcl", "b")}),
        ("s3", "get_bucket_location", {"Bucket": "b"}, {("s3:GetBucketLocation", "b")}),
    ],
)
def test_s3_needs(
    service: str, operation: str, parameters: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    with_arns = {(action, f"arn:aws:s3:::{resource}") for action, resource in expected}
    assert needs(call_of(service, operation, **parameters)) == with_arns


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("dynamodb", "put_item", {"TableName": "t", "Item": ITEM}, {("dynamodb:PutItem", TABLE)}),
        (
            "dynamodb",
            "query",
            {"TableName": "t", "IndexName": "by-kind", "KeyConditionExpression": "a = :a"},
            {("dynamodb:Query", f"{TABLE}/index/by-kind")},
        ),
        (
            "dynamodb",
            "transact_write_items",
            {
                "TransactItems": [
                    {"Put": {"TableName": "t", "Item": ITEM}},
                    {"ConditionCheck": {"TableName": "t", "Key": ITEM, "ConditionExpression": "x"}},
                ]
            },
            {("dynamodb:PutItem", TABLE), ("dynamodb:ConditionCheckItem", TABLE)},
        ),
        (
            "ssm",
            "get_parameters_by_path",
            {"Path": "/stack/"},
            {("ssm:GetParametersByPath", "arn:aws:ssm:us-east-1:123456789012:parameter/stack/")},
        ),
        (
            "ssm",
            "put_parameter",
            {"Name": "/stack/a", "Value": "1"},
            {("ssm:PutParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/stack/a")},
        ),
        (
            "sns",
            "publish",
            {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "m"},
            {("sns:Publish", "arn:aws:sns:us-east-1:123456789012:t")},
        ),
        (
            "sqs",
            "send_message_batch",
            {"QueueUrl": "http://127.0.0.1:1/123456789012/q", "Entries": []},
            {("sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:q")},
        ),
        (
            "stepfunctions",
            "start_sync_execution",
            {"stateMachineArn": MACHINE},
            {("states:StartSyncExecution", MACHINE)},
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:f:live"},
            {("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:f")},
        ),
        (
            "scheduler",
            "get_schedule",
            {"Name": "s", "GroupName": "g"},
            {("scheduler:GetSchedule", SCHEDULE_ARN)},
        ),
        (
            "scheduler",
            "update_schedule",
            SCHEDULE,
            {("scheduler:UpdateSchedule", SCHEDULE_ARN), ("iam:PassRole", ROLE)},
        ),
        (
            "rekognition",
            "describe_project_versions",
            {"ProjectArn": PROJECT},
            {("rekognition:DescribeProjectVersions", PROJECT)},
        ),
        ("rekognition", "describe_projects", {}, {("rekognition:DescribeProjects", "*")}),
        (
            "rekognition",
            "create_dataset",
            {"ProjectArn": PROJECT, "DatasetType": "TRAIN"},
            {("rekognition:CreateDataset", PROJECT)},
        ),
        (
            "rekognition",
            "create_dataset",
            {
                "ProjectArn": PROJECT,
                "DatasetType": "TEST",
                "DatasetSource": {"DatasetArn": f"{PROJECT}/dataset/test/2"},
            },
            {
                ("rekognition:CreateDataset", PROJECT),
                ("rekognition:ListDatasetEntries", f"{PROJECT}/dataset/test/2"),
            },
        ),
        (
            "events",
            "put_events",
            {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]},
            {("events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/default")},
        ),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "n", "MetricData": []},
            {("cloudwatch:PutMetricData", "*")},
        ),
        (
            "cognito-idp",
            "admin_get_user",
            {"UserPoolId": "us-east-1_x", "Username": "u"},
            {
                (
                    "cognito-idp:AdminGetUser",
                    "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_x",
                )
            },
        ),
        (
            "sagemaker-a2i-runtime",
            "describe_human_loop",
            {"HumanLoopName": "l"},
            {
                (
                    "sagemaker:DescribeHumanLoop",
                    "arn:aws:sagemaker:us-east-1:123456789012:human-loop/l",
                )
            },
        ),
    ],
)
def test_other_services_need(
    service: str, operation: str, parameters: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert needs(call_of(service, operation, **parameters)) == expected


def test_passing_a_role_says_to_which_service() -> None:
    call = call_of("scheduler", "update_schedule", **SCHEDULE)
    assert call.requirements is not None
    assert call.requirements[1].context == {"iam:PassedToService": "scheduler.amazonaws.com"}


def test_putting_events_says_the_source_of_each() -> None:
    entries = [{"Source": name, "DetailType": "d", "Detail": "{}"} for name in ("a", "b")]
    call = call_of("events", "put_events", Entries=entries)
    assert call.requirements is not None
    assert [each.context["events:source"] for each in call.requirements] == ["a", "b"]


def test_listing_says_which_prefix() -> None:
    call = call_of("s3", "list_objects_v2", Bucket="b", Prefix="a/", Delimiter="/")
    assert call.requirements is not None
    assert call.requirements[0].context == {"s3:prefix": "a/", "s3:delimiter": "/"}


def test_the_caller_is_known_by_key_and_worker() -> None:
    call = call_of("ssm", "get_parameter", Name="/a")
    assert (call.access_key_id, call.session_token) == ("KEY", "worker-7")
    assert (call.service, call.operation) == ("ssm", "GetParameter")


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_url_says_who_signed_it_and_when_it_ends(version: str) -> None:
    client = boto3.session.Session().client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="KEY",
        aws_secret_access_key="secret",
        aws_session_token="worker-7",
        config=Config(signature_version=version),
    )
    url = client.generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"}, ExpiresIn=60)
    parts = urlsplit(url)
    call = identify(Request("GET", parts.path, parts.path, parts.query, {"host": "127.0.0.1"}, b""))
    assert (call.operation, call.access_key_id, call.session_token) == (
        "GetObject",
        "KEY",
        "worker-7",
    )
    assert call.expires_at is not None and call.expires_at > 1_700_000_000


def test_a_request_without_a_signature_has_no_caller() -> None:
    assert identify(Request("GET", "/b/k", "/b/k", "", {}, b"")).access_key_id is None


def test_an_operation_that_nobody_described_is_said_to_be_so() -> None:
    assert (
        call_of(
            "dynamodb", "export_table_to_point_in_time", TableArn=TABLE, S3Bucket="b"
        ).requirements
        is None
    )


def test_a_path_that_is_no_operation_is_refused() -> None:
    credential = "AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/scheduler/aws4_request, Signed"
    with pytest.raises(UnknownCallError):
        identify(Request("GET", "/nothing/x", "/nothing/x", "", {"authorization": credential}, b""))


def test_every_row_of_the_table_is_an_operation_that_exists() -> None:
    session = botocore.session.get_session()
    models = {"states": "stepfunctions"}
    a2i = set(session.get_service_model("sagemaker-a2i-runtime").operation_names)
    for row in actions.RULES:
        service, operation = row.split(".")
        known = set(session.get_service_model(models.get(service, service)).operation_names)
        assert operation in known | a2i, row


def test_query_services_are_read_from_the_form() -> None:
    credential = "AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/sts/aws4_request, Signed"
    body = urlencode({"Action": "GetCallerIdentity", "Version": "2011-06-15"}).encode()
    call = identify(Request("POST", "/", "/", "", {"authorization": credential}, body))
    assert (call.operation, call.requirements) == ("GetCallerIdentity", [])


def test_the_log_keeps_the_last_calls_and_counts_all() -> None:
    log = CallLog(size=2)
    for number in range(3):
        log.add(LoggedCall(str(number), "F", "r", "s3", "GetObject", None, None))
    assert [call["time"] for call in log.as_json()] == ["1", "2"]
    assert log.counts() == {"s3.GetObject": 3}
    json.dumps(log.as_json())
