"""`labelloop label` over what the labelling workflow says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.cli.world import OPERATOR, World, aws_in_memory, error_of


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A stack with images to label."""
    with aws_in_memory(monkeypatch):
        yield World()


def _found(world: World, **labels: Any) -> None:
    """The workflow's first state ends so."""
    none: dict[str, Any] = {"asked": 0, "refused": 0, "problem": "", "job": "", "refusal": ""}
    none |= {"left_out": [], "newly_left_out": 0}
    left = {"name": "RequestLabels", "output": json.dumps({"labels": {**none, **labels}})}
    world.executions.history = [
        {"id": 1, "type": "ExecutionStarted"},
        {"id": 2, "type": "TaskStateExited", "stateExitedEventDetails": left},
    ]


def test_the_workflow_is_started_as_the_schedule_does(world: World) -> None:
    _found(world, asked=3)
    result = world.run("label")
    assert world.executions.inputs == [{}]
    assert result.stdout == "People are asked about 3 images more.\n"


def test_what_the_last_run_left_out_is_named_by_the_status_too(world: World) -> None:
    left_out = [{"key": "images_to_label/1.gif", "reason": "It is none."}]
    assert "Left out" not in world.run("status").stdout
    _found(world, refused=1, left_out=left_out)
    world.executions.begun = ["arn:labeling:2", "arn:labeling:1"]
    world.executions.without_history = {"arn:labeling:2"}
    named = ["Left out of images_to_label/, since no training could use them:"]
    named += ["  images_to_label/1.gif: It is none."]
    assert "\n".join(["", *named, ""]) in world.run("status").stdout
    told = json.loads(world.run("status", "--json").stdout)["not_labelled"]
    assert told == {"count": 1, "examples": left_out}


def test_files_that_nobody_can_be_asked_about_are_named(world: World) -> None:
    left_out = [{"key": f"images_to_label/{n}.gif", "reason": "It is none."} for n in range(30)]
    _found(world, asked=1, refused=2, left_out=left_out[:2])
    assert world.run("label").stdout.splitlines() == [
        "People are asked about one image more.",
        "Left out of images_to_label/, since no training could use them:",
        "  images_to_label/0.gif: It is none.",
        "  images_to_label/1.gif: It is none.",
    ]
    _found(world, refused=150, left_out=left_out)
    assert world.run("label").stdout.splitlines()[-1] == "  and 130 more"


def test_a_labelling_job_is_not_waited_for(world: World) -> None:
    world.executions.coming = [{"status": "RUNNING"}]
    _found(world, asked=2, job="label-loop-1")
    result = world.run("label", "--json")
    assert json.loads(result.stdout)["job"] == "label-loop-1"
    assert "labelling job label-loop-1 asks about 2 images" in world.run("label").stdout


def test_why_ground_truth_does_not_ask_is_told(world: World) -> None:
    _found(world, asked=2, refusal="No new customers.")
    assert world.run("label").stdout.splitlines() == [
        "People are asked about 2 images more.",
        "On the review page, for Ground Truth did not take them: No new customers.",
    ]


def test_what_keeps_people_from_being_asked_is_told_as_a_failure(world: World) -> None:
    problem = "There are no labels that people could choose."
    _found(world, problem=problem)
    assert error_of(world.run("label")) == f"Error: Nobody was asked. {problem}"


def test_without_waiting_only_the_start_is_told(world: World) -> None:
    result = world.run("label", "--no-wait", "--json")
    assert json.loads(result.stdout) == {"execution": "arn:labeling:1"}
    assert (world.executions.inputs, world.executions.asked_by) == ([{}], [OPERATOR])


def test_where_there_is_nothing_new_it_says_so(world: World) -> None:
    _found(world)
    assert "nobody has been asked" in world.run("label").stdout


def test_a_failure_is_told_in_words(world: World) -> None:
    world.executions.coming = [{"status": "FAILED", "error": "Boom", "cause": "no space"}]
    assert "Nobody was asked (FAILED)" in error_of(world.run("label"))
