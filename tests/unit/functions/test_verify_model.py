"""VerifyModel: a started version is tried on its own test images before it serves."""

import pytest

from functions.verify_model.app import lambda_handler
from labelloop.aws import training_data
from labelloop.domain import manifests
from labelloop.domain.manifests import SplitImage
from labelloop.domain.splits import Split
from labelloop.errors import InconsistentError, ModelNotReadyError
from tests.unit.account import Account, Context, Json, event, refuses

RUNNING = event("verify_model.running")


@pytest.fixture
def prepared(account: Account) -> Account:
    """A version with 19 test images of two labels."""
    _write(["cat"] * 12 + ["dog"] * 7)
    return account


def _write(labels: list[str]) -> None:
    images = [
        SplitImage(f"{manifests.LABELLED_FOLDER}{label}/{i}.jpg", "e", label, str(i), split)
        for split in Split
        for i, label in enumerate(labels)
    ]
    training_data.write_version(images, RUNNING["version"], "2026-11-21T09:15:27")


def _says(account: Account, *names: str) -> None:
    labels = [{"Name": name, "Confidence": 51.0} for name in names]
    account.rekognition.answers["DetectCustomLabels"] = lambda _: {"CustomLabels": labels}


def _asked_about(account: Account) -> list[str]:
    asked = account.rekognition.asked("DetectCustomLabels")
    return [request["Image"]["S3Object"]["Name"] for request in asked]


def test_it_is_tried_on_images_of_every_label(prepared: Account) -> None:
    _says(prepared, "cat")
    assert lambda_handler(RUNNING, Context()) == {"tried": 10}
    keys = _asked_about(prepared)
    assert len(set(keys)) == 10
    assert {key.split("/")[1] for key in keys} == {"cat", "dog"}


def test_a_model_that_sees_nothing_anywhere_is_not_what_was_evaluated(account: Account) -> None:
    _write(["cat", "dog"])
    _says(account)
    with pytest.raises(InconsistentError, match="found nothing in 2"):
        lambda_handler(RUNNING, Context())


def test_images_that_were_deleted_since_say_nothing_about_the_model(account: Account) -> None:
    _write(["cat", "dog"])
    account.rekognition.answers["DetectCustomLabels"] = refuses("InvalidS3ObjectException")
    assert lambda_handler(RUNNING, Context()) == {"tried": 0}


def test_the_pace_of_the_model_is_kept(account: Account) -> None:
    _write(["cat"])
    throttled = [1]

    def answer(request: Json) -> Json:
        if throttled:
            throttled.pop()
            return refuses("ProvisionedThroughputExceededException")(request)
        return {"CustomLabels": [{"Name": "cat", "Confidence": 99.0}]}

    account.rekognition.answers["DetectCustomLabels"] = answer
    assert lambda_handler(RUNNING, Context()) == {"tried": 1}


def test_a_model_that_does_not_run_yet_is_tried_later(account: Account) -> None:
    _write(["cat"])
    account.rekognition.answers["DetectCustomLabels"] = refuses("ResourceNotReadyException")
    with pytest.raises(ModelNotReadyError):
        lambda_handler(RUNNING, Context())
