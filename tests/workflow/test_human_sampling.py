"""Each path through `statemachine/human_sampling.asl.yaml`: every n-th detection."""

from collections.abc import Iterator

import pytest

from labelloop.domain.accuracy import LEAST_ANSWERS
from local.launch import wait_for
from tests.stack import Record, Stack, Uploaded

SETTLED_S = 310
"""The youngest five minutes of the log are left for the next run."""
EVERY = 3


@pytest.fixture(scope="module")
def sampling(serving_stack: Stack) -> Iterator[Stack]:
    """The stack with every third detection sampled, and all that came before already counted."""
    with serving_stack.sampling(1_000_000):
        serving_stack.leap(SETTLED_S)
        assert serving_stack.run("human_sampling").status == "SUCCEEDED"
        with serving_stack.parameters({"Human-Sampling-Interval": str(EVERY)}):
            yield serving_stack


@pytest.fixture(scope="module")
def uploads(sampling: Stack) -> list[Uploaded]:
    """Six confident detections, of which a run has sampled every third."""
    found = detect(sampling, 2 * EVERY)
    execution = sampling.run("human_sampling")
    assert (execution.status, execution.states) == ("SUCCEEDED", ("SampleDetections", "Done"))
    return found


def detect(stack: Stack, count: int) -> list[Uploaded]:
    """So many confident detections, old enough to be counted."""
    uploads = [stack.detect("circle") for _ in range(count)]
    for upload in uploads:
        stack.wait_for_record(upload, "confident")
    stack.leap(SETTLED_S)
    return uploads


def sampled(stack: Stack, uploads: list[Uploaded]) -> list[Uploaded]:
    """Those that were sampled."""
    return [upload for upload in uploads if stack.record(upload).get("sampled")]


def position(stack: Stack) -> Record:
    """How far the detections have been counted."""
    return stack.item("ModelVersionsTable", kind="state", name="sampling")


def test_every_nth_detection_goes_to_a_person_though_it_was_confident(
    sampling: Stack, uploads: list[Uploaded]
) -> None:
    # Wherever the count stood before: of six in a row two are each a third one.
    taken = sampled(sampling, uploads)
    assert len(taken) == 2
    for upload in taken:
        assert sampling.task(upload)["task_id"] == sampling.record(upload)["human_loop"]


def test_what_was_counted_is_not_counted_again(sampling: Stack, uploads: list[Uploaded]) -> None:
    before = position(sampling)
    counts = {entry["version"]: entry["accepted"] for entry in before["log"]["versions"]}
    assert counts[sampling.deployed()] >= len(uploads)
    assert sampling.run("human_sampling").status == "SUCCEEDED"
    assert position(sampling) == before
    assert len(sampled(sampling, uploads)) == 2


def test_switched_off_it_counts_nothing_and_later_goes_on_from_then(
    sampling: Stack, uploads: list[Uploaded]
) -> None:
    before = position(sampling)
    with sampling.parameters({"Enable-Automatic-Human-Sampling": "false"}):
        wait_for(lambda: sampling.schedule("sampling")[1] == "DISABLED", "the schedule")
        meanwhile = detect(sampling, EVERY)
        assert sampling.run("human_sampling").status == "SUCCEEDED"
        assert position(sampling) == before
    with sampling.sampling(EVERY):
        later = detect(sampling, EVERY)
        assert sampling.run("human_sampling").status == "SUCCEEDED"
    assert (len(sampled(sampling, meanwhile)), len(sampled(sampling, later))) == (0, 1)


def test_a_sampled_answer_is_counted_and_tests_the_next_version(
    sampling: Stack, uploads: list[Uploaded]
) -> None:
    reviewer = sampling.add_reviewer()
    audited, _ = sampled(sampling, uploads)
    reviewer.review(audited, "circle")
    record = sampling.wait_for_record(audited, has="agreement")
    copied = f"images_labeled_by_folder/circle/sampled-{audited.detection_id}-"
    assert record["copied_key"].startswith(copied)
    assert record["human_label"] == "circle"
    assert record["chance"] == pytest.approx(1 / EVERY)
    judged = {"kind": f"sample#{sampling.deployed()}", "name": audited.detection_id}
    wait_for(lambda: sampling.item("ModelVersionsTable", **judged), "the answer to be counted")
    assert sampling.item("ModelVersionsTable", **judged)["right"] is True


def test_a_sampled_answer_counts_though_the_image_is_gone_for_good(
    sampling: Stack, uploads: list[Uploaded]
) -> None:
    _, gone = sampled(sampling, uploads)
    sampling.client("s3").delete_object(
        Bucket=sampling.bucket, Key=gone.key, VersionId=gone.version_id
    )
    sampling.add_reviewer().review(gone, "circle")
    record = sampling.wait_for_record(gone, has="review_problem")
    assert (record["agreement"], record["copied_key"]) == ("decided", "")
    judged = {"kind": f"sample#{sampling.deployed()}", "name": gone.detection_id}
    wait_for(lambda: sampling.item("ModelVersionsTable", **judged), "the answer to be counted")
    assert sampling.item("ModelVersionsTable", **judged)["right"] is True


def test_the_operator_hears_once_that_sampled_answers_show_the_model_to_be_worse(
    sampling: Stack,
) -> None:
    version, reviewer = str(sampling.deployed()), sampling.add_reviewer()
    for number in range(LEAST_ANSWERS):
        sampling.client("dynamodb").put_item(
            TableName=sampling.outputs["ModelVersionsTable"],
            Item={
                "kind": {"S": f"sample#{version}"},
                "name": {"S": f"{number:032x}"},
                "labels": {"L": [{"S": "circle"}]},
                "right": {"BOOL": False},
                "completed": {"S": "2026-11-21T09:15:27.000Z"},
            },
        )
    uploads = detect(sampling, 2 * EVERY)
    assert sampling.run("human_sampling").status == "SUCCEEDED"
    for upload in sampled(sampling, uploads):
        reviewer.review(upload, "stripes")
        sampling.wait_for_record(upload, has="agreement")
        sampling.wait_until_idle()  # Two at a time may both tell it.
    (mail,) = sampling.wait_for_mail("drift")
    assert f"labelloop accuracy {version}" in mail["message"]
    known = {"kind": "version", "name": version}
    wait_for(lambda: "drift_told" in sampling.item("ModelVersionsTable", **known), "the note of it")
    sampling.wait_until_idle()
    assert len(sampling.operator_mails("drift")) == 1


def test_a_run_that_fails_tells_the_operator_and_leaves_the_count_as_it_was(
    sampling: Stack,
) -> None:
    before = position(sampling)
    forbidden = {"service": "dynamodb", "operation": "Query", "function": "SampleDetections"}
    with sampling.faults({**forbidden, "error": "AccessDeniedException", "times": -1}):
        execution = sampling.run("human_sampling")
    assert (execution.status, execution.error) == ("FAILED", "PermissionMissingError")
    assert execution.states == ("SampleDetections", "TellFailure", "Failed")
    mails = sampling.operator_mails("workflow_failed")
    assert [mail for mail in mails if execution.arn in mail["message"]]
    assert position(sampling) == before


def test_what_may_succeed_later_is_retried(sampling: Stack) -> None:
    # The SDK itself does not try this one again.
    busy = {"service": "dynamodb", "operation": "Query", "error": "TransactionConflictException"}
    with sampling.faults({**busy, "function": "SampleDetections", "times": 2}):
        execution = sampling.run("human_sampling")
    assert execution.status == "SUCCEEDED"
