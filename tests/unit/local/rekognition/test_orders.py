"""What the account may have, and the ends of the service's own work that a test can order."""

from typing import Any

import botocore.session
import pytest

from local.rekognition import ServiceError
from local.rekognition.orders import OrderError
from tests.unit.local.rekognition.support import Client, draw_lines

TWO_LABELS = ("bolt", "gear")
MODEL: Any = botocore.session.get_session().get_service_model("rekognition")
STATUSES = frozenset[str](MODEL.shape_for("ProjectVersionStatus").enum)


@pytest.fixture
def project(client: Client) -> str:
    lines = draw_lines(client.store, "train", 2, 1, TWO_LABELS)
    return client.create_project_with_datasets("parts", lines, lines[::2])


def order(client: Client, outcome: str, **more: Any) -> None:
    client.service.order({"outcomes": [{"outcome": outcome, **more}]})


def start(client: Client, version: str, units: int = 1) -> str:
    answer = client.call("StartProjectVersion", ProjectVersionArn=version, MinInferenceUnits=units)
    return str(answer["Status"])


def trained(client: Client, project: str, name: str = "v1") -> str:
    return str(client.train(project, name)["ProjectVersionArn"])


def test_a_training_fails_by_order_once(client: Client, project: str) -> None:
    order(client, "training_fails", version="v*", text="Something went wrong.")
    failed = client.train(project, "v1")
    assert (failed["Status"], failed["StatusMessage"]) == (
        "TRAINING_FAILED",
        "Something went wrong.",
    )
    assert not {"ManifestSummary", "EvaluationResult", "TrainingDataResult"} & set(failed)
    assert client.train(project, "v2")["Status"] == "TRAINING_COMPLETED"


def test_an_ordered_failure_takes_as_long_as_a_training(client: Client, project: str) -> None:
    order(client, "training_fails")
    client.start_training(project)
    client.clock.advance(1799)
    assert client.describe_version(project, "v1")["Status"] == "TRAINING_IN_PROGRESS"
    client.clock.advance(1)
    assert client.describe_version(project, "v1")["Status"] == "TRAINING_FAILED"


def test_f1_is_missing_by_order(client: Client, project: str) -> None:
    order(client, "f1_is_missing")
    version = client.train(project)
    assert version["Status"] == "TRAINING_COMPLETED"
    assert set(version["EvaluationResult"]) == {"Summary"}


def test_a_start_fails_by_order(client: Client, project: str) -> None:
    version = trained(client, project)
    order(client, "start_fails", text="No capacity.")
    assert start(client, version) == "STARTING"
    client.clock.advance(600)
    described = client.describe_version(project, "v1")
    assert (described["Status"], described["StatusMessage"]) == ("FAILED", "No capacity.")
    for operation in ("StartProjectVersion", "StopProjectVersion"):
        more = {"MinInferenceUnits": 1} if operation == "StartProjectVersion" else {}
        with pytest.raises(ServiceError, match="ResourceInUseException"):
            client.call(operation, ProjectVersionArn=version, **more)
    client.call("DeleteProjectVersion", ProjectVersionArn=version)


def test_every_status_of_the_service_can_be_given_and_taken_away_again(
    client: Client, project: str
) -> None:
    trained(client, project)
    for status in STATUSES:
        order(client, "status", text=status, version="v1")
        assert client.describe_version(project, "v1")["Status"] == status
        client.service.order({})
        assert client.describe_version(project, "v1")["Status"] == "TRAINING_COMPLETED"


def test_only_models_that_rest_can_be_started(client: Client, project: str) -> None:
    version = trained(client, project)
    for status in sorted(STATUSES - {"TRAINING_COMPLETED", "STOPPED", "COPYING_COMPLETED"}):
        order(client, "status", text=status)
        with pytest.raises(ServiceError):
            start(client, version)


def test_a_copied_model_can_be_started(client: Client, project: str) -> None:
    version = trained(client, project)
    order(client, "status", text="COPYING_COMPLETED")
    assert start(client, version) == "STARTING"
    client.clock.advance(600)
    assert client.describe_version(project, "v1")["Status"] == "RUNNING"


def test_a_status_that_nobody_knows_can_be_given_to_a_version_to_come(
    client: Client, project: str
) -> None:
    order(client, "status", text="POLISHING")
    client.start_training(project)
    found = client.service.handle("DescribeProjectVersions", {"ProjectArn": project})
    assert [item["Status"] for item in found["ProjectVersionDescriptions"]] == ["POLISHING"]


@pytest.mark.parametrize(
    "wishes",
    [
        {"outcome": []},
        {"outcomes": {}},
        {"outcomes": ["training_fails"]},
        {"outcomes": [{"outcome": "explodes"}]},
        {"outcomes": [{"outcome": "status"}]},
        {"outcomes": [{"outcome": "training_fails", "when": "now"}]},
        {"outcomes": [{"outcome": "training_fails", "times": "twice"}]},
        {"quotas": {"models": 3}},
        {"quotas": {"running_models": "3"}},
    ],
)
def test_an_order_that_cannot_be_understood_is_refused(
    client: Client, wishes: dict[str, Any]
) -> None:
    with pytest.raises(OrderError):
        client.service.order(wishes)


def test_what_is_in_force_can_be_read(client: Client) -> None:
    client.service.order({"quotas": {"running_models": 1}, "outcomes": []})
    assert client.service.orders()["quotas"]["running_models"] == 1
    client.service.order({})
    assert client.service.orders() == {
        "outcomes": [],
        "quotas": {
            "projects": 100,
            "versions_per_project": 100,
            "concurrent_trainings": 2,
            "running_models": 2,
            "inference_units": 5,
        },
    }


def test_over_a_hundred_versions_come_in_pages(client: Client, project: str) -> None:
    quotas = {"versions_per_project": 120, "concurrent_trainings": 120}
    failing = {"outcome": "training_fails", "times": -1}
    client.service.order({"quotas": quotas, "outcomes": [failing]})
    for number in range(105):
        client.start_training(project, f"v{number}")
    first = client.call("DescribeProjectVersions", ProjectArn=project)
    rest = client.call("DescribeProjectVersions", ProjectArn=project, NextToken=first["NextToken"])
    pages = [page["ProjectVersionDescriptions"] for page in (first, rest)]
    assert [len(page) for page in pages] == [100, 5]
    names = [item["ProjectVersionArn"].split("/")[3] for page in pages for item in page]
    assert names == [f"v{number}" for number in reversed(range(105))]
    assert "NextToken" not in rest


def test_a_project_has_a_hundred_versions_at_most(client: Client, project: str) -> None:
    client.service.order(
        {
            "quotas": {"concurrent_trainings": 100},
            "outcomes": [{"outcome": "training_fails", "times": -1}],
        }
    )
    versions = [client.start_training(project, f"v{number}") for number in range(100)]
    with pytest.raises(ServiceError, match="LimitExceededException"):
        client.start_training(project, "one-more")
    client.clock.advance(1800)
    client.call("DeleteProjectVersion", ProjectVersionArn=versions[0])
    client.clock.advance(10)
    client.start_training(project, "one-more")


def test_a_third_model_at_once_is_refused_until_one_has_stopped(
    client: Client, project: str
) -> None:
    versions = [trained(client, project, name) for name in ("v1", "v2", "v3")]
    start(client, versions[0])
    start(client, versions[1])
    client.clock.advance(600)
    with pytest.raises(ServiceError, match="LimitExceededException"):
        start(client, versions[2])
    client.call("StopProjectVersion", ProjectVersionArn=versions[0])
    with pytest.raises(ServiceError, match="LimitExceededException"):
        start(client, versions[2])
    client.clock.advance(120)
    assert start(client, versions[2]) == "STARTING"


def test_a_model_has_five_inference_units_at_most(client: Client, project: str) -> None:
    version = trained(client, project)
    with pytest.raises(ServiceError, match="LimitExceededException"):
        start(client, version, units=6)
    with pytest.raises(ServiceError, match="LimitExceededException"):
        client.call(
            "StartProjectVersion",
            ProjectVersionArn=version,
            MinInferenceUnits=1,
            MaxInferenceUnits=6,
        )


@pytest.mark.parametrize("at_work", ["STARTING", "RUNNING", "STOPPING"])
def test_a_model_at_work_is_not_deleted(client: Client, project: str, at_work: str) -> None:
    version = trained(client, project)
    start(client, version)
    if at_work != "STARTING":
        client.clock.advance(600)
    if at_work == "STOPPING":
        client.call("StopProjectVersion", ProjectVersionArn=version)
    assert client.describe_version(project, "v1")["Status"] == at_work
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        client.call("DeleteProjectVersion", ProjectVersionArn=version)


def test_a_training_has_its_own_copy_of_the_datasets(client: Client, project: str) -> None:
    client.start_training(project)
    (described,) = client.call("DescribeProjects")["ProjectDescriptions"]
    for dataset in described["Datasets"]:
        client.call("DeleteDataset", DatasetArn=dataset["DatasetArn"])
    client.service.close()  # waits for the real training
    client.clock.advance(1800)
    version = client.describe_version(project, "v1")
    assert version["Status"] == "TRAINING_COMPLETED"
    (asset,) = version["TrainingDataResult"]["Output"]["Assets"]
    assert len(client.store.read_lines(asset)) == 4
