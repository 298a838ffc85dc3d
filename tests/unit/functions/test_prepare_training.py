"""PrepareTraining: manifests from which the version has its name."""

import json

import pytest

from functions.prepare_training.app import lambda_handler
from labelloop.aws import model_registry, training_data
from labelloop.domain import manifests, splits
from labelloop.domain.splits import Split
from labelloop.errors import InconsistentError, UntrainableError
from tests.unit.account import Account, Context, Json, event

FOLDER = manifests.LABELLED_FOLDER


def _image(label: str, number: int) -> bytes:
    return b"\xff\xd8\xff" + f"{label} {number}".encode()


def _upload(account: Account, label: str, numbers: range) -> None:
    for number in numbers:
        account.put(f"{FOLDER}{label}/{number}.jpg", _image(label, number))


@pytest.fixture
def images(account: Account) -> Account:
    """Ten images each of two labels."""
    for label in ("cat", "dog"):
        _upload(account, label, range(10))
    return account


def _prepare(force: bool = False) -> Json:
    return lambda_handler({"force": force}, Context())


def _sources(account: Account, manifest: str) -> set[str]:
    return {json.loads(line)["source-ref"] for line in account.read(manifest).splitlines()}


def test_each_image_is_in_one_of_the_manifests(images: Account) -> None:
    output = _prepare()
    assert output["proceed"] is True
    assert (output["train_images"], output["test_images"]) == (16, 4)
    train, test = (_sources(images, output[f"{kind}_manifest"]) for kind in ("train", "test"))
    assert not train & test
    assert train | test == {f"s3://{images.bucket}/{key}" for key in images.keys(FOLDER)}
    assert output["version"].startswith("v1-")


def test_twice_comes_to_the_same_as_once(images: Account) -> None:
    first = _prepare()
    before = images.items("ModelVersionsTable")
    images.clock.advance(60)
    assert _prepare() == first
    assert images.items("ModelVersionsTable") == before


def test_a_crash_before_the_version_was_noted_leads_to_the_same_version(images: Account) -> None:
    first = _prepare()
    images.boto3("dynamodb").delete_item(
        TableName="label-loop-ModelVersionsTable",
        Key={"kind": {"S": "version"}, "name": {"S": first["version"]}},
    )
    assert _prepare() == first


def test_images_that_were_trained_on_are_not_trained_on_again(images: Account) -> None:
    first = _prepare()
    model_registry.note_version(first["version"], {"ended": "2026-11-21T10:00:00.000Z"})
    again = _prepare()
    assert (again["version"], again["proceed"]) == (first["version"], False)


def test_an_operator_may_have_the_same_images_trained_on_again(images: Account) -> None:
    first = _prepare()
    model_registry.note_version(first["version"], {"ended": "2026-11-21T10:00:00.000Z"})
    again = _prepare(force=True)
    assert again["proceed"] is True
    assert again["version"].startswith("v2-")
    assert _prepare(force=True) == again


def test_a_picture_keeps_its_split_under_another_name_and_after_it_was_away(
    images: Account,
) -> None:
    first = _prepare()
    tested = _sources(images, first["test_manifest"])
    key = sorted(tested)[0].removeprefix(f"s3://{images.bucket}/")
    body = images.read(key)
    images.boto3("s3").delete_object(Bucket=images.bucket, Key=key)
    _upload(images, "cat", range(10, 14))
    _prepare()
    label = key.removeprefix(FOLDER).split("/")[0]
    images.put(f"{FOLDER}{label}/back again.jpg", body)
    _upload(images, "dog", range(10, 14))
    third = _prepare()
    back = f"s3://{images.bucket}/{FOLDER}{label}/back again.jpg"
    assert back in _sources(images, third["test_manifest"])
    assert training_data.ledger()[_content(body)] is Split.TEST


def _content(body: bytes) -> str:
    return splits.content_id(body, len(body))


def test_a_file_that_only_has_the_name_of_an_image_is_left_out(images: Account) -> None:
    images.put(f"{FOLDER}cat/broken.jpg", b"<html>not found</html>")
    output = _prepare()
    assert output["train_images"] + output["test_images"] == 20


def test_a_label_with_too_few_images_waits_for_more(images: Account) -> None:
    _upload(images, "cow", range(2))
    output = _prepare()
    assert output["train_images"] + output["test_images"] == 20
    _upload(images, "cow", range(2, 6))
    output = _prepare()
    assert output["train_images"] + output["test_images"] == 26


def test_fewer_than_two_labels_are_not_trainable_and_the_message_counts(account: Account) -> None:
    with pytest.raises(UntrainableError, match="Images by label now: none"):
        _prepare()
    _upload(account, "cat", range(30))
    _upload(account, "dog", range(1))
    with pytest.raises(UntrainableError, match="cat: 30, dog: 1"):
        _prepare()


def test_a_broken_ledger_stops_everything(images: Account) -> None:
    _prepare()
    images.put(splits.LEDGER_KEY, b"\xff\xfe")
    _upload(images, "cat", range(10, 12))
    with pytest.raises(InconsistentError, match="Restore the object's former version"):
        _prepare()


def test_the_sample_events_are_taken(images: Account) -> None:
    for case in ("schedule", "operator"):
        assert lambda_handler(event(f"prepare_training.{case}"), Context())["proceed"] is True
