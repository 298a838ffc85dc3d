"""`python -m local`: starts, says how to use it, stops; says in a line what it cannot deploy."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.unit.local_runtime.small_stack import SmallStack, eventually, launch, launch_small

STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def write_template(folder: Path, resources: dict[str, object], **sections: object) -> Path:
    path = folder / "template.yaml"
    transform = "AWS::Serverless-2016-10-31"
    path.write_text(json.dumps({"Transform": transform, "Resources": resources, **sections}))
    return path


def refusal(folder: Path, resources: dict[str, object], *arguments: str) -> str:
    """What is printed when the template is refused."""
    template = write_template(folder, resources)
    process = launch(folder / "data", "--template", str(template), *arguments)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 1 and not output
    return error


def test_it_says_where_it_is_and_describes_the_stack_in_a_file(small_stack: SmallStack) -> None:
    description = small_stack.description
    assert description["status"] == "CREATE_COMPLETE"
    assert description["outputs"]["BucketName"].startswith("small-imagesbucket-")
    assert description["resources"]["RecordsTable"]["type"] == "AWS::DynamoDB::Table"
    assert small_stack.control("GET", "health") == {"status": "ok", "stack": "small"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_with_its_workers(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context): return 'here'")
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {"CodeUri": "code", "Handler": "app.handler", "Runtime": "python3.13"},
    }
    template = write_template(tmp_path, {"F": function}, Outputs={"F": {"Value": {"Ref": "F"}}})
    process = launch(tmp_path, "--template", str(template))
    eventually((tmp_path / "stack.json").exists)
    stack = SmallStack(process, tmp_path)
    stack.client("lambda").invoke(FunctionName=stack.outputs["F"])
    process.send_signal(number)
    output, error = process.communicate(timeout=20)
    assert process.returncode == 0
    assert stack.outputs["F"] and "AWS_ENDPOINT_URL" in output
    assert "Traceback" not in error
    workers = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, check=False)
    assert not workers.stdout


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        error = refusal(tmp_path, {}, "--port", str(port))
    assert error.count("\n") == 1 and f"port {port} is taken" in error and "--port" in error


def test_an_unknown_resource_type_stops_the_deployment_by_name(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"Door": {"Type": "AWS::EC2::Instance", "Properties": {}}})
    assert "Door: resource type AWS::EC2::Instance is not supported" in error


def test_an_unknown_property_stops_the_deployment_by_name(tmp_path: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"ReplicationConfiguration": {}}}
    error = refusal(tmp_path, {"Images": bucket})
    assert "Images: AWS::S3::Bucket has no ['ReplicationConfiguration'] here" in error


def test_a_role_that_lambda_cannot_assume_stops_the_deployment(tmp_path: Path) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Statement": [{**trust, "Action": "sts:AssumeRole"}]}
        },
    }
    (tmp_path / "code").mkdir()
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": "code",
            "Handler": "app.handler",
            "Runtime": "python3.13",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        },
    }
    error = refusal(tmp_path, {"Role": role, "F": function})
    assert "cannot be assumed by lambda.amazonaws.com" in error


def test_a_state_machine_that_may_not_log_is_refused_as_aws_does(tmp_path: Path) -> None:
    machine = {
        "Type": "AWS::Serverless::StateMachine",
        "Properties": {
            "Definition": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}},
            "Policies": [{"Statement": [STATEMENT]}],
            "Logging": {
                "Level": "ALL",
                "Destinations": [
                    {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["Group", "Arn"]}}}
                ],
            },
        },
    }
    error = refusal(tmp_path, {"Machine": machine, "Group": {"Type": "AWS::Logs::LogGroup"}})
    assert "is not authorized to access the Log Destination" in error


def test_a_custom_resource_that_refuses_stops_the_deployment_with_its_reason(
    tmp_path: Path,
) -> None:
    with pytest.raises(AssertionError, match="rude greetings are refused"):
        launch_small(tmp_path, "--parameter", "Greeting=rude")


def test_used_and_unused_permissions_are_appended_when_it_stops(tmp_path: Path) -> None:
    report = tmp_path / "permissions.jsonl"
    report.write_text('{"earlier": "run"}\n')
    stack = launch_small(tmp_path / "data", LABELLOOP_PERMISSIONS_LOG=str(report))
    bucket = stack.outputs["BucketName"]
    stack.client("s3").put_object(Bucket=bucket, Key="work/a", Body=b"a")
    assert stack.work("s3", "get_object", Bucket=bucket, Key="work/a")["ContentLength"] == 1
    assert stack.stop() == 0
    stack.process.communicate()
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    used = {
        entry["action"]: entry["used"] for entry in lines if entry.get("role") == "WorkFunctionRole"
    }
    assert lines[0] == {"earlier": "run"}
    assert used["s3:GetObject"] and not used["s3:GetObjectTagging"]
