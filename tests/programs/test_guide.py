"""The calls of the programs in AWS's developer guide for Custom Labels, one after the other.

Written anew: they make the same calls, read the same members of the answers and wait in the same
way, but for shorter.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.programs.conftest import LABELS, Pictures, client_of
from tests.unit.local.small_stack import SmallStack

SOON = {"Delay": 0.1, "MaxAttempts": 600}
"""The guide's programs wait for minutes at a time."""


@pytest.fixture
def rekognition(application: SmallStack) -> Any:
    return client_of(application, "rekognition")


@pytest.fixture
def project(rekognition: Any) -> str:
    return str(rekognition.create_project(ProjectName=f"p-{uuid.uuid4()}")["ProjectArn"])


def wait_for_dataset(rekognition: Any, dataset: str, work: str) -> dict[str, Any]:
    """The description of a dataset whose work has ended well."""
    while True:
        described = rekognition.describe_dataset(DatasetArn=dataset)["DatasetDescription"]
        told = f"{described['Status']}: {described['StatusMessage']}"
        if described["Status"] == f"{work}_COMPLETE":
            return dict(described)
        assert described["Status"] == f"{work}_IN_PROGRESS", told
        time.sleep(0.05)


def wait_for_versions(rekognition: Any, project: str, is_so: Callable[[list[Any]], bool]) -> None:
    while True:
        answer = rekognition.describe_project_versions(ProjectArn=project)
        if is_so(answer["ProjectVersionDescriptions"]):
            return
        time.sleep(0.05)


def create_dataset(rekognition: Any, project: str, kind: str, **source: Any) -> str:
    answer = rekognition.create_dataset(ProjectArn=project, DatasetType=kind, **source)
    wait_for_dataset(rekognition, answer["DatasetArn"], "CREATE")
    return str(answer["DatasetArn"])


def train(rekognition: Any, project: str, pictures: Pictures, **given: Any) -> dict[str, Any]:
    """The description of a version that has been trained."""
    name = f"v-{uuid.uuid4()}"
    rekognition.create_project_version(
        ProjectArn=project,
        VersionName=name,
        OutputConfig={"S3Bucket": pictures.bucket, "S3KeyPrefix": f"results/{name}"},
        **given,
    )
    rekognition.get_waiter("project_version_training_completed").wait(
        ProjectArn=project, VersionNames=[name], WaiterConfig=SOON
    )
    answer = rekognition.describe_project_versions(ProjectArn=project, VersionNames=[name])
    (described,) = answer["ProjectVersionDescriptions"]
    return dict(described)


def start(rekognition: Any, project: str, version: str) -> None:
    rekognition.start_project_version(ProjectVersionArn=version, MinInferenceUnits=1)
    rekognition.get_waiter("project_version_running").wait(
        ProjectArn=project, VersionNames=[version.split("/")[3]], WaiterConfig=SOON
    )


def stop(rekognition: Any, project: str, version: str) -> None:
    assert rekognition.stop_project_version(ProjectVersionArn=version)["Status"] == "STOPPING"
    wait_for_versions(
        rekognition,
        project,
        lambda found: (
            [v["Status"] for v in found if v["ProjectVersionArn"] == version] == ["STOPPED"]
        ),
    )


def delete(rekognition: Any, project: str) -> None:
    """Delete a project with its versions and datasets, and see that it is gone."""
    found = rekognition.describe_project_versions(ProjectArn=project)
    for version in found["ProjectVersionDescriptions"]:
        rekognition.delete_project_version(ProjectVersionArn=version["ProjectVersionArn"])
    wait_for_versions(rekognition, project, lambda found: found == [])
    name = project.split("/")[1]
    while datasets := described_project(rekognition, name)["Datasets"]:
        for dataset in datasets:
            told = (dataset["StatusMessage"], dataset["StatusMessageCode"])
            assert all(told)
            if dataset["Status"] != "DELETE_IN_PROGRESS":
                rekognition.delete_dataset(DatasetArn=dataset["DatasetArn"])
        time.sleep(0.05)
    rekognition.delete_project(ProjectArn=project)
    while rekognition.describe_projects(ProjectNames=[name])["ProjectDescriptions"]:
        time.sleep(0.05)


def described_project(rekognition: Any, name: str) -> dict[str, Any]:
    (found,) = rekognition.describe_projects(ProjectNames=[name])["ProjectDescriptions"]
    return dict(found)


def listed_entries(rekognition: Any, dataset: str) -> list[Any]:
    """Every entry, with the token that the guide's program begins with: an empty one."""
    entries: list[Any] = []
    token = ""
    while True:
        answer = rekognition.list_dataset_entries(DatasetArn=dataset, MaxResults=3, NextToken=token)
        entries += map(json.loads, answer["DatasetEntries"])
        if "NextToken" not in answer:
            return entries
        token = answer["NextToken"]


def test_a_project_from_its_creation_to_its_deletion(
    rekognition: Any, project: str, pictures: Pictures
) -> None:
    lines = pictures.lines(f"whole-{uuid.uuid4()}", 5)
    source = {"DatasetSource": pictures.manifest(lines[:-2])}
    training = create_dataset(rekognition, project, "TRAIN", **source)
    testing = create_dataset(rekognition, project, "TEST")
    changes = {"GroundTruth": "\n".join(lines[-2:]).encode()}
    rekognition.update_dataset_entries(DatasetArn=training, Changes=changes)
    described = wait_for_dataset(rekognition, training, "UPDATE")
    assert described["DatasetStats"]["TotalEntries"] == 10

    rekognition.distribute_dataset_entries(Datasets=[{"Arn": training}, {"Arn": testing}])
    for dataset, entries in ((training, 8), (testing, 2)):
        wait_for_dataset(rekognition, dataset, "UPDATE")
        assert len(listed_entries(rekognition, dataset)) == entries
        labels = rekognition.list_dataset_labels(DatasetArn=dataset)["DatasetLabelDescriptions"]
        assert tuple(label["LabelName"] for label in labels) == LABELS

    model = train(rekognition, project, pictures, Tags={"team": "line 3"})
    assert (model["Status"], model["StatusMessage"]) == (
        "TRAINING_COMPLETED",
        "The model is ready to run.",
    )
    assert model["BillableTrainingTimeInSeconds"] / 60 > 0
    summary = json.loads(pictures.read(model["EvaluationResult"]["Summary"]["S3Object"]["Name"]))
    f1_score = model["EvaluationResult"]["F1Score"]
    assert summary["AggregatedEvaluationResults"]["F1Score"] == pytest.approx(f1_score)
    found = json.loads(pictures.read(model["ManifestSummary"]["S3Object"]["Name"]))
    assert found["statistics"]["testing"]["total_json_lines"] == 2

    version = model["ProjectVersionArn"]
    start(rekognition, project, version)
    key = pictures.put(f"detect-{uuid.uuid4()}.jpg", "gear")
    of_object = {"S3Object": {"Bucket": pictures.bucket, "Name": key}}
    answers = [
        rekognition.detect_custom_labels(Image=image, MinConfidence=0, ProjectVersionArn=version)[
            "CustomLabels"
        ]
        for image in (of_object, {"Bytes": pictures.read(key)})
    ]
    assert answers[0] == answers[1]
    assert {label["Name"] for label in answers[0]} == set(LABELS)
    assert rekognition.list_tags_for_resource(ResourceArn=version)["Tags"] == {"team": "line 3"}
    rekognition.tag_resource(ResourceArn=version, Tags={"stage": "trial"})
    rekognition.untag_resource(ResourceArn=version, TagKeys=["team"])
    assert rekognition.list_tags_for_resource(ResourceArn=version)["Tags"] == {"stage": "trial"}
    stop(rekognition, project, version)
    delete(rekognition, project)


def test_a_model_is_trained_on_manifests_and_copied(
    rekognition: Any, project: str, pictures: Pictures
) -> None:
    manifest = pictures.manifest(pictures.lines(f"copied-{uuid.uuid4()}", 5))
    model = train(
        rekognition,
        project,
        pictures,
        TrainingData={"Assets": [manifest]},
        TestingData={"AutoCreate": True},
    )
    source = model["ProjectVersionArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "111122223333"},
        "Action": "rekognition:CopyProjectVersion",
        "Resource": source,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    revision = rekognition.put_project_policy(
        ProjectArn=project, PolicyName="copying", PolicyDocument=document
    )["PolicyRevisionId"]
    (policy,) = rekognition.list_project_policies(ProjectArn=project)["ProjectPolicies"]
    assert json.loads(policy["PolicyDocument"])["Statement"] == [statement]

    other = str(rekognition.create_project(ProjectName=f"c-{uuid.uuid4()}")["ProjectArn"])
    copy = rekognition.copy_project_version(
        SourceProjectArn=project,
        SourceProjectVersionArn=source,
        DestinationProjectArn=other,
        VersionName="copy",
        OutputConfig={"S3Bucket": pictures.bucket, "S3KeyPrefix": "copies"},
    )["ProjectVersionArn"]
    wait_for_versions(rekognition, other, lambda found: found[0]["Status"] != "COPYING_IN_PROGRESS")
    (copied,) = rekognition.describe_project_versions(ProjectArn=other)[
        "ProjectVersionDescriptions"
    ]
    assert (copied["Status"], copied["SourceProjectVersionArn"]) == ("COPYING_COMPLETED", source)
    start(rekognition, other, copy)
    stop(rekognition, other, copy)
    rekognition.delete_project_policy(
        ProjectArn=project, PolicyName="copying", PolicyRevisionId=revision
    )
    for one in (other, project):
        delete(rekognition, one)


def test_every_region_has_projects_of_its_own(application: SmallStack, rekognition: Any) -> None:
    elsewhere = client_of(application, "rekognition", region_name="eu-west-1")
    arn = str(elsewhere.create_project(ProjectName="far")["ProjectArn"])
    assert arn.startswith("arn:aws:rekognition:eu-west-1:")
    here = rekognition.describe_projects()["ProjectDescriptions"]
    assert arn not in [project["ProjectArn"] for project in here]
    delete(elsewhere, arn)


def test_a_dataset_is_read_from_a_bucket_of_its_own_region(
    application: SmallStack, rekognition: Any, project: str, pictures: Pictures
) -> None:
    s3 = client_of(application, "s3", region_name="eu-west-1")
    far = Pictures(f"far-{uuid.uuid4()}", s3)
    s3.create_bucket(
        Bucket=far.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    source = far.manifest(far.lines("far", 1))
    with pytest.raises(rekognition.exceptions.InvalidS3ObjectException):
        create_dataset(rekognition, project, "TRAIN", DatasetSource=source)
    elsewhere = client_of(application, "rekognition", region_name="eu-west-1")
    there = str(elsewhere.create_project(ProjectName=f"far-{uuid.uuid4()}")["ProjectArn"])
    create_dataset(elsewhere, there, "TRAIN", DatasetSource=source)
    delete(elsewhere, there)


def test_a_stack_is_not_in_another_region(application: SmallStack) -> None:
    here, there = (
        client_of(application, "cloudformation", region_name=region)
        for region in ("us-east-1", "eu-west-1")
    )
    assert here.describe_stacks(StackName="small")["Stacks"]
    with pytest.raises(ClientError, match="Stack with id small does not exist"):
        there.describe_stacks(StackName="small")
    with pytest.raises(ClientError, match="Function not found"):
        client_of(application, "lambda", region_name="eu-west-1").invoke(
            FunctionName=application.outputs["WorkFunction"], Payload=b"{}"
        )
