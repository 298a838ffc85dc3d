"""`labelloop smoke` on a new stack: killed, broken off, gone on with, failed, and to its end.

The tests run in their order: each goes on with what the one before has left.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from local.launch import PATIENCE_S, ROOT, wait_for
from tests.stack import OPERATOR_EMAIL, Stack, launched

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def new() -> Iterator[Stack]:
    """A stack with nothing in it, whose model is started and stopped as on AWS."""
    with launched(hosting=True) as stack:
        yield stack


def begun(stack: Stack, *words: str) -> "subprocess.Popen[str]":
    """``labelloop smoke`` in a process of its own."""
    options = ("--local", "--data-dir", str(stack.local.data_dir))
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "smoke", *options, *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(process: "subprocess.Popen[str]", words: str) -> list[str]:
    """What it has said on standard error, up to the line with the words."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"it never said {words!r}: {lines}")


def results(report: dict[str, Any]) -> dict[str, str]:
    """What came of each step."""
    return {step["step"]: step["result"] for step in report["steps"]}


def is_as_deployed(stack: Stack) -> bool:
    """Whether nothing that a test has made is there, but for what is remembered of its pictures."""
    remembered = {"manifests/splits", "manifests/inspected/all.jsonl"}
    files = [key for key in stack.keys("") if not key.endswith("/") and key not in remembered]
    versions = stack.client("s3").list_object_versions(Bucket=stack.bucket)
    older = [v["Key"] for v in versions.get("Versions", ()) if "smoke" in v["Key"]]
    users = stack.client("cognito-idp").list_users(
        UserPoolId=stack.outputs["UserPoolId"], Filter='email ^= "smoke-"'
    )
    assert files == older == users["Users"] == stack.versions() == stack.records("") == []
    assert (stack.deployed(), stack.model_statuses(), stack.dataset_arns()) == (None, {}, set())
    assert stack.item("ModelVersionsTable", kind="state", name="hosting_pause") == {}
    return True


def test_nothing_is_begun_before_the_cost_was_told_and_agreed_to(new: Stack) -> None:
    refused = new.labelloop("smoke")

    assert refused.exit_code == 1
    assert "It is expected to cost about US$3.00" in refused.output
    assert is_as_deployed(new)
    assert "has left anything" in new.labelloop("smoke", "--clean-up").output


def test_one_that_was_killed_while_it_trained_is_cleaned_up_once_that_has_ended(
    new: Stack,
) -> None:
    training = {"outcome": "status", "version": "*", "text": "TRAINING_IN_PROGRESS", "times": -1}
    new.local.control("PUT", "rekognition", {"outcomes": [training]})
    process = begun(new, "--yes")
    read_until(process, "TRAINING_IN_PROGRESS")
    process.kill()
    process.communicate()

    early = new.labelloop("smoke", "--clean-up")
    assert early.exit_code == 1 and "is still being trained" in early.output

    new.local.control("DELETE", "rekognition")
    wait_for(lambda: [*new.model_statuses().values()] == ["TRAINING_COMPLETED"], "the training")
    done = new.labelloop("smoke", "--clean-up")
    assert done.exit_code == 0, done.output
    assert is_as_deployed(new)


def test_one_that_is_broken_off_stops_the_model_and_says_what_is_left(new: Stack) -> None:
    last = {"service": "lambda", "operation": "GetFunctionRecursionConfig"}
    with new.faults({**last, "error": "ServiceException", "hold": True}):
        process = begun(new, "--yes")
        read_until(process, "dispatcher:")
        process.send_signal(signal.SIGTERM)
        report, said = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    (version,) = new.versions()
    assert f"{version['name']} is stopped" in said
    assert new.model_statuses() == {version["name"]: "STOPPED"}
    assert "To go on: labelloop smoke" in said
    assert "passed     results" in report and "not tried  datasets" in report
    assert f"Left: the version {version['name']}" in report


def test_one_that_is_gone_on_with_trains_nothing_again_and_names_what_failed(new: Stack) -> None:
    lacking = {
        "service": "cloudwatch",
        "operation": "ListMetrics",
        "error": "AccessDenied",
        "status": 403,
        "times": 1,
    }
    new.local.control("PUT", "faults", [lacking])
    before = [version["name"] for version in new.versions()]

    answer = new.labelloop("smoke", "--yes", "--keep", "--json")

    assert answer.exit_code == 1, answer.output
    report = json.loads(answer.stdout)
    assert results(report).pop("metrics") == "failed"
    assert {result for step, result in results(report).items() if step != "metrics"} == {"passed"}
    (failed,) = [step for step in report["steps"] if step["step"] == "metrics"]
    assert "You lack a permission" in failed["found"][0]
    assert "CloudWatch takes no metrics" in failed["means"]
    assert [version["name"] for version in new.versions()] == before
    assert [*new.model_statuses().values()] == ["STOPPED"]
    assert report["left"][0].startswith("the version")


def test_what_is_left_is_tried_alone_and_the_report_can_be_shown_to_anybody(new: Stack) -> None:
    starts = new.local.control("GET", "summary")["calls"]["rekognition.StartProjectVersion"]

    answer = new.labelloop("smoke", "--yes", "--json")

    assert answer.exit_code == 0, answer.output
    report = json.loads(answer.stdout)
    assert set(results(report).values()) == {"passed"}
    assert report["left"] == []
    calls = new.local.control("GET", "summary")["calls"]
    assert calls["rekognition.StartProjectVersion"] == starts
    for secret in (ACCOUNT, OPERATOR_EMAIL, "@", "eyJ", "password"):
        assert secret not in answer.stdout
    assert is_as_deployed(new)


def test_a_stack_in_use_is_left_alone(serving_stack: Stack) -> None:
    before = (serving_stack.deployed(), sorted(serving_stack.keys("")))

    refused = serving_stack.labelloop("smoke", "--yes")

    assert refused.exit_code == 1
    assert "is in use: it has the version" in refused.output
    assert (serving_stack.deployed(), sorted(serving_stack.keys(""))) == before
