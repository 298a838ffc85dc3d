"""Asking the version that serves, to compare a candidate with it, when calls fail.

Every test trains on some more images while that version does not run, so that it is started, asked
and stopped. The tests share a stack.
"""

from collections.abc import Iterator

import pytest

from local.launch import wait_for
from tests import images
from tests.faults.places import FAILURES, Kind, all_at_once, kinds, waves
from tests.stack import Execution, Record, Stack, launched, train_first_model

TIME_SCALE = 200
BILLED = {"STARTING", "RUNNING", "STOPPING"}
ASKING = ("AskVersion", "ReleaseModel")
COMPARING = (*ASKING, "StartModel", "DescribeVersion", "EvaluateModel")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack whose first model serves, and that may start it."""
    with launched(time_scale=TIME_SCALE, parameters={"TestSetPercentage": "50"}) as stack:
        train_first_model(stack)
        with stack.model_started_when_needed():
            yield stack


@pytest.fixture(scope="module")
def found(stack: Stack) -> list[Kind]:
    """The calls of a training that asks the version that serves, in a clean run."""
    _stop(stack)
    return sorted(kinds(stack, lambda: _train(stack)))


def _stop(stack: Stack) -> str:
    """Stop the version that serves; its name."""
    deployed = stack.item("ModelVersionsTable", kind="state", name="deployed")
    name = str(deployed["version"])
    stack.local.control("DELETE", "faults")
    if stack.model_statuses()[name] == "RUNNING":
        stack.client("rekognition").stop_project_version(ProjectVersionArn=deployed["version_arn"])
    wait_for(lambda: not _billed(stack), "all models' end")
    return name


def _billed(stack: Stack) -> set[str]:
    return {name for name, status in stack.model_statuses().items() if status in BILLED}


def _train(stack: Stack) -> tuple[Execution, list[Record]]:
    """Train on some more images; how that ended, and what the operator was told."""
    stack.label(dict.fromkeys(images.LABELS, 2))
    told = len(stack.operator_mails())
    execution = stack.run("model_training", {"force": True})
    return execution, stack.operator_mails()[told:]


def _kinds(mails: list[Record]) -> list[str]:
    return [mail["attributes"]["kind"] for mail in mails]


def _report(stack: Stack) -> Record:
    report: Record = stack.read_json(f"evaluation/{stack.versions()[-1]['name']}/report.json")
    return report


def _assert_compared(stack: Stack, execution: Execution, told: list[Record]) -> None:
    """The candidate was judged by all answers, and the operator heard of the verdict once."""
    assert execution.status == "SUCCEEDED", (execution, told)
    report = _report(stack)
    assert report["comparison"]["missing"] == 0
    assert report["asked"]["answered"] == report["asked"]["images"] > 0
    assert _kinds(told) in (
        ["training_started", "model_deployed"],
        ["training_started", "model_rejected"],
    )
    assert not stack.item("ModelVersionsTable", kind="state", name="training")


def test_a_comparison_whose_every_call_fails_at_first_is_finished_and_told_once(
    stack: Stack, found: list[Kind]
) -> None:
    comparing = [kind for kind in found if kind.function in COMPARING]
    assert {kind.function for kind in comparing} == set(COMPARING)
    for orders in waves(comparing):
        _stop(stack)
        with all_at_once(stack, orders):
            execution, told = _train(stack)
        _assert_compared(stack, execution, told)
        wait_for(lambda: _billed(stack) <= {stack.deployed()}, "the end of others")


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (Kind("EvaluateModel", "s3", "PutObject"), "caller killed after"),
        (Kind("StartModel", "rekognition", "StartProjectVersion"), "caller killed after"),
        (Kind("AskVersion", "rekognition", "DetectCustomLabels"), "caller killed before"),
        (Kind("AskVersion", "s3", "PutObject"), "caller killed before"),
        (Kind("AskVersion", "s3", "PutObject"), "caller killed after"),
        (Kind("AskVersion", "s3", "PutObject"), "answer lost"),
        (Kind("ReleaseModel", "rekognition", "StopProjectVersion"), "caller killed after"),
        (Kind("ReleaseModel", "rekognition", "StopProjectVersion"), "answer lost"),
    ],
    ids=str,
)
def test_a_comparison_goes_on_after_a_crash(stack: Stack, kind: Kind, failure: str) -> None:
    _stop(stack)
    with all_at_once(stack, [kind.order(**FAILURES[failure])]):
        execution, told = _train(stack)
    _assert_compared(stack, execution, told)


def test_whichever_call_stays_refused_the_champion_serves_or_was_compared_and_one_message_says_so(
    stack: Stack, found: list[Kind]
) -> None:
    refused = [kind for kind in found if kind.function in ASKING]
    assert len(refused) >= 8
    for kind in refused:
        champion = _stop(stack)
        with all_at_once(stack, [kind.order(**FAILURES["refused"], times=-1)]):
            execution, told = _train(stack)
        assert not stack.item("ModelVersionsTable", kind="state", name="training"), kind
        if kind.function == "ReleaseModel":
            # It runs on as the version that serves, which HostModel looks after.
            _assert_compared(stack, execution, told)
            continue
        assert execution.status == "SUCCEEDED", (kind, execution)
        assert _kinds(told) == ["training_started", "model_not_compared"], kind
        assert stack.deployed() == champion
        wait_for(lambda: not _billed(stack), f"the end of what was started, {kind}")
