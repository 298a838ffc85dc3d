"""Resources exist as the template says, follow changed parameters, and go with the stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError

from local.launch import PATIENCE_S
from local.permissions.authorization import Authorizer
from local.permissions.identity import Identities
from local.stack.deployed import Stack
from local.stack.resources import TYPES
from local.stack.template import TemplateError
from tests.unit.local.small_stack import SmallStack, eventually, launch_small


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStack]:
    """A stack that the tests of this module change, one after the other, until it is gone."""
    data_dir = tmp_path_factory.mktemp("own")
    report = permissions_log(data_dir)
    report.write_text('{"earlier": "run"}\n')
    stack = launch_small(
        data_dir, "--parameter", "Greeting=good day", LABELLOOP_PERMISSIONS_LOG=str(report)
    )
    yield stack
    if stack.process.poll() is None:
        stack.process.terminate()
        stack.process.communicate(timeout=PATIENCE_S)


def permissions_log(data_dir: Path) -> Path:
    return data_dir / "permissions.jsonl"


def greeting(stack: SmallStack) -> str:
    answer = stack.client("lambda").invoke(
        FunctionName=stack.physical_id("GreetFunction"), Payload=json.dumps({})
    )
    return str(json.loads(answer["Payload"].read())["greeting"])


def test_the_small_template_has_most_types_that_exist(small_stack: SmallStack) -> None:
    resources = small_stack.control("GET", "stack")["resources"].values()
    used = {resource["type"] for resource in resources}
    unused = set(TYPES) - used - {"AWS::CloudFormation::CustomResource"}
    assert unused == {
        "AWS::Athena::NamedQuery",
        "AWS::Athena::WorkGroup",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::Glue::Database",
        "AWS::Glue::Table",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::ResourcePolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::Scheduler::ScheduleGroup",
    }


def test_a_bucket_keeps_versions_and_lets_pages_in(small_stack: SmallStack) -> None:
    s3, bucket = small_stack.client("s3"), small_stack.outputs["BucketName"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    cors = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    assert cors == [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 300}]


def test_a_table_has_its_index_expiry_and_recovery(small_stack: SmallStack) -> None:
    dynamodb, table = small_stack.client("dynamodb"), small_stack.outputs["Table"]
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert [i["IndexName"] for i in described["GlobalSecondaryIndexes"]] == ["by-kind"]
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert ttl == {"AttributeName": "expires", "TimeToLiveStatus": "ENABLED"}
    backups = dynamodb.describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_a_parameter_is_kept_to_its_pattern(small_stack: SmallStack) -> None:
    ssm = small_stack.client("ssm")
    assert ssm.get_parameter(Name="/small/Confidence")["Parameter"]["Value"] == "70"
    with pytest.raises(ClientError, match="allowedPattern"):
        ssm.put_parameter(Name="/small/Confidence", Value="much", Overwrite=True)


def test_a_queue_has_its_dead_letter_queue(small_stack: SmallStack) -> None:
    found = small_stack.client("sqs").get_queue_attributes(
        QueueUrl=small_stack.outputs["QueueUrl"], AttributeNames=["All"]
    )["Attributes"]
    redrive = json.loads(found["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"].rsplit(":", 1)[-1].startswith("small-DeadLetters-")
    assert found["VisibilityTimeout"] == "60"


def test_a_definition_gets_its_substitutions_as_the_yaml_says(small_stack: SmallStack) -> None:
    machine = small_stack.client("stepfunctions").describe_state_machine(
        stateMachineArn=small_stack.outputs["QuickStateMachineArn"]
    )
    states = json.loads(machine["definition"])["States"]
    assert states["Pause"]["Seconds"] == 1
    assert states["Tell"]["Parameters"]["TopicArn"] == small_stack.outputs["OperatorTopic"]
    assert machine["type"] == "EXPRESS" and machine["loggingConfiguration"]["level"] == "ERROR"


def test_the_project_is_there(small_stack: SmallStack) -> None:
    projects = small_stack.client("rekognition").describe_projects()["ProjectDescriptions"]
    assert [project["ProjectArn"] for project in projects] == [small_stack.outputs["Project"]]


def test_a_custom_resource_gives_what_its_function_answered(small_stack: SmallStack) -> None:
    # Scalars arrive as text, as CloudFormation passes them on.
    assert small_stack.outputs["SetUp"] == "Create hello '3'"
    assert small_stack.physical_id("Setup") == "setup-1"


def test_names_are_the_stacks_own(small_stack: SmallStack) -> None:
    assert small_stack.physical_id("GreetFunction").startswith("small-GreetFunction-")
    assert len(small_stack.physical_id("GreetFunction")) == len("small-GreetFunction-") + 12


def update(stack: SmallStack, **parameters: str) -> tuple[int, Any]:
    body = json.dumps({"parameters": parameters}).encode()
    status, _, answer = stack.http("PUT", "/_local/stack", body)
    return status, json.loads(answer)


def test_an_update_reaches_functions_and_custom_resources_and_nothing_else(
    own_stack: SmallStack,
) -> None:
    assert greeting(own_stack) == "good day night"
    before = own_stack.control("GET", "stack")["resources"]
    status, described = update(own_stack, Greeting="servus")
    assert status == 200 and described["status"] == "UPDATE_COMPLETE"
    assert greeting(own_stack) == "servus night"
    assert described["outputs"]["SetUp"] == "Update servus '3'"
    assert described["resources"] == before


def test_a_condition_that_turns_true_creates_and_one_that_turns_false_deletes(
    own_stack: SmallStack,
) -> None:
    topics = own_stack.client("sns").list_topics
    _, described = update(own_stack, Extras="yes")
    extra = described["outputs"]["Extra"]
    assert {"TopicArn": extra} in topics()["Topics"]
    _, described = update(own_stack, Extras="no")
    assert "Extra" not in described["outputs"]
    assert {"TopicArn": extra} not in topics()["Topics"]


def test_a_bad_value_is_refused_and_changes_nothing(own_stack: SmallStack) -> None:
    status, answer = update(own_stack, Email="nobody")
    assert status == 400 and "Email" in answer["error"]
    assert own_stack.control("GET", "stack")["parameters"]["Email"] == "operator@example.com"


def test_what_cannot_be_updated_says_so(own_stack: SmallStack) -> None:
    status, answer = update(own_stack, Email="other@example.com")
    assert status == 400
    assert (
        "OperatorTopic" in answer["error"] and "cannot update ['Subscription']" in answer["error"]
    )
    described = own_stack.control("GET", "stack")
    assert described["parameters"]["Email"] == "operator@example.com"
    assert update(own_stack, Greeting="hello")[0] == 200


def test_deleting_the_stack_deletes_all_but_what_is_retained(own_stack: SmallStack) -> None:
    resources = own_stack.control("GET", "stack")["resources"]
    s3, bucket = own_stack.client("s3"), own_stack.outputs["BucketName"]
    s3.put_object(Bucket=bucket, Key="kept", Body=b"kept")
    s3.put_object(Bucket=bucket, Key="work/a", Body=b"a")
    assert own_stack.work("s3", "get_object", Bucket=bucket, Key="work/a")["ContentLength"] == 1
    set_ups = own_stack.control("GET", "summary")["lambda"]["Setup"]
    key = own_stack.key_of("WorkFunctionRole", "Work")
    gone = own_stack.control("DELETE", "stack")
    layer = next(name for name in resources if name.startswith("SharedLayer"))  # SAM's default
    assert set(gone["retained"]) == {"ImagesBucket", layer}
    assert set(gone["deleted"]) == set(resources) - {"ImagesBucket", layer}
    assert own_stack.control("GET", "summary")["lambda"]["Setup"] == set_ups + 1
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"kept"
    outputs, client = own_stack.outputs, own_stack.client
    attempts: list[tuple[Any, dict[str, str]]] = [
        (client("lambda").invoke, {"FunctionName": outputs["GreetFunction"]}),
        (client("s3", key).get_object, {"Bucket": bucket, "Key": "work/a"}),
        (client("dynamodb").describe_table, {"TableName": outputs["Table"]}),
        (
            client("stepfunctions").describe_state_machine,
            {"stateMachineArn": outputs["NightlyStateMachineArn"]},
        ),
        (client("cognito-idp").describe_user_pool, {"UserPoolId": outputs["UserPoolId"]}),
    ]
    for attempt, parameters in attempts:
        with pytest.raises(ClientError):
            attempt(**parameters)
    assert own_stack.http("GET", own_stack.outputs["ApiUrl"] + "/")[0] == 404
    schedules = own_stack.client("scheduler").list_schedules()["Schedules"]
    rules = own_stack.client("events").list_rules()["Rules"]
    assert schedules == [] and rules == []
    projects = own_stack.client("rekognition").describe_projects
    eventually(lambda: projects()["ProjectDescriptions"] == [])


def test_when_it_stops_used_and_unused_permissions_are_appended(own_stack: SmallStack) -> None:
    own_stack.process.terminate()
    own_stack.process.communicate(timeout=PATIENCE_S)
    lines = [json.loads(line) for line in permissions_log(own_stack.data_dir).open()]
    used = {p["action"]: p["used"] for p in lines if p.get("role") == "WorkFunctionRole"}
    assert lines[0] == {"earlier": "run"}
    assert used["s3:GetObject"] and not used["s3:GetObjectTagging"]


# What is refused


def refusal(folder: Path, **resources: Any) -> str:
    """Why a stack of these resources is not deployed."""
    (folder / "code").mkdir()
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}
    (folder / "template.yaml").write_text(json.dumps(template))
    services: Any = SimpleNamespace(
        authorizer=Authorizer("123456789012"),
        identities=Identities(),
        clients=MagicMock(),
        functions=MagicMock(),
    )
    with pytest.raises(TemplateError) as refused:
        Stack(services, "s", folder / "template.yaml", {}).deploy()
    return str(refused.value)


def test_an_unknown_property_is_named(tmp_path: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"ReplicationConfiguration": {}}}
    assert refusal(tmp_path, Images=bucket) == (
        "Images: AWS::S3::Bucket has no ['ReplicationConfiguration'] here: "
        "add it in local/stack/resources/storage.py"
    )


def test_resources_that_need_each_other_in_a_circle_are_named(tmp_path: Path) -> None:
    def topic(other: str) -> dict[str, Any]:
        return {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": other}}}

    assert "A → B → A" in refusal(tmp_path, A=topic("B"), B=topic("A"))


def test_a_role_that_lambda_cannot_assume_is_refused(tmp_path: Path) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}
    document = {"Statement": [{**trust, "Action": "sts:AssumeRole"}]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": "code",
            "Handler": "app.handler",
            "Runtime": "python3.13",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        },
    }
    refused = refusal(tmp_path, Role=role, F=function)
    assert "cannot be assumed by lambda.amazonaws.com" in refused


def machine(**properties: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    return {
        "Type": "AWS::Serverless::StateMachine",
        "Properties": {
            "Definition": {"StartAt": "A", "States": {"A": {"Type": "Succeed", "Comment": "${X}"}}},
            "DefinitionSubstitutions": {"X": "x"},
            "Policies": [{"Statement": [statement]}],
            **properties,
        },
    }


def test_a_state_machine_that_may_not_log_is_refused_as_aws_does(tmp_path: Path) -> None:
    group = {"LogGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}
    logging = {"Level": "ALL", "Destinations": [{"CloudWatchLogsLogGroup": group}]}
    refused = refusal(tmp_path, Machine=machine(Logging=logging))
    assert "is not authorized to access the Log Destination" in refused


@pytest.mark.parametrize(
    ("substitutions", "words"),
    [({"Y": "y"}, "has no X"), ({"X": "x", "Y": "y"}, "not used: ['Y']")],
)
def test_substitutions_must_fit_the_definition(
    tmp_path: Path, substitutions: dict[str, str], words: str
) -> None:
    assert words in refusal(tmp_path, Machine=machine(DefinitionSubstitutions=substitutions))
