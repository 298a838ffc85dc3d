"""ReplaceDataset: one step a call, until the dataset is there."""

import json

import pytest

from functions.replace_dataset.app import lambda_handler
from labelloop.domain import manifests
from labelloop.domain.annotations import Annotation
from labelloop.domain.manifests import SplitImage
from labelloop.domain.splits import Split
from labelloop.errors import TrainingInProgressError, UnknownStatusError, UntrainableError
from tests.unit import version_records
from tests.unit.account import Account, Context, Json, version

MANIFEST = "manifests/training/v1/train.manifest"


@pytest.fixture
def manifest(account: Account) -> str:
    """A manifest of two images that are in the bucket."""
    return _write(account, MANIFEST)


def _write(account: Account, key: str) -> str:
    images = []
    for label in ("cat", "dog"):
        image_key = f"{manifests.LABELLED_FOLDER}{label}/1.jpg"
        account.put(image_key, b"\xff\xd8\xff")
        shown = Annotation.of_labels([label])
        images.append(SplitImage(image_key, "e", label, Split.TRAIN, shown))
    lines = manifests.manifest_lines(account.bucket, images, Split.TRAIN, "2026-11-21T09:15:27")
    account.put(key, "".join(f"{line}\n" for line in lines).encode())
    return key


def _call(manifest: str, dataset_arn: str | None, images: int = 2) -> Json:
    request = {
        "dataset_type": "TRAIN",
        "version": "v1",
        "manifest": manifest,
        "images": images,
        "dataset_arn": dataset_arn,
    }
    return lambda_handler(request, Context())


def _until_done(account: Account, manifest: str) -> str:
    arn: str | None = None
    for _ in range(20):
        answer = _call(manifest, arn)
        arn = answer["dataset_arn"]
        if answer["done"]:
            assert arn
            return arn
        account.clock.advance(15)
    raise AssertionError("it is never done")


def test_a_first_dataset_is_made(account: Account, manifest: str) -> None:
    arn = _until_done(account, manifest)
    assert len(account.rekognition.asked("CreateDataset")) == 1
    assert _call(manifest, arn) == {"done": True, "dataset_arn": arn}


def test_each_step_may_be_done_twice(account: Account, manifest: str) -> None:
    first = _call(manifest, None)
    assert _call(manifest, first["dataset_arn"]) == first
    account.clock.advance(60)
    done = _call(manifest, first["dataset_arn"])
    assert done == {"done": True, "dataset_arn": first["dataset_arn"]}
    assert _call(manifest, first["dataset_arn"]) == done


def test_the_dataset_of_another_version_gives_way(account: Account, manifest: str) -> None:
    old = _until_done(account, manifest)
    new = _until_done(account, _write(account, "manifests/training/v2/train.manifest"))
    assert new != old


def test_a_dataset_whose_making_lost_its_answer_is_made_anew(
    account: Account, manifest: str
) -> None:
    """Which manifest it was made from, nobody knows."""
    _call(manifest, None)
    account.clock.advance(60)
    arn = _until_done(account, manifest)
    assert len(account.rekognition.asked("CreateDataset")) == 2
    assert _call(manifest, arn)["done"] is True


def test_a_dataset_that_a_training_uses_stays(account: Account, manifest: str) -> None:
    _until_done(account, manifest)
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version("by-hand", "TRAINING_IN_PROGRESS")]
    }
    with pytest.raises(TrainingInProgressError, match="by-hand"):
        _call(manifest, None)
    assert not account.rekognition.asked("DeleteDataset")


def test_lines_that_the_service_drops_in_silence_are_counted(account: Account) -> None:
    key = _write(account, MANIFEST)
    body = account.read(key)
    account.put(key, body + body)
    arn = None
    for _ in range(20):
        answer = _call(key, arn, images=4)
        arn = answer["dataset_arn"]
        if answer["done"]:
            break
        account.clock.advance(15)
    record = version_records.read("v1")
    assert record is not None
    told = record["entries_train"]
    assert (told["sent"], told["stored"]) == (4, 2)
    assert "took 2 of the 4 lines" in told["errors"][-1]


def test_entries_with_errors_are_named_in_words(account: Account, manifest: str) -> None:
    arn = _until_done(account, manifest)
    counts = {"TotalEntries": 2, "LabeledEntries": 1, "ErrorEntries": 1}
    account.rekognition.answers["DescribeDataset"] = lambda _: {
        "DatasetDescription": {"DatasetStats": counts}
    }
    problem = {"code": "ERROR_NO_LABEL_ATTRIBUTES", "message": "No label attributes."}
    entry = {"source-ref": "s3://b/images_labeled_by_folder/cat/1.jpg", "cl-errors": [problem]}
    account.rekognition.answers["ListDatasetEntries"] = lambda _: {
        "DatasetEntries": [json.dumps(entry)]
    }
    _call(manifest, arn)
    record = version_records.read("v1")
    assert record is not None
    assert record["entries_train"]["errors"] == [
        "One training image: the line has no label; label the image, or take it out: "
        "images_labeled_by_folder/cat/1.jpg."
    ]


def _dataset(account: Account, status: str, message: str = "") -> str:
    arn = f"{account.project_arn.rsplit('/', 1)[0]}/dataset/train/1"
    entry = {"DatasetArn": arn, "DatasetType": "TRAIN", "Status": status, "StatusMessage": message}
    account.rekognition.answers["DescribeProjects"] = lambda _: {
        "ProjectDescriptions": [{"ProjectArn": account.project_arn, "Datasets": [entry]}]
    }
    return arn


def test_a_manifest_that_the_service_refused_is_said_to_be_so(account: Account) -> None:
    arn = _dataset(account, "CREATE_FAILED", "The manifest file contains too many invalid rows.")
    with pytest.raises(UntrainableError, match="too many invalid rows"):
        _call(MANIFEST, arn)


def test_a_failed_dataset_of_another_version_is_deleted_like_any_other(account: Account) -> None:
    arn = _dataset(account, "CREATE_FAILED")
    account.rekognition.answers["DeleteDataset"] = lambda _: {}
    assert _call(MANIFEST, None) == {"done": False, "dataset_arn": None}
    assert account.rekognition.asked("DeleteDataset") == [{"DatasetArn": arn}]


def test_a_status_that_nobody_knows_is_neither_success_nor_failure(account: Account) -> None:
    arn = _dataset(account, "ARCHIVED")
    with pytest.raises(UnknownStatusError, match="ARCHIVED"):
        _call(MANIFEST, arn)
