"""A Map that spreads work over a function, as the training workflow inspects its images."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local.conftest import TIME_SCALE
from tests.unit.local.machines import Machines, task

CONCURRENCY = 8
FIRST_RETRY_S = 5
Batch = dict[str, Any]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Where the function notes its calls, a file a batch."""
    return tmp_path


@pytest.fixture
def definition(runtime: Any) -> dict[str, Any]:
    inspect = task(
        "lambda:invoke",
        {
            "FunctionName": runtime.add_function("sample.inspect"),
            "Payload": {"batch.$": "$.batch", "run.$": "$.run"},
        },
        ResultSelector={"images.$": "$.Payload.images"},
        Retry=[
            {
                "ErrorEquals": ["QuotaExceededError", "Lambda.TooManyRequestsException"],
                "IntervalSeconds": FIRST_RETRY_S,
                "MaxAttempts": 2,
                "BackoffRate": 2,
            }
        ],
        Catch=[
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "InspectionFailed"}
        ],
        End=True,
    )
    inspect_all = {
        "Type": "Map",
        "ItemsPath": "$.inspection.batches",
        "MaxConcurrency": CONCURRENCY,
        "ItemSelector": {"batch.$": "$$.Map.Item.Value", "run.$": "$.run"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "InspectImages",
            "States": {
                "InspectImages": inspect,
                "InspectionFailed": {
                    "Type": "Fail",
                    "ErrorPath": "$.failure.Error",
                    "CausePath": "$.failure.Cause",
                },
            },
        },
        "ResultSelector": {"images.$": "$[*].images", "batches.$": "States.ArrayLength($)"},
        "ResultPath": "$.inspected",
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Caught"}],
        "End": True,
    }
    caught = {"Type": "Succeed"}
    return {"StartAt": "InspectAll", "States": {"InspectAll": inspect_all, "Caught": caught}}


def asked(run_folder: Path, batches: list[Batch]) -> dict[str, Any]:
    return {"inspection": {"batches": batches}, "run": str(run_folder)}


def calls(run_folder: Path) -> dict[str, int]:
    """How often each batch was begun."""
    return {file.name: len(file.read_text().splitlines()) for file in run_folder.iterdir()}


def named(*names: str, **facts: Any) -> list[Batch]:
    return [{"name": name, **facts} for name in names]


@pytest.mark.parametrize("count", [0, 1, 25])
def test_every_item_is_worked_on_once(
    machines: Machines, definition: dict[str, Any], run_folder: Path, count: int
) -> None:
    names = [f"batch-{number:02}" for number in range(count)]
    given = asked(run_folder, named(*names))
    output = machines.output(definition, given)
    assert output == {**given, "inspected": {"images": names, "batches": count}}
    assert calls(run_folder) == dict.fromkeys(names, 1)


def test_items_are_worked_on_side_by_side_up_to_the_limit(
    machines: Machines, definition: dict[str, Any], run_folder: Path
) -> None:
    pause_s = 0.5
    names = [f"batch-{number:02}" for number in range(3 * CONCURRENCY)]
    machines.output(definition, asked(run_folder, named(*names, seconds=pause_s)))
    began = [float((run_folder / name).read_text()) for name in names]
    at_work = [sum(0 <= now - other < pause_s * 0.9 for other in began) for now in began]
    assert 1 < max(at_work) <= CONCURRENCY


def test_an_item_is_retried_by_itself_on_the_virtual_clock(
    machines: Machines, definition: dict[str, Any], run_folder: Path
) -> None:
    batches = [*named("good-1", "good-2"), *named("late", fails=1), *named("later", fails=2)]
    output = machines.output(definition, asked(run_folder, batches))
    assert output["inspected"]["images"] == ["good-1", "good-2", "late", "later"]
    assert calls(run_folder) == {"good-1": 1, "good-2": 1, "late": 2, "later": 3}
    first, second, third = (float(at) for at in (run_folder / "later").read_text().split())
    assert (second - first) * TIME_SCALE >= FIRST_RETRY_S
    assert (third - second) * TIME_SCALE >= 2 * FIRST_RETRY_S


def test_the_error_of_one_item_is_caught_around_all(
    machines: Machines, definition: dict[str, Any], run_folder: Path
) -> None:
    given = asked(run_folder, [*named("good"), *named("bad", fails=9), *named("fine")])
    output = machines.output(definition, given)
    assert {key: output[key] for key in given} == given
    assert "inspected" not in output
    assert output["failure"]["Error"] == "QuotaExceededError"
    assert json.loads(output["failure"]["Cause"])["errorMessage"] == "bad"
    assert calls(run_folder)["bad"] == 3


def test_a_failed_item_stops_those_that_have_not_begun(
    machines: Machines, definition: dict[str, Any], run_folder: Path
) -> None:
    definition["States"]["InspectAll"]["MaxConcurrency"] = 1
    batches = [*named("first"), *named("bad", fails=9), *named("never")]
    output = machines.output(definition, asked(run_folder, batches))
    assert output["failure"]["Error"] == "QuotaExceededError"
    assert calls(run_folder) == {"first": 1, "bad": 3}


def test_without_a_catch_the_execution_fails_with_the_items_error(
    machines: Machines, definition: dict[str, Any], run_folder: Path
) -> None:
    del definition["States"]["InspectAll"]["Catch"]
    del definition["States"]["Caught"]
    answer = machines.run(definition, asked(run_folder, named("bad", fails=9)))
    assert (answer["status"], answer["error"]) == ("FAILED", "QuotaExceededError")
    assert json.loads(answer["cause"])["errorMessage"] == "bad"


def test_items_that_are_no_list_fail_for_good(
    machines: Machines, definition: dict[str, Any], run_folder: Path
) -> None:
    given = {"inspection": {"batches": "none"}, "run": str(run_folder)}
    answer = machines.run(definition, given)
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")


def test_an_execution_can_be_stopped_amid_its_items(
    machines: Machines, definition: dict[str, Any], run_folder: Path
) -> None:
    names = [f"batch-{number:02}" for number in range(3 * CONCURRENCY)]
    execution = machines.start(definition, asked(run_folder, named(*names, seconds=0.5)))
    while not calls(run_folder):
        time.sleep(0.01)
    machines.client.stop_execution(executionArn=execution)
    assert machines.end(execution)["status"] == "ABORTED"
    begun = len(calls(run_folder))
    time.sleep(1.5)
    assert len(calls(run_folder)) <= begun + CONCURRENCY < len(names) + CONCURRENCY


def test_retries_of_items_count_as_transitions(
    machines: Machines, definition: dict[str, Any], run_folder: Path, runtime: Any
) -> None:
    before = runtime.executions.counts()["transitions"]["standard"]
    machines.output(definition, asked(run_folder, named("good") + named("late", fails=1)))
    # the Map, an InspectImages an item, and one retry
    assert runtime.executions.counts()["transitions"]["standard"] - before == 4
