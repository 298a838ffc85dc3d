"""Each path through `statemachine/model_training.asl.yaml`: from new images to what serves.

The tests share a stack that trains and never detects, so its time runs faster still. Each brings
new images, and takes those away again that no later model can be trained on.
"""

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.launch import ROOT, wait_for
from tests import images
from tests.stack import Execution, Stack, Uploaded, launched, train_first_model

TIME_SCALE = 300
ENOUGH = {"circle": 5, "stripes": 5}
"""As many new images as the operator's minimum."""
IMAGES_AT_FIRST = 20


@pytest.fixture(scope="module")
def trainable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a model that serves, which trains when it is told to."""
    # The schedule itself comes round once a month.
    settings = {
        "Enable-Automatic-Training": "true",
        "Automatic-Training-Poll-Frequency": "44640",
        "Minimum-Untrained-Images": "10",
    }
    # Enough test images for versions to be compared on those that they share.
    half = {"TestSetPercentage": "50"}
    with launched(
        time_scale=TIME_SCALE,
        parameters=half,
        settings=settings,
        template=with_little_time(tmp_path_factory.mktemp("template")),
    ) as stack:
        yield stack


def with_little_time(folder: Path) -> Path:
    """The template, but the function that stops the models when the stack goes has a minute."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    for code in ("functions", "layers", "statemachine"):
        (folder / code).symlink_to(ROOT / code)
    long, short = (f"/set_up_stack\n      Timeout: {seconds}\n" for seconds in (900, 60))
    assert long in text
    path = folder / "template.yaml"
    path.write_text(text.replace(long, short), encoding="utf-8")
    return path


@pytest.fixture
def champion(trainable: Stack) -> str:
    """The version that serves before the test."""
    return trainable.deployed() or train_first_model(trainable, IMAGES_AT_FIRST)


def kinds(stack: Stack) -> list[str]:
    """What the operator has been told about, in order."""
    return [mail["attributes"]["kind"] for mail in stack.operator_mails()]


def newest(stack: Stack) -> str:
    """The name of the version that was made last."""
    name: str = stack.versions()[-1]["name"]
    return name


def remove(stack: Stack, uploads: list[Uploaded]) -> None:
    for upload in uploads:
        stack.client("s3").delete_object(Bucket=stack.bucket, Key=upload.key)


def assert_nothing_is_locked(stack: Stack) -> None:
    assert not stack.item("ModelVersionsTable", kind="state", name="training")


def assert_serves_alone(stack: Stack, version: str) -> None:
    """The version is the deployed one, runs, and no other is billed."""
    assert stack.deployed() == version

    def billed() -> set[str]:
        statuses = stack.model_statuses().items()
        return {name for name, status in statuses if status in {"STARTING", "RUNNING", "STOPPING"}}

    wait_for(lambda: billed() == {version}, f"{version} to run alone", 20)


def fault(service: str, operation: str, function: str, error: str, times: int = -1) -> Any:
    return {
        "service": service,
        "operation": operation,
        "function": function,
        "error": error,
        "times": times,
    }


def run_with_faults(stack: Stack, *faults: Mapping[str, Any]) -> tuple[Execution, list[str]]:
    """A training of enough new images with failing calls; and what the operator was told of it."""
    stack.label(ENOUGH)
    told_before = len(kinds(stack))
    with stack.faults(*faults):
        execution = stack.run("model_training")
    return execution, kinds(stack)[told_before:]


# --- Without a model: these come first ------------------------------------------------------------


def test_with_nothing_new_a_run_ends_after_one_look(trainable: Stack) -> None:
    execution = trainable.run("model_training")
    assert execution.status == "SUCCEEDED"
    assert execution.states == (
        "ReadRequest",
        "WhatIsAsked",
        "CheckNewImages",
        "IsThereEnough",
        "Done",
    )
    assert not trainable.operator_mails()


def test_images_of_one_label_cannot_be_trained_on_and_the_operator_is_told_once(
    trainable: Stack,
) -> None:
    uploads = trainable.label({"circle": 10})
    for _ in range(2):
        execution = trainable.run("model_training")
        assert execution.status == "SUCCEEDED"
        assert "TellUntrainable" in execution.states
    remove(trainable, uploads)
    (mail,) = trainable.operator_mails("untrainable")
    assert "circle: 10" in mail["message"]
    assert not trainable.versions()
    assert_nothing_is_locked(trainable)


def test_the_first_model_is_trained_proven_and_put_into_service(trainable: Stack) -> None:
    trainable.label(dict.fromkeys(images.LABELS, IMAGES_AT_FIRST))
    told_before = len(kinds(trainable))
    trainable.fire("TrainingSchedule")
    wait_for(trainable.deployed, "the first model", 60)
    wait_for(lambda: len(kinds(trainable)) >= told_before + 2, "both messages", 20)
    (version,) = trainable.versions()
    name = version["name"]
    assert kinds(trainable)[told_before:] == ["training_started", "model_deployed"]
    assert trainable.deployed() == name
    assert (
        version["promote"]
        and version["train_images"] + version["test_images"] == 2 * IMAGES_AT_FIRST
    )
    assert trainable.model_statuses() == {name: "RUNNING"}
    assert trainable.read_json(f"evaluation/{name}/report.json")["promote"]
    shown = json.loads(trainable.parameter("For-System-Use-Only"))
    assert shown["deployed"] == name
    assert {
        f"manifests/training/{name}/{file}" for file in ("train.manifest", "test.manifest")
    } <= (set(trainable.keys("manifests/training/")))
    wait_for(
        lambda: not trainable.item("ModelVersionsTable", kind="state", name="training"), "the lock"
    )


# --- With a model that serves ---------------------------------------------------------------------


def test_images_that_are_too_few_are_not_trained_on_unless_it_is_forced(
    trainable: Stack, champion: str
) -> None:
    trainable.label({"circle": 2})
    assert trainable.run("model_training").states[-2:] == ("IsThereEnough", "Done")
    execution = trainable.run("model_training", {"force": True})
    assert execution.status == "SUCCEEDED"
    assert newest(trainable) != champion
    assert_serves_alone(trainable, newest(trainable))


def test_with_automatic_training_switched_off_only_force_trains(
    trainable: Stack, champion: str
) -> None:
    uploads = trainable.label(ENOUGH)
    with trainable.parameters({"Enable-Automatic-Training": "false"}):
        assert trainable.run("model_training").states[-2:] == ("IsThereEnough", "Done")
    remove(trainable, uploads)
    assert newest(trainable) == champion


def test_a_better_model_takes_the_place_of_the_one_that_serves(
    trainable: Stack, champion: str
) -> None:
    execution, told = run_with_faults(trainable)
    assert execution.status == "SUCCEEDED"
    assert told == ["training_started", "model_deployed"]
    assert_serves_alone(trainable, newest(trainable))
    assert newest(trainable) != champion
    report = trainable.read_json(f"evaluation/{newest(trainable)}/report.json")
    assert report["champion"] == champion
    assert report["comparison"]
    assert_nothing_is_locked(trainable)


def test_two_at_once_train_one_version(trainable: Stack, champion: str) -> None:
    before = len(trainable.versions())
    trainable.label(ENOUGH)
    started = [trainable.start("model_training", {"force": True}) for _ in range(2)]
    executions = [trainable.end_of(arn) for arn in started]
    assert {execution.status for execution in executions} == {"SUCCEEDED"}
    trained = [execution for execution in executions if "StartTraining" in execution.states]
    refused = [execution for execution in executions if "StartTraining" not in execution.states]
    assert len(trained) == len(refused) == 1
    assert refused[0].states[-2:] == ("TakeTrainingLock", "Done")
    assert len(trainable.versions()) == before + 1
    assert_serves_alone(trainable, newest(trainable))


def test_the_lock_of_a_holder_that_died_is_taken_over(trainable: Stack, champion: str) -> None:
    dead = trainable.run("model_training").arn
    trainable.client("dynamodb").put_item(
        TableName=trainable.outputs["ModelVersionsTable"],
        Item={
            "kind": {"S": "state"},
            "name": {"S": "training"},
            "owner": {"S": dead},
            "since": {"S": "2026-11-21T00:00:00.000Z"},
        },
    )
    execution = trainable.run("model_training", {"deploy": champion})
    assert execution.status == "SUCCEEDED"
    assert trainable.deployed() == champion
    assert_nothing_is_locked(trainable)


def test_a_model_under_the_minimum_is_rejected_and_not_trained_again_on_the_same_images(
    trainable: Stack, champion: str
) -> None:
    # The same kind of image under two labels: nobody can tell them apart.
    rng = random.Random(1)
    uploads = [
        trainable.upload(
            f"images_labeled_by_folder/{label}/{rng.random()}.jpg", trainable.new_image("circle")
        )
        for label in ("left", "right")
        for _ in range(8)
    ]
    told_before = len(kinds(trainable))
    with trainable.parameters({"Minimum-F1-Score": "0.99"}):
        first = trainable.run("model_training")
        again = trainable.run("model_training")
        rejected = newest(trainable)
        forced = trainable.run("model_training", {"force": True})
    assert "TellRejected" in first.states and first.status == "SUCCEEDED"
    assert "CreateDatasets" not in again.states and again.status == "SUCCEEDED"
    assert "TellRejected" in forced.states
    assert newest(trainable) != rejected
    told = kinds(trainable)[told_before:]
    assert told == ["training_started", "model_rejected"] * 2
    assert_serves_alone(trainable, champion)
    assert not trainable.read_json(f"evaluation/{rejected}/report.json")["promote"]
    assert_nothing_is_locked(trainable)
    remove(trainable, uploads)


def test_a_model_that_is_no_improvement_is_rejected(trainable: Stack, champion: str) -> None:
    with trainable.parameters({"Minimum-Improvement": "0.50"}):
        execution, told = run_with_faults(trainable)
    assert execution.status == "SUCCEEDED"
    assert told == ["training_started", "model_rejected"]
    assert_serves_alone(trainable, champion)


def test_a_training_that_the_service_fails_is_recorded_and_told_once(
    trainable: Stack, champion: str
) -> None:
    """More than a fifth of the images are broken behind a good beginning."""
    uploads = [
        trainable.upload(
            f"images_labeled_by_folder/{label}/broken-{number}.jpg",
            images.draw(label, number)[:300] + bytes([number]),
        )
        for label in images.LABELS
        for number in range(60, 90)
    ]
    told_before = len(kinds(trainable))
    execution = trainable.run("model_training")
    again = trainable.run("model_training")
    remove(trainable, uploads)
    assert (execution.status, execution.error) == ("FAILED", "TrainingFailed")
    assert "RecordTrainingFailure" in execution.states
    assert "CreateDatasets" not in again.states
    assert kinds(trainable)[told_before:] == ["training_started", "training_failed"]
    assert "TRAINING_FAILED" in trainable.versions()[-1]["failure"]
    assert_serves_alone(trainable, champion)
    assert_nothing_is_locked(trainable)


def test_an_earlier_version_can_be_put_back(trainable: Stack, champion: str) -> None:
    earlier = next(
        version["name"]
        for version in trainable.versions()
        if version.get("promote") and version["name"] != champion
    )
    told_before = len(kinds(trainable))
    execution = trainable.run("model_training", {"deploy": earlier})
    assert execution.status == "SUCCEEDED"
    assert "TakeLockToDeploy" in execution.states
    assert_serves_alone(trainable, earlier)
    assert kinds(trainable)[told_before:] == ["model_deployed"]


def test_deploying_a_version_that_does_not_exist_changes_nothing(
    trainable: Stack, champion: str
) -> None:
    told_before = len(kinds(trainable))
    execution = trainable.run("model_training", {"deploy": "v99-nobody"})
    assert (execution.status, execution.error) == ("FAILED", "NotFoundError")
    assert kinds(trainable)[told_before:] == ["deployment_failed"]
    assert_serves_alone(trainable, champion)
    assert_nothing_is_locked(trainable)


def test_a_start_over_the_accounts_quota_leaves_the_champion_serving(
    trainable: Stack, champion: str
) -> None:
    stranger = run_a_model_of_somebody_else(trainable)
    try:
        execution, told = run_with_faults(trainable)
    finally:
        trainable.client("rekognition").stop_project_version(ProjectVersionArn=stranger)
    assert (execution.status, execution.error) == ("FAILED", "QuotaExceededError")
    assert told == ["training_started", "deployment_failed"]
    assert_serves_alone(trainable, champion)
    assert_nothing_is_locked(trainable)


def run_a_model_of_somebody_else(stack: Stack) -> str:
    """Another project of the account, whose model runs: two may. The version's ARN."""
    rekognition = stack.client("rekognition")
    project = rekognition.create_project(ProjectName="somebody-else")["ProjectArn"]
    for kind in ("train", "test"):
        manifest = f"manifests/training/{stack.versions()[0]['name']}/{kind}.manifest"
        source = {"S3Object": {"Bucket": stack.bucket, "Name": manifest}}
        rekognition.create_dataset(
            ProjectArn=project,
            DatasetType=kind.upper(),
            DatasetSource={"GroundTruthManifest": source},
        )

    def datasets_are_ready() -> bool:
        (found,) = rekognition.describe_projects(ProjectNames=["somebody-else"])[
            "ProjectDescriptions"
        ]
        return {dataset["Status"] for dataset in found["Datasets"]} == {"CREATE_COMPLETE"}

    wait_for(datasets_are_ready, "the datasets of somebody else", 20)
    arn: str = rekognition.create_project_version(
        ProjectArn=project,
        VersionName="v1",
        OutputConfig={"S3Bucket": stack.bucket, "S3KeyPrefix": "elsewhere"},
    )["ProjectVersionArn"]

    def status() -> str:
        (found,) = rekognition.describe_project_versions(ProjectArn=project)[
            "ProjectVersionDescriptions"
        ]
        return str(found["Status"])

    wait_for(lambda: status() == "TRAINING_COMPLETED", "the model of somebody else", 30)
    rekognition.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
    wait_for(lambda: status() == "RUNNING", "the model of somebody else to run", 20)
    return arn


def test_a_candidate_that_cannot_be_proven_is_stopped(trainable: Stack, champion: str) -> None:
    forbidden = fault("rekognition", "DetectCustomLabels", "VerifyModel", "AccessDeniedException")
    execution, told = run_with_faults(trainable, forbidden)
    assert (execution.status, execution.error) == ("FAILED", "PermissionMissingError")
    assert told == ["training_started", "deployment_failed"]
    assert_serves_alone(trainable, champion)
    assert trainable.model_statuses()[newest(trainable)] == "STOPPED"


def test_a_candidate_that_cannot_even_be_stopped_is_told(trainable: Stack, champion: str) -> None:
    execution, told = run_with_faults(
        trainable,
        fault("rekognition", "DetectCustomLabels", "VerifyModel", "AccessDeniedException"),
        fault("rekognition", "StopProjectVersion", "StopModel", "AccessDeniedException"),
    )
    assert execution.status == "FAILED"
    assert told == ["training_started", "model_left_running"]
    left = newest(trainable)
    assert trainable.model_statuses()[left] == "RUNNING"
    assert trainable.deployed() == champion
    trainable.client("rekognition").stop_project_version(
        ProjectVersionArn=trainable.versions()[-1]["arn"]
    )
    assert_serves_alone(trainable, champion)


def test_what_fails_after_the_switch_is_told_and_the_new_model_serves(
    trainable: Stack, champion: str
) -> None:
    forbidden = fault("rekognition", "StopProjectVersion", "StopModel", "AccessDeniedException")
    execution, told = run_with_faults(trainable, forbidden)
    assert execution.status == "FAILED"
    assert told == ["training_started", "after_switch_failed"]
    assert trainable.deployed() == newest(trainable) != champion
    assert champion in trainable.operator_mails()[-1]["message"]
    trainable.client("rekognition").stop_project_version(
        ProjectVersionArn=next(v["arn"] for v in trainable.versions() if v["name"] == champion)
    )
    assert_serves_alone(trainable, newest(trainable))


@pytest.mark.parametrize(
    ("forbidden", "state", "told"),
    [
        (
            fault("s3", "ListObjectsV2", "CheckNewImages", "AccessDenied"),
            "TellCheckFailed",
            "workflow_failed",
        ),
        (
            fault("s3", "ListObjectsV2", "PrepareTraining", "AccessDenied"),
            "TellTrainingFailedEarly",
            "training_failed",
        ),
        (
            fault("rekognition", "CreateDataset", "ReplaceDataset", "AccessDeniedException"),
            "TellTrainingFailed",
            "training_failed",
        ),
    ],
)
def test_a_failure_before_the_training_is_told_and_nothing_changes(
    trainable: Stack, champion: str, forbidden: Any, state: str, told: str
) -> None:
    execution, kinds_told = run_with_faults(trainable, forbidden)
    assert (execution.status, execution.error) == ("FAILED", "PermissionMissingError")
    assert state in execution.states
    assert kinds_told == [told]
    assert_serves_alone(trainable, champion)
    assert_nothing_is_locked(trainable)


def test_what_may_succeed_later_is_retried(trainable: Stack, champion: str) -> None:
    execution, told = run_with_faults(
        trainable,
        # None of these does the SDK itself try again.
        fault("rekognition", "CreateProjectVersion", "StartTraining", "LimitExceededException", 2),
        # Done, but the answer is lost.
        {
            **fault("rekognition", "CreateProjectVersion", "StartTraining", "ThrottlingException"),
            "times": 1,
            "when": "after",
        },
        fault("rekognition", "StartProjectVersion", "StartModel", "ResourceInUseException", 2),
        fault("rekognition", "DetectCustomLabels", "VerifyModel", "ResourceNotReadyException", 1),
        fault("dynamodb", "PutItem", "SwitchModel", "ConditionalCheckFailedException", 2),
        fault("rekognition", "StopProjectVersion", "StopModel", "ResourceInUseException", 2),
    )
    assert execution.status == "SUCCEEDED"
    assert told == ["training_started", "model_deployed"]
    assert_serves_alone(trainable, newest(trainable))


# --- When the stack goes: this comes last ---------------------------------------------------------


def test_a_deletion_that_takes_longer_than_one_invocation_goes_on_in_another(
    trainable: Stack, champion: str
) -> None:
    other = next(version for version in trainable.versions() if version["name"] != champion)
    rekognition = trainable.client("rekognition")
    # A model that starts cannot be stopped, only waited for.
    rekognition.start_project_version(ProjectVersionArn=other["arn"], MinInferenceUnits=1)
    before = trainable.local.control("GET", "summary")["lambda"].get("SetUpStack", 0)
    trainable.local.control("DELETE", "stack")
    assert trainable.local.control("GET", "summary")["lambda"]["SetUpStack"] > before + 1
    assert set(trainable.model_statuses().values()) <= {"STOPPED", "TRAINING_COMPLETED"} | {
        "TRAINING_FAILED"
    }
