"""AskVersion: a version says what it sees in test images, and is asked about each once."""

import time
from collections.abc import Callable

import pytest

from functions.ask_version import app
from functions.ask_version.app import lambda_handler
from labelloop import clock
from labelloop.aws import model_use
from labelloop.clock import from_iso
from labelloop.domain import manifests
from labelloop.domain.annotations import Annotation, Box
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.manifests import LABELLED_FOLDER, SplitImage
from labelloop.domain.splits import Split
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import (
    ModelNotReadyError,
    NotFoundError,
    ServiceFailedError,
    ThrottledError,
    TookTooLongError,
)
from labelloop.services import version_answers
from local.rekognition.service_error import ServiceError
from tests.unit.account import Account, Context, Json, event, refuses

RUNNING = event("ask_version.running")
VERSION, CANDIDATE = RUNNING["version"], RUNNING["candidate"]
CAT = Annotation.of_labels(["cat"])


def _list(account: Account, count: int, shows: Annotation = CAT) -> list[SplitImage]:
    """So many images about which the version is to be asked."""
    images = []
    for number in range(count):
        key = f"{LABELLED_FOLDER}cat/{number}.jpg"
        account.put(key, key.encode())
        etag = account.boto3("s3").head_object(Bucket=account.bucket, Key=key)["ETag"].strip('"')
        images.append(SplitImage(key, etag, f"content {number}", Split.TEST, shows))
    lines = "\n".join(manifests.index_lines(images))
    account.put(VersionFiles(CANDIDATE).to_ask(VERSION), lines.encode())
    return images


def _says(account: Account, answer: Callable[[str], list[Json]]) -> None:
    account.rekognition.answers["DetectCustomLabels"] = lambda request: {
        "CustomLabels": answer(request["Image"]["S3Object"]["Name"])
    }


def _cat(_: str) -> list[Json]:
    return [{"Name": "dog", "Confidence": 25.0}, {"Name": "cat", "Confidence": 75.0}]


def _asked_about(account: Account) -> list[str]:
    asked = account.rekognition.asked("DetectCustomLabels")
    return [request["Image"]["S3Object"]["Name"] for request in asked]


def _ask(**other: object) -> Json:
    return lambda_handler({**RUNNING, **other}, Context())


def _answer(number: int) -> Answer:
    return Answer(f"content {number}", (Finding("cat", 0.75), Finding("dog", 0.25)), complete=True)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are made: time goes by for nobody."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def test_what_it_says_is_kept_with_all_that_it_is_unsure_of(account: Account) -> None:
    images = _list(account, 3)
    _says(account, _cat)
    assert _ask() == {"done": True, "asked": 3}
    assert version_answers.remembered(VERSION) == {
        image.content: _answer(number) for number, image in enumerate(images)
    }
    asked = account.rekognition.asked("DetectCustomLabels")
    assert {request["MinConfidence"] for request in asked} == {0}
    assert model_use.asked_to_compare_since(clock.now())
    assert not model_use.asked_directly_since(clock.now())


def test_twice_comes_to_the_same_as_once_and_asks_nothing_twice(account: Account) -> None:
    _list(account, 3)
    _says(account, _cat)
    assert _ask() == _ask()
    assert len(_asked_about(account)) == 3
    assert len(version_answers.remembered(VERSION)) == 3


def test_boxes_are_kept_in_pixels(account: Account) -> None:
    _list(account, 1, Annotation.of_boxes([Box("nut", 0, 0, 9, 9)], (200, 80)))
    side = {"Left": 0.1, "Top": 0.5, "Width": 0.2, "Height": 0.25}
    _says(
        account,
        lambda _: [{"Name": "nut", "Confidence": 3.0, "Geometry": {"BoundingBox": side}}],
    )
    _ask()
    (answer,) = version_answers.remembered(VERSION).values()
    assert answer.findings == (Finding("nut", 0.03, Box("nut", 20, 40, 40, 20)),)


def test_a_slice_ends_after_some_minutes_and_the_next_goes_on(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    _list(account, 7)
    _says(account, _cat)
    passed = iter(range(10**6))
    # Each look at the stopwatch comes fifteen seconds later.
    monkeypatch.setattr(time, "monotonic", lambda: 15.0 * next(passed))
    first = _ask()
    assert not first["done"]
    assert 0 < first["asked"] < 7
    assert len(version_answers.remembered(VERSION)) == first["asked"]
    answer = first
    while not answer["done"]:
        answer = _ask(asked=answer["asked"])
    assert answer["asked"] == len(_asked_about(account)) == 7


def test_what_was_answered_before_a_failure_is_not_asked_again(account: Account) -> None:
    _list(account, 4)

    def fails_once(key: str) -> list[Json]:
        if key.endswith("/2.jpg") and _asked_about(account).count(key) == 1:
            _refuse("InternalServerError")
        return _cat(key)

    _says(account, fails_once)
    with pytest.raises(ServiceFailedError):
        _ask()
    assert set(version_answers.remembered(VERSION)) == {"content 0", "content 1"}
    assert _ask() == {"done": True, "asked": 4}
    assert len(_asked_about(account)) == 5


def test_a_crash_loses_no_more_than_the_last_answers(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "GROUP", 2)
    _list(account, 5)

    class Crash(BaseException):
        pass

    def crashes(key: str) -> list[Json]:
        if key.endswith("/3.jpg"):
            raise Crash
        return _cat(key)

    _says(account, crashes)
    with pytest.raises(Crash):
        _ask()
    assert set(version_answers.remembered(VERSION)) >= {"content 0", "content 1"}


def _refuse(code: str = "InvalidImageFormatException") -> list[Json]:
    raise ServiceError(code, "No.", 400)


@pytest.mark.parametrize("change", ["deleted", "replaced", "refused"])
def test_what_cannot_be_asked_about_is_passed_over(account: Account, change: str) -> None:
    images = _list(account, 2)
    _says(account, _cat)
    key = images[0].key
    if change == "deleted":
        account.boto3("s3").delete_object(Bucket=account.bucket, Key=key)
    elif change == "replaced":
        account.put(key, b"another picture")
    else:
        _says(account, lambda asked: _refuse() if asked == key else _cat(asked))
    assert _ask() == {"done": True, "asked": 2}
    assert set(version_answers.remembered(VERSION)) == {"content 1"}


def test_images_that_wait_for_the_model_go_first(account: Account, no_pause: list[float]) -> None:
    _list(account, 3)
    _says(account, _cat)
    url = account.boto3("sqs").get_queue_url(QueueName="detection")["QueueUrl"]
    account.boto3("sqs").send_message(QueueUrl=url, MessageBody="{}")
    assert _ask()["done"]
    assert no_pause.count(app.GIVE_WAY_S) == 3


def test_a_model_that_others_ask_for_more_than_it_can_take_is_asked_as_it_can(
    account: Account,
) -> None:
    _list(account, 3)

    def busy(key: str) -> list[Json]:
        if key.endswith("/1.jpg"):
            _refuse("ProvisionedThroughputExceededException")
        return _cat(key)

    _says(account, busy)
    assert _ask() == {"done": False, "asked": 1}
    with pytest.raises(ThrottledError):
        _ask(asked=1)
    _says(account, _cat)
    assert _ask(asked=1) == {"done": True, "asked": 3}


def test_it_is_given_up_in_the_end(account: Account) -> None:
    _list(account, 1)
    late = from_iso(RUNNING["give_up_after"]) - clock.now()
    account.clock.advance(late.total_seconds() + 1)
    with pytest.raises(TookTooLongError, match=VERSION):
        _ask()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ResourceNotReadyException", ModelNotReadyError),
        ("ResourceNotFoundException", NotFoundError),
    ],
)
def test_a_version_that_does_not_run_any_more_is_no_answer(
    account: Account, code: str, error: type[Exception]
) -> None:
    _list(account, 2)
    account.rekognition.answers["DetectCustomLabels"] = refuses(code)
    with pytest.raises(error):
        _ask()
    assert not version_answers.remembered(VERSION)


def test_without_the_list_there_is_nothing_to_ask(account: Account) -> None:
    with pytest.raises(NotFoundError):
        _ask()
