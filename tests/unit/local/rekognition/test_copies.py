"""Copies of models in other projects, policies that would let others copy, and tags."""

import json
from typing import Any

import pytest

from local.rekognition import ServiceError
from tests.unit.local.rekognition.conftest import Running
from tests.unit.local.rekognition.support import BUCKET, Client

ACTION = "rekognition:CopyProjectVersion"
STATEMENT = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
    "Action": ACTION,
    "Resource": "arn:aws:rekognition:us-east-1:123456789012:project/parts/version/v1/*",
}


def copy(running: Running, project: str, bucket: str = BUCKET, **members: Any) -> str:
    answer = running.client.call(
        "CopyProjectVersion",
        SourceProjectArn=running.project,
        SourceProjectVersionArn=running.version,
        DestinationProjectArn=project,
        VersionName="copied",
        OutputConfig={"S3Bucket": bucket, "S3KeyPrefix": "copies"},
        **members,
    )
    return str(answer["ProjectVersionArn"])


def test_a_copy_answers_as_its_original_does(running: Running) -> None:
    client = running.client
    project = client.create_project("copies")
    arn = copy(running, project, Tags={"team": "line 3"})
    described = client.describe_version(project, "copied")
    assert (described["Status"], described["StatusMessage"]) == (
        "COPYING_IN_PROGRESS",
        "The model is being copied.",
    )
    for operation in ("DeleteProjectVersion", "StopProjectVersion"):
        with pytest.raises(ServiceError, match="ResourceInUseException"):
            client.call(operation, ProjectVersionArn=arn)
    client.clock.advance(300)
    described = client.describe_version(project, "copied")
    original = client.describe_version(running.project, "v1")
    assert described["Status"] == "COPYING_COMPLETED"
    assert described["SourceProjectVersionArn"] == running.version
    assert described["EvaluationResult"]["F1Score"] == original["EvaluationResult"]["F1Score"]
    assert "BillableTrainingTimeInSeconds" not in described
    summary = described["EvaluationResult"]["Summary"]["S3Object"]
    assert summary["Name"] == "copies/EvaluationResultSummary-copies-copied.json"
    assert client.store.read_json(summary)["AggregatedEvaluationResults"]
    assert client.call("ListTagsForResource", ResourceArn=arn) == {"Tags": {"team": "line 3"}}
    client.call("StartProjectVersion", ProjectVersionArn=arn, MinInferenceUnits=1)
    client.clock.advance(600)
    image = client.store.get(BUCKET, "test/gear/0.jpg", None)
    assert client.detect(arn, image) == client.detect(running.version, image)
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        copy(running, project)
    client.call("StopProjectVersion", ProjectVersionArn=arn)
    client.clock.advance(120)
    client.call("DeleteProjectVersion", ProjectVersionArn=arn)
    client.clock.advance(10)
    client.call("DeleteProject", ProjectArn=project)
    client.clock.advance(10)


def test_a_copy_whose_results_cannot_be_written_fails(running: Running) -> None:
    client = running.client
    project = client.create_project("unwritable")
    arn = copy(running, project, bucket="no-such-bucket")
    client.clock.advance(300)
    described = client.describe_version(project, "copied")
    assert described["Status"] == "COPYING_FAILED"
    assert "no-such-bucket" in described["StatusMessage"]
    with pytest.raises(ServiceError, match="has failed copying"):
        client.call("StartProjectVersion", ProjectVersionArn=arn, MinInferenceUnits=1)


def test_only_a_trained_version_of_the_project_is_copied(running: Running) -> None:
    client = running.client
    project = client.create_project("empty")
    wrong = Running(client, project, running.version)
    with pytest.raises(ServiceError, match="is no version of"):
        copy(wrong, project)
    unknown = Running(client, running.project, f"{running.version}0")
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        copy(unknown, project)


# --- Policies -------------------------------------------------------------------------------------


def put_policy(client: Client, project: str, statement: Any = None, **members: Any) -> str:
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement or STATEMENT]})
    answer = client.call(
        "PutProjectPolicy",
        ProjectArn=project,
        PolicyDocument=document,
        **{"PolicyName": "copying", **members},
    )
    return str(answer["PolicyRevisionId"])


def test_a_policy_is_changed_and_taken_by_its_revision(client: Client) -> None:
    project = client.create_project()
    first = put_policy(client, project)
    with pytest.raises(ServiceError, match="ResourceAlreadyExistsException"):
        put_policy(client, project)
    second = put_policy(client, project, PolicyRevisionId=first)
    for operation in (put_policy, delete_policy):
        with pytest.raises(ServiceError, match="InvalidPolicyRevisionIdException"):
            operation(client, project, PolicyRevisionId=first)
    (listed,) = client.call("ListProjectPolicies", ProjectArn=project)["ProjectPolicies"]
    assert (listed["PolicyName"], listed["PolicyRevisionId"]) == ("copying", second)
    assert json.loads(listed["PolicyDocument"])["Statement"] == [STATEMENT]
    delete_policy(client, project, PolicyRevisionId=second)
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        delete_policy(client, project)
    assert client.call("ListProjectPolicies", ProjectArn=project) == {"ProjectPolicies": []}


def delete_policy(client: Client, project: str, **members: Any) -> None:
    client.call("DeleteProjectPolicy", ProjectArn=project, PolicyName="copying", **members)


def test_policies_are_listed_five_at_a_time(client: Client) -> None:
    project = client.create_project()
    for number in range(6):
        put_policy(client, project, PolicyName=f"p{number}")
    first = client.call("ListProjectPolicies", ProjectArn=project)
    rest = client.call("ListProjectPolicies", ProjectArn=project, NextToken=first["NextToken"])
    assert (len(first["ProjectPolicies"]), len(rest["ProjectPolicies"])) == (5, 1)


@pytest.mark.parametrize(
    "statement",
    [
        {**STATEMENT, "Action": "rekognition:DetectCustomLabels"},
        {**STATEMENT, "Effect": "Maybe"},
        {**STATEMENT, "NotPrincipal": {"AWS": "*"}},
        {name: value for name, value in STATEMENT.items() if name != "Principal"},
        "Allow",
    ],
)
def test_a_policy_that_the_guide_forbids_is_refused(client: Client, statement: Any) -> None:
    with pytest.raises(ServiceError, match="MalformedPolicyDocumentException"):
        put_policy(client, client.create_project(), statement)


# --- Tags -----------------------------------------------------------------------------------------


def test_tags_are_put_listed_and_taken(client: Client) -> None:
    project = str(client.call("CreateProject", ProjectName="a", Tags={"x": "1"})["ProjectArn"])
    client.call("TagResource", ResourceArn=project, Tags={"x": "2", "y": ""})
    assert client.call("ListTagsForResource", ResourceArn=project) == {"Tags": {"x": "2", "y": ""}}
    client.call("UntagResource", ResourceArn=project, TagKeys=["x", "none"])
    assert client.call("ListTagsForResource", ResourceArn=project) == {"Tags": {"y": ""}}
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        client.call("ListTagsForResource", ResourceArn=f"{project}0")
    with pytest.raises(ServiceError, match="InvalidParameterException"):
        client.call("TagResource", ResourceArn=project, Tags={"aws:own": "1"})
