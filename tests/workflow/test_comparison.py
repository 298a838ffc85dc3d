"""What `statemachine/model_training.asl.yaml` does to compare a candidate with what serves.

The model that serves is asked about test images that it has not seen: while it runs, or started for
it. The tests share a stack whose every training brings new test images.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from labelloop.domain.parameters import MODEL_HOURS
from local.launch import wait_for
from tests import images
from tests.stack import Execution, Record, Stack, launched, on_one_day

TIME_SCALE = 300
MORE = {"circle": 5, "stripes": 5}
NOT_READY = {
    "service": "rekognition",
    "operation": "DetectCustomLabels",
    "function": "AskVersion",
    "error": "ResourceNotReadyException",
}
"""Nothing tries this again but the state machine, for less than a second here."""
ASKING = ("BeginToAsk", "AskChampion", "AreAllAsked", "WasChampionStarted")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack half of whose images test, and that trains when it is told to."""
    half = {"TestSetPercentage": "50"}
    with launched(time_scale=TIME_SCALE, parameters=half) as stack:
        yield stack


def _train(stack: Stack) -> tuple[Execution, list[Record]]:
    """Train on some more images; how that ended, and what the operator was told."""
    stack.label(MORE)
    return _go_on(stack)


def _go_on(stack: Stack) -> tuple[Execution, list[Record]]:
    """Train without more images."""
    told = len(stack.operator_mails())
    execution = stack.run("model_training", {"force": True})
    return execution, stack.operator_mails()[told:]


def _kinds(mails: list[Record]) -> list[str]:
    return [mail["attributes"]["kind"] for mail in mails]


def _newest(stack: Stack) -> str:
    return str(stack.versions()[-1]["name"])


def _report(stack: Stack) -> Record:
    report: Record = stack.read_json(f"evaluation/{_newest(stack)}/report.json")
    return report


def _is(stack: Stack, version: str, status: str) -> None:
    wait_for(lambda: stack.model_statuses()[version] == status, f"{version} to be {status}")


def _assert_left_alone(stack: Stack, champion: str) -> None:
    """The champion serves, nothing else is billed, and nobody trains."""
    assert stack.deployed() == champion

    def others() -> set[str]:
        billed = {"STARTING", "RUNNING", "STOPPING"}
        return {name for name, status in stack.model_statuses().items() if status in billed}

    wait_for(lambda: others() <= {champion}, "the end of others")
    assert not stack.item("ModelVersionsTable", kind="state", name="training")


def _running(stack: Stack) -> str:
    """The version that serves, and runs now."""
    deployed = stack.item("ModelVersionsTable", kind="state", name="deployed")
    name = str(deployed["version"])
    if stack.model_statuses()[name] != "RUNNING":
        stack.client("rekognition").start_project_version(
            ProjectVersionArn=deployed["version_arn"], MinInferenceUnits=1
        )
        _is(stack, name, "RUNNING")
    return name


@contextmanager
def _stopped(stack: Stack) -> Iterator[str]:
    """The version that serves, stopped now; it may be started for the length of a block."""
    champion = _running(stack)
    arn = stack.item("ModelVersionsTable", kind="state", name="deployed")["version_arn"]
    stack.client("rekognition").stop_project_version(ProjectVersionArn=arn)
    _is(stack, champion, "STOPPED")
    with stack.model_started_when_needed():
        yield champion


@pytest.fixture
def champion(stack: Stack) -> str:
    """The version that serves, and runs."""
    return _running(stack)


@pytest.fixture
def stopped(stack: Stack) -> Iterator[str]:
    """The version that serves, and does not run; it may be started."""
    with _stopped(stack) as champion:
        yield champion


# --- The first model: this comes first ------------------------------------------------------------


def test_a_first_model_under_the_minimum_serves_when_the_operator_says_so(stack: Stack) -> None:
    stack.label(dict.fromkeys(images.LABELS, 10))
    # Two labels for the same kind of image: nobody can tell them apart.
    for number in stack.numbers(16):
        label = ("left", "right")[number % 2]
        key = f"images_labeled_by_folder/{label}/{number}.jpg"
        stack.upload(key, images.draw("circle", number))
    with stack.parameters({"Minimum-F1-Score": "0.99"}):
        execution, told = _go_on(stack)
    assert execution.status == "SUCCEEDED"
    assert _kinds(told) == ["training_started", "model_rejected"]
    mail, version = told[-1]["message"], _newest(stack)
    assert "Nothing serves" in mail
    assert "under the minimum of 0.99" in mail
    assert "(95 %:" in mail, "what it can do is told with its interval"
    command = f"labelloop deploy {version}"
    assert command in mail
    assert stack.deployed() is None
    answer = stack.labelloop(*command.split()[1:], "--yes")
    assert answer.exit_code == 0, answer.output
    assert stack.deployed() == version
    for key in stack.keys("images_labeled_by_folder/"):
        if "/left/" in key or "/right/" in key:
            stack.client("s3").delete_object(Bucket=stack.bucket, Key=key)


# --- The champion is asked ------------------------------------------------------------------------


def test_one_that_runs_is_asked_about_what_it_has_not_seen(stack: Stack, champion: str) -> None:
    execution, told = _train(stack)
    assert execution.status == "SUCCEEDED"
    assert set(ASKING) < set(execution.states) and "StartChampion" not in execution.states
    report = _report(stack)
    asked = report["asked"]
    assert (asked["version"], asked["run"]) == (champion, None)
    assert asked["images"] == asked["answered"] > 0
    assert report["comparison"]["missing"] == 0
    assert f"{champion} was asked about {asked['answered']} of" in told[-1]["message"]
    lines = stack.read(f"evaluation/{champion}/answers.jsonl").splitlines()
    assert len(lines) == asked["answered"]


def test_one_that_does_not_run_is_started_asked_and_stopped_again(
    stack: Stack, stopped: str
) -> None:
    execution, told = _train(stack)
    assert execution.status == "SUCCEEDED"
    states = execution.states
    asking = states.index("AskChampion")
    assert states.index("StartChampion") < asking < states.index("ReleaseChampion")
    assert states.count("EvaluateModel") == 2
    run = _report(stack)["asked"]["run"]
    assert run["hours"] > 0
    assert f"which cost about US${run['usd']:.2f}" in told[-1]["message"]
    assert "It was started for that" in told[-1]["message"]
    _is(stack, stopped, "STOPPED")


def test_one_that_has_got_work_meanwhile_runs_on(stack: Stack, stopped: str) -> None:
    stack.label(MORE)
    with stack.parameters({"Minimum-Improvement": "1.00"}):
        with stack.faults({**NOT_READY, "hold": True}):
            arn = stack.start("model_training", {"force": True})
            wait_for(lambda: "AskChampion" in stack.states(arn), "the first question")
            upload = stack.detect("circle")
            stack.wait_for_record(upload)
        execution = stack.end_of(arn)
    assert execution.status == "SUCCEEDED"
    assert "ReleaseChampion" in execution.states
    assert stack.deployed() == stopped
    assert stack.model_statuses()[stopped] == "RUNNING"
    stack.call("HostModelFunction", {"images_wait": False})
    stack.wait_for_record(upload, "confident")


def test_what_it_said_of_images_that_came_in_it_is_not_asked(stack: Stack, champion: str) -> None:
    reviewer = stack.add_reviewer()
    uploads = [stack.detect() for _ in range(8)]
    for upload in uploads:
        reviewer.review(upload, "circle")
    for upload in uploads:
        stack.wait_for_record(upload, has="copied_key")
    execution, _ = _train(stack)
    assert execution.status == "SUCCEEDED"
    candidate = _newest(stack)
    lines = stack.read(f"manifests/training/{candidate}/index.jsonl").splitlines()
    tests = [image for image in map(json.loads, lines) if image["split"] == "test"]
    came = {image["content"] for image in tests if image["provenance"].get("version") == champion}
    assert came, "about half of them test"
    asked = stack.read(f"evaluation/{candidate}/to_ask_{champion}.jsonl").splitlines()
    assert not came & {json.loads(line)["content"] for line in asked}
    compared = _report(stack)["comparison"]
    assert compared["missing"] == 0
    assert {group["name"] for group in compared["groups"]} >= {"doubted by the deployed model"}


# --- It cannot be asked ---------------------------------------------------------------------------


def test_what_the_operator_has_stopped_is_compared_when_it_runs_again_without_another_training(
    stack: Stack, stopped: str
) -> None:
    stack.leave_model_alone()
    execution, told = _train(stack)
    assert execution.status == "SUCCEEDED"
    assert "StartChampion" not in execution.states
    assert _kinds(told) == ["training_started", "model_not_compared"]
    mail, candidate = told[-1]["message"], _newest(stack)
    assert "was stopped by hand" in mail and "labelloop train --force" in mail
    assert f"labelloop deploy {candidate}" in mail
    assert stack.versions()[-1]["uncompared"] == _report(stack)["uncompared"]
    assert stack.model_statuses()[candidate] == "TRAINING_COMPLETED"
    _assert_left_alone(stack, stopped)
    again = stack.run("model_training")
    assert "PrepareTraining" not in again.states or "EvaluateModel" not in again.states
    with stack.model_started_when_needed():
        execution, told = _go_on(stack)
    assert execution.status == "SUCCEEDED"
    assert _newest(stack) == candidate, "no other is trained"
    assert "AskChampion" in execution.states and "CreateDatasets" not in execution.states
    assert _kinds(told)[-1] in {"model_deployed", "model_rejected"}
    assert _report(stack)["uncompared"] is None


@on_one_day
def test_when_the_days_model_hours_are_spent_the_comparison_waits_and_goes_on_by_itself(
    stack: Stack,
) -> None:
    with _stopped(stack) as champion, stack.parameters({MODEL_HOURS: "1"}):
        stack.label(MORE)
        told = len(stack.operator_mails())
        stack.spend_model_hours()
        arn = stack.start("model_training", {"force": True})
        try:
            wait_for(lambda: "StartChampion" in stack.states(arn), "the comparison")
            stack.sleep(1800)
            assert "ChampionStarts" not in stack.states(arn)
            assert stack.model_statuses()[champion] == "STOPPED"
        finally:
            stack.set_parameters({MODEL_HOURS: "0"})
            execution = stack.end_of(arn)
    assert execution.status == "SUCCEEDED"
    assert {"AskChampion", "ReleaseChampion"} < set(execution.states)
    assert "CannotAsk" not in execution.states
    asked = _report(stack)["asked"]
    assert asked["answered"] == asked["images"]
    assert _kinds(stack.operator_mails()[told:])[-1] in {"model_deployed", "model_rejected"}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ("StartModel: StartProjectVersion", "LimitExceededException", "as it may already"),
        ("StartModel: StartProjectVersion", "AccessDeniedException", "AccessDenied"),
        ("DescribeVersion: DescribeProjectVersions", "AccessDeniedException", "AccessDenied"),
        ("AskVersion: DetectCustomLabels", "AccessDeniedException", "AccessDenied"),
        ("AskVersion: DetectCustomLabels", "ResourceNotReadyException", "ResourceNotReady"),
    ],
)
def test_what_keeps_the_champion_from_being_asked_leaves_it_serving_and_is_told_once(
    stack: Stack, stopped: str, call: str, error: str, words: str
) -> None:
    function, operation = call.split(": ")
    failure = {
        "service": "rekognition",
        "operation": operation,
        "function": function,
        "error": error,
        "containing": stopped,
        "times": -1,
    }
    with stack.faults(failure):
        execution, told = _train(stack)
    assert execution.status == "SUCCEEDED", execution
    assert "CannotAsk" in execution.states
    assert _kinds(told) == ["training_started", "model_not_compared"]
    assert words in told[-1]["message"]
    _assert_left_alone(stack, stopped)


def test_a_run_that_was_ended_while_the_champion_was_asked_is_gone_on_with(
    stack: Stack, stopped: str
) -> None:
    stack.label(MORE)
    # Two answers, after which it comes no further than to ask again.
    with stack.faults({**NOT_READY, "after": 2}, {**NOT_READY, "after": 3, "hold": True}):
        arn = stack.start("model_training", {"force": True})
        wait_for(lambda: _answered(stack, stopped) == 2, "two answers")
        stack.client("stepfunctions").stop_execution(executionArn=arn)
        assert stack.end_of(arn).status == "ABORTED"
    candidate = _newest(stack)
    assert stack.deployed() == stopped
    execution, told = _go_on(stack)
    assert execution.status == "SUCCEEDED"
    assert _newest(stack) == candidate
    assert "AskChampion" in execution.states and "StartChampion" not in execution.states
    assert _kinds(told)[0] == "run_unfinished"
    assert _kinds(told)[-1] in {"model_deployed", "model_rejected"}
    assert _answered(stack, stopped) == _report(stack)["asked"]["images"]


def _answered(stack: Stack, version: str) -> int:
    """About how many images a version has answered."""
    key = f"evaluation/{version}/answers.jsonl"
    return len(stack.read(key).splitlines()) if stack.keys(key) else 0


def test_what_the_service_has_lost_of_the_champion_it_is_asked_about(
    stack: Stack, champion: str
) -> None:
    for key in stack.keys(f"evaluation/{champion}/"):
        stack.client("s3").delete_object(Bucket=stack.bucket, Key=key)
    execution, _ = _train(stack)
    assert execution.status == "SUCCEEDED"
    report = _report(stack)
    assert report["asked"]["answered"] == report["comparison"]["shared_images"] > 0
    assert report["comparison"]["missing"] == 0


def test_a_start_that_fails_leaves_the_champion_deployed(stack: Stack, stopped: str) -> None:
    """This comes last: such a version is never started again here."""
    with stack.outcomes({"outcome": "start_fails", "version": stopped}):
        execution, told = _train(stack)
    assert execution.status == "SUCCEEDED"
    assert "ChampionDoesNotRun" in execution.states
    assert _kinds(told) == ["training_started", "model_not_compared"]
    assert "FAILED" in told[-1]["message"]
    _assert_left_alone(stack, stopped)
