"""AddToTraining: the version that was detected becomes a labelled image, and no other."""

import pytest

from functions.add_to_training.app import lambda_handler
from labelloop import clock
from labelloop.aws import detections
from labelloop.domain.detections import Outcome
from labelloop.errors import NotFoundError
from tests.unit.account import Account, Context, event

AGREED = event("add_to_training.agreed")
DETECTION = AGREED["detection_id"]
KEY = "images_for_detection/gear.jpg"
COPY = f"images_labeled_by_folder/scratch/{DETECTION}-gear.jpg"


@pytest.fixture
def detected(account: Account) -> Account:
    """A detection whose image was overwritten afterwards."""
    version_id = account.put(KEY, b"\xff\xd8\xff as it was detected")
    account.put(KEY, b"\xff\xd8\xff something else")
    facts = {"bucket": account.bucket, "key": KEY, "version_id": version_id}
    detections.record_once(DETECTION, Outcome.REVIEW, facts, clock.now())
    return account


def test_the_version_that_people_saw_is_copied_and_twice_is_once(detected: Account) -> None:
    for _ in range(2):
        assert lambda_handler(AGREED, Context()) == {"copied_key": COPY}
        assert detected.read(COPY) == b"\xff\xd8\xff as it was detected"
        assert detected.keys("images_labeled_by_folder/") == [COPY]


def test_a_changed_answer_moves_the_image(detected: Account) -> None:
    lambda_handler(AGREED, Context())
    detections.note(DETECTION, {"copied_key": COPY})
    for _ in range(2):
        copied = lambda_handler({**AGREED, "label": "dent"}, Context())["copied_key"]
        assert detected.keys("images_labeled_by_folder/") == [copied]
        assert copied.startswith("images_labeled_by_folder/dent/")


def test_an_answer_taken_back_takes_the_image_out_again(detected: Account) -> None:
    lambda_handler(AGREED, Context())
    detections.note(DETECTION, {"copied_key": COPY})
    for _ in range(2):
        taken_back = lambda_handler(event("add_to_training.taken_back"), Context())
        assert taken_back == {"copied_key": ""}
        assert detected.keys("images_labeled_by_folder/") == []


def test_an_image_version_that_is_gone_is_said_to_be_gone(account: Account) -> None:
    version_id = account.put(KEY, b"x")
    account.boto3("s3").delete_object(Bucket=account.bucket, Key=KEY, VersionId=version_id)
    facts = {"bucket": account.bucket, "key": KEY, "version_id": version_id}
    detections.record_once(DETECTION, Outcome.REVIEW, facts, clock.now())
    with pytest.raises(NotFoundError):
        lambda_handler(AGREED, Context())
