"""Detection at once, over HTTP: with a machine's token and a person's, with the log and without."""

import json
from typing import Any

import pytest
import urllib3

from labelloop.domain.detections import detection_id
from labelloop.domain.images import ImageObject
from local.launch import PATIENCE_S, wait_for
from tests.detect_api import get, machine_token, post
from tests.stack import Record, Stack, Uploaded, on_one_day

JSON = "application/json"


@pytest.fixture(scope="module")
def machine(serving_stack: Stack) -> str:
    """A machine's token."""
    token: str = machine_token(serving_stack)["access_token"]
    return token


def by_key(upload: Uploaded) -> bytes:
    """The body that names an object."""
    return json.dumps({"key": upload.key}).encode()


def model_calls(stack: Stack) -> int:
    """How often the model has been asked, for other tests' images too."""
    stack.wait_until_idle()
    count: int = stack.local.control("GET", "summary")["calls"].get(
        "rekognition.DetectCustomLabels", 0
    )
    return count


def kept(stack: Stack, content: Record) -> Uploaded:
    """The object of an image that was sent to be logged."""
    record = stack.item("DetectionsTable", detection_id=content["detection_id"])
    return Uploaded(record["key"], record["version_id"], record["detection_id"])


# --- At once --------------------------------------------------------------------------------------


def test_a_machine_sends_an_image_and_gets_what_the_model_finds(
    serving_stack: Stack, machine: str
) -> None:
    before, kept_before = model_calls(serving_stack), serving_stack.keys("images_from_api/")
    answer = post(serving_stack, machine, serving_stack.new_image("circle"))
    assert answer.status == 200
    assert (answer.content["outcome"], answer.content["label"]) == ("confident", "circle")
    assert answer.content["version"] == serving_stack.deployed()
    assert {label["name"] for label in answer.content["labels"]} == {"circle", "stripes"}
    assert model_calls(serving_stack) == before + 1
    doubtful = post(serving_stack, machine, serving_stack.new_image())
    assert doubtful.content["outcome"] == "deferred"
    assert serving_stack.keys("images_from_api/") == kept_before


def test_a_person_names_an_object_of_the_bucket(serving_stack: Stack) -> None:
    token = serving_stack.add_reviewer().token
    upload = serving_stack.detect("stripes")
    answer = post(serving_stack, token, by_key(upload), JSON)
    assert (answer.status, answer.content["label"]) == (200, "stripes")
    missing = json.dumps({"key": "images_for_detection/no such.jpg"}).encode()
    assert post(serving_stack, token, missing, JSON).status == 404


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"a text file\n", 422),
        (b"\xff\xd8\xff but no image follows", 422),
        (b"\xff\xd8\xff" + bytes(4 * 1024 * 1024), 413),
        (b"\xff\xd8\xff" + bytes(5 * 1024 * 1024), 413),
    ],
)
def test_what_the_model_does_not_take_is_refused(
    serving_stack: Stack, machine: str, content: bytes, status: int
) -> None:
    before = model_calls(serving_stack)
    assert post(serving_stack, machine, content).status == status
    assert model_calls(serving_stack) == before


def test_over_the_models_capacity_the_caller_is_to_slow_down(
    serving_stack: Stack, machine: str
) -> None:
    throttled = {
        "service": "rekognition",
        "operation": "DetectCustomLabels",
        "function": "ServeDetectApi",
        "error": "ProvisionedThroughputExceededException",
        "times": 1,
    }
    with serving_stack.faults(throttled):
        answer = post(serving_stack, machine, serving_stack.new_image("circle"))
        assert (answer.status, answer.code, answer.retry_after) == (429, "Throttled", "1")


# --- Who may --------------------------------------------------------------------------------------


def test_without_a_token_nobody_and_without_a_group_no_person_may(serving_stack: Stack) -> None:
    image = serving_stack.new_image("circle")
    assert post(serving_stack, "no token", image).status == 401
    stranger = serving_stack.add_reviewer(group="").token
    answer = post(serving_stack, stranger, image)
    assert (answer.status, answer.code) == (403, "NotAllowed")


def test_a_machine_gets_no_other_token_and_may_not_review(
    serving_stack: Stack, machine: str
) -> None:
    assert machine_token(serving_stack, "labelloop/all") == {"error": "invalid_scope"}
    answer = urllib3.request(
        "GET",
        f"{serving_stack.outputs['ApiUrl']}/review/summary",
        headers={"Authorization": f"Bearer {machine}"},
        timeout=PATIENCE_S,
    )
    assert answer.status == 403


# --- With the log: an image is known again on the same day only -----------------------------------


@on_one_day
def test_an_image_that_is_logged_is_detected_once_however_often_it_is_sent(
    serving_stack: Stack, machine: str
) -> None:
    before = model_calls(serving_stack)
    image = serving_stack.new_image("circle")
    answers = [post(serving_stack, machine, image, query="?log=true") for _ in range(3)]
    assert {answer.status for answer in answers} == {200}
    first = answers[0].content
    assert all(answer.content == first for answer in answers)
    upload = kept(serving_stack, first)
    assert serving_stack.read(upload.key) == image
    assert model_calls(serving_stack) == before + 1
    (record,) = serving_stack.records(upload.key)
    assert (record["outcome"], record["label"]) == ("confident", "circle")


@on_one_day
def test_a_doubtful_image_goes_to_a_person_and_what_they_say_trains(
    serving_stack: Stack, machine: str
) -> None:
    image = serving_stack.new_image()
    answer = post(serving_stack, machine, image, query="?log=true").content
    upload = kept(serving_stack, answer)
    assert (answer["outcome"], answer["human_loop"]) == ("review", upload.task_id)
    assert post(serving_stack, machine, image, query="?log=true").content == answer
    (mail,) = serving_stack.consumer_mails(upload)
    assert upload.key in mail["message"]
    reviewer = serving_stack.add_reviewer()
    task = reviewer.take_task(upload)
    assert urllib3.request("GET", task["image_url"]).data == image
    reviewer.answer(upload, "circle")
    copied = serving_stack.wait_for_record(upload, has="copied_key")["copied_key"]
    assert copied.startswith("images_labeled_by_folder/circle/")
    assert serving_stack.read(copied) == image


def test_whoever_may_read_hears_by_every_way_what_people_said(serving_stack: Stack) -> None:
    upload = serving_stack.detect()
    assert serving_stack.wait_for_task(upload)
    operator, reviewer = (serving_stack.add_reviewer(group) for group in ("operators", "reviewers"))
    reviewer.review(upload, "circle")
    serving_stack.wait_for_record(upload, has="completed")

    def ask(path: str = "", **query: str) -> Any:
        answer = get(serving_stack, operator.token, f"/detections{path}", **query)
        assert answer.status == 200, answer
        return answer.content

    told = ask(f"/{upload.detection_id}")
    assert (told["decided_by"], told["final_labels"]) == ("people", [{"name": "circle"}])
    assert ask(key=upload.key) == {"detections": [told]}
    assert told in ask(outcome="review")["detections"]
    assert told in ask(since="1h")["detections"]
    refused = get(serving_stack, reviewer.token, f"/detections/{upload.detection_id}")
    assert (refused.status, refused.code) == (403, "NotAllowed")
    described = get(serving_stack, "no token", "/openapi.json")
    assert "/detections" in described.content["paths"]


def test_who_has_sent_an_image_does_not_judge_it_while_others_may(serving_stack: Stack) -> None:
    serving_stack.forget_tasks()  # Only the oldest are listed.
    sender, other = (serving_stack.add_reviewer() for _ in "ab")
    image = serving_stack.new_image()
    answer = post(serving_stack, sender.token, image, query="?log=true").content
    upload = kept(serving_stack, answer)
    assert serving_stack.record(upload)["senders"] == {sender.sub}
    assert upload.task_id not in sender.may_take()
    assert upload.task_id in other.may_take()
    other.review(upload, "circle")
    record = serving_stack.wait_for_record(upload, has="completed")
    assert (record["agreement"], record["answered_by_sender"]) == ("decided", False)


@on_one_day
def test_an_answer_of_who_has_sent_the_image_meanwhile_is_no_sample(
    serving_stack: Stack, machine: str
) -> None:
    """Another has sent it before, so that its task was given to who sends it now."""
    image, person = serving_stack.new_image(), serving_stack.add_reviewer()
    upload = kept(serving_stack, post(serving_stack, machine, image, query="?log=true").content)
    person.take_task(upload)
    post(serving_stack, person.token, image, query="?log=true")
    assert serving_stack.record(upload)["senders"] == {person.sub}
    assert serving_stack.task(upload)["senders"] == {person.sub}
    person.answer(upload, "circle")
    record = serving_stack.wait_for_record(upload, has="completed")
    assert (record["agreement"], record["answered_by_sender"]) == ("decided", True)
    head = serving_stack.client("s3").head_object(
        Bucket=serving_stack.bucket, Key=record["copied_key"]
    )
    assert json.loads(head["Metadata"]["provenance"])["origin"] == "given"


def test_an_object_that_is_logged_already_is_answered_from_the_log(
    serving_stack: Stack, machine: str
) -> None:
    upload = serving_stack.detect("stripes")
    record = serving_stack.wait_for_record(upload)
    before = model_calls(serving_stack)
    answer = post(serving_stack, machine, by_key(upload), JSON, "?log=true")
    assert (answer.status, answer.content["detection_id"]) == (200, upload.detection_id)
    assert answer.content["labels"] == record["labels"]
    assert model_calls(serving_stack) == before


def test_what_fails_on_the_way_is_done_to_its_end_all_the_same(
    serving_stack: Stack, machine: str
) -> None:
    """The message to the consumer fails as often as the workflow tries: only the queue is left."""
    failing = {"service": "sns", "operation": "Publish", "error": "InternalError", "times": 3}
    with serving_stack.faults({**failing, "status": 500}):
        answer = post(serving_stack, machine, serving_stack.new_image(), query="?log=true")
        assert (answer.status, answer.content["outcome"]) == (200, "review")
        upload = kept(serving_stack, answer.content)
        wait_for(lambda: serving_stack.consumer_mails(upload), "the consumer's message")
    assert serving_stack.task(upload)


@on_one_day
def test_a_throttled_image_is_logged_by_way_of_the_queue(
    serving_stack: Stack, machine: str
) -> None:
    throttled = {
        "service": "rekognition",
        "operation": "DetectCustomLabels",
        "error": "ProvisionedThroughputExceededException",
        "times": 1,
    }
    image = serving_stack.new_image("stripes")
    serving_stack.wait_until_idle()  # No other image is to be throttled instead.
    before = set(serving_stack.keys("images_from_api/"))
    with serving_stack.faults(throttled):
        assert post(serving_stack, machine, image, query="?log=true").status == 429
        (key,) = set(serving_stack.keys("images_from_api/")) - before
        head = serving_stack.client("s3").head_object(Bucket=serving_stack.bucket, Key=key)
        version = head["VersionId"]
        stored = ImageObject(serving_stack.bucket, key, version, "", len(image))
        upload = Uploaded(key, version, detection_id(stored))
        serving_stack.wait_for_record(upload, "confident")
    answer = post(serving_stack, machine, image, query="?log=true")
    assert (answer.status, answer.content["detection_id"]) == (200, upload.detection_id)


# --- Without a running model ----------------------------------------------------------------------


def test_before_there_is_a_model_images_that_are_logged_wait_for_it(empty_stack: Stack) -> None:
    token = machine_token(empty_stack)["access_token"]
    image = empty_stack.new_image("circle")
    answer = post(empty_stack, token, image)
    assert (answer.status, answer.code) == (503, "ModelNotReady")
    assert "No model has been deployed yet" in answer.content["error"]["message"]
    logged = post(empty_stack, token, image, query="?log=true")
    assert (logged.status, logged.content["outcome"]) == (202, "waiting")
    empty_stack.wait_for_record(kept(empty_stack, logged.content), "waiting")
