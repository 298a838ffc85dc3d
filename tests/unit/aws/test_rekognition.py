"""labelloop.aws.rekognition against the emulator: asked twice, done once."""

import pytest

from labelloop.aws import rekognition, rekognition_datasets
from labelloop.aws.rekognition import S3Location, VersionStatus
from labelloop.domain import manifests
from labelloop.domain.annotations import Annotation
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.images import ImageObject
from labelloop.domain.manifests import SplitImage
from labelloop.domain.splits import Split
from labelloop.errors import (
    BusyError,
    ModelNotReadyError,
    NotFoundError,
    QuotaExceededError,
    UnknownStatusError,
)
from tests.images import LABELS, draw
from tests.unit.account import Account, refuses, version, version_arn


@pytest.fixture
def prepared(account: Account) -> Account:
    """A project with a train and a test dataset of drawn images."""
    images = []
    for label in LABELS:
        for number in range(6):
            key = f"{manifests.LABELLED_FOLDER}{label}/{number}.jpg"
            account.put(key, draw(label, number))
            split = Split.TEST if number < 2 else Split.TRAIN
            images.append(SplitImage(key, "e", key, split, Annotation.of_labels([label])))
    for kind, split in (("TRAIN", Split.TRAIN), ("TEST", Split.TEST)):
        key = f"manifests/training/v1/{split}.manifest"
        created = "2026-11-21T09:15:27"
        lines = manifests.manifest_lines(account.bucket, images, split, created)
        account.put(key, "\n".join(lines).encode())
        rekognition_datasets.create_dataset(kind, account.bucket, key)  # type: ignore[arg-type]
    account.clock.advance(120)
    return account


def test_a_project_is_made_once_and_adopted_afterwards(account: Account) -> None:
    made = rekognition.create_or_adopt_project("another-stack")
    assert rekognition.create_or_adopt_project("another-stack") == made
    assert rekognition.create_or_adopt_project("label-loop") == account.project_arn


def test_both_datasets_are_known_by_their_type(prepared: Account) -> None:
    found = rekognition_datasets.datasets()
    assert {kind: dataset.status for kind, dataset in found.items()} == {
        "TRAIN": "CREATE_COMPLETE",
        "TEST": "CREATE_COMPLETE",
    }


def test_a_second_dataset_of_a_type_waits_until_the_first_is_gone(prepared: Account) -> None:
    key = "manifests/training/v1/train.manifest"
    with pytest.raises(BusyError):
        rekognition_datasets.create_dataset("TRAIN", prepared.bucket, key)
    arn = rekognition_datasets.datasets()["TRAIN"].arn
    rekognition_datasets.delete_dataset(arn)
    prepared.clock.advance(120)
    rekognition_datasets.delete_dataset(arn)
    assert "TRAIN" not in rekognition_datasets.datasets()
    assert rekognition_datasets.create_dataset("TRAIN", prepared.bucket, key) != arn


def test_a_training_is_begun_once(prepared: Account) -> None:
    arn = rekognition.create_version("v1", prepared.bucket, "evaluation/v1")
    assert rekognition.create_version("v1", prepared.bucket, "evaluation/v1") == arn
    found = rekognition.version("v1")
    assert (found.name, found.arn) == ("v1", arn)
    assert found.status in {VersionStatus.TRAINING_IN_PROGRESS, VersionStatus.TRAINING_COMPLETED}


def test_a_model_in_training_neither_starts_nor_detects_nor_needs_stopping(
    prepared: Account,
) -> None:
    arn = rekognition.create_version("v1", prepared.bucket, "evaluation/v1")
    image = ImageObject(prepared.bucket, f"{manifests.LABELLED_FOLDER}circle/0.jpg", None, "e", 1)
    with pytest.raises(ModelNotReadyError):
        rekognition.detect(arn, image, 0)
    with pytest.raises(BusyError):
        rekognition.start_version(arn, 1, 1)
    rekognition.stop_version(arn)


def test_what_does_not_exist_is_not_found(account: Account) -> None:
    image = ImageObject(account.bucket, "a.jpg", None, "e", 1)
    with pytest.raises(NotFoundError):
        rekognition.version("v9")
    with pytest.raises(NotFoundError):
        rekognition.detect(version_arn("v9", account.project_arn), image, 0)
    with pytest.raises(NotFoundError):
        rekognition.start_version(version_arn("v9", account.project_arn), 1, 1)
    rekognition.stop_version(version_arn("v9", account.project_arn))
    assert rekognition.versions() == []


def test_labels_are_asked_for_from_a_confidence_on_or_by_their_own_thresholds(
    account: Account,
) -> None:
    """A minimum in the request takes the place of the labels' assumed thresholds."""
    account.rekognition.answers["DetectCustomLabels"] = lambda _: {"CustomLabels": []}
    image = ImageObject(account.bucket, "a.jpg", "v7", "e", 1)
    assert rekognition.detect(version_arn("v1"), image, None) == []
    assert rekognition.detect(version_arn("v1"), image, 0.5) == []
    assert rekognition.detect_everything(version_arn("v1"), image) == []
    s3_object = {"Bucket": account.bucket, "Name": "a.jpg", "Version": "v7"}
    asked = {"ProjectVersionArn": version_arn("v1"), "Image": {"S3Object": s3_object}}
    assert account.rekognition.asked("DetectCustomLabels") == [
        asked,
        {**asked, "MinConfidence": 0.5},
        {**asked, "MinConfidence": 0},
    ]


def test_a_label_has_the_box_that_the_service_gives_it_and_else_none(account: Account) -> None:
    box = {"Left": -0.1, "Top": 0.2, "Width": 1.3, "Height": 0.4}
    account.rekognition.answers["DetectCustomLabels"] = lambda _: {
        "CustomLabels": [
            {"Name": "gear", "Confidence": 97.5, "Geometry": {"BoundingBox": box}},
            {"Name": "bolt", "Confidence": 50.0, "Geometry": {}},
            {"Name": "nut", "Confidence": 5.0},
        ]
    }
    image = ImageObject(account.bucket, "a.jpg", None, "e", 1)
    assert rekognition.detect(version_arn("v1"), image, None) == [
        Label("gear", 97.5, LabelBox(left=-0.1, top=0.2, width=1.3, height=0.4)),
        Label("bolt", 50.0),
        Label("nut", 5.0),
    ]


def test_every_page_of_versions_is_read(account: Account) -> None:
    pages = {None: ([version("v3"), version("v2")], "more"), "more": ([version("v1")], None)}

    def answer(request: dict[str, object]) -> dict[str, object]:
        found, token = pages[request.get("NextToken")]  # type: ignore[index]
        return {"ProjectVersionDescriptions": found} | ({"NextToken": token} if token else {})

    account.rekognition.answers["DescribeProjectVersions"] = answer
    assert [found.name for found in rekognition.versions()] == ["v3", "v2", "v1"]


def test_where_results_lie_is_taken_from_the_answer_and_nothing_is_assumed(
    account: Account,
) -> None:
    def at(key: str) -> dict[str, object]:
        return {"S3Object": {"Bucket": "b", "Name": key}}

    full = version("v2", "TRAINING_COMPLETED") | {
        "EvaluationResult": {"F1Score": 0.5, "Summary": at("EvaluationSummary-x.json")},
        "ManifestSummary": at("manifest_summary.json"),
        "TrainingDataResult": {
            "Output": {"Assets": [{"GroundTruthManifest": at("trained")}]},
            "Validation": {"Assets": [{"GroundTruthManifest": at("trained_validated")}]},
        },
        "TestingDataResult": {
            "Output": {"Assets": [{"GroundTruthManifest": at("tested")}]},
            "Validation": {"Assets": [{"GroundTruthManifest": at("tested_validated")}]},
        },
        "BillableTrainingTimeInSeconds": 1800,
    }
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [full, version("v1", "TRAINING_FAILED")]
    }
    best, failed = rekognition.versions()
    assert best.summary == S3Location("b", "EvaluationSummary-x.json")
    assert best.test_snapshot == S3Location("b", "tested")
    assert best.train_snapshot == S3Location("b", "trained")
    assert best.manifest_summary == S3Location("b", "manifest_summary.json")
    assert best.training_validation == S3Location("b", "trained_validated")
    assert best.testing_validation == S3Location("b", "tested_validated")
    assert (best.f1, best.billable_training_s) == (0.5, 1800)
    assert (failed.summary, failed.test_snapshot, failed.f1) == (None, None, None)
    assert (failed.manifest_summary, failed.train_snapshot) == (None, None)
    assert (failed.training_validation, failed.testing_validation) == (None, None)


def test_a_status_that_nobody_knows_is_said_and_holds_up_nothing_else(account: Account) -> None:
    account.rekognition.answers["DescribeProjectVersions"] = lambda request: {
        "ProjectVersionDescriptions": [
            entry
            for entry in (version("v2", "HIBERNATING"), version("v1", "RUNNING"))
            if entry["ProjectVersionArn"].split("/")[-2]
            in request.get("VersionNames", ["v1", "v2"])
        ]
    }
    with pytest.raises(UnknownStatusError, match="v2 has the unknown status HIBERNATING"):
        rekognition.version("v2")
    assert [one.name for one in rekognition.versions()] == ["v1"]


def test_a_third_training_is_a_quota(account: Account) -> None:
    account.rekognition.answers["CreateProjectVersion"] = refuses("ServiceQuotaExceededException")
    with pytest.raises(QuotaExceededError):
        rekognition.create_version("v1", account.bucket, "evaluation/v1")


def test_what_a_dataset_holds_is_counted_and_its_refused_entries_are_listed(
    prepared: Account,
) -> None:
    arn = rekognition_datasets.datasets()["TEST"].arn
    counts = rekognition_datasets.entry_counts(arn)
    assert (counts.total, counts.with_errors) == (2 * len(LABELS), 0)
    assert rekognition_datasets.entries_with_errors(arn, 10) == []


def test_a_version_is_deleted_once(prepared: Account) -> None:
    arn = rekognition.create_version("v1", prepared.bucket, "evaluation/v1")
    with pytest.raises(BusyError):
        rekognition.delete_version(arn)
    prepared.rekognition.answers["DeleteProjectVersion"] = refuses("ResourceNotFoundException")
    rekognition.delete_version(arn)
