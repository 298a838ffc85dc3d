"""A state machine of the shape that AWS publishes for Custom Labels, under a role made by hand.

Like the published one it makes a project, copies two datasets, trains, and starts the model if its
F1 score suffices, by calls of the SDK integration alone: paths through elements of lists decide.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.programs.conftest import Pictures, client_of
from tests.programs.test_guide import SOON, create_dataset, delete, described_project, stop
from tests.unit.local.small_stack import SmallStack

ACCOUNT = "123456789012"
REKOGNITION_POLICY = "arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"


def trust(**principal: str) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role(application: SmallStack) -> str:
    """The ARN of a new role that may do nothing yet."""
    name = f"made-by-hand-{uuid.uuid4()}"
    answer = client_of(application, "iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=trust(Service="states.amazonaws.com")
    )
    return str(answer["Role"]["Arn"])


@pytest.fixture
def datasets(application: SmallStack, pictures: Pictures) -> Iterator[dict[str, str]]:
    """The ARNs of a training and a test dataset."""
    rekognition = client_of(application, "rekognition")
    project = str(rekognition.create_project(ProjectName=f"d-{uuid.uuid4()}")["ProjectArn"])
    yield {
        kind: create_dataset(
            rekognition,
            project,
            kind,
            DatasetSource=pictures.manifest(pictures.lines(f"{uuid.uuid4()}", count)),
        )
        for kind, count in (("TRAIN", 4), ("TEST", 2))
    }
    delete(rekognition, project)


def call(action: str, parameters: dict[str, Any], **fields: Any) -> dict[str, Any]:
    resource = f"arn:aws:states:::aws-sdk:rekognition:{action}"
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, **fields}


def dataset_branch(kind: str, original: str) -> dict[str, Any]:
    status = "$.described.DatasetDescription.Status"
    create = {
        "DatasetType": kind,
        "ProjectArn.$": "$.made.ProjectArn",
        "DatasetSource": {"DatasetArn": original},
    }
    return {
        "StartAt": "Create",
        "States": {
            "Create": call("createDataset", create, ResultPath="$.dataset", Next="Describe"),
            "Describe": call(
                "describeDataset",
                {"DatasetArn.$": "$.dataset.DatasetArn"},
                ResultPath="$.described",
                Next="Is it there?",
            ),
            "Is it there?": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": status, "StringMatches": "CREATE_COMPLETE", "Next": "It is there"},
                    {"Variable": status, "StringMatches": "CREATE_FAILED", "Next": "It failed"},
                ],
                "Default": "Wait",
            },
            "Wait": {"Type": "Wait", "Seconds": 5, "Next": "Describe"},
            "It is there": {"Type": "Pass", "End": True},
            "It failed": {"Type": "Fail"},
        },
    }


def machine(name: str, bucket: str, datasets: dict[str, str]) -> dict[str, Any]:
    status = "$.trained.ProjectVersionDescriptions[0].Status"
    return {
        "StartAt": "Create project",
        "States": {
            "Create project": call(
                "createProject", {"ProjectName": name}, ResultPath="$.made", Next="Datasets"
            ),
            "Datasets": {
                "Type": "Parallel",
                "Branches": [dataset_branch(kind, arn) for kind, arn in datasets.items()],
                "ResultSelector": {"ProjectArn.$": "$.[0].made.ProjectArn", "Bucket": bucket},
                "Next": "Train",
            },
            "Train": call(
                "createProjectVersion",
                {
                    "ProjectArn.$": "$.ProjectArn",
                    "VersionName": "version1",
                    "OutputConfig": {"S3Bucket.$": "$.Bucket", "S3KeyPrefix": name},
                },
                ResultPath="$.training",
                Next="Look",
            ),
            "Look": call(
                "describeProjectVersions",
                {"ProjectArn.$": "$.ProjectArn"},
                ResultPath="$.trained",
                Next="Is it trained?",
            ),
            "Is it trained?": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Variable": status,
                        "StringMatches": "TRAINING_COMPLETED",
                        "Next": "Is it good?",
                    },
                    {"Variable": status, "StringMatches": "TRAINING_FAILED", "Next": "It failed"},
                ],
                "Default": "Wait",
            },
            "Wait": {"Type": "Wait", "Seconds": 20, "Next": "Look"},
            "Is it good?": {
                "Type": "Choice",
                "InputPath": "$.trained.ProjectVersionDescriptions[0]",
                "Choices": [
                    {
                        "Variable": "$.EvaluationResult.F1Score",
                        "NumericGreaterThanEquals": 0,
                        "Next": "Start",
                    }
                ],
                "Default": "It is not",
            },
            "Start": call(
                "startProjectVersion",
                {"MinInferenceUnits": 1, "ProjectVersionArn.$": "$.ProjectVersionArn"},
                End=True,
            ),
            "It is not": {"Type": "Pass", "End": True},
            "It failed": {"Type": "Fail"},
        },
    }


def run(application: SmallStack, role: str, definition: dict[str, Any]) -> dict[str, Any]:
    """How an execution of a new machine has ended."""
    states = client_of(application, "stepfunctions")
    made = states.create_state_machine(
        name=f"m-{uuid.uuid4()}", definition=json.dumps(definition), roleArn=role
    )
    arn = states.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]
    while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.05)
    return dict(found)


def test_the_published_state_machine_trains_and_starts_a_model(
    application: SmallStack, pictures: Pictures, datasets: dict[str, str], role: str
) -> None:
    name, role_name = f"m-{uuid.uuid4()}", role.rsplit("/", 1)[-1]
    definition = machine(name, pictures.bucket, datasets)
    refused = run(application, role, definition)
    assert refused["error"] == "Rekognition.AccessDeniedException"
    assert "no identity-based policy allows the rekognition:CreateProject" in refused["cause"]

    iam = client_of(application, "iam")
    iam.attach_role_policy(RoleName=role_name, PolicyArn=REKOGNITION_POLICY)
    buckets = [f"arn:aws:s3:::{pictures.bucket}", f"arn:aws:s3:::{pictures.bucket}/*"]
    document = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": buckets},
    }
    iam.put_role_policy(
        RoleName=role_name, PolicyName="buckets", PolicyDocument=json.dumps(document)
    )
    ended = run(application, role, definition)
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == {"Status": "STARTING"}
    rekognition = client_of(application, "rekognition")
    project = described_project(rekognition, name)["ProjectArn"]
    (version,) = rekognition.describe_project_versions(ProjectArn=project)[
        "ProjectVersionDescriptions"
    ]
    rekognition.get_waiter("project_version_running").wait(ProjectArn=project, WaiterConfig=SOON)
    stop(rekognition, project, version["ProjectVersionArn"])
    delete(rekognition, project)


def test_who_assumes_a_role_may_do_what_it_may(application: SmallStack, role: str) -> None:
    sts, iam = client_of(application, "sts"), client_of(application, "iam")
    with pytest.raises(ClientError, match="is not authorized to perform: sts:AssumeRole"):
        sts.assume_role(RoleArn=role, RoleSessionName="me")
    name = role.rsplit("/", 1)[-1]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust(AWS=ACCOUNT))
    statement = {"Effect": "Allow", "Action": "rekognition:Describe*", "Resource": "*"}
    policy = iam.create_policy(
        PolicyName=f"p-{uuid.uuid4()}",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    lent = sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    rekognition = client_of(
        application,
        "rekognition",
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
    )
    assert "ProjectDescriptions" in rekognition.describe_projects()
    with pytest.raises(ClientError, match="is not authorized to perform: rekognition:Create"):
        rekognition.create_project(ProjectName="mine")
    iam.detach_role_policy(RoleName=name, PolicyArn=policy)
    with pytest.raises(ClientError, match="is not authorized to perform: rekognition:Describe"):
        rekognition.describe_projects()


def test_a_policy_that_cannot_be_checked_says_so(application: SmallStack, role: str) -> None:
    condition = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    client_of(application, "iam").put_role_policy(
        RoleName=role.rsplit("/", 1)[-1],
        PolicyName="everything",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    state = call("describeProjects", {}, End=True)
    ended = run(application, role, {"StartAt": "A", "States": {"A": state}})
    assert "the embedded runtime cannot check a policy" in ended["cause"]
    assert "no call supplies the condition key aws:PrincipalOrgID" in ended["cause"]
