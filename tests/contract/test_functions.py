"""Functions ↔ template ↔ state machines ↔ errors ↔ events: each knows the others by name only."""

import ast
import logging
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import pytest
from pydantic import BaseModel

from labelloop import errors
from labelloop.errors import RetryableError
from labelloop.settings import Variable
from tests.contract import files, reach
from tests.contract.files import LAYER, ROOT, STEMS, State

TASKS = files.tasks()
INVOKING = [state for state in TASKS if state.stem]
by_name = pytest.mark.parametrize("state", INVOKING, ids=str)
every_function = pytest.mark.parametrize("stem", STEMS)

NOT_READ_BUT_REACHABLE = {
    # Gives the gateway the ARN of the project that it has made: at that time there is no variable.
    "set_up_stack": {"PROJECT_ARN"},
}

OPTIONAL = {Variable.READ_TIMEOUT_S.value}
"""What only some functions get, and whoever has none of does without."""


def test_each_folder_has_its_resource_and_each_resource_its_folder() -> None:
    assert {f"{files.camel(stem)}Function" for stem in STEMS} == set(files.functions())


@every_function
def test_a_function_has_one_name_everywhere(stem: str) -> None:
    assert files.function(stem)["CodeUri"] == f"functions/{stem}"
    assert files.environment(stem)["POWERTOOLS_SERVICE_NAME"] == stem
    doc = files.app(stem).__doc__ or ""
    assert doc.startswith(f"{files.camel(stem)}: ")


@every_function
def test_a_function_has_sample_events_and_a_test(stem: str) -> None:
    assert list((ROOT / "events").glob(f"{stem}.*.json"))
    assert (ROOT / f"tests/unit/functions/test_{stem}.py").exists()


@every_function
def test_the_contracts_of_imports_see_each_function(stem: str) -> None:
    assert (ROOT / f"functions/{stem}/__init__.py").exists()


def test_sample_events_and_tests_belong_to_a_function() -> None:
    events = {path.name.split(".")[0] for path in (ROOT / "events").glob("*.json")}
    tests = {
        path.stem.removeprefix("test_")
        for path in (ROOT / "tests/unit/functions").glob("test_*.py")
    }
    assert events <= set(STEMS)
    assert tests <= set(STEMS)


def test_the_measurements_tell_how_long_each_function_takes_to_start() -> None:
    page = (ROOT / "docs/measurements.md").read_text(encoding="utf-8")
    table = page.split("| Function | CPU, ms | MB |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(STEMS)


@every_function
def test_a_function_is_started_by_what_its_header_says(stem: str) -> None:
    doc = files.app(stem).__doc__ or ""
    invoked = re.search(r"^Invoked by  (.*?)^Raises", doc, re.MULTILINE | re.DOTALL)
    assert invoked
    named = set(re.findall(r"statemachine/(\w+)\.asl\.yaml", invoked[1]))
    states = set(re.findall(r"``(\w+)``", invoked[1])) - {"Setup", "ApiAudience"}
    invoking = files.invoking(stem)
    if named:
        assert named == {state.workflow for state in invoking}
        assert states <= {state.name for state in invoking}
    else:
        assert invoking or _triggers(stem), f"nothing starts {stem}"


def _triggers(stem: str) -> list[str]:
    """The resources that start the function without a state machine."""
    name = f"{files.camel(stem)}Function"
    words = {
        "AWS::Lambda::EventSourceMapping": "FunctionName",
        "AWS::ApiGatewayV2::Integration": "IntegrationUri",
        "AWS::Events::Rule": "Targets",
        "AWS::Scheduler::Schedule": "Target",
        "Custom::Setup": "ServiceToken",
        "Custom::HumanReview": "ServiceToken",
        "Custom::ApiAudience": "ServiceToken",
    }
    return [
        logical_name
        for type_name, word in words.items()
        for logical_name, resource in files.resources(type_name).items()
        if name in files.references(resource["Properties"][word])
    ]


def test_cloudformation_is_answered_even_where_the_function_cannot_be_loaded() -> None:
    resources = files.template()["Resources"].values()
    custom = [one["Properties"] for one in resources if one["Type"].startswith("Custom::")]
    asked = set().union(*(files.references(one["ServiceToken"]) for one in custom))
    assert asked
    for name in asked:
        assert files.functions()[name]["Handler"] == "labelloop.answering.lambda_handler"


# --- Environment variables ------------------------------------------------------------------------


def _ours(names: Iterable[str]) -> set[str]:
    return {name for name in names if not name.startswith(("POWERTOOLS_", "AWS_"))}


SHARED = _ours(files.shared_environment())


@every_function
def test_a_function_gets_every_variable_that_it_reads_and_no_other_but_what_all_get(
    stem: str,
) -> None:
    own = _ours(files.function(stem)["Environment"]["Variables"])
    read = reach.read_by(stem) - NOT_READ_BUT_REACHABLE.get(stem, set())
    assert own | SHARED | OPTIONAL == read | SHARED | OPTIONAL
    assert own & OPTIONAL <= read
    assert not own & SHARED


@pytest.mark.parametrize("name", sorted(SHARED))
def test_what_all_functions_get_is_a_name_that_many_of_them_read(name: str) -> None:
    assert 3 * sum(name in reach.read_by(stem) for stem in STEMS) >= len(STEMS)


def test_every_variable_that_is_declared_is_read_by_some_function() -> None:
    read = set().union(*(reach.read_by(stem) for stem in STEMS))
    assert read == reach.declared()


# --- What states give to functions and take from them ---------------------------------------------


@by_name
def test_a_state_passes_exactly_what_its_function_takes(state: State) -> None:
    assert state.stem
    passed = {name.removesuffix(".$") for name in state.body["Parameters"]["Payload"]}
    assert passed == _fields(files.app(state.stem).Input)


@by_name
def test_a_state_selects_only_what_its_function_gives(state: State) -> None:
    assert state.stem
    if _is_asynchronous(state):
        return
    given = _fields(files.app(state.stem).Output)
    for path in state.body["ResultSelector"].values():
        match = re.fullmatch(r"\$\.Payload\.(\w+)", path)
        assert match, f"{path} is not one field of the answer"
        assert match[1] in given


def _fields(model: type[Any]) -> set[str]:
    """The names of a model's fields, as JSON has them."""
    if issubclass(model, BaseModel):
        return set(model.model_fields)
    return {field.name for field in fields(model)}


def _is_asynchronous(state: State) -> bool:
    """Whether it waits until Lambda has taken the event, and for no answer."""
    return bool(state.body["Parameters"].get("InvocationType") == "Event")


# --- Errors ---------------------------------------------------------------------------------------


def _covers(names: set[str], error: str) -> bool:
    return bool(names & {error, "States.TaskFailed", "States.ALL"})


@every_function
def test_a_header_names_errors_that_exist(stem: str) -> None:
    for line in files.raises(stem):
        for name in line.errors:
            assert issubclass(getattr(errors, name), errors.LabelLoopError)


@by_name
def test_a_state_does_with_an_error_what_the_functions_header_says(state: State) -> None:
    assert state.stem
    retried = files.error_names(state.body, "Retry")
    caught = files.error_names(state.body, "Catch")
    for line in files.raises(state.stem):
        for name in line.errors:
            assert _covers(caught, name), f"{state} catches no {name}"
            if "retried" in line.what_becomes_of_it:
                assert _covers(retried, name), f"{state} does not retry {name}"
            elif "States.TaskFailed" not in retried:
                assert name not in retried, f"{state} retries {name}"


LAMBDAS_OWN = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
"""Failures of Lambda itself that pass."""

PACE = {"ThrottledError", "ThrottledOnceDetectedError", "Lambda.TooManyRequestsException"}
"""What DetectLabels lets through to the dispatcher, which finds its pace by them."""

WAITED_FOR = {"QuotaExceededError"}
"""Refused, and retried all the same: what counts against the quota comes to an end by itself."""

TELLING = "notify_operator"
"""Retried whatever fails it: nothing is told if it is not."""


@by_name
def test_a_state_retries_all_that_may_succeed_later_and_nothing_that_was_refused(
    state: State,
) -> None:
    """By the error tree, whatever the function's header says, and Lambda's own failures with it."""
    assert state.stem
    retried = files.error_names(state.body, "Retry")
    can_raise = {name for line in files.raises(state.stem) for name in line.errors}
    can_raise |= reach.raised_by(state.stem)
    may_pass = {name for name in can_raise if issubclass(reach.ERRORS[name], RetryableError)}
    # Who waits for no answer sees no error of the function's.
    expected = LAMBDAS_OWN if _is_asynchronous(state) else LAMBDAS_OWN | may_pass
    if state.name == "DetectLabels":
        expected -= PACE
    assert not {name for name in expected if not _covers(retried, name)}
    named = {name for name in retried if name in reach.ERRORS}
    assert {name for name in named if not issubclass(reach.ERRORS[name], RetryableError)} <= (
        WAITED_FOR & can_raise
    )
    assert not retried & {"States.ALL", "States.TaskFailed"} or state.stem == TELLING


@every_function
def test_a_header_says_that_what_may_succeed_later_is_retried(stem: str) -> None:
    for line in files.raises(stem):
        for name in line.errors:
            if issubclass(getattr(errors, name), errors.RetryableError):
                # Throttling of a detection is the dispatcher's: it finds the pace by it.
                assert "retried" in line.what_becomes_of_it or "dispatcher" in (
                    line.what_becomes_of_it
                )


# --- Logs -----------------------------------------------------------------------------------------


def test_no_log_line_has_a_fact_that_logging_refuses() -> None:
    """``extra={"message": …}`` is a KeyError, at the moment when there is something to log."""
    reserved = {*vars(logging.makeLogRecord({})), "message", "asctime"}
    for path in [*(ROOT / "functions").glob("*/app.py"), *(LAYER / "labelloop").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and isinstance(node.value, ast.Dict):
                if node.arg != "extra":
                    continue
                names = {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
                assert not names & reserved, f"{path}:{node.value.lineno}"
