"""Each path through `statemachine/human_review.asl.yaml`, from people's answers to what they do."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from local.launch import wait_for
from tests.stack import Record, Reviewer, Stack, Uploaded


@pytest.fixture(scope="module")
def reviewer(serving_stack: Stack) -> Reviewer:
    return serving_stack.add_reviewer()


@pytest.fixture
def doubtful(serving_stack: Stack) -> Uploaded:
    """A new image that people are asked about."""
    upload = serving_stack.detect()
    serving_stack.wait_for_task(upload)
    return upload


@contextmanager
def asking_three(stack: Stack) -> Iterator[None]:
    """The same stack, deployed so that three people are asked about each image."""
    stack.local.control("PUT", "stack", {"parameters": {"ReviewersPerImage": "3"}})
    try:
        yield
    finally:
        stack.local.control("PUT", "stack", {"parameters": {"ReviewersPerImage": "1"}})


def answers_key(task_id: str) -> str:
    """Where A2I would put the answers of a loop."""
    return f"a2i-human-loop-data/flow/2026/11/21/10/00/00/{task_id}/output.json"


def a2i_output(labels: Sequence[str]) -> bytes:
    """An A2I output with these answers, each of another person."""
    answers: list[Record] = [
        {"workerId": f"worker-{number}", "answerContent": {"crowd": {"label": label}}}
        for number, label in enumerate(labels)
    ]
    return json.dumps({"humanLoopName": "any", "humanAnswers": answers}).encode()


def wait_for_answer(stack: Stack, upload: Uploaded, label: str) -> Record:
    """The record of an image, once people's label in it is this one."""

    def found() -> Record:
        record = stack.record(upload)
        return record if record.get("human_label") == label else {}

    return wait_for(found, f"the label {label!r} in the record of {upload.key}", 30)


def test_an_agreed_label_is_recorded_and_its_image_trains(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    assert reviewer.review(doubtful, "circle")["complete"]
    record = wait_for_answer(serving_stack, doubtful, "circle")
    assert record["agreement"] == "decided"
    assert record["copied_key"] == (
        f"images_labeled_by_folder/circle/{doubtful.detection_id}-{doubtful.key.split('/')[-1]}"
    )
    s3, bucket = serving_stack.client("s3"), serving_stack.bucket
    copied = s3.get_object(Bucket=bucket, Key=record["copied_key"])["Body"].read()
    assert copied == s3.get_object(Bucket=bucket, Key=doubtful.key)["Body"].read()


def test_none_of_the_above_is_recorded_and_trains_nothing(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    reviewer.review(doubtful, None)
    record = serving_stack.wait_for_record(doubtful, has="agreement")
    assert (record["agreement"], record["human_label"], record["copied_key"]) == ("none", "", "")


@pytest.mark.parametrize(
    ("labels", "agreement", "label"),
    [
        (["circle", "stripes", "circle"], "decided", "circle"),
        (["circle", "stripes"], "undecided", ""),
        (["None of the Above"], "none", ""),
        ([], "undecided", ""),
    ],
)
def test_the_output_of_a2i_itself_is_read_by_the_same_rule(
    serving_stack: Stack, doubtful: Uploaded, labels: list[str], agreement: str, label: str
) -> None:
    serving_stack.upload(answers_key(doubtful.task_id), a2i_output(labels))
    record = serving_stack.wait_for_record(doubtful, has="agreement")
    assert (record["agreement"], record["human_label"]) == (agreement, label)
    assert bool(record["copied_key"]) is (agreement == "decided")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{ not JSON", "It is not JSON"),
        (b'{"humanAnswers": [{"answerContent": {}}]}', "has no label"),
        (a2i_output(["hexagon"]), "'hexagon' is none of the labels"),
    ],
)
def test_answers_that_cannot_be_used_are_noted_and_the_operator_is_told_once(
    serving_stack: Stack, doubtful: Uploaded, content: bytes, problem: str
) -> None:
    key = answers_key(doubtful.task_id)
    for _ in range(2):
        serving_stack.upload(key, content)
    record = serving_stack.wait_for_record(doubtful, has="review_problem")
    assert problem in record["review_problem"]
    serving_stack.wait_until_idle()
    mails = [
        mail for mail in serving_stack.operator_mails("answer_problem") if key in mail["message"]
    ]
    assert len(mails) == 1
    assert problem in mails[0]["message"]
    assert "agreement" not in serving_stack.record(doubtful)


def test_a_mended_answer_is_used(serving_stack: Stack, doubtful: Uploaded) -> None:
    key = answers_key(doubtful.task_id)
    serving_stack.upload(key, b"{ not JSON")
    serving_stack.wait_for_record(doubtful, has="review_problem")
    serving_stack.upload(key, a2i_output(["stripes"]))
    assert wait_for_answer(serving_stack, doubtful, "stripes")["copied_key"]


@pytest.mark.parametrize("loop", ["detection-" + "0" * 32, "somebody-elses-loop"])
def test_answers_about_nothing_that_is_known_are_told_and_make_no_record(
    serving_stack: Stack, loop: str
) -> None:
    key = answers_key(loop)
    serving_stack.upload(key, a2i_output(["circle"]))

    def told() -> list[Any]:
        mails = serving_stack.operator_mails("answer_problem")
        return [mail for mail in mails if key in mail["message"]]

    assert len(wait_for(told, "the message", 30)) == 1
    assert not serving_stack.item("DetectionsTable", detection_id="0" * 32)


def test_an_answer_changed_by_undo_moves_the_copy(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    reviewer.review(doubtful, "circle")
    before = wait_for_answer(serving_stack, doubtful, "circle")["copied_key"]
    reviewer.undo(doubtful)
    reviewer.answer(doubtful, "stripes")
    after = wait_for_answer(serving_stack, doubtful, "stripes")["copied_key"]
    labelled = serving_stack.keys("images_labeled_by_folder/")
    assert after in labelled
    assert before not in labelled


def test_an_answer_given_twice_is_one_answer(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    first = reviewer.review(doubtful, "circle")
    assert reviewer.answer(doubtful, "circle") == first
    wait_for_answer(serving_stack, doubtful, "circle")
    assert len(serving_stack.task(doubtful)["answers"]) == 1


def test_a_task_is_with_one_person_until_the_lease_runs_out(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    other = serving_stack.add_reviewer()
    reviewer.take_task(doubtful)
    seen: list[str] = []
    while (task := other.take(*seen)) is not None:
        assert task["task_id"] != doubtful.task_id
        seen.append(task["task_id"])
    serving_stack.sleep(301)
    other.take_task(doubtful)
    status, refusal = reviewer.ask(
        "POST", f"/review/tasks/{doubtful.task_id}/answer", {"label": "circle"}
    )
    assert (status, refusal["error"]["code"]) == (409, "Conflict")
    other.answer(doubtful, "stripes")
    wait_for_answer(serving_stack, doubtful, "stripes")


def test_of_three_people_two_decide_and_where_they_do_not_agree_a_fourth_is_asked(
    serving_stack: Stack,
) -> None:
    people = [serving_stack.add_reviewer() for _ in range(4)]
    with asking_three(serving_stack):
        # One after the other: a person gets the oldest task, and gets it again while it is open.
        decided = serving_stack.detect()
        assert serving_stack.wait_for_task(decided)["wanted"] == 3
        tied = serving_stack.detect()
        assert serving_stack.wait_for_task(tied)["wanted"] == 3
    for person, label, complete in zip(
        people, ("circle", "stripes", "circle"), (False, False, True), strict=False
    ):
        assert person.review(decided, label)["complete"] is complete
    assert wait_for_answer(serving_stack, decided, "circle")["agreement"] == "decided"
    for person, answer in zip(people, ("circle", "stripes", None), strict=False):
        assert not person.review(tied, answer)["complete"]
    assert "agreement" not in serving_stack.record(tied)
    assert people[3].review(tied, "stripes")["complete"]
    # Two of four are not more than half of them.
    record = serving_stack.wait_for_record(tied, has="agreement")
    assert (record["agreement"], record["human_label"]) == ("undecided", "")


def test_an_image_whose_version_is_gone_for_good_is_told(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    serving_stack.client("s3").delete_object(
        Bucket=serving_stack.bucket, Key=doubtful.key, VersionId=doubtful.version_id
    )
    reviewer.review(doubtful, "circle")
    assert serving_stack.wait_for_record(doubtful, has="review_problem")


def test_a_failure_of_the_service_is_retried(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    unavailable = {"error": "InternalServerError", "status": 500}
    with serving_stack.faults(
        {"service": "s3", "operation": "CopyObject", "times": 1, **unavailable},
        {"service": "dynamodb", "operation": "UpdateItem", "times": 1, **unavailable},
    ):
        reviewer.review(doubtful, "circle")
        wait_for_answer(serving_stack, doubtful, "circle")
