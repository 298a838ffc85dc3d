"""CheckNewImages: how many labelled images no model has learnt from."""

import pytest

from functions.check_new_images.app import lambda_handler
from labelloop.aws import model_registry, training_data
from labelloop.domain import manifests
from labelloop.domain.manifests import SplitImage
from labelloop.domain.splits import Split
from tests.unit.account import Account, Context, Json, event

FOLDER = manifests.LABELLED_FOLDER


@pytest.fixture
def trained(account: Account) -> Account:
    """Ten images, all of which the last version was trained on."""
    for number in range(10):
        account.put(f"{FOLDER}cat/{number}.jpg", b"\xff\xd8\xff%d" % number)
    listed = account.boto3("s3").list_objects_v2(Bucket=account.bucket, Prefix=FOLDER)["Contents"]
    index = [
        SplitImage(entry["Key"], entry["ETag"].strip('"'), "cat", entry["Key"], Split.TRAIN)
        for entry in listed
    ]
    training_data.write_version(index, "v1-x", "2026-11-21T09:15:27")
    model_registry.add_version("v1-x", {"number": 1, "data": "x"})
    model_registry.note_version("v1-x", {"trained": "2026-11-21T09:15:27.000Z"})
    account.set_parameter("Minimum-Untrained-Images", "3")
    return account


def _check(case: str = "schedule") -> Json:
    return lambda_handler(event(f"check_new_images.{case}"), Context())


def test_what_was_trained_on_is_not_new(trained: Account) -> None:
    assert _check() == {"train": False, "new_images": 0, "images": 10, "minimum": 3}
    assert _check() == _check()


def test_enough_new_or_replaced_images_start_a_training(trained: Account) -> None:
    trained.put(f"{FOLDER}cat/0.jpg", b"\xff\xd8\xff replaced")
    trained.put(f"{FOLDER}dog/", b"")
    trained.put(f"{FOLDER}dog/in a folder/1.jpg", b"\xff\xd8\xff")
    assert _check()["train"] is False
    trained.put(f"{FOLDER}dog/2.jpg", b"\xff\xd8\xff")
    assert _check() == {"train": True, "new_images": 3, "images": 12, "minimum": 3}


def test_deleted_images_are_not_counted_as_new(trained: Account) -> None:
    trained.boto3("s3").delete_object(Bucket=trained.bucket, Key=f"{FOLDER}cat/0.jpg")
    assert _check()["new_images"] == 0


def test_a_version_that_failed_has_taught_nobody_anything(trained: Account) -> None:
    model_registry.add_version("v2-y", {"number": 2, "data": "y"})
    model_registry.note_version("v2-y", {"ended": "2026-11-21T10:15:27.000Z", "failure": "x"})
    assert _check()["new_images"] == 0


def test_the_operator_may_ask_whatever_is_new_and_whatever_is_switched_off(
    trained: Account,
) -> None:
    trained.set_parameter("Enable-Automatic-Training", "false")
    for number in range(5):
        trained.put(f"{FOLDER}dog/{number}.jpg", b"\xff\xd8\xff")
    assert _check()["train"] is False
    assert _check("operator")["train"] is True


def test_more_images_than_one_page_are_counted(account: Account) -> None:
    account.hook(
        "s3", "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 7}
    )
    for number in range(30):
        account.put(f"{FOLDER}cat/{number}.jpg", b"\xff\xd8\xff")
    assert _check()["images"] == 30
