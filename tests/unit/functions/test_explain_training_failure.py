"""ExplainTrainingFailure: the operator learns why a training failed, and of which images."""

import json

import pytest

from functions.explain_training_failure.app import lambda_handler
from labelloop.errors import UnknownStatusError
from tests.unit import version_records
from tests.unit.account import Account, Context, Json, event, version

REFUSED = event("explain_training_failure.images_refused")
EARLIER = event("explain_training_failure.dataset_refused")
NAME = REFUSED["version"]
MESSAGE = "The manifest file has too many errors."


@pytest.fixture
def noted(account: Account) -> Account:
    """An account that knows of the version."""
    version_records.add(NAME, {"number": 12, "data": "x"})
    return account


def _described(account: Account, status: str = "TRAINING_FAILED", message: str = MESSAGE) -> Json:
    described = version(NAME, status) | {"StatusMessage": message}
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [described]
    }
    return described


def _failed_with_files(account: Account) -> None:
    """A training that failed as the developer guide shows it, with the files that it leaves."""

    def at(key: str) -> Json:
        return {"S3Object": {"Bucket": account.bucket, "Name": f"evaluation/{NAME}/{key}"}}

    def manifest(key: str) -> Json:
        return {"Validation": {"Assets": [{"GroundTruthManifest": at(key)}]}}

    described = _described(account)
    described["ManifestSummary"] = at("summary")
    described["TrainingDataResult"] = manifest("train")
    described["TestingDataResult"] = manifest("test")
    too_many = {"code": "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST", "message": "Too many."}
    dimension = {"code": "ERROR_INVALID_IMAGE_DIMENSION", "message": "Too large."}
    statistics = {"total_json_lines": 8, "invalid_json_lines": 3, "errors": []}
    summary = {"statistics": {"training": statistics, "testing": {}}, "errors": [too_many]}
    lines = [
        json.dumps(
            {"source-ref": f"s3://{account.bucket}/images_labeled_by_folder/a/{number}.jpg"}
            | ({"errors": [dimension]} if number < 3 else {})
        )
        for number in range(8)
    ]
    account.put(f"evaluation/{NAME}/summary", json.dumps(summary).encode())
    account.put(f"evaluation/{NAME}/train", "\n".join(lines).encode())
    account.put(f"evaluation/{NAME}/test", b"")


def test_the_services_findings_are_told_with_the_images_concerned(noted: Account) -> None:
    _failed_with_files(noted)
    output = lambda_handler(REFUSED, Context())
    assert output["sentences"] == [
        f"Rekognition gave the version the status TRAINING_FAILED: {MESSAGE}",
        "More than 20 % of a manifest's lines have errors, so nothing was trained; mend or remove "
        "the images that are named here.",
        "3 of 8 training images have errors.",
        "3 training images: the image is under 64 or over 4096 pixels a side, or over 20 times "
        "longer than wide; scale or crop it: images_labeled_by_folder/a/0.jpg, "
        "images_labeled_by_folder/a/1.jpg, images_labeled_by_folder/a/2.jpg.",
    ]
    assert output["explanation"].splitlines()[1:] == [
        f"- {sentence}" for sentence in output["sentences"][1:]
    ]


def test_the_versions_record_says_why_and_when(noted: Account) -> None:
    _failed_with_files(noted)
    output = lambda_handler(REFUSED, Context())
    record = version_records.read(NAME)
    assert record
    assert record["failure"] == output["explanation"]
    assert record["ended"] == "2026-11-21T09:15:27.000Z"
    assert record["number"] == 12


def test_twice_comes_to_the_same_as_once(noted: Account) -> None:
    _failed_with_files(noted)
    first = lambda_handler(REFUSED, Context())
    items = noted.items("ModelVersionsTable")
    assert lambda_handler(REFUSED, Context()) == first
    assert noted.items("ModelVersionsTable") == items


def test_without_files_there_is_the_services_message(noted: Account) -> None:
    """The service writes none when it cannot read a manifest."""
    _described(noted, message="The manifest file is empty.")
    output = lambda_handler(REFUSED, Context())
    assert output["sentences"] == [
        "Rekognition gave the version the status TRAINING_FAILED: The manifest file is empty."
    ]


def test_files_that_somebody_deleted_are_done_without(noted: Account) -> None:
    _failed_with_files(noted)
    for key in noted.keys(f"evaluation/{NAME}/"):
        noted.boto3("s3").delete_object(Bucket=noted.bucket, Key=key)
    assert len(lambda_handler(REFUSED, Context())["sentences"]) == 1


@pytest.mark.parametrize("status", ["EXPIRED", "DELETING", "COPYING_FAILED"])
def test_a_status_in_which_nothing_can_be_done_is_told(noted: Account, status: str) -> None:
    _described(noted, status, "")
    (sentence,) = lambda_handler(REFUSED, Context())["sentences"]
    assert sentence == (f"Rekognition gave the version the status {status}: it does not say why.")


def test_a_dataset_that_was_refused_before_the_training_is_explained(noted: Account) -> None:
    output = lambda_handler(EARLIER, Context())
    assert output["sentences"] == [
        "Rekognition refused the TRAIN dataset made from manifests/training/v12-0a1b2c3d/"
        "train.manifest: ERROR_MANIFEST_SIZE_TOO_LARGE: The manifest file is over the maximum "
        "supported size.",
        "The manifest is over 1 GB; take images out.",
    ]
    record = version_records.read(NAME)
    assert record
    assert record["failure"] == output["explanation"]


def test_a_status_that_nobody_knows_is_not_explained(noted: Account) -> None:
    _described(noted, "HAUNTED")
    with pytest.raises(UnknownStatusError):
        lambda_handler(REFUSED, Context())
