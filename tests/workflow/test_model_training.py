"""Each path through `statemachine/model_training.asl.yaml`: from new images to what serves.

The tests share a stack that trains and never detects, so its time runs faster still. Each brings
new images, and takes those away again that no later model can be trained on.
"""

import json
import random
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from local.launch import wait_for
from tests import images
from tests.stack import (
    Execution,
    Stack,
    Uploaded,
    launched,
    train_first_model,
    with_little_time,
)

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
        template=with_little_time(tmp_path_factory.mktemp("template"), "set_up_stack"),
    ) as stack:
        yield stack


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

    wait_for(lambda: billed() == {version}, f"{version} to run alone")


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
    first, second = (trainable.run("model_training") for _ in range(2))
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert "TellUntrainable" in first.states
    assert second.states[-2:] == ("IsThereEnough", "Done"), "the same images are passed by"
    remove(trainable, uploads)
    (mail,) = trainable.operator_mails("untrainable")
    assert "circle: 10" in mail["message"]
    assert not trainable.versions()
    assert_nothing_is_locked(trainable)


def test_the_first_model_is_trained_proven_and_put_into_service(trainable: Stack) -> None:
    trainable.label(dict.fromkeys(images.LABELS, IMAGES_AT_FIRST))
    told_before = len(kinds(trainable))
    trainable.fire("TrainingSchedule")
    wait_for(trainable.deployed, "the first model")
    wait_for(lambda: len(kinds(trainable)) >= told_before + 2, "both messages")
    (version,) = trainable.versions()
    name = version["name"]
    assert kinds(trainable)[told_before:] == ["training_started", "model_deployed"]
    trainable.wait_for_event("Model Deployed", name)
    events = [event["detail-type"] for event in trainable.events(about=name)]
    assert sorted(events) == ["Model Deployed", "Training Ended", "Training Started"]
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
    # As an early version copied it, of which the log alone could tell how it came.
    early = f"images_labeled_by_folder/circle/{'0f' * 16}-early.jpg"
    trainable.upload(early, trainable.new_image("circle"))
    execution, told = run_with_faults(trainable)
    assert execution.status == "SUCCEEDED"
    assert told == ["training_started", "model_deployed"]
    index = trainable.read(f"manifests/training/{newest(trainable)}/index.jsonl").splitlines()
    came = {entry["key"]: entry["provenance"] for entry in map(json.loads, index)}
    assert came[early] == {"origin": "doubtful", "detection_id": "0f" * 16}
    assert_serves_alone(trainable, newest(trainable))
    assert newest(trainable) != champion
    report = trainable.read_json(f"evaluation/{newest(trainable)}/report.json")
    assert report["champion"] == champion
    assert report["comparison"]
    shown = trainable.labelloop("report")
    assert (shown.exit_code, f"that it shares with {champion}" in shown.output) == (0, True)
    assert f"{newest(trainable)}: in service" in shown.output
    assert json.loads(trainable.labelloop("report", "--json").output) == report
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
    strict = {"Minimum-F1-Score": "0.99", "Minimum-Decides": "always"}
    with trainable.parameters(strict):
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


def _with_unreadable_pixels(text: str) -> bytes:
    """A PNG file of which only a decoder sees that it is broken."""

    def part(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    header = struct.pack(">IIBBBBB", 128, 128, 8, 2, 0, 0, 0)
    pixels = b"\x78\x9c" + text.encode().ljust(300, b"\xff")
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            part(b"IHDR", header),
            part(b"IDAT", pixels),
            part(b"IEND", b""),
        ]
    )


def test_a_training_that_the_service_fails_is_recorded_and_told_once(
    trainable: Stack, champion: str
) -> None:
    """More than a fifth of the images are whole files whose pixels nobody can read."""
    uploads = [
        trainable.upload(
            f"images_labeled_by_folder/{label}/broken-{number}.png",
            _with_unreadable_pixels(f"{label} {number}"),
        )
        for label in images.LABELS
        for number in range(60, 90)
    ]
    told_before = len(kinds(trainable))
    execution = trainable.run("model_training")
    again = trainable.run("model_training")
    remove(trainable, uploads)
    assert (execution.status, execution.error) == ("FAILED", "TrainingFailed")
    assert "ExplainTrainingFailure" in execution.states
    assert "CreateDatasets" not in again.states
    assert kinds(trainable)[told_before:] == ["training_started", "training_failed"]
    mail = trainable.operator_mails("training_failed")[-1]["message"]
    assert any(upload.key in mail for upload in uploads), mail
    assert trainable.versions()[-1]["failure"]
    assert_serves_alone(trainable, champion)
    assert_nothing_is_locked(trainable)


def test_an_earlier_version_can_be_put_back(trainable: Stack, champion: str) -> None:
    earlier = proven_beside(trainable, champion)
    # Who looks after the model has seen it run.
    trainable.call("HostModelFunction", {"images_wait": False})
    execution, told = deploy(trainable, earlier)
    assert execution.status == "SUCCEEDED"
    assert "TakeLockToDeploy" in execution.states
    assert_serves_alone(trainable, earlier)
    assert told == ["model_deployed"]
    news = trainable.operator_mails("model_deployed")[-1]["message"]
    assert re.search(rf"place of {champion}, .* ran for [0-9.]+ hours, which cost about US\$", news)


def proven_beside(stack: Stack, champion: str) -> str:
    """Another version that was once found good, and is still there."""
    statuses = stack.model_statuses()
    return next(
        str(version["name"])
        for version in stack.versions()
        if version.get("promote") and version["name"] in statuses.keys() - {champion}
    )


def deploy(stack: Stack, version: str, in_place: bool = False) -> tuple[Execution, list[str]]:
    """Deploy a version; how it ended, and what the operator was told."""
    told_before = len(kinds(stack))
    execution = stack.run("model_training", {"deploy": version, "in_place": in_place})
    return execution, kinds(stack)[told_before:]


def test_in_place_one_model_runs_at_a_time(trainable: Stack, champion: str) -> None:
    earlier = proven_beside(trainable, champion)
    calls_before = len(trainable.local.control("GET", "calls"))
    with a_model_of_somebody_else(trainable):
        execution, told = deploy(trainable, earlier, in_place=True)
    assert execution.status == "SUCCEEDED", execution
    assert told == ["model_deployed"]
    assert_serves_alone(trainable, earlier)
    calls = trainable.local.control("GET", "calls")[calls_before:]
    by_functions = [(call["function"], call["operation"]) for call in calls if call["function"]]
    stopped = by_functions.index(("MakeRoom", "StopProjectVersion"))
    started = by_functions.index(("StartModel", "StartProjectVersion"))
    assert stopped < started, "for an account that runs no two of its models beside another"


def test_in_place_the_former_model_serves_again_when_the_other_cannot(
    trainable: Stack, champion: str
) -> None:
    candidate = proven_beside(trainable, champion)
    forbidden = fault("rekognition", "DetectCustomLabels", "VerifyModel", "AccessDeniedException")
    with trainable.faults(forbidden):
        execution, told = deploy(trainable, candidate, in_place=True)
    assert (execution.status, execution.error) == ("FAILED", "PermissionMissingError")
    assert execution.states[-4:] == (
        "DoesServingRun",
        "ResendToServing",
        "ReleaseLockAfterFailure",
        "Failed",
    )
    assert told == ["deployment_failed"]
    assert "is to be started again" in trainable.operator_mails()[-1]["message"]
    assert_serves_alone(trainable, champion)
    assert_nothing_is_locked(trainable)


def test_in_place_the_operator_is_told_when_nothing_serves(trainable: Stack, champion: str) -> None:
    candidate = proven_beside(trainable, champion)
    refused = fault("rekognition", "StartProjectVersion", "StartModel", "AccessDeniedException")
    with trainable.faults(refused):
        execution, told = deploy(trainable, candidate, in_place=True)
    assert execution.status == "FAILED"
    assert told == ["deployment_failed", "nothing_serves"]
    assert trainable.deployed() == champion, "it is what is to be started"
    assert "labelloop start" in trainable.operator_mails()[-1]["message"]
    assert_nothing_is_locked(trainable)
    arn = trainable.item("ModelVersionsTable", kind="state", name="deployed")["version_arn"]
    trainable.client("rekognition").start_project_version(
        ProjectVersionArn=arn, MinInferenceUnits=1
    )
    wait_for(lambda: trainable.model_statuses()[champion] == "RUNNING", "the champion")


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
    with a_model_of_somebody_else(trainable):
        execution, told = run_with_faults(trainable)
    assert (execution.status, execution.error) == ("FAILED", "QuotaExceededError")
    assert told == ["training_started", "deployment_failed"]
    mail = trainable.operator_mails()[-1]["message"]
    assert "two models unless" in mail and f"deploy {newest(trainable)} --in-place" in mail
    assert_serves_alone(trainable, champion)
    assert_nothing_is_locked(trainable)


@contextmanager
def a_model_of_somebody_else(stack: Stack) -> Iterator[None]:
    """Another project of the account, whose model runs for the length of a block: two may."""
    rekognition = stack.client("rekognition")
    project = somebodys_project(stack)

    def status() -> str:
        (found,) = rekognition.describe_project_versions(ProjectArn=project)[
            "ProjectVersionDescriptions"
        ]
        return str(found["Status"])

    wait_for(lambda: status() != "TRAINING_IN_PROGRESS", "the model of somebody else")
    (version,) = rekognition.describe_project_versions(ProjectArn=project)[
        "ProjectVersionDescriptions"
    ]
    arn = version["ProjectVersionArn"]
    rekognition.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
    wait_for(lambda: status() == "RUNNING", "the model of somebody else to run")
    yield
    rekognition.stop_project_version(ProjectVersionArn=arn)
    wait_for(lambda: status() == "STOPPED", "the model of somebody else to stop")


def somebodys_project(stack: Stack) -> str:
    """A project with a trained version, or one in training; its ARN."""
    rekognition = stack.client("rekognition")
    for project in rekognition.describe_projects()["ProjectDescriptions"]:
        if "/somebody-else/" in project["ProjectArn"]:
            return str(project["ProjectArn"])
    made: str = rekognition.create_project(ProjectName="somebody-else")["ProjectArn"]
    for kind in ("train", "test"):
        manifest = f"manifests/training/{stack.versions()[0]['name']}/{kind}.manifest"
        source = {"S3Object": {"Bucket": stack.bucket, "Name": manifest}}
        rekognition.create_dataset(
            ProjectArn=made,
            DatasetType=kind.upper(),
            DatasetSource={"GroundTruthManifest": source},
        )

    def datasets_are_ready() -> bool:
        (found,) = rekognition.describe_projects(ProjectNames=["somebody-else"])[
            "ProjectDescriptions"
        ]
        return {dataset["Status"] for dataset in found["Datasets"]} == {"CREATE_COMPLETE"}

    wait_for(datasets_are_ready, "the datasets of somebody else")
    rekognition.create_project_version(
        ProjectArn=made,
        VersionName="v1",
        OutputConfig={"S3Bucket": stack.bucket, "S3KeyPrefix": "elsewhere"},
    )
    return made


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


# --- Somebody else, and what is not there any more ------------------------------------------------


def test_a_training_begun_by_hand_is_waited_for(trainable: Stack, champion: str) -> None:
    arn = trainable.client("rekognition").create_project_version(
        ProjectArn=trainable.outputs["ProjectArn"],
        VersionName="by-hand",
        OutputConfig={"S3Bucket": trainable.bucket, "S3KeyPrefix": "by-hand"},
    )["ProjectVersionArn"]
    datasets = trainable.dataset_arns()
    with trainable.outcomes(status("by-hand", "TRAINING_IN_PROGRESS")):
        execution, told = run_with_faults(trainable)
        assert (execution.status, told) == ("SUCCEEDED", []), "the next look finds them again"
        execution = trainable.run("model_training", {"force": True})
        assert (execution.status, execution.error) == ("FAILED", "TrainingInProgressError")
        mail = trainable.operator_mails()[-1]
        assert mail["attributes"]["kind"] == "training_failed" and "by-hand" in mail["message"]
        assert trainable.dataset_arns() == datasets
    assert trainable.run("model_training").status == "SUCCEEDED"
    assert_serves_alone(trainable, newest(trainable))
    assert newest(trainable) != champion
    assert trainable.model_statuses()["by-hand"] == "TRAINING_COMPLETED"
    trainable.client("rekognition").delete_project_version(ProjectVersionArn=arn)


def status(version: str, text: str) -> Any:
    """The order that a version has a status."""
    return {"outcome": "status", "version": version, "text": text}


def test_the_next_run_goes_on_with_a_training_whose_run_was_ended_from_outside(
    trainable: Stack, champion: str
) -> None:
    trainable.label(ENOUGH)
    told_before = len(kinds(trainable))
    with trainable.outcomes(status(f"v{len(trainable.versions()) + 1}-*", "TRAINING_IN_PROGRESS")):
        end_from_outside(trainable, "WaitForTraining")
    begun = newest(trainable)
    assert trainable.deployed() == champion
    execution = trainable.run("model_training")
    assert execution.status == "SUCCEEDED"
    assert "CreateDatasets" not in execution.states
    assert newest(trainable) == begun
    assert_serves_alone(trainable, begun)
    assert kinds(trainable)[told_before:] == [
        "training_started",
        "run_unfinished",
        "model_deployed",
    ]


def end_from_outside(stack: Stack, state: str, request: Any = None) -> None:
    """Let a run come as far as a state, then end it as its operator may."""
    arn = stack.start("model_training", request)
    wait_for(lambda: state in stack.states(arn), state)
    stack.client("stepfunctions").stop_execution(executionArn=arn)
    assert stack.end_of(arn).status == "ABORTED"


def test_a_run_that_was_ended_before_the_switch_leaves_the_champion_serving_alone(
    trainable: Stack, champion: str
) -> None:
    trainable.label(ENOUGH)
    # It comes no further than to prove the candidate.
    failed = fault("rekognition", "DetectCustomLabels", "VerifyModel", "AccessDeniedException")
    with trainable.faults({**failed, "hold": True}):
        end_from_outside(trainable, "WaitForModel")
    candidate = newest(trainable)
    told_before = len(kinds(trainable))
    execution = trainable.run("model_training")
    assert execution.status == "SUCCEEDED"
    assert execution.states[-3:] == ("WhatIsNext", "ReleaseLock", "Done")
    assert kinds(trainable)[told_before:] == ["run_unfinished"]
    assert f"labelloop deploy {candidate}" in trainable.operator_mails()[-1]["message"]
    assert_serves_alone(trainable, champion)
    assert_nothing_is_locked(trainable)
    assert deploy(trainable, candidate)[1] == ["model_deployed"]
    assert_serves_alone(trainable, candidate)


def test_a_run_that_was_ended_before_the_former_model_stopped_leaves_the_new_one_serving_alone(
    trainable: Stack, champion: str
) -> None:
    candidate = proven_beside(trainable, champion)
    # It comes no further than to ask for the former model's stop.
    busy = fault("rekognition", "StopProjectVersion", "StopModel", "ResourceInUseException")
    with trainable.faults({**busy, "hold": True}):
        end_from_outside(trainable, "Drain", {"deploy": candidate})
    assert trainable.deployed() == candidate
    assert trainable.model_statuses()[champion] == "RUNNING"
    told_before = len(kinds(trainable))
    with trainable.faults(busy):
        assert trainable.run("model_training").status == "SUCCEEDED"
    assert kinds(trainable)[told_before:] == ["run_unfinished"]
    assert champion in trainable.operator_mails()[-1]["message"]
    assert_serves_alone(trainable, candidate)
    assert_nothing_is_locked(trainable)


def test_images_that_are_gone_hold_nothing_up(trainable: Stack, champion: str) -> None:
    candidate = proven_beside(trainable, champion)
    index = trainable.read(f"manifests/training/{candidate}/index.jsonl").decode().splitlines()
    (key, *_) = (line["key"] for line in map(json.loads, index) if line["split"] == "test")
    content = trainable.read(key)
    trainable.client("s3").delete_object(Bucket=trainable.bucket, Key=key)
    execution, told = deploy(trainable, candidate)
    assert (execution.status, told) == ("SUCCEEDED", ["model_deployed"])
    trainable.upload(key, content)
    batch = "manifests/inspection/x/0000.jsonl"
    trainable.upload(batch, json.dumps({"key": "images_imported/gone.jpg", "etag": "e"}).encode())
    for images_inspected in (0, 0):
        answer = trainable.call("InspectImagesFunction", {"batch": batch})
        assert answer == {"images": images_inspected}
    assert not trainable.keys(batch)


def test_a_failure_without_its_files_is_told_as_far_as_it_is_known(trainable: Stack) -> None:
    failed = next(
        version["name"]
        for version in trainable.versions()
        if trainable.model_statuses().get(version["name"]) == "TRAINING_FAILED"
    )
    request = {"version": failed, "cause": "{}"}
    before = trainable.call("ExplainTrainingFailureFunction", request)
    assert "broken-" in before["explanation"]
    for key in trainable.keys(f"evaluation/{failed}/"):
        trainable.client("s3").delete_object(Bucket=trainable.bucket, Key=key)
    after = trainable.call("ExplainTrainingFailureFunction", request)
    assert "broken-" not in after["explanation"] and "TRAINING_FAILED" in after["explanation"]


def test_what_a_dataset_does_not_take_is_noted(trainable: Stack, champion: str) -> None:
    manifest = f"manifests/training/{champion}/test.manifest"
    lines = trainable.read(manifest).decode().splitlines()
    unlabelled = json.dumps({"source-ref": json.loads(lines[1])["source-ref"], "other": 1})
    broken = "manifests/training/broken.manifest"
    trainable.upload(broken, "\n".join([unlabelled, "no JSON", *lines[2:]]).encode())
    answer: Any = {"dataset_arn": None, "done": False}

    def is_made() -> bool:
        nonlocal answer
        answer = trainable.call(
            "ReplaceDatasetFunction",
            {
                "dataset_type": "TEST",
                "version": champion,
                "manifest": broken,
                "images": len(lines),
                "dataset_arn": answer["dataset_arn"],
            },
        )
        return bool(answer["done"])

    wait_for(is_made, "the dataset")
    noted = trainable.item("ModelVersionsTable", kind="version", name=champion)["entries_test"]
    assert (noted["sent"], noted["stored"]) == (len(lines), len(lines) - 1)
    assert len(noted["errors"]) == 2, noted


def test_versions_that_are_too_many_are_deleted(trainable: Stack, champion: str) -> None:
    before = trainable.item("ModelVersionsTable", kind="state", name="deployed")
    with trainable.parameters({"Maximum-Model-Versions": "3"}):
        execution, _ = deploy(trainable, champion)
    assert execution.status == "SUCCEEDED"

    def left() -> set[str]:
        statuses = trainable.model_statuses().items()
        return {name for name, status in statuses if status != "DELETING"}

    wait_for(lambda: len(left()) == 3, "the end of old versions")
    assert left() >= {champion, before["previous"]}
    deleted = [version["name"] for version in trainable.versions() if "deleted" in version]
    assert deleted and not left() & set(deleted)
    assert trainable.keys(f"manifests/training/{deleted[0]}/"), "what it was made of stays"


# --- When the stack goes: this comes last ---------------------------------------------------------


def test_a_deletion_that_takes_longer_than_one_invocation_goes_on_in_another(
    trainable: Stack, champion: str
) -> None:
    statuses = trainable.model_statuses()
    other = next(v for v in trainable.versions() if v["name"] in statuses.keys() - {champion})
    rekognition = trainable.client("rekognition")
    # A model that starts cannot be stopped, only waited for.
    rekognition.start_project_version(ProjectVersionArn=other["arn"], MinInferenceUnits=1)
    before = trainable.local.control("GET", "summary")["lambda"].get("SetUpStack", 0)
    trainable.local.control("DELETE", "stack")
    assert trainable.local.control("GET", "summary")["lambda"]["SetUpStack"] > before + 1
    assert set(trainable.model_statuses().values()) <= {"STOPPED", "TRAINING_COMPLETED"} | {
        "TRAINING_FAILED"
    }
