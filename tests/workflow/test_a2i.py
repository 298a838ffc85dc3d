"""People asked by Amazon A2I: from a doubtful image to training, and all its ways of refusing."""

import json
import secrets
from collections.abc import Iterator

import pytest

from local.launch import LaunchError, wait_for
from tests import images
from tests.stack import (
    Record,
    Stack,
    Uploaded,
    launched,
    train_first_model,
    with_little_time,
)

REFUSED = {
    "service": "sagemaker",
    "operation": "StartHumanLoop",
    "error": "AccessDeniedException",
    "status": 400,
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose model serves and that asks two workers of A2I about each image."""
    deployment = {"ReviewBackend": "a2i", "ReviewersPerImage": "2"}
    # Doubtful whatever a later model has learnt from them.
    settings = {"Minimum-Label-Detection-Confidence": "100"}
    template = with_little_time(tmp_path_factory.mktemp("template"), "set_up_human_review")
    with launched(parameters=deployment, settings=settings, template=template) as launched_stack:
        train_first_model(launched_stack)
        yield launched_stack


def loop_of(stack: Stack, upload: Uploaded) -> Record:
    """The human loop about an image; empty when there is none."""
    loops = stack.local.control("GET", "human-loops")
    return next((loop for loop in loops if loop["name"] == upload.task_id), {})


def wait_for_loop(stack: Stack, upload: Uploaded) -> Record:
    return wait_for(lambda: loop_of(stack, upload), f"the human loop about {upload.key}")


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
    again = stack.run_express("detection", stack.event(doubtful))
    assert again["status"] == "SUCCEEDED", again
    assert loop_of(stack, doubtful)["status"] == "Completed"
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


def by_api(stack: Stack, text: str | None = None, sender: str | None = None) -> Uploaded:
    """A new image that came by the API, from a person where one is named, detected."""
    key = f"images_from_api/2026-11-21/{secrets.token_hex(4)}.jpg"
    upload = stack.upload(key, stack.new_image(text))
    event = stack.event(upload)
    event["detail"] |= {"sender": sender} if sender else {}
    answer = stack.run_express("detection", event)
    assert answer["status"] == "SUCCEEDED", answer
    return upload


def test_images_that_came_by_the_api_are_asked_about_too(stack: Stack) -> None:
    assert wait_for_loop(stack, by_api(stack))["input"]["image"].startswith("s3://")


@pytest.mark.parametrize(("sender", "own"), [("ann", True), ("cho", False)])
def test_a_worker_who_has_sent_the_image_is_marked(stack: Stack, sender: str, own: bool) -> None:
    """A2I gives the task to whom it likes."""
    sent = by_api(stack, sender=sender)
    wait_for_loop(stack, sent)
    for worker in ("ann", "bob"):
        answer(stack, sent, worker, label("circle"))
    record = stack.wait_for_record(sent, has="completed")
    assert record["senders"] == {sender}
    assert (record["agreement"], record["answered_by_sender"]) == ("decided", own)


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
        # One after the other: who is slow to tell it is taken for dead after 3 s here.
        refused = []
        for _ in range(3):
            refused.append(stack.detect())
            assert stack.wait_for_task(refused[-1])["wanted"] == 2
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

        (mail,) = wait_for(told, "the message")
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

    assert wait_for(lies_there, "the event in the queue")


def test_sampled_detections_are_asked_about_too_and_refused_ones_on_the_console(
    stack: Stack,
) -> None:
    quota = {**REFUSED, "error": "ServiceQuotaExceededException", "status": 402, "times": 2}
    mute = {"service": "sns", "operation": "Publish", "error": "InternalError", "status": 500}
    mute |= {"function": "SampleDetections", "times": 4}
    with stack.sampling(1), stack.parameters({"Minimum-Label-Detection-Confidence": "0"}):
        sure = [stack.detect("circle"), by_api(stack, "circle")]
        for upload in sure:
            stack.wait_for_record(upload, outcome="confident")
        stack.leap(301)
        with stack.faults(quota, mute):
            assert stack.run("human_sampling").status == "SUCCEEDED"
    asked = [bool(loop_of(stack, upload)) for upload in sure]
    on_console = [bool(stack.task(upload)) for upload in sure]
    assert [one != other for one, other in zip(asked, on_console, strict=True)] == [True, True]
    assert any(asked)


def test_chosen_doubtful_images_are_asked_about_too_and_refused_ones_on_the_console(
    stack: Stack,
) -> None:
    # Of a kind that no other test has had told already.
    refused = {**REFUSED, "error": "ValidationException", "times": 2}
    mute = {"service": "sns", "operation": "Publish", "error": "InternalError", "status": 500}
    mute |= {"function": "SelectReviews", "times": 4}
    stack.disable("selection")
    with stack.review_budget(1000):
        doubtful = [stack.detect(), by_api(stack)]

        def asked() -> bool:
            stack.wait_until_rests("SelectReviews")  # One at a time asks each only once.
            if all(bool(loop_of(stack, one)) != bool(stack.task(one)) for one in doubtful):
                return True
            stack.fire("SelectionSchedule")
            return False

        for upload in doubtful:
            stack.wait_for_record(upload)
        with stack.faults(refused, mute):
            wait_for(asked, "questions about both")
    assert any(loop_of(stack, upload) for upload in doubtful)


# --- Ground Truth ---------------------------------------------------------------------------------


@pytest.fixture
def to_label(stack: Stack) -> list[Uploaded]:
    """Three new images that nobody has labelled; the schedule looks for none meanwhile."""
    stack.disable("labeling")
    stack.wait_until_rests("RequestLabels")
    keys = [f"images_to_label/{secrets.token_hex(4)}.jpg" for _ in range(3)]
    return [stack.upload(key, stack.new_image("circle")) for key in keys]


def _job_of(stack: Stack, uploads: list[Uploaded]) -> Record:
    """The labelling job under way, when it is followed."""

    def begun() -> list[Record]:
        jobs = stack.local.control("GET", "labeling-jobs")
        return [job for job in jobs if job["status"] == "InProgress"]

    (job,) = wait_for(begun, "the labelling job")
    for upload in uploads:
        assert stack.wait_for_record(upload, has="human_loop")["human_loop"] == job["name"]
    return job


def test_a_labelling_job_labels_from_nothing_and_the_console_what_it_leaves(
    stack: Stack, to_label: list[Uploaded]
) -> None:
    execution = stack.start("image_labeling")
    job = _job_of(stack, to_label)
    assert job["labels"] == [*sorted(images.LABELS), "None of the Above"]
    by_detection = {uri.split("/")[-1].split("-")[0]: uri for uri in job["images"]}
    first, second, third = (by_detection[upload.detection_id] for upload in to_label)
    labels = {first: "circle", second: "None of the Above"}
    order = {"end": "Stopped", "labels": labels, "reason": "The operator stopped it."}
    # Another run finds nothing new while it is followed.
    assert stack.run("image_labeling").states[-2:] == ("WhoAsks", "Done")
    stack.local.control("POST", f"labeling-jobs/{job['name']}", order)
    ended = stack.end_of(execution)
    assert (ended.status, ended.states[-2]) == ("SUCCEEDED", "TellNotLabelled")
    manifest = stack.read(f"manifests/imported/labeling/{job['name']}.manifest").splitlines()
    assert [json.loads(line)["source-ref"] for line in manifest] == [first]
    assert [bool(stack.task(upload)) for upload in to_label] == [False, False, True]
    (mail,) = stack.wait_for_mail("labeling_job_ended")
    assert "The operator stopped it." in mail["message"]
    stack.run("model_training", {"force": True})
    version = stack.versions()[-1]["name"]
    trained = b"".join(map(stack.read, stack.keys(f"manifests/training/{version}/")))
    assert first.encode() in trained
    assert third.encode() not in trained


def test_a_look_that_fails_is_told_and_the_job_is_followed_all_the_same(
    stack: Stack, to_label: list[Uploaded]
) -> None:
    execution = stack.start("image_labeling")
    job = _job_of(stack, to_label)
    closed = {"service": "sagemaker", "operation": "DescribeLabelingJob", "status": 400}
    closed |= {"error": "AccessDeniedException", "times": 1}
    with stack.faults(closed):
        (mail,) = stack.wait_for_mail("workflow_failed")
    assert "PermissionMissingError" in mail["message"] or "AccessDenied" in mail["message"]
    stack.local.control("POST", f"labeling-jobs/{job['name']}", {"end": "Failed", "labels": {}})
    ended = stack.end_of(execution)
    assert (ended.status, ended.states[-2]) == ("SUCCEEDED", "TellNotLabelled")
    assert all(stack.task(upload) for upload in to_label)


def test_what_ground_truth_refuses_is_asked_on_the_console(
    stack: Stack, to_label: list[Uploaded]
) -> None:
    closed = {"service": "sagemaker", "operation": "CreateLabelingJob", "status": 400}
    closed |= {"error": "ValidationException", "message": "Closed to new customers."}
    with stack.faults(closed):
        execution = stack.run("image_labeling")
    assert (execution.status, execution.states[-2]) == ("SUCCEEDED", "TellRefusal")
    assert all(stack.task(upload) for upload in to_label)
    (mail,) = stack.wait_for_mail("ground_truth_refused")
    assert "Closed to new customers." in mail["message"]


# --- The deployment: this comes last --------------------------------------------------------------


def _flows(stack: Stack) -> set[str]:
    """The flow definitions that are there to stay."""
    answer = stack.client("sagemaker").list_flow_definitions()
    return {
        flow["FlowDefinitionName"]
        for flow in answer["FlowDefinitionSummaries"]
        if flow["FlowDefinitionStatus"] != "Deleting"
    }


def test_another_setting_makes_another_flow_definition_and_loops_of_the_old_one_may_end(
    stack: Stack,
) -> None:
    waiting = stack.detect()
    wait_for_loop(stack, waiting)
    (before,) = _flows(stack)
    labels = ",".join(images.LABELS)
    stack.local.control("PUT", "stack", {"parameters": {"ReviewLabels": labels}})
    assert _flows(stack) == {before}
    stack.local.control("PUT", "stack", {"parameters": {"ReviewersPerImage": "1"}})
    assert len(_flows(stack)) == 2
    asked = stack.detect()
    assert wait_for_loop(stack, asked)["wanted"] == 1
    answer(stack, asked, "ann", label("circle"))
    assert stack.wait_for_record(asked, has="agreement")["human_label"] == "circle"
    for worker in ("ann", "bob"):
        answer(stack, waiting, worker, label("stripes"))
    assert stack.wait_for_record(waiting, has="agreement")["human_label"] == "stripes"
    assert before in _flows(stack)


def test_back_on_the_console_open_loops_end_there_and_no_workforce_is_left(stack: Stack) -> None:
    asked = stack.detect()
    wait_for_loop(stack, asked)
    stack.local.control("PUT", "stack", {"parameters": {"ReviewBackend": "console"}})
    assert loop_of(stack, asked)["status"] == "Stopped"
    stack.wait_for_task(asked)
    assert _flows(stack) == set()
    assert stack.client("sagemaker").list_workforces()["Workforces"] == []
    stack.add_reviewer().review(asked, "circle")
    assert stack.wait_for_record(asked, has="agreement")["human_label"] == "circle"
    stack.local.control("PUT", "stack", {"parameters": {"ReviewBackend": "a2i"}})
    assert len(_flows(stack)) == 1


def test_the_stack_goes_when_its_loops_have_ended_by_several_invocations(stack: Stack) -> None:
    asked = stack.detect()
    wait_for_loop(stack, asked)
    with pytest.raises(LaunchError, match="human loops under way"):
        stack.local.control("DELETE", "stack")
    for loop in _loops(stack):
        if loop["status"] == "InProgress":
            stack.local.control("POST", f"human-loops/{loop['name']}", {"end": "Stopped"})
    before = stack.local.control("GET", "summary")["lambda"]["SetUpHumanReview"]
    stack.local.control("DELETE", "stack")
    assert stack.local.control("GET", "summary")["lambda"]["SetUpHumanReview"] > before + 1
    assert _flows(stack) == set()
    assert stack.client("sagemaker").list_workforces()["Workforces"] == []
