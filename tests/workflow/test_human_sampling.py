"""Each path through `statemachine/human_sampling.asl.yaml`: every n-th detection."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.stack import Record, Stack, Uploaded

SETTLED_S = 310
"""The youngest five minutes of the log are left for the next run."""


@contextmanager
def sampling(stack: Stack, every: int, **more: str) -> Iterator[None]:
    """Sampling of every n-th detection, with all that came before already counted."""
    switched_on = {"Enable-Automatic-Human-Sampling": "true"}
    with stack.parameters({**switched_on, "Human-Sampling-Interval": "1000000"}):
        stack.sleep(SETTLED_S)
        assert stack.run("human_sampling").status == "SUCCEEDED"
        with stack.parameters({"Human-Sampling-Interval": str(every), **more}):
            yield


def detect(stack: Stack, count: int) -> list[Uploaded]:
    """So many confident detections, old enough to be counted."""
    uploads = [stack.detect("circle") for _ in range(count)]
    for upload in uploads:
        stack.wait_for_record(upload, "confident")
    stack.sleep(SETTLED_S)
    return uploads


def sampled(stack: Stack, uploads: list[Uploaded]) -> list[Record]:
    """The records that were sampled."""
    return [record for upload in uploads if (record := stack.record(upload)).get("sampled")]


def test_every_nth_detection_goes_to_a_person_once_however_often_it_runs(
    serving_stack: Stack,
) -> None:
    with sampling(serving_stack, every=3):
        uploads = detect(serving_stack, 5)
        for _ in range(2):
            execution = serving_stack.run("human_sampling")
            assert execution.status == "SUCCEEDED"
            assert execution.states == ("SampleDetections", "Done")
            # Many were counted since the last one: the first is due, and the third after it.
            records = sampled(serving_stack, uploads)
            assert len(records) == 2
        # One was counted after the second: two more until the next.
        more = detect(serving_stack, 2)
        serving_stack.run("human_sampling")
        assert len(sampled(serving_stack, more)) == 1
    for record in records:
        task = serving_stack.item("ReviewTasksTable", task_id=record["human_loop"])
        assert task["detection_id"] == record["detection_id"]


def test_switched_off_it_samples_nothing(serving_stack: Stack) -> None:
    with sampling(serving_stack, 1, **{"Enable-Automatic-Human-Sampling": "false"}):
        uploads = detect(serving_stack, 1)
        assert serving_stack.run("human_sampling").status == "SUCCEEDED"
    assert not sampled(serving_stack, uploads)


def test_a_sampled_answer_trains_only_where_the_operator_wants_it(serving_stack: Stack) -> None:
    reviewer = serving_stack.add_reviewer()
    with sampling(serving_stack, every=1):
        audited, trained = detect(serving_stack, 2)
        serving_stack.run("human_sampling")
        reviewer.review(audited, "circle")
        record = serving_stack.wait_for_record(audited, has="agreement")
        assert (record["human_label"], record["copied_key"]) == ("circle", "")
        with serving_stack.parameters({"Train-On-Sampled-Answers": "true"}):
            reviewer.review(trained, "circle")
            record = serving_stack.wait_for_record(trained, has="agreement")
        assert record["copied_key"].startswith("images_labeled_by_folder/circle/")


def test_a_run_that_fails_tells_the_operator_and_the_next_one_counts_from_the_same_place(
    serving_stack: Stack,
) -> None:
    forbidden = {"service": "dynamodb", "operation": "Query", "function": "SampleDetections"}
    with sampling(serving_stack, every=1):
        uploads = detect(serving_stack, 1)
        with serving_stack.faults({**forbidden, "error": "AccessDeniedException", "times": -1}):
            execution = serving_stack.run("human_sampling")
        assert (execution.status, execution.error) == ("FAILED", "PermissionMissingError")
        assert execution.states == ("SampleDetections", "TellFailure", "Failed")
        mails = serving_stack.operator_mails("workflow_failed")
        assert [mail for mail in mails if execution.arn in mail["message"]]
        serving_stack.run("human_sampling")
        assert len(sampled(serving_stack, uploads)) == 1


def test_throttling_is_retried(serving_stack: Stack) -> None:
    throttled = {"service": "dynamodb", "operation": "Query", "function": "SampleDetections"}
    with (
        serving_stack.parameters({"Enable-Automatic-Human-Sampling": "true"}),
        serving_stack.faults(
            {**throttled, "error": "ProvisionedThroughputExceededException", "times": 4}
        ),
    ):
        execution = serving_stack.run("human_sampling")
    assert execution.status == "SUCCEEDED"
