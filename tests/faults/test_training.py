"""Training, deployment and the stack's end, when calls fail for a while or for good.

The tests of this file share a stack and its two versions of a model; the last one deletes what it
has set up, so they run in the order in which they stand here.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from local.launch import ROOT, wait_for
from tests import images
from tests.contract import files
from tests.faults.places import FAILURES, Kind, Order, all_at_once, kinds, waves
from tests.stack import Execution, Stack, launched, train_first_model

SHORT_TIMEOUT_S = 60
"""SetUpStack's timeout in this stack: less than what it wants to have left, so that every look at
the models is the last of its invocation."""

TIME_SCALE = 200
START = Kind("StartModel", "rekognition", "StartProjectVersion")
DETECT = Kind("VerifyModel", "rekognition", "DetectCustomLabels")
SWITCH = Kind("SwitchModel", "dynamodb", "PutItem")
STOP = Kind("StopModel", "rekognition", "StopProjectVersion")
NO_SUCH_KEY = {"error": "NoSuchKey", "status": 404}

FIRST_TRAINING: list[Kind] = []


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose first model serves, after a clean run."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    folder = tmp_path_factory.mktemp("template")
    for source in ("functions", "layers", "statemachine"):
        (folder / source).symlink_to(ROOT / source)
    before, set_up, after = text.partition("  SetUpStackFunction:\n")
    after = after.replace("Timeout: 900", f"Timeout: {SHORT_TIMEOUT_S}", 1)
    template = folder / "template.yaml"
    template.write_text(before + set_up + after, encoding="utf-8")
    with launched(template=template, time_scale=TIME_SCALE) as stack:
        _early_copy(stack)
        FIRST_TRAINING[:] = sorted(kinds(stack, lambda: train_first_model(stack)))
        yield stack


@pytest.fixture(autouse=True)
def in_order(stack: Stack) -> Iterator[None]:
    """Whatever a test has left running beside the model that serves is stopped after it."""
    yield
    stack.local.control("DELETE", "faults")
    rekognition = stack.client("rekognition")

    def only_one_runs() -> bool:
        for entry in rekognition.describe_project_versions(ProjectArn=stack.outputs["ProjectArn"])[
            "ProjectVersionDescriptions"
        ]:
            arn = entry["ProjectVersionArn"]
            if entry["Status"] == "RUNNING" and arn.split("/")[3] != stack.deployed():
                rekognition.stop_project_version(ProjectVersionArn=arn)
        return _active(stack) <= {stack.deployed()}

    wait_for(only_one_runs, "one model at most")


# --- Failures that pass ---------------------------------------------------------------------------


def test_a_training_whose_every_call_fails_at_first_ends_well_and_is_told_once(
    stack: Stack,
) -> None:
    assert {kind.function for kind in FIRST_TRAINING} >= {
        "CheckNewImages",
        "PrepareTraining",
        "ReplaceDataset",
        "StartTraining",
        "EvaluateModel",
        "StartModel",
        "VerifyModel",
        "SwitchModel",
        "ResendWaiting",
        "NotifyOperator",
        "",
    }
    for orders in waves(FIRST_TRAINING):
        before = stack.deployed()
        stack.label(dict.fromkeys(images.LABELS, 2))
        _early_copy(stack)
        with all_at_once(stack, orders):
            execution = stack.run("model_training", {"force": True})
        assert execution.status == "SUCCEEDED", (execution, stack.operator_mails())
        now = stack.deployed()
        assert now not in {None, before} and _active(stack) == {now}
        assert _is_unlocked(stack)
        for news in ("training_started", "model_deployed"):
            mails = stack.operator_mails(news)
            assert len([mail for mail in mails if str(now) in mail["subject"]]) == 1
        for event_type in ("Training Started", "Training Ended", "Model Deployed"):
            came = stack.wait_for_event(event_type, f'"version": "{now}"')
            assert len({event["detail"]["event_id"] for event in came}) == 1


@pytest.mark.parametrize("who", ["functions", "states"])
def test_a_training_in_which_everything_runs_out_of_time_once_ends_well_and_is_told_once(
    stack: Stack, who: str
) -> None:
    before = stack.deployed()
    stack.label(dict.fromkeys(images.LABELS, 2))
    _early_copy(stack)
    trained = _trainings(stack)
    with all_at_once(stack, _hangs(stack, who)):
        execution = stack.run("model_training", {"force": True})
    assert execution.status == "SUCCEEDED", (execution, stack.operator_mails())
    now = stack.deployed()
    assert now not in {None, before} and _active(stack) == {now}
    assert _trainings(stack) == trained + 1
    assert _is_unlocked(stack)
    for news in ("training_started", "model_deployed"):
        mails = stack.operator_mails(news)
        assert len([mail for mail in mails if str(now) in mail["subject"]]) == 1


def _hangs(stack: Stack, who: str) -> list[Order]:
    """An order for each function of a training, over which it or its state runs out of time."""
    invoked = {files.camel(state.stem) for state in files.tasks() if state.stem}
    functions = {kind.function: kind for kind in reversed(FIRST_TRAINING)}
    if who == "functions":
        return [
            functions[name].order(**FAILURES["caller out of time before"])
            for name in invoked & functions.keys()
        ]
    invoke = Kind("", "lambda", "Invoke")
    return [
        invoke.order(stack.physical_id(f"{name}Function"), **FAILURES["caller out of time after"])
        for name in invoked & functions.keys()
    ]


def _trainings(stack: Stack) -> int:
    """How many the service has begun."""
    described = stack.client("rekognition").describe_project_versions(
        ProjectArn=stack.outputs["ProjectArn"]
    )
    return len(described["ProjectVersionDescriptions"])


def test_a_training_whose_description_hangs_for_a_while_is_watched_to_its_end(
    stack: Stack,
) -> None:
    stack.label(dict.fromkeys(images.LABELS, 2))
    trained = _trainings(stack)
    describe = Kind("DescribeVersion", "rekognition", "DescribeProjectVersions")
    with all_at_once(stack, [describe.order(**FAILURES["caller out of time before"], times=5)]):
        execution = stack.run("model_training", {"force": True})
    assert execution.status == "SUCCEEDED", (execution, stack.operator_mails())
    assert _trainings(stack) == trained + 1
    assert _is_unlocked(stack)


def _early_copy(stack: Stack) -> None:
    """An image as early versions copied it, of which the log alone could tell how it came."""
    (number,) = stack.numbers(1)
    label = images.LABELS[0]
    key = f"images_labeled_by_folder/{label}/{number:032x}-early.jpg"
    stack.upload(key, images.draw(label, number))


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (DETECT, "caller killed before"),
        (SWITCH, "caller killed before"),
        (SWITCH, "caller killed after"),
        (SWITCH, "answer lost"),
        (STOP, "caller killed after"),
        (Kind("NotifyOperator", "dynamodb", "PutItem"), "caller killed after"),
        (Kind("NotifyOperator", "dynamodb", "PutItem"), "answer lost"),
    ],
    ids=str,
)
def test_a_deployment_goes_on_after_a_crash(stack: Stack, kind: Kind, failure: str) -> None:
    candidate = _other_version(stack)
    with all_at_once(stack, [kind.order(**FAILURES[failure])]):
        execution, mails = _deploy(stack, candidate)
    assert execution.status == "SUCCEEDED"
    assert [mail["attributes"]["kind"] for mail in mails] == ["model_deployed"]
    assert stack.deployed() == candidate
    assert _active(stack) == {candidate}
    assert _is_unlocked(stack)


def test_a_switch_that_cannot_be_shown_is_a_switch_all_the_same(stack: Stack) -> None:
    candidate = _other_version(stack)
    show = Kind("SwitchModel", "ssm", "PutParameter").order(**FAILURES["refused"], times=-1)
    with all_at_once(stack, [show]):
        execution, mails = _deploy(stack, candidate)
    assert (execution.status, stack.deployed(), len(mails)) == ("SUCCEEDED", candidate, 1)
    assert _active(stack) == {candidate}


def test_a_lock_that_could_not_be_given_back_is_taken_from_the_dead(stack: Stack) -> None:
    with stack.faults(Kind("", "dynamodb", "DeleteItem").order(**FAILURES["refused"], times=-1)):
        stack.run("model_training", {"deploy": stack.deployed()})
    assert not _is_unlocked(stack)
    candidate = _other_version(stack)
    execution, _ = _deploy(stack, candidate)
    assert (execution.status, stack.deployed()) == ("SUCCEEDED", candidate)
    assert _is_unlocked(stack)


# --- Failures that stay ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (
            Kind("StartModel", "rekognition", "StartProjectVersion"),
            {"error": "LimitExceededException"},
        ),
        (
            Kind("StartModel", "rekognition", "StartProjectVersion"),
            {"error": "ResourceInUseException"},
        ),
        (Kind("DescribeVersion", "rekognition", "DescribeProjectVersions"), FAILURES["refused"]),
        (Kind("VerifyModel", "s3", "GetObject"), {"error": "NoSuchKey", "status": 404}),
        (
            Kind("VerifyModel", "rekognition", "DetectCustomLabels"),
            FAILURES["caller killed before"],
        ),
        (SWITCH, FAILURES["refused"]),
    ],
    ids=str,
)
def test_a_deployment_that_fails_leaves_the_champion_serving_alone_and_is_told_once(
    stack: Stack, kind: Kind, failure: Mapping[str, Any]
) -> None:
    champion, candidate = stack.deployed(), _other_version(stack)
    with all_at_once(stack, [kind.order(**failure, times=-1)]):
        execution, mails = _deploy(stack, candidate)
    assert execution.status == "FAILED"
    assert stack.deployed() == champion
    wait_for(lambda: _active(stack) == {champion}, "the candidate's end")
    assert [mail["attributes"]["kind"] for mail in mails] == ["deployment_failed"]
    assert _is_unlocked(stack)


@pytest.mark.parametrize(
    "kind",
    [Kind("ResendWaiting", "dynamodb", "Query"), STOP],
    ids=str,
)
def test_what_fails_after_the_switch_is_told_once_and_the_new_champion_serves(
    stack: Stack, kind: Kind
) -> None:
    candidate = _other_version(stack)
    with all_at_once(stack, [kind.order(**FAILURES["refused"], times=-1)]):
        execution, mails = _deploy(stack, candidate)
    assert execution.status == "FAILED"
    assert stack.deployed() == candidate and candidate in _active(stack)
    if kind != STOP:
        wait_for(lambda: _active(stack) == {candidate}, "the former champion's end")
    assert [mail["attributes"]["kind"] for mail in mails] == ["after_switch_failed"]
    assert _is_unlocked(stack)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ({"outcome": "training_fails", "text": "Something broke."}, "training_failed"),
        ({"outcome": "start_fails"}, "deployment_failed"),
        ({"outcome": "status", "text": "HIBERNATING"}, "training_failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["outcome"],
)
def test_what_the_service_itself_brings_to_a_bad_end_leaves_the_champion_serving(
    stack: Stack, outcome: Mapping[str, Any], told: str
) -> None:
    champion, told_before = stack.deployed(), len(stack.operator_mails())
    new = stack.label(dict.fromkeys(images.LABELS, 2))
    candidates = f"v{len(stack.versions()) + 1}-*"
    with stack.outcomes({**outcome, "version": candidates}):
        execution = stack.run("model_training", {"force": True})
        assert execution.status == "FAILED"
        mails = [mail["attributes"]["kind"] for mail in stack.operator_mails()[told_before:]]
        assert mails == ["training_started", told]
        assert (stack.deployed(), _active(stack)) == (champion, {champion})
        assert _is_unlocked(stack)
    execution = stack.run("model_training", {"force": True})
    assert execution.status == "SUCCEEDED", execution
    newest = stack.versions()[-1]["name"]
    assert stack.deployed() == newest and _active(stack) == {newest}
    index = stack.read(f"manifests/training/{newest}/index.jsonl").decode()
    assert all(upload.key in index for upload in new)


def test_without_an_f1_score_in_the_description_the_files_tell_it(stack: Stack) -> None:
    stack.label(dict.fromkeys(images.LABELS, 2))
    with stack.outcomes({"outcome": "f1_is_missing"}):
        execution = stack.run("model_training", {"force": True})
    assert execution.status == "SUCCEEDED", execution
    newest = stack.versions()[-1]
    assert newest["f1"] and stack.deployed() == newest["name"]


def test_without_an_f1_score_in_the_files_nothing_is_promoted(stack: Stack) -> None:
    champion = stack.deployed()
    stack.label(dict.fromkeys(images.LABELS, 2))
    candidates = f"v{len(stack.versions()) + 1}-*"
    with stack.outcomes(
        {"outcome": "status", "version": candidates, "text": "TRAINING_IN_PROGRESS"}
    ):
        arn = stack.start("model_training", {"force": True})
        wait_for(lambda: "WaitForTraining" in stack.states(arn), "the training")
        candidate = stack.versions()[-1]["name"]
        summary = f"evaluation/{candidate}/"

        def summaries() -> list[str]:
            return [key for key in stack.keys(summary) if "EvaluationResultSummary" in key]

        (key,) = wait_for(summaries, "the summary")
        content = stack.read_json(key)
        del content["AggregatedEvaluationResults"]["F1Score"]
        stack.upload(key, json.dumps(content).encode())
    execution = stack.end_of(arn)
    assert (execution.status, execution.error) == ("FAILED", "InconsistentError")
    assert (stack.deployed(), _active(stack)) == (champion, {champion})
    assert "F1" in stack.operator_mails("training_failed")[-1]["message"]
    assert _is_unlocked(stack)


def test_images_whose_training_failed_are_trained_on_when_the_cause_is_mended(
    stack: Stack,
) -> None:
    champion = stack.deployed()
    new = stack.label(dict.fromkeys(images.LABELS, 2))
    for kind, failure in (
        (Kind("PrepareTraining", "s3", "PutObject"), FAILURES["refused"]),
        (Kind("ReplaceDataset", "rekognition", "CreateDataset"), FAILURES["refused"]),
        (Kind("StartTraining", "rekognition", "CreateProjectVersion"), FAILURES["refused"]),
        (Kind("EvaluateModel", "s3", "GetObject"), NO_SUCH_KEY),
    ):
        told = len(stack.operator_mails("training_failed"))
        with all_at_once(stack, [kind.order(**failure, times=-1)]):
            execution = stack.run("model_training", {"force": True})
        assert execution.status == "FAILED"
        assert len(stack.operator_mails("training_failed")) == told + 1
        assert (stack.deployed(), _active(stack)) == (champion, {champion})
        assert _is_unlocked(stack)
    with_minimum = {"Enable-Automatic-Training": "true", "Minimum-Untrained-Images": str(len(new))}
    with stack.parameters(with_minimum):
        # As the schedule asks: it counts for itself whether there is anything to learn.
        execution = stack.run("model_training")
    assert execution.status == "SUCCEEDED"
    assert stack.deployed() not in {None, champion}, stack.operator_mails()
    index = stack.read(f"manifests/training/{stack.deployed()}/index.jsonl").decode()
    assert all(upload.key in index for upload in new)


# --- The custom resource --------------------------------------------------------------------------


@pytest.fixture
def cloudformation() -> Iterator["CloudFormation"]:
    """Somebody to whom the custom resource answers."""
    receiver = CloudFormation()
    yield receiver
    receiver.close()


class CloudFormation:
    """Asks the stack's custom resource, and keeps the answers to each request."""

    def __init__(self) -> None:
        self.answers: list[Mapping[str, Any]] = []
        answers = self.answers

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answers.append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Take no more answers."""
        self._server.shutdown()
        self._server.server_close()

    def ask(self, stack: Stack, request_type: str) -> Mapping[str, Any]:
        """The answer to a request."""
        self.answers.clear()
        event = {
            "RequestType": request_type,
            "ResponseURL": f"http://127.0.0.1:{self._server.server_port}/",
            "StackId": "stack",
            "RequestId": f"{request_type} {time.monotonic()}",
            "LogicalResourceId": "Setup",
            "PhysicalResourceId": stack.outputs["ProjectArn"],
            "ResourceProperties": {"ProjectName": stack.local.name},
        }
        stack.client("lambda").invoke(
            FunctionName=stack.physical_id("SetUpStackFunction"), Payload=json.dumps(event).encode()
        )
        wait_for(lambda: self.answers, f"the answer to {request_type}")
        (answer,) = self.answers
        assert answer["RequestId"] == event["RequestId"]
        return answer


def _set_up_calls(stack: Stack, ask: Callable[[], object]) -> list[Kind]:
    return [kind for kind in sorted(kinds(stack, ask)) if kind.function == "SetUpStack"]


def test_cloudformation_has_its_answer_wherever_an_update_fails(
    stack: Stack, cloudformation: CloudFormation
) -> None:
    cloudformation.ask(stack, "Update")  # What lacks its tag gets it, and no later update gives it.
    found = _set_up_calls(stack, lambda: cloudformation.ask(stack, "Update"))
    assert len(found) >= 4
    for kind in found:
        with all_at_once(stack, [kind.order(**FAILURES["refused"], times=-1)]):
            answer = cloudformation.ask(stack, "Update")
        if (kind.service, kind.operation) == ("rekognition", "TagResource"):
            # What the service takes no tag for stays without one.
            assert answer["Status"] == "SUCCESS"
        else:
            assert answer["Status"] == "FAILED", kind
            assert "PermissionMissingError" in answer["Reason"], kind
        assert answer["PhysicalResourceId"] == stack.outputs["ProjectArn"]
    with all_at_once(stack, [kind.order(**FAILURES["throttled"]) for kind in found]):
        assert cloudformation.ask(stack, "Update")["Status"] == "SUCCESS"


def test_a_deletion_that_may_not_stop_a_model_says_so(
    stack: Stack, cloudformation: CloudFormation
) -> None:
    for operation in ("DescribeProjectVersions", "StopProjectVersion"):
        kind = Kind("SetUpStack", "rekognition", operation)
        with all_at_once(stack, [kind.order(**FAILURES["refused"], times=-1)]):
            answer = cloudformation.ask(stack, "Delete")
        assert answer["Status"] == "FAILED" and answer["Reason"], operation


def test_a_deletion_waits_in_as_many_invocations_as_it_takes_until_no_model_is_active(
    stack: Stack, cloudformation: CloudFormation
) -> None:
    starting = _other_version(stack)
    arn = stack.item("ModelVersionsTable", kind="version", name=starting)["arn"]
    invocations = stack.local.control("GET", "summary")["lambda"]["SetUpStack"]
    stack.client("rekognition").start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
    assert stack.model_statuses()[starting] in {"STARTING", "RUNNING"}  # A start takes 0.2 s.
    answer = cloudformation.ask(stack, "Delete")
    assert answer["Status"] == "SUCCESS"
    assert not _active(stack) and "STOPPING" not in stack.model_statuses().values()
    assert stack.local.control("GET", "summary")["lambda"]["SetUpStack"] > invocations + 1


# --- Steps ----------------------------------------------------------------------------------------


def _deploy(stack: Stack, version: str) -> tuple[Execution, list[Mapping[str, Any]]]:
    """Deploy a version; how it ended, and what the operator was told."""
    before = len(stack.operator_mails())
    execution = stack.run("model_training", {"deploy": version})
    return execution, stack.operator_mails()[before:]


def _other_version(stack: Stack) -> str:
    """A version that was proven, is still there, and does not serve."""
    others = stack.model_statuses().keys() - {stack.deployed()}
    proven = (str(version["name"]) for version in stack.versions() if version.get("promote"))
    return next(name for name in proven if name in others)


def _active(stack: Stack) -> set[str | None]:
    """The versions that are billed, or about to be."""
    statuses = stack.model_statuses()
    return {name for name, status in statuses.items() if status in {"STARTING", "RUNNING"}}


def _is_unlocked(stack: Stack) -> bool:
    return not stack.item("ModelVersionsTable", kind="state", name="training")
