"""State machines by themselves: what each Task, Choice and path must have."""

import re
from typing import Any

import pytest
from botocore.session import Session

from labelloop import errors
from labelloop.aws.rekognition import VersionStatus
from labelloop.domain import events
from labelloop.domain.detections import Outcome
from labelloop.domain.mails import to_operator
from labelloop.domain.places import Place
from labelloop.services import operator_news
from tests import event_schemas
from tests.contract import files, shapes
from tests.contract.files import WORKFLOWS, State

STATES = files.states()
every_state = pytest.mark.parametrize("state", STATES, ids=str)
every_task = pytest.mark.parametrize("state", files.tasks(), ids=str)
every_workflow = pytest.mark.parametrize("workflow", WORKFLOWS)
every_choice = pytest.mark.parametrize(
    "state", [state for state in STATES if state.body["Type"] == "Choice"], ids=str
)
telling = [state for state in files.tasks() if state.stem == "notify_operator"]

# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
STATES_ERRORS = {"States.ALL", "States.TaskFailed", "States.Timeout", "States.Permissions"}
# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, and the SDK of Step Functions
LAMBDA_ERRORS = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
}


# --- Every state ----------------------------------------------------------------------------------


@every_workflow
def test_a_definition_asks_for_what_the_template_gives_and_nothing_else(workflow: str) -> None:
    asked = set(re.findall(r"\$\{(\w+)\}", files.asl_text(workflow)))
    assert asked == set(files.state_machine(workflow)["DefinitionSubstitutions"])


@every_workflow
def test_a_substitution_gives_what_its_name_says(workflow: str) -> None:
    for name, value in files.state_machine(workflow)["DefinitionSubstitutions"].items():
        if value == {"Ref": f"AWS::{name}"}:
            continue
        (resource,) = files.references(value)
        assert name in {f"{resource}Arn", f"{resource}Name"}


def test_each_definition_has_its_state_machine_and_each_state_machine_its_definition() -> None:
    machines = files.resources("AWS::Serverless::StateMachine")
    assert set(machines) == {f"{files.camel(workflow)}StateMachine" for workflow in WORKFLOWS}
    for workflow in WORKFLOWS:
        properties = files.state_machine(workflow)
        assert properties["DefinitionUri"] == f"statemachine/{workflow}.asl.yaml"


@every_workflow
def test_every_state_can_be_reached(workflow: str) -> None:
    assert set(shapes.beginnings(workflow)) == {state.name for state in files.states(workflow)}


@every_state
def test_a_state_leads_on_or_ends(state: State) -> None:
    assert files.nexts(state.body) or state.body["Type"] in {"Succeed", "Fail"}
    assert set(files.nexts(state.body)) <= set(state.siblings["States"])


@every_workflow
def test_a_workflow_ends_after_a_time(workflow: str) -> None:
    assert files.asl(workflow)["TimeoutSeconds"] > max(
        state.body["TimeoutSeconds"] for state in files.states(workflow) if state.is_task
    )


BEGINNINGS = shapes.all_beginnings()


@every_state
def test_a_state_reads_only_what_is_surely_there(state: State) -> None:
    """A path that leads nowhere is States.Runtime, which nothing retries or catches."""
    shape = BEGINNINGS[str(state)]
    missing = [path for path in shapes.references(state) if not shapes.has(shape, path)]
    assert not missing


# --- Every Task -----------------------------------------------------------------------------------


@every_task
def test_a_task_has_all_that_a_task_needs(state: State) -> None:
    body = state.body
    assert body["TimeoutSeconds"] > 0
    assert body["Retry"]
    assert body["ResultSelector"]
    assert re.fullmatch(r"\$\.\w+", body["ResultPath"]), "what it gives has a place of its own"
    assert "States.ALL" in body["Catch"][-1]["ErrorEquals"]
    for catcher in body["Catch"]:
        assert re.fullmatch(r"\$\.\w+", catcher["ResultPath"]), "the data outlives the failure"


@every_task
def test_a_task_is_given_named_parts_and_never_everything(state: State) -> None:
    assert state.body["Parameters"]
    assert "$" not in _values(state.body["Parameters"])


def _values(part: Any) -> list[Any]:
    if isinstance(part, dict):
        return [value for member in part.values() for value in _values(member)]
    if isinstance(part, list):
        return [value for member in part for value in _values(member)]
    return [part]


@every_task
def test_a_retry_waits_longer_each_time_or_says_why_not(state: State) -> None:
    for rule in state.body["Retry"]:
        if rule.get("MaxAttempts") == 0:
            continue
        assert rule["IntervalSeconds"] >= 1
        # Only what is known to take long, and whose time is known, is asked at an even pace.
        slow = set(rule["ErrorEquals"]) <= {
            "BusyError",
            "QuotaExceededError",
            "ModelHoursSpentError",
        }
        assert rule["BackoffRate"] > 1 or (slow and rule["IntervalSeconds"] >= 60)


@every_task
def test_errors_in_retry_and_catch_have_names_that_exist(state: State) -> None:
    names = files.error_names(state.body, "Retry") | files.error_names(state.body, "Catch")
    shapes_of_dynamodb = {
        f"DynamoDB.{shape.name}" for shape in Session().get_service_model("dynamodb").error_shapes
    }
    for name in names:
        ours = getattr(errors, name, None)
        known = STATES_ERRORS | LAMBDA_ERRORS | shapes_of_dynamodb
        assert name in known or (ours and issubclass(ours, errors.LabelLoopError)), name


def test_what_workflows_raise_by_themselves_is_an_error_of_ours() -> None:
    for state in STATES:
        if state.body["Type"] == "Fail" and "Error" in state.body:
            assert issubclass(getattr(errors, state.body["Error"]), errors.LabelLoopError)


# --- Every Choice ---------------------------------------------------------------------------------


@every_choice
def test_a_choice_fails_loudly_on_what_it_does_not_know(state: State) -> None:
    todo, seen = [state.body["Default"]], set()
    while todo:
        name = todo.pop()
        seen.add(name)
        body = state.siblings["States"][name]
        assert body["Type"] != "Succeed", f"the default of {state} can end well"
        todo += [target for target in files.nexts(body) if target not in seen]
    assert any(state.siblings["States"][name]["Type"] == "Fail" for name in seen)


@pytest.mark.parametrize("name", ["IsItTrained", "DoesItRun", "DoesChampionRun"])
def test_a_choice_by_status_names_every_status_that_the_service_has(name: str) -> None:
    (state,) = (state for state in STATES if state.name == name)
    named = re.findall(r"'StringEquals': '(\w+)'", str(state.body["Choices"]))
    # TRAINING_IN_PROGRESS and STARTING belong to both waits.
    assert sorted(named) == sorted(VersionStatus)


def test_the_outcomes_that_detection_chooses_by_are_all_that_there_are() -> None:
    (state,) = (state for state in STATES if state.name == "WhichOutcome")
    named = re.findall(r"'StringEquals': '(\w+)'", str(state.body["Choices"]))
    assert sorted(named) == sorted(Outcome)


# --- Messages to the operator ---------------------------------------------------------------------


def test_every_kind_of_message_is_sent_by_some_state_or_function_and_the_reverse() -> None:
    sent = {state.body["Parameters"]["Payload"]["kind"] for state in telling}
    tellers = [
        *(files.ROOT / "functions").glob("*/app.py"),
        *(files.LAYER / "labelloop/services").glob("*.py"),
    ]
    code = "".join(path.read_text(encoding="utf-8") for path in tellers)
    told = {kind for kind in to_operator.MAILS if f'"{kind}"' in code}
    assert told
    assert not sent & told
    assert sent | told == operator_news.KINDS


@pytest.mark.parametrize("state", telling, ids=str)
def test_news_is_given_every_fact_that_its_message_and_event_tell(state: State) -> None:
    payload = state.body["Parameters"]["Payload"]
    samples = {"reasons": ["It is better."], "new_images": 12, "train_images": 9, "resent": 2}
    samples |= {"test_images": 3, "previous_run": {"hours": 1.5, "usd": 6.0, "usd_per_hour": 4.0}}
    samples |= {"asked": {"version": "v1", "images": 9, "answered": 8, "run": None}}
    samples |= {"right": 20, "answers": 40, "at_most": 0.65, "f1": 0.9, "refused": 1}
    samples |= {"again": False}
    samples |= {"accepted": {"value": 0.95, "low": 0.8, "high": 0.99, "images": 20}}
    samples |= {} if payload["kind"] != "images_not_labelled" else {"left_out": []}
    facts = {
        name.removesuffix(".$"): samples.get(name.removesuffix(".$"), "a fact")
        for name in payload["facts"]
    }
    kind = payload["kind"]
    if kind in to_operator.MAILS:
        assert to_operator.whole(kind, {"serving": None, **facts}, Place("s", "r", "b", "")).subject
    if kind in events.KINDS:
        event_schemas.check(event_schemas.brought(events.news(kind, "once", facts)))


def test_what_waits_for_the_next_days_model_hours_waits_for_longer_than_a_day() -> None:
    waiting = {
        state.name: rule
        for state in files.tasks()
        for rule in state.body["Retry"]
        if "ModelHoursSpentError" in rule["ErrorEquals"]
    }
    assert set(waiting) == {"StartModel", "StartChampion", "StartServing"}
    for rule in waiting.values():
        wait_s = rule["IntervalSeconds"] * rule["MaxAttempts"]
        # A comparison and a deployment may both wait, behind a training of up to a day.
        left_s = files.asl("model_training")["TimeoutSeconds"] - 24 * 3600
        assert 24 * 3600 < wait_s < left_s / 2
