"""People asked by Amazon A2I: from a doubtful image to training, and all its ways of refusing."""

import json
from collections.abc import Iterator

import pytest

from local.launch import wait_for
from tests import images
from tests.stack import Record, Stack, Uploaded, launched, train_first_model

REFUSED = {
    "service": "sagemaker",
    "operation": "StartHumanLoop",
    "error": "AccessDeniedException",
    "status": 400,
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack whose model serves and that asks two workers of A2I about each image."""
    deployment = {"ReviewBackend": "a2i", "ReviewersPerImage": "2"}
    # Doubtful whatever a later model has learnt from them.
    settings = {"Minimum-Label-Detection-Confidence": "100"}
    with launched(parameters=deployment, settings=settings) as launched_stack:
        train_first_model(launched_stack)
        yield launched_stack


def loop_of(stack: Stack, upload: Uploaded) -> Record:
    """The human loop about an image; empty when there is none."""
    loops = stack.local.control("GET", "human-loops")
    return next((loop for loop in loops if loop["name"] == upload.task_id), {})


def wait_for_loop(stack: Stack, upload: Uploaded) -> Record:
    return wait_for(lambda: loop_of(stack, upload), f"the human loop about {upload.key}", 30)


def answer(stack: Stack, upload: Uploaded, worker: str, widget: Record) -> Record:
    """Answer as a worker, by the element of the task page."""
    order = {"worker": worker, "answerContent": widget}
    answered: Record = stack.local.control("POST", f"human-loops/{upload.task_id}", order)
    return answered


def label(text: str) -> Record:
    return {"label": {"label": text}}


def test_two_workers_who_agree_decide_and_their_image_trains(stack: Stack) -> None:
    doubtful = stack.detect()
    loop = wait_for_loop(stack, doubtful)
    assert loop["input"]["labels"] == [*sorted(images.LABELS), "None of the Above"]
    assert loop["input"]["detection_id"] == doubtful.detection_id
    assert answer(stack, doubtful, "ann", label("circle"))["status"] == "InProgress"
    assert "agreement" not in stack.record(doubtful)
    assert answer(stack, doubtful, "bob", label("circle"))["status"] == "Completed"
    record = stack.wait_for_record(doubtful, has="agreement")
    assert (record["agreement"], record["human_label"]) == ("decided", "circle")
    assert stack.task(doubtful) == {}
    stack.run("model_training", {"force": True})
    version = stack.versions()[-1]["name"]
    manifests = b"".join(map(stack.read, stack.keys(f"manifests/training/{version}/")))
    assert record["copied_key"].encode() in manifests


def test_workers_who_do_not_agree_decide_nothing(stack: Stack) -> None:
    doubtful = stack.detect()
    wait_for_loop(stack, doubtful)
    answer(stack, doubtful, "ann", label("circle"))
    answer(stack, doubtful, "bob", label("None of the Above"))
    record = stack.wait_for_record(doubtful, has="agreement")
    assert (record["agreement"], record["copied_key"]) == ("undecided", "")


def test_workers_see_the_image_that_was_detected_when_another_has_taken_its_place(
    stack: Stack,
) -> None:
    content = stack.new_image()
    doubtful = stack.upload("images_for_detection/replaced.jpg", content)
    shown = wait_for_loop(stack, doubtful)["input"]["taskObject"]
    stack.wait_for_record(stack.upload(doubtful.key, stack.new_image("circle")))
    assert stack.read(shown.removeprefix(f"s3://{stack.bucket}/")) == content


def test_what_came_twice_is_asked_about_once(stack: Stack) -> None:
    doubtful = stack.detect()
    wait_for_loop(stack, doubtful)
    again = stack.run_express("detection", stack.event(doubtful))
    assert again["status"] == "SUCCEEDED", again
    assert len([x for x in _loops(stack) if x["name"] == doubtful.task_id]) == 1
    assert stack.task(doubtful) == {}


def _loops(stack: Stack) -> list[Record]:
    loops: list[Record] = stack.local.control("GET", "human-loops")
    return loops


def test_what_a2i_refuses_goes_to_the_console_and_the_operator_is_told_once(stack: Stack) -> None:
    closed = {**REFUSED, "message": "A2I is in maintenance mode.", "times": 1000}
    # The message fails at first: it is told all the same, and once.
    mute = {"service": "sns", "operation": "Publish", "error": "InternalError", "status": 500}
    mute |= {"function": "RequestReview", "times": 4}
    with stack.faults(closed, mute):
        refused = [stack.detect() for _ in range(3)]
        for upload in refused:
            assert stack.wait_for_task(upload)["wanted"] == 2
    (mail,) = stack.wait_for_mail("a2i_refused")
    assert "maintenance mode" in mail["message"]
    # Taken again, it is not asked about in two places.
    assert stack.run_express("detection", stack.event(refused[0]))["status"] == "SUCCEEDED"
    assert loop_of(stack, refused[0]) == {}
    reviewers = [stack.add_reviewer() for _ in range(2)]
    for reviewer in reviewers:
        reviewer.review(refused[0], "stripes")
    assert stack.wait_for_record(refused[0], has="agreement")["human_label"] == "stripes"


def test_throttling_is_no_refusal(stack: Stack) -> None:
    slow = {**REFUSED, "error": "ThrottlingException", "status": 429, "times": 5}
    with stack.faults(slow):
        doubtful = stack.detect()
        wait_for_loop(stack, doubtful)
    assert stack.task(doubtful) == {}


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_loop_that_ends_without_answers_goes_to_the_console(stack: Stack, status: str) -> None:
    doubtful = stack.detect()
    wait_for_loop(stack, doubtful)
    mute = {"service": "sns", "operation": "Publish", "error": "InternalError", "status": 500}
    mute |= {"function": "RequeueReview", "times": 4}
    with stack.faults(mute):
        order = {"end": status, "reason": "No worker came."}
        stack.local.control("POST", f"human-loops/{doubtful.task_id}", order)
        stack.wait_for_task(doubtful)

        def told() -> list[Record]:
            mails = stack.operator_mails("loops_unanswered")
            return [mail for mail in mails if doubtful.task_id in mail["message"]]

        (mail,) = wait_for(told, "the message", 30)
    assert "No worker came." in mail["message"]


def test_an_end_that_cannot_be_worked_up_lies_where_the_operator_looks(stack: Stack) -> None:
    upload = stack.upload("images_in_review/unknown.jpg", stack.new_image())
    event = {"humanLoopName": upload.task_id, "humanLoopStatus": "Failed"}
    function = stack.physical_id("RequeueReviewFunction")
    stack.client("lambda").invoke(
        FunctionName=function,
        InvocationType="Event",
        Payload=json.dumps({"detail": event}).encode(),
    )
    queue = stack.outputs["UndeliveredEventsQueueUrl"]

    def lies_there() -> list[Record]:
        found: list[Record] = (
            stack.client("sqs")
            .receive_message(QueueUrl=queue, VisibilityTimeout=0)
            .get("Messages", [])
        )
        return [message for message in found if upload.task_id in message["Body"]]

    assert wait_for(lies_there, "the event in the queue", 60)


def test_sampled_detections_are_asked_about_too_and_refused_ones_on_the_console(
    stack: Stack,
) -> None:
    quota = {**REFUSED, "error": "ServiceQuotaExceededException", "status": 402, "times": 1}
    mute = {"service": "sns", "operation": "Publish", "error": "InternalError", "status": 500}
    mute |= {"function": "SampleDetections", "times": 4}
    settings = {"Enable-Automatic-Human-Sampling": "true", "Human-Sampling-Interval": "1"}
    settings |= {"Minimum-Label-Detection-Confidence": "0"}
    with stack.parameters(settings):
        sure = [stack.detect("circle") for _ in range(2)]
        for upload in sure:
            stack.wait_for_record(upload, outcome="confident")
        stack.sleep(301)
        with stack.faults(quota, mute):
            assert stack.run("human_sampling").status == "SUCCEEDED"
    asked = [bool(loop_of(stack, upload)) for upload in sure]
    on_console = [bool(stack.task(upload)) for upload in sure]
    assert [one != other for one, other in zip(asked, on_console, strict=True)] == [True, True]
    assert any(asked)
