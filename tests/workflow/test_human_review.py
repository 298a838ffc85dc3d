"""Each path through `statemachine/human_review.asl.yaml`, from people's answers to what they do."""

import json
import time
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

    return wait_for(found, f"the label {label!r} in the record of {upload.key}")


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
    (event,) = serving_stack.wait_for_event("Image Decided", doubtful.detection_id)
    assert (event["detail"]["outcome"], event["detail"]["label"]) == ("decided", "circle")


def _revisions(stack: Stack, upload: Uploaded) -> dict[int, tuple[str, str]]:
    """What the consumer has been told that people said, by its number: the outcome and labels."""
    mails = [(json.loads(mail["message"]), mail) for mail in stack.consumer_mails(upload)]
    return {
        told["revision"]: (mail["attributes"]["outcome"], mail["attributes"]["label"])
        for told, mail in mails
        if "revision" in told
    }


def test_none_of_the_above_is_recorded_and_lies_among_its_like_until_it_is_changed(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    reviewer.review(doubtful, None)
    record = serving_stack.wait_for_record(doubtful, has="agreement")
    assert (record["agreement"], record["human_label"]) == ("none", "")
    key = str(record["copied_key"])
    assert key.startswith("images_imported/none_of_them/") and serving_stack.keys(key)
    reviewer.undo(doubtful)
    wait_for(lambda: not serving_stack.keys(key), "the copy to be taken out again")
    reviewer.answer(doubtful, "circle")


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
    assert bool(record["copied_key"]) is (agreement != "undecided")
    told = {1: (agreement, json.dumps([label or None]))}
    wait_for(lambda: _revisions(serving_stack, doubtful) == told, "the message about it")


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
        serving_stack.wait_until_idle()
    assert problem in record["review_problem"]
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
    record = wait_for_answer(serving_stack, doubtful, "stripes")
    assert record["copied_key"]
    assert "review_problem" not in record


@pytest.mark.parametrize("loop", ["detection-" + "0" * 32, "somebody-elses-loop"])
def test_answers_about_nothing_that_is_known_are_told_and_make_no_record(
    serving_stack: Stack, loop: str
) -> None:
    key = answers_key(loop)
    serving_stack.upload(key, a2i_output(["circle"]))

    def told() -> list[Any]:
        mails = serving_stack.operator_mails("answer_problem")
        return [mail for mail in mails if key in mail["message"]]

    assert len(wait_for(told, "the message")) == 1
    assert not serving_stack.item("DetectionsTable", detection_id="0" * 32)


def test_an_answer_that_is_undone_trains_no_more_and_another_one_does_and_the_consumer_hears_of_it(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    reviewer.review(doubtful, "circle")
    before = wait_for_answer(serving_stack, doubtful, "circle")["copied_key"]
    reviewer.undo(doubtful)
    wait_for(lambda: not serving_stack.keys(before), "the copy to be taken out")
    assert wait_for_answer(serving_stack, doubtful, "")["agreement"] == "undecided"
    reviewer.answer(doubtful, "stripes")
    after = wait_for_answer(serving_stack, doubtful, "stripes")["copied_key"]
    wait_for(
        lambda: (
            _revisions(serving_stack, doubtful)
            == {
                1: ("decided", '["circle"]'),
                2: ("undecided", "[null]"),
                3: ("decided", '["stripes"]'),
            }
        ),
        "the message about each",
    )
    labelled = serving_stack.keys("images_labeled_by_folder/")
    assert after in labelled
    assert before not in labelled


def test_a_run_that_read_the_answers_before_another_one_leaves_what_that_one_has_done(
    serving_stack: Stack, doubtful: Uploaded
) -> None:
    """It fails, so that its message comes again and reads what the answers are by then."""
    events, rule = serving_stack.client("events"), serving_stack.physical_id("AnswersRule")
    events.disable_rule(Name=rule)
    try:
        answers = serving_stack.upload(answers_key(doubtful.task_id), a2i_output(["circle"]))
    finally:
        events.enable_rule(Name=rule)
    note = {
        "TableName": serving_stack.outputs["DetectionsTable"],
        "Key": {"detection_id": {"S": doubtful.detection_id}},
    }
    serving_stack.client("dynamodb").update_item(
        **note,
        UpdateExpression="SET answers_read = :later",
        ExpressionAttributeValues={":later": {"S": "2999-01-01T00:00:00.000Z"}},
    )
    run = serving_stack.run_express("human_review", serving_stack.event(answers))
    assert (run["status"], run["error"]) == ("FAILED", "ConflictError")
    assert "agreement" not in serving_stack.record(doubtful)
    assert doubtful.detection_id not in "".join(serving_stack.keys("images_labeled_by_folder/"))
    serving_stack.client("dynamodb").update_item(**note, UpdateExpression="REMOVE answers_read")
    run = serving_stack.run_express("human_review", serving_stack.event(answers))
    assert run["status"] == "SUCCEEDED"
    assert serving_stack.record(doubtful)["human_label"] == "circle"


def test_an_answer_given_twice_is_one_answer(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    first = reviewer.review(doubtful, "circle")
    assert reviewer.answer(doubtful, "circle") == first
    wait_for_answer(serving_stack, doubtful, "circle")
    assert len(serving_stack.task(doubtful)["answers"]) == 1


def test_a_task_is_with_one_person_until_the_lease_runs_out(
    serving_stack: Stack, reviewer: Reviewer
) -> None:
    serving_stack.forget_tasks()  # Each in the way would take of the lease, which is 3 s here.
    doubtful = serving_stack.detect()
    serving_stack.wait_for_task(doubtful)
    other = serving_stack.add_reviewer()

    def kept() -> bool:
        begun_s = time.monotonic()
        reviewer.take_task(doubtful)
        task = other.take()
        in_time = time.monotonic() - begun_s < 300 / serving_stack.time_scale
        assert task is None or not in_time
        if task:
            other.ask("POST", f"/review/tasks/{task['task_id']}/release")
        return in_time

    wait_for(kept, "a look within the lease")
    serving_stack.leap(301)
    other.review(doubtful, "stripes")
    status, refusal = reviewer.ask(
        "POST", f"/review/tasks/{doubtful.task_id}/answer", {"label": "circle"}
    )
    assert (status, refusal["error"]["code"]) == (409, "Conflict")
    wait_for_answer(serving_stack, doubtful, "stripes")


def test_what_is_too_large_or_somebody_elses_or_no_task_is_refused(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    reviewer.take_task(doubtful)
    path, other = f"/review/tasks/{doubtful.task_id}/answer", serving_stack.add_reviewer()
    before = serving_stack.task(doubtful)
    for megabytes in (2, 50):
        assert reviewer.ask("POST", path, {"label": "x" * megabytes * 2**20})[0] == 413
    assert reviewer.ask("POST", path, {"label": "<img src=x onerror=alert(1)>"})[0] == 400
    for step in ("answer", "extend", "undo"):
        body = {"label": "circle"} if step == "answer" else None
        asked = other.ask("POST", f"/review/tasks/{doubtful.task_id}/{step}", body)
        assert asked[0] == 409, asked
    for task in ("..%2f..%2fevaluation", "reviewer%23x", "%2e%2e", "' OR 1=1"):
        asked = reviewer.ask("POST", f"/review/tasks/{task}/answer", {"label": "circle"})
        assert asked[0] == 404, asked
    assert serving_stack.task(doubtful) == before


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


def test_of_an_image_whose_version_is_gone_for_good_everybody_is_told(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    serving_stack.client("s3").delete_object(
        Bucket=serving_stack.bucket, Key=doubtful.key, VersionId=doubtful.version_id
    )
    reviewer.review(doubtful, "circle")
    record = serving_stack.wait_for_record(doubtful, has="review_problem")
    assert (record["agreement"], record["human_label"]) == ("decided", "circle")
    assert record["copied_key"] == ""
    told = {1: ("decided", '["circle"]')}
    wait_for(lambda: _revisions(serving_stack, doubtful) == told, "the message about it")


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


def test_answers_that_are_throttled_for_long_are_taken_in_later(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    slow = {"service": "s3", "operation": "GetObject", "error": "SlowDown", "status": 503}
    slow |= {"function": "ReadAnswers", "containing": doubtful.task_id, "times": 20}
    reviewer.take_task(doubtful)
    with serving_stack.faults(slow):
        reviewer.answer(doubtful, "circle")
        wait_for_answer(serving_stack, doubtful, "circle")


def test_an_answer_that_waits_for_longer_than_its_queue_counts_is_taken_in_all_the_same(
    serving_stack: Stack, reviewer: Reviewer, doubtful: Uploaded
) -> None:
    busy = {"service": "stepfunctions", "operation": "StartSyncExecution", "status": 400}
    busy |= {"error": "ThrottlingException", "function": "DispatchEvents"}
    reviewer.take_task(doubtful)
    with serving_stack.faults({**busy, "containing": doubtful.task_id, "times": 12}):
        reviewer.answer(doubtful, "circle")
        wait_for_answer(serving_stack, doubtful, "circle")
    dead = serving_stack.outputs["AnswersDeadLetterQueueUrl"]
    assert "Messages" not in serving_stack.client("sqs").receive_message(QueueUrl=dead)
