"""A call gives up before its function, a function before its state, a state before its workflow.

So a hang ends where somebody can tell of it, and whoever tries again knows that nothing is left at
work of what was cut off, but a last request perhaps.
"""

from typing import Any

import pytest

from labelloop.aws import clients
from labelloop.settings import Variable
from tests.contract import files
from tests.contract.files import State

START_S = 10
"""How long Lambda lets a function start, beside its timeout:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
TIMEOUTS = {"Sandbox.Timedout", "States.Timeout"}

every_task = pytest.mark.parametrize("state", files.tasks(), ids=str)
calling = [name for name, properties in files.functions().items() if properties.get("Policies")]


def _is_asynchronous(state: State) -> bool:
    """Whether it waits until Lambda has taken the event, and for no answer."""
    return bool(state.body["Parameters"].get("InvocationType") == "Event")


def _waits_for_function(state: State) -> bool:
    return bool(state.stem) and not _is_asynchronous(state)


def _is_express(state: State) -> bool:
    return bool(files.state_machine(state.workflow).get("Type") == "EXPRESS")


def _rule_for(state: State, error: str) -> dict[str, Any] | None:
    """The retrier that an error meets: the first that names it."""
    names = {error, "States.ALL"}
    if error != "States.Timeout":
        names.add("States.TaskFailed")
    found: list[dict[str, Any]] = [
        rule for rule in state.body["Retry"] if names & set(rule["ErrorEquals"])
    ]
    return found[0] if found else None


@pytest.mark.parametrize("function", calling)
def test_a_call_that_hangs_ends_before_its_function(function: str) -> None:
    properties = files.functions()[function]
    variables = properties["Environment"]["Variables"]
    read_timeout_s = variables.get(Variable.READ_TIMEOUT_S, clients.READ_TIMEOUT_S)
    timeout_s = properties["Timeout"]
    assert clients.longest_call_s(read_timeout_s, clients.ATTEMPTS) < timeout_s
    assert clients.longest_call_s(clients.ONE_READ_TIMEOUT_S, 1) < timeout_s


@every_task
def test_a_state_waits_longer_than_its_function_may_take(state: State) -> None:
    if _waits_for_function(state):
        assert state.stem
        function_s = files.function(state.stem)["Timeout"]
        assert state.body["TimeoutSeconds"] >= function_s + START_S


@every_task
def test_what_runs_out_of_time_is_tried_again_where_there_is_time_for_it(state: State) -> None:
    if _is_asynchronous(state):
        # Nobody waits for it, and a schedule makes good what fails.
        assert state.body["Catch"][-1]["Next"] == "Done"
        return
    errors = TIMEOUTS if state.stem else {"States.Timeout"}
    rules = [_rule_for(state, error) for error in sorted(errors)]
    whole_s = files.asl(state.workflow)["TimeoutSeconds"]
    if _is_express(state) and state.stem:
        assert whole_s < 2 * files.function(state.stem)["Timeout"]
        assert rules == [None, None], "its message comes again"
        return
    for rule in rules:
        assert rule and rule["MaxAttempts"] > 0
        if not _is_express(state):
            tries_s = state.body["TimeoutSeconds"] + rule["IntervalSeconds"]
            assert (1 + rule["MaxAttempts"]) * tries_s < whole_s


@every_task
def test_beside_a_task_that_is_tried_again_stands_why_that_does_no_harm(state: State) -> None:
    if _rule_for(state, "States.Timeout"):
        _, _, after = files.asl_text(state.workflow).partition(f" {state.name}:\n")
        retry = after.partition("Retry:\n")[2].partition("Catch:\n")[0]
        assert "# Again after a time-out: " in retry
