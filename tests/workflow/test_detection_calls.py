"""What a confident detection asks of AWS: each call of it is paid for every image."""

from collections import Counter
from collections.abc import Iterator

import pytest

from benchmarks.first_model import serve_at_once
from tests.stack import Stack, launched

IMAGES = 60
MOST_OTHERS = 0.1


@pytest.fixture(scope="module")
def unhurried() -> Iterator[Stack]:
    """A stack on a real clock: what is cached is asked as rarely as on AWS."""
    speed = {"LABELLOOP_REKOGNITION_SPEED": "1000"}
    settings = {"Minimum-Label-Detection-Confidence": "0.00"}
    with launched(time_scale=1, environment=speed, settings=settings) as stack:
        serve_at_once(stack.local)
        yield stack


def _detect(stack: Stack, count: int) -> None:
    for upload in [stack.detect("circle") for _ in range(count)]:
        stack.wait_for_record(upload, "confident")
    stack.wait_until_idle()


def _calls_of_detecting(stack: Stack) -> Counter[str]:
    before = len(stack.local.control("GET", "calls"))
    _detect(stack, IMAGES)
    return Counter(
        f"{call['service']}.{call['operation']}"
        for call in stack.local.control("GET", "calls")[before:]
        if call["function"] in {"DispatchEvents", "DetectLabels"}
        or ("DetectionStateMachine" in (call["role"] or "") and call["operation"] != "Invoke")
    )


def test_a_confident_detection_is_an_execution_a_question_and_a_write(unhurried: Stack) -> None:
    _detect(unhurried, IMAGES)  # Every container has read the parameters.
    transitions = unhurried.local.control("GET", "summary")["transitions"]["standard"]
    for _ in range(3):
        calls = _calls_of_detecting(unhurried)
        for operation in (
            "states.StartSyncExecution",
            "rekognition.DetectCustomLabels",
            "dynamodb.PutItem",
        ):
            assert calls.pop(operation) == IMAGES
        if calls.total() <= MOST_OTHERS * IMAGES:
            break  # Else a minute was over, and every container has read the parameters anew.
    assert calls.total() <= MOST_OTHERS * IMAGES, calls
    # A Standard workflow's would be billed by the piece.
    after = unhurried.local.control("GET", "summary")["transitions"]["standard"]
    assert after == transitions
