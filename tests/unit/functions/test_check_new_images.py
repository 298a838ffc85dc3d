"""CheckNewImages: how many labelled images no model has learnt from."""

from typing import Any

import pytest

from functions.check_new_images.app import lambda_handler
from labelloop.aws import training_lock
from labelloop.domain import manifests
from tests.unit import version_records
from tests.unit.account import Account, Context, Json, event
from tests.unit.functions.preparation import png, prepare, upload

FOLDER = manifests.LABELLED_FOLDER


@pytest.fixture
def trained(account: Account) -> Account:
    """Twenty images, all of which the last version was trained on."""
    for label in ("cat", "dog"):
        upload(account, label, range(10))
    account.set_parameter("Enable-Automatic-Training", "true")
    account.set_parameter("Minimum-Untrained-Images", "3")
    version = prepare(force=True)["version"]
    version_records.note(version, {"trained": "2026-11-21T09:15:27.000Z"})
    return account


def _check(case: str = "schedule") -> Json:
    return lambda_handler(event(f"check_new_images.{case}"), Context())


def _counts(answer: Json) -> tuple[bool, int, int]:
    return answer["train"], answer["new_images"], answer["images"]


def _reads(account: Account) -> list[str]:
    """The keys that are read from now on."""
    found: list[str] = []

    def note(params: Any, **_: Any) -> None:
        found.append(params["Key"])

    account.hook("s3", "provide-client-params.s3.GetObject", note)
    return found


def test_what_was_trained_on_is_not_new(trained: Account) -> None:
    assert _counts(_check()) == (False, 0, 20)
    assert _check() == _check()


def test_it_says_whether_somebody_trains_or_has_died(trained: Account) -> None:
    assert not _check()["locked"]
    training_lock.take(training_lock.Lock("arn:of:somebody", None, in_place=False))
    assert _check()["locked"]


def test_a_look_at_what_was_looked_at_before_costs_no_more_than_the_listing(
    trained: Account,
) -> None:
    reads = _reads(trained)
    _check()
    assert len(reads) == 2, "the last version's index, and what it left out"
    _check()
    assert len(reads) == 2
    trained.put(f"{FOLDER}cat/new.png", png("new"))
    _check()
    assert len(reads) == 4


def test_additions_replacements_and_removals_count_alike(trained: Account) -> None:
    trained.put(f"{FOLDER}cat/0.png", png("replaced"))
    trained.put(f"{FOLDER}dog/", b"")
    trained.put(f"{FOLDER}dog/in a folder/1.png", png("new"))
    assert _counts(_check()) == (False, 2, 21)
    trained.boto3("s3").delete_object(Bucket=trained.bucket, Key=f"{FOLDER}cat/1.png")
    assert _counts(_check()) == (True, 3, 20)


def test_an_image_that_moves_to_another_label_is_one_change(trained: Account) -> None:
    body = trained.read(f"{FOLDER}cat/1.png")
    trained.put(f"{FOLDER}dog/was a cat.png", body)
    trained.boto3("s3").delete_object(Bucket=trained.bucket, Key=f"{FOLDER}cat/1.png")
    assert _counts(_check()) == (False, 1, 20)


def test_a_version_that_failed_has_taught_nobody_anything(trained: Account) -> None:
    version_records.add("v2-y", {"number": 2, "data": "y"})
    version_records.note("v2-y", {"ended": "2026-11-21T10:15:27.000Z", "failure": "x"})
    assert _check()["new_images"] == 0


def test_a_training_that_succeeds_makes_its_images_old(trained: Account) -> None:
    upload(trained, "dog", range(10, 15))
    version = prepare()["version"]
    assert _check()["new_images"] == 5
    version_records.note(version, {"trained": "2026-11-21T10:15:27.000Z"})
    assert _check()["new_images"] == 0


def test_the_operator_may_ask_whatever_is_new_and_whatever_is_switched_off(
    trained: Account,
) -> None:
    trained.set_parameter("Enable-Automatic-Training", "false")
    upload(trained, "dog", range(10, 15))
    assert _check()["train"] is False
    assert _check("operator")["train"] is True


def test_a_lower_minimum_counts_at_once(trained: Account) -> None:
    upload(trained, "dog", range(10, 12))
    assert _check()["train"] is False
    trained.set_parameter("Minimum-Untrained-Images", "2")
    assert _check()["train"] is True


def test_lines_of_manifests_count_too_before_their_images_are_copied(trained: Account) -> None:
    line = (
        '{"source-ref": "s3://camera-archive/1.png", "l": 0, "l-metadata": {"class-name": "cat",'
        ' "confidence": 1, "human-annotated": "yes", "creation-date": "2026-11-20T08:00:00",'
        ' "type": "groundtruth/image-classification"}}'
    )
    trained.put("manifests/imported/archive.jsonl", line.encode())
    assert _check()["new_images"] == 1
    assert _check()["new_images"] == 1


@pytest.mark.parametrize("trains", [False, True])
def test_sampled_images_count_where_they_train(trained: Account, trains: bool) -> None:
    for number in range(4):
        key = manifests.labelled_key("cat", f"{number:032x}", "x.png", sampled=True)
        trained.put(key, png(f"sample {number}"))
    assert _counts(_check()) == (False, 0, 24)
    trained.set_parameter("Train-On-Sampled-Answers", "true" if trains else "false")
    assert _counts(_check()) == (trains, 4 if trains else 0, 24)
    version = prepare(force=True)["version"]
    version_records.note(version, {"trained": "2026-11-21T10:15:27.000Z"})
    assert _counts(_check()) == (False, 0, 24)
    trained.boto3("s3").delete_object(Bucket=trained.bucket, Key=key)
    assert _check()["new_images"] == (1 if trains else 0)


def test_more_images_than_one_page_are_counted(account: Account) -> None:
    account.hook(
        "s3", "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 7}
    )
    upload(account, "cat", range(30))
    assert _check()["images"] == 30
