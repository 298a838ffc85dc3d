"""Sampling, when its function dies between two writes."""

from tests.faults.places import FAILURES, Kind, all_at_once
from tests.stack import Stack

INTERVAL = 3
DETECTIONS = 8
SETTLED_S = 330
"""Younger records are left for the next run."""


def test_every_nth_detection_is_sampled_once_wherever_sampling_dies(serving_stack: Stack) -> None:
    with serving_stack.sampling(INTERVAL):
        serving_stack.leap(SETTLED_S)
        _sample(serving_stack)  # Counts what other tests have left.
        since_last = serving_stack.item("ModelVersionsTable", kind="state", name="sampling")[
            "since_last"
        ]
        uploads = []
        for _ in range(DETECTIONS):  # one after the other: their order is known
            uploads.append(serving_stack.detect("circle"))
            serving_stack.wait_for_record(uploads[-1], "confident")
        serving_stack.leap(SETTLED_S)
        record = Kind("SampleDetections", "dynamodb", "UpdateItem")
        tables = Kind("SampleDetections", "dynamodb", "PutItem")
        position = f'"{serving_stack.outputs["ModelVersionsTable"]}"'
        expected = uploads[INTERVAL - since_last - 1 :: INTERVAL]
        orders = [
            record.order(**FAILURES["caller killed before"]),
            record.order(after=1, **FAILURES["caller killed after"]),
            tables.order(expected[0].detection_id, **FAILURES["caller killed after"]),
            tables.order(position, **FAILURES["caller killed before"]),
            tables.order(position, after=1, **FAILURES["caller killed after"]),
        ]
        with all_at_once(serving_stack, orders):
            _sample(serving_stack)
        _sample(serving_stack)
    sampled = [upload for upload in uploads if serving_stack.record(upload).get("sampled")]
    assert sampled == expected
    tasks = [task["task_id"] for task in serving_stack.tasks()]
    assert [upload for upload in uploads if tasks.count(upload.task_id)] == expected


def _sample(stack: Stack) -> None:
    """Let the schedule's target run once, to its end."""
    (arn,) = stack.fire("SamplingSchedule")["executionArns"]
    assert stack.end_of(arn).status == "SUCCEEDED"
