"""Every AWS call: permission, faults, log; and AWS clients that work as against AWS."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.local.small_stack import SmallStack, eventually

ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def _no_faults_stay(small_stack: SmallStack) -> Iterator[None]:
    yield
    small_stack.control("DELETE", "faults")


def put(stack: SmallStack, key: str, body: bytes = b"content", **more: Any) -> str:
    bucket = stack.outputs["BucketName"]
    stack.client("s3").put_object(Bucket=bucket, Key=key, Body=body, **more)
    return bucket


def calls(stack: SmallStack, **wanted: Any) -> list[dict[str, Any]]:
    found = stack.control("GET", "calls")
    return [c for c in found if all(c[name] == value for name, value in wanted.items())]


def order(stack: SmallStack, **fault: Any) -> None:
    stack.control("PUT", "faults", [fault])


def order_about_put(stack: SmallStack, name: str, **fault: Any) -> dict[str, Any]:
    """Let it fail that an item of that name is put into the table; the item."""
    order(stack, containing=name, service="dynamodb", operation="PutItem", **fault)
    return {"pk": {"S": name}}


# Permission


def test_a_function_may_do_what_its_role_allows(small_stack: SmallStack) -> None:
    bucket = put(small_stack, "work/a b+ü.txt")
    answer = small_stack.work("s3", "get_object", Bucket=bucket, Key="work/a b+ü.txt")
    assert answer["ContentLength"] == 7


ODD_KEYS = [
    *("a\nb.jpg", "a\n", "\nb", "cr\rx", "tab\tx", "\x01", "\x7f", "\x85", "\u2028", "\ufffe"),
    *("\\bird\\back.jpg", "a?b#c%d.jpg", "a%2Fb", "a//b", "a/./b", "a/../b", "..", "a ", " a"),
    *("e\u0301", "\U0001f600", "a&b<c>\"d'", "[x]{y}^`|~", "a:b@c$,!*();=+", "x" * 1000),
]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_22_key_with_a_line_break(small_stack: SmallStack, key: str) -> None:
    s3, key = small_stack.client("s3"), f"odd/{key}"
    bucket = put(small_stack, key, key.encode())
    for listing, named in (("list_objects_v2", "Contents"), ("list_object_versions", "Versions")):
        pages = s3.get_paginator(listing).paginate(Bucket=bucket, Prefix=key)
        assert key in {entry["Key"] for page in pages for entry in page[named]}
    s3.copy_object(Bucket=bucket, Key="copied", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError):
        s3.get_object(Bucket=bucket, Key=key)
    assert s3.get_object(Bucket=bucket, Key="copied")["Body"].read() == key.encode()


@pytest.mark.parametrize("key", ["x" * 1025, "\u00e4" * 513])
def test_a_key_that_is_too_long_is_refused_as_by_s3(small_stack: SmallStack, key: str) -> None:
    s3, bucket = small_stack.client("s3"), small_stack.outputs["BucketName"]
    codes = {"put_object": "KeyTooLongError", "get_object": "KeyTooLongError", "head_object": "400"}
    for operation, code in codes.items():
        with pytest.raises(ClientError) as refused:
            getattr(s3, operation)(Bucket=bucket, Key=key)
        assert refused.value.response["Error"]["Code"] == code


def test_s3_refuses_in_its_own_words(small_stack: SmallStack) -> None:
    bucket = put(small_stack, "secret/a")
    refused = small_stack.work("s3", "get_object", Bucket=bucket, Key="secret/a")
    role = small_stack.physical_id("WorkFunctionRole")
    assert (refused["Code"], refused["status"]) == ("AccessDenied", 403)
    assert refused["Message"] == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{role}/Work is not authorized to perform: "
        f's3:GetObject on resource: "arn:aws:s3:::{bucket}/secret/a" because no identity-based '
        "policy allows the s3:GetObject action"
    )


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code", "status"),
    [
        ("dynamodb", "get_item", {"TableName": "$TABLE", "Key": {"pk": {"S": "x"}}}, None, 400),
        ("ssm", "get_parameter", {"Name": "/small/Confidence"}, None, 400),
        ("stepfunctions", "describe_state_machine", {"stateMachineArn": "$MACHINE"}, None, 400),
        (
            "sns",
            "publish",
            {"TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:t", "Message": "m"},
            "AuthorizationError",
            403,
        ),
        (
            "sqs",
            "send_message",
            {"QueueUrl": f"http://127.0.0.1/{ACCOUNT}/q", "MessageBody": "m"},
            "AccessDenied",
            403,
        ),
        ("lambda", "invoke", {"FunctionName": "f"}, None, 403),
        ("scheduler", "get_schedule", {"Name": "s"}, None, 403),
        ("rekognition", "describe_projects", {}, None, 400),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1}]},
            "AccessDenied",
            403,
        ),
    ],
)
def test_every_service_refuses_with_its_own_code(  # noqa: PLR0917
    small_stack: SmallStack,
    service: str,
    operation: str,
    parameters: dict[str, Any],
    code: str | None,
    status: int,
) -> None:
    refused = small_stack.work(service, operation, **parameters)
    assert (refused["Code"], refused["status"]) == (code or "AccessDeniedException", status)
    assert "is not authorized to perform" in refused["Message"]


def test_an_object_that_is_missing_is_a_secret_from_who_may_not_list(
    small_stack: SmallStack,
) -> None:
    bucket = small_stack.outputs["BucketName"]
    hidden = small_stack.work("s3", "get_object", Bucket=bucket, Key="work/none")
    assert (hidden["Code"], hidden["status"]) == ("AccessDenied", 403)
    head = small_stack.work("s3", "head_object", Bucket=bucket, Key="work/none")
    assert head["status"] == 403
    with pytest.raises(ClientError, match="NoSuchKey"):
        small_stack.client("s3").get_object(Bucket=bucket, Key="work/none")


def test_an_operation_without_a_row_fails_loudly_under_a_role(small_stack: SmallStack) -> None:
    refused = small_stack.work("dynamodb", "list_global_tables")
    assert (refused["Code"], refused["status"]) == ("NotImplemented", 501)
    assert "add it to local/permissions/actions.py" in refused["Message"]


def test_the_key_of_no_existing_role_is_refused(small_stack: SmallStack) -> None:
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        small_stack.client("ssm", "LOCL0000000000000000").get_parameter(Name="/small/Confidence")


def test_without_a_signature_s3_gives_nothing(small_stack: SmallStack) -> None:
    bucket = put(small_stack, "work/private")
    status, _, body = small_stack.http("GET", f"/{bucket}/work/private")
    assert status == 403 and b"<Code>AccessDenied</Code>" in body


def test_used_permissions_are_told_from_unused_ones(small_stack: SmallStack) -> None:
    bucket = put(small_stack, "work/seen")
    small_stack.work("s3", "get_object", Bucket=bucket, Key="work/seen")
    report = small_stack.control("GET", "permissions")
    used = {(p["role"], p["action"]) for p in report["used"]}
    unused = {(p["role"], p["action"]) for p in report["unused"]}
    assert ("WorkFunctionRole", "s3:GetObject") in used - unused
    assert ("WorkFunctionRole", "s3:GetObjectTagging") in unused - used


# Faults and the log


def test_calls_are_logged_with_who_made_them(small_stack: SmallStack) -> None:
    key = f"log-{uuid.uuid4()}"
    item = {"pk": {"S": key}}
    small_stack.work("dynamodb", "put_item", TableName="$TABLE", Item=item)
    refused = small_stack.work("dynamodb", "delete_item", TableName="$TABLE", Key=item)
    assert refused["Code"] == "AccessDeniedException"
    last_put, last_delete = (
        calls(small_stack, operation=o, function="Work")[-1] for o in ("PutItem", "DeleteItem")
    )
    table = small_stack.outputs["Table"]
    assert last_put["service"] == "dynamodb" and last_put["error"] is None
    assert last_put["resource"] == f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{table}"
    assert last_put["role"] == small_stack.physical_id("WorkFunctionRole")
    assert last_put["time"].endswith("Z")
    assert last_delete["error"] == "AccessDeniedException"


def test_the_operators_calls_have_no_role(small_stack: SmallStack) -> None:
    small_stack.client("ssm").get_parameter(Name="/small/Confidence")
    call = calls(small_stack, operation="GetParameter", function=None)[-1]
    assert call["role"] is None and call["resource"].endswith(":parameter/small/Confidence")


def test_the_summary_counts_calls_invocations_and_executions(small_stack: SmallStack) -> None:
    before = small_stack.control("GET", "summary")
    small_stack.work("stepfunctions", "start_sync_execution", stateMachineArn="$MACHINE")
    after = small_stack.control("GET", "summary")
    call = "states.StartSyncExecution"
    assert after["calls"][call] == before["calls"].get(call, 0) + 1
    assert after["lambda"]["Work"] > before["lambda"].get("Work", 0)
    # Other tests may have left work that is tried again.
    eventually(lambda: "Work" not in small_stack.control("GET", "summary")["busy"])
    assert set(after["transitions"]) == {"standard", "express"}
    assert "quick" in after["executions"]


def test_a_fault_before_the_call_prevents_it(small_stack: SmallStack) -> None:
    name = f"before-{uuid.uuid4()}"
    item = order_about_put(small_stack, name, function="Work", error="ThrottlingException")
    failed = small_stack.work("dynamodb", "put_item", TableName="$TABLE", Item=item)
    assert (failed["Code"], failed["status"]) == ("ThrottlingException", 400)
    table = small_stack.outputs["Table"]
    assert "Item" not in small_stack.client("dynamodb").get_item(TableName=table, Key=item)
    assert small_stack.work("dynamodb", "put_item", TableName="$TABLE", Item=item) == {}
    assert calls(small_stack, operation="PutItem", error="ThrottlingException")


def test_a_fault_after_the_call_loses_only_the_answer(small_stack: SmallStack) -> None:
    name = f"after-{uuid.uuid4()}"
    item = order_about_put(small_stack, name, error="InternalServerError", status=500, when="after")
    failed = small_stack.work("dynamodb", "put_item", TableName="$TABLE", Item=item)
    assert (failed["Code"], failed["status"]) == ("InternalServerError", 500)
    table = small_stack.outputs["Table"]
    assert small_stack.client("dynamodb").get_item(TableName=table, Key=item)["Item"]


def test_a_killed_caller_is_gone_and_the_next_one_works(small_stack: SmallStack) -> None:
    name = f"kill-{uuid.uuid4()}"
    item = order_about_put(small_stack, name, function="Work", kill=True, when="after")
    dead = small_stack.work("dynamodb", "put_item", TableName="$TABLE", Item=item)
    assert dead["errorType"] == "Runtime.ExitError"
    table = small_stack.outputs["Table"]
    assert small_stack.client("dynamodb").get_item(TableName=table, Key=item)["Item"]
    assert small_stack.work("dynamodb", "put_item", TableName="$TABLE", Item=item) == {}


def test_a_failure_that_is_held_comes_when_the_order_is_withdrawn(small_stack: SmallStack) -> None:
    name = f"hold-{uuid.uuid4()}"
    item = order_about_put(small_stack, name, error="ConditionalCheckFailedException", hold=True)
    with ThreadPoolExecutor(1) as thread:
        put_item = small_stack.client("dynamodb").put_item
        answer = thread.submit(put_item, TableName=small_stack.outputs["Table"], Item=item)
        eventually(lambda: small_stack.control("GET", "faults")[0]["fired"])
        assert not answer.done()
        small_stack.control("DELETE", "faults")
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            answer.result()


def test_a_caller_whose_call_hangs_has_run_out_of_time_at_once(small_stack: SmallStack) -> None:
    name = f"hang-{uuid.uuid4()}"
    item = order_about_put(small_stack, name, function="Work", hang=True)
    cut_off = small_stack.work("dynamodb", "put_item", TableName="$TABLE", Item=item)
    assert cut_off["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 10.00 seconds" in cut_off["errorMessage"]
    table = small_stack.outputs["Table"]
    assert "Item" not in small_stack.client("dynamodb").get_item(TableName=table, Key=item)
    assert small_stack.work("dynamodb", "put_item", TableName="$TABLE", Item=item) == {}


@pytest.mark.parametrize(
    ("service", "operation", "make"),
    [
        ("s3", "ListObjectsV2", lambda s: s.client("s3").list_objects_v2(Bucket="b")),
        ("sqs", "ListQueues", lambda s: s.client("sqs").list_queues()),
        ("sns", "ListTopics", lambda s: s.client("sns").list_topics()),
        ("scheduler", "ListSchedules", lambda s: s.client("scheduler").list_schedules()),
        ("lambda", "Invoke", lambda s: s.client("lambda").invoke(FunctionName="f")),
        ("rekognition", "DescribeProjects", lambda s: s.client("rekognition").describe_projects()),
        ("cloudwatch", "ListMetrics", lambda s: s.client("cloudwatch").list_metrics()),
    ],
)
def test_a_faults_error_reaches_the_client_in_every_protocol(
    small_stack: SmallStack, service: str, operation: str, make: Any
) -> None:
    order(small_stack, service=service, operation=operation, error="Ordered", status=418)
    with pytest.raises(ClientError) as failed:
        make(small_stack)
    assert failed.value.response["Error"]["Code"] == "Ordered"
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 418


def test_a_fault_can_be_about_calls_with_a_text_in_them(small_stack: SmallStack) -> None:
    order(small_stack, service="s3", operation="PutObject", error="Ordered", containing="this-one")
    put(small_stack, "another")
    with pytest.raises(ClientError, match="Ordered"):
        put(small_stack, "folder/this-one.txt")
    put(small_stack, "folder/this-one.txt")


def test_an_order_that_makes_no_sense_is_refused(small_stack: SmallStack) -> None:
    status, _, body = small_stack.http("PUT", "/_local/faults", b'[{"service": "s3"}]')
    assert status == 400 and b"operation" in body


def test_ends_of_rekognitions_work_can_be_ordered(small_stack: SmallStack) -> None:
    outcomes = [{"outcome": "training_fails", "version": "v1"}]
    small_stack.control("PUT", "rekognition", {"outcomes": outcomes, "quotas": {"projects": 3}})
    in_force = small_stack.control("GET", "rekognition")
    assert in_force["outcomes"][0]["version"] == "v1" and in_force["quotas"]["projects"] == 3
    small_stack.control("DELETE", "rekognition")
    assert small_stack.control("GET", "rekognition")["outcomes"] == []
    for body in (b'["training_fails"]', b'{"outcomes": [{"outcome": "explodes"}]}'):
        status, _, answer = small_stack.http("PUT", "/_local/rekognition", body)
        assert (status, "error" in json.loads(answer)) == (400, True)


def test_functions_are_described_as_their_workers_see_them(small_stack: SmallStack) -> None:
    work = small_stack.control("GET", "functions")["Work"]
    table, environment = small_stack.outputs["Table"], work["environment"]
    assert (environment["TABLE"], environment["_HANDLER"]) == (table, "app.lambda_handler")
    assert environment["AWS_ENDPOINT_URL"] == small_stack.endpoint
    assert work["timeout_s"] == 10


def test_an_unknown_control_endpoint_is_not_found(small_stack: SmallStack) -> None:
    assert small_stack.http("GET", "/_local/nothing")[0] == 404


# Services


def test_conditional_writes_at_once_have_one_winner(small_stack: SmallStack) -> None:
    table, key, won = small_stack.outputs["Table"], f"race-{uuid.uuid4()}", []
    client = small_stack.client("dynamodb", max_pool_connections=16)

    def write(number: int) -> None:
        try:
            client.put_item(
                TableName=table,
                Item={"pk": {"S": key}, "kind": {"S": str(number)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
            won.append(number)
        except client.exceptions.ConditionalCheckFailedException:
            pass

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_synchronous_execution_answers_with_its_outcome(small_stack: SmallStack) -> None:
    answer = small_stack.work(
        "stepfunctions",
        "start_sync_execution",
        stateMachineArn="$MACHINE",
        input='{"message": "m"}',
    )
    assert answer["status"] == "SUCCEEDED"
    failed = small_stack.work("stepfunctions", "start_sync_execution", stateMachineArn="$MACHINE")
    assert failed["status"] == "FAILED"


def test_a_standard_machine_cannot_be_started_synchronously(small_stack: SmallStack) -> None:
    with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
        small_stack.client("stepfunctions").start_sync_execution(
            stateMachineArn=small_stack.outputs["NightlyStateMachineArn"]
        )


def test_a_function_that_does_not_exist_is_not_found(small_stack: SmallStack) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        small_stack.client("lambda").invoke(FunctionName="nobody")


def test_invoking_shows_the_functions_error_and_log(small_stack: SmallStack) -> None:
    def invoke() -> Any:
        return small_stack.client("lambda").invoke(
            FunctionName=small_stack.outputs["WorkFunction"], Payload=b"{}", LogType="Tail"
        )

    answer = invoke()
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "KeyError"
    eventually(lambda: b"KeyError" in base64.b64decode(invoke()["LogResult"]))


def test_an_upload_reaches_the_table_by_rule_queue_and_function(small_stack: SmallStack) -> None:
    key = f"work/{uuid.uuid4()} +%20.png"
    put(small_stack, key)
    table, item = small_stack.outputs["Table"], {"pk": {"S": key}}
    read = small_stack.client("dynamodb").get_item
    eventually(lambda: read(TableName=table, Key=item).get("Item"))


def test_e_mail_goes_to_whoever_subscribed_and_wants_it(small_stack: SmallStack) -> None:
    topic, subject = small_stack.outputs["OperatorTopic"], f"mail {uuid.uuid4()}"
    publish = small_stack.client("sns").publish
    publish(TopicArn=topic, Subject=subject, Message="calm")
    high = {"urgency": {"DataType": "String", "StringValue": "high"}}
    publish(TopicArn=topic, Subject=subject, Message="now", MessageAttributes=high)
    mails = [m for m in small_stack.control("GET", "mail") if m["subject"] == subject]
    assert [(m["to"], m["message"]) for m in mails] == [
        ("operator@example.com", "calm"),
        ("operator@example.com", "now"),
        ("urgent@example.com", "now"),
    ]
    assert mails[1]["attributes"] == {"urgency": "high"} and mails[0]["topic"] == topic


def test_a_schedule_can_be_fired_by_its_logical_id(small_stack: SmallStack) -> None:
    fired = small_stack.control("POST", "schedules/NightlySchedule")
    describe = small_stack.client("stepfunctions").describe_execution
    arn = fired["executionArns"][0]

    def finished() -> Any:
        execution = describe(executionArn=arn)
        return execution if execution["status"] != "RUNNING" else None

    execution = eventually(finished)
    assert execution["status"] == "SUCCEEDED" and "hello night" in execution["output"]
    role = small_stack.physical_id("ScheduleRole")
    assert calls(small_stack, operation="StartExecution", role=role)


def test_it_says_what_time_it_is(small_stack: SmallStack) -> None:
    before = small_stack.control("GET", "clock")
    leapt = small_stack.control("POST", "clock", {"leap_s": 0})

    told = datetime.fromisoformat(leapt["time"]).timestamp()
    assert int(before["epoch_s"]) <= told <= small_stack.control("GET", "clock")["epoch_s"]


def test_a_schedule_that_does_not_exist_is_not_found(small_stack: SmallStack) -> None:
    assert small_stack.http("POST", "/_local/schedules/GreetFunction")[0] == 404


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_presigned_urls_work_under_the_signers_permissions(
    small_stack: SmallStack, signature: str
) -> None:
    bucket = put(small_stack, "work/signed", b"signed")
    put(small_stack, "secret/signed")
    key = small_stack.key_of("WorkFunctionRole", "Work")
    client = small_stack.client("s3", key, signature_version=signature)

    def get(object_key: str, seconds: int = 60) -> tuple[int, bytes]:
        parameters = {"Bucket": bucket, "Key": object_key}
        url = client.generate_presigned_url("get_object", parameters, ExpiresIn=seconds)
        status, _, body = small_stack.http("GET", url)
        return status, body

    assert get("work/signed") == (200, b"signed")
    assert get("secret/signed")[0] == 403
    status, body = get("work/signed", -5)
    assert status == 403 and b"Request has expired" in body


def test_a_presigned_upload_works(small_stack: SmallStack) -> None:
    bucket = small_stack.outputs["BucketName"]
    client = small_stack.client("s3", signature_version="s3v4")
    url = client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "up"})
    assert small_stack.http("PUT", url, b"loaded")[0] == 200
    assert client.get_object(Bucket=bucket, Key="up")["Body"].read() == b"loaded"


def test_metadata_names_with_underscores_survive(small_stack: SmallStack) -> None:
    bucket = put(small_stack, "meta", Metadata={"a_b": "1", "c-d": "2"})
    found = small_stack.client("s3").head_object(Bucket=bucket, Key="meta")
    assert found["Metadata"] == {"a_b": "1", "c-d": "2"}


# The command line


def aws(stack: SmallStack, *words: str) -> Any:
    """What the AWS CLI prints, as JSON where it is JSON."""
    command = [str(Path(sys.executable).parent / "aws"), "--endpoint-url", stack.endpoint, *words]
    keys = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "me"}
    done = subprocess.run(
        command,
        env={**os.environ, **keys, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout


def test_the_command_line_copies_large_files_both_ways(
    small_stack: SmallStack, tmp_path: Path
) -> None:
    bucket, source, back = small_stack.outputs["BucketName"], tmp_path / "a", tmp_path / "b"
    source.write_bytes(os.urandom(9 * 1024 * 1024))  # more than 8 MiB: in parts
    aws(small_stack, "s3", "cp", str(source), f"s3://{bucket}/cli/ä b.bin")
    assert "ä b.bin" in aws(small_stack, "s3", "ls", f"s3://{bucket}/cli/")
    aws(small_stack, "s3", "cp", f"s3://{bucket}/cli/ä b.bin", str(back))
    assert source.read_bytes() == back.read_bytes()


def test_the_command_line_finds_the_stacks_outputs(small_stack: SmallStack) -> None:
    stacks = aws(small_stack, "cloudformation", "describe-stacks", "--stack-name", "small")
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stacks["Stacks"][0]["Outputs"]}
    assert outputs == small_stack.outputs
    assert stacks["Stacks"][0]["StackStatus"].endswith("_COMPLETE")
