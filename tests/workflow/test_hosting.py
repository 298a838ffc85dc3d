"""The deployed model runs while there is work, or always: HostingSchedule and what it calls.

The tests share a stack and build on each other: they run in the order in which they stand here.
"""

import contextlib
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

import pytest

from labelloop.domain.ceilings import LOOK_EVERY
from labelloop.domain.hosting import cost_usd
from local.launch import wait_for
from tests.detect_api import Answer, machine_token, post
from tests.stack import Stack, launched, train_first_model

TIME_SCALE = 200
IDLE = timedelta(minutes=30)
USD_PER_HOUR = 4.0


@pytest.fixture(scope="module")
def hosted() -> Iterator[Stack]:
    """A stack that starts and stops its model by itself, which was trained just now."""
    settings = {"Idle-Minutes-Before-Stop": str(IDLE // timedelta(minutes=1))}
    with launched(time_scale=TIME_SCALE, hosting=True, settings=settings) as stack:
        train_first_model(stack, 12)
        yield stack


def _wait_for_status(stack: Stack, status: str) -> None:
    version = str(stack.deployed())
    wait_for(lambda: stack.model_statuses()[version] == status, f"the model to be {status}")


def _starts(stack: Stack) -> int:
    calls: dict[str, int] = stack.local.control("GET", "summary")["calls"]
    return calls.get("rekognition.StartProjectVersion", 0)


def _told(stack: Stack, since: int) -> list[str]:
    return [mail["attributes"]["kind"] for mail in stack.operator_mails()[since:]]


def test_without_work_the_model_is_stopped_and_what_it_cost_is_told(hosted: Stack) -> None:
    _wait_for_status(hosted, "STOPPED")
    mail, *_ = hosted.wait_for_mail("model_stopped")  # Looks that overlap may tell it again.
    assert "Nothing has come in for 30 minutes" in mail["message"]
    assert "which cost about US$" in mail["message"]
    assert hosted.wait_for_event("Model Started")
    assert hosted.wait_for_event("Model Stopped")


def test_what_runs_is_measured_and_comes_to_what_it_cost(hosted: Stack) -> None:
    mail, *_ = hosted.wait_for_mail("model_stopped")
    told = re.search(r"run for ([0-9.]+) hours", mail["message"])
    assert told and float(told[1]) > 0
    # What is told is rounded, and measured later: hours may pass meanwhile.
    wait_for(
        lambda: hosted.measured("ModelRunningHours", "Maximum") >= float(told[1]) - 0.05,
        "the hours to be measured",
    )

    def costs_are_of_each_look() -> bool:
        """Of those before it served, too, and of those that failed, which tell nothing else."""
        running = hosted.measured("ModelRunning")
        looks = hosted.measured("ModelCost", "SampleCount")
        usd = looks * cost_usd(LOOK_EVERY, 1, USD_PER_HOUR)
        return 0 < running <= looks and hosted.measured("ModelCost") == pytest.approx(usd)

    wait_for(costs_are_of_each_look, "the costs of two minutes for each look at what runs")
    assert hosted.measured("ModelRunning", "Maximum") == 1
    assert hosted.measured("ModelRunning", "Minimum") == 0


def test_images_start_it_and_none_of_them_is_lost(hosted: Stack) -> None:
    told = len(hosted.operator_mails())
    uploads = [hosted.detect("circle") for _ in range(12)]
    for upload in uploads:
        assert hosted.wait_for_record(upload, "confident")["label"] == "circle"
    assert len(hosted.records("images_for_detection/")) == len(uploads)
    _wait_for_status(hosted, "STOPPED")
    wait_for(lambda: _told(hosted, told)[-1:] == ["model_stopped"], "the stop to be told")
    # A slow machine may let it seem idle in between: then it was started once more. And a look may
    # seem to have died, since five minutes are short here: then its start was told again.
    # And of the stop before, another look may have told.
    runs = [kind for kind in _told(hosted, told) if kind in {"model_starting", "model_stopped"}]
    kinds = [kind for kind, _ in groupby(runs[runs.index("model_starting") :])]
    assert kinds == ["model_starting", "model_stopped"] * max(1, len(kinds) // 2)


def test_who_asks_it_directly_starts_it_and_keeps_it_running(hosted: Stack) -> None:
    token, image = machine_token(hosted)["access_token"], hosted.new_image("circle")

    def refused() -> list[Answer]:
        """Again where a look that was late has started it for images of the test before."""
        _wait_for_status(hosted, "STOPPED")
        answer = post(hosted, token, image)
        return [answer] if answer.status != 200 else []

    (answer,) = wait_for(refused, "a model that does not run")
    assert (answer.status, answer.retry_after) == (503, "120")
    assert "asked to start" in answer.content["error"]["message"]

    def goes_on_answering() -> bool:
        """For longer than it may be idle, unless this process was held up for so long."""
        wait_for(lambda: post(hosted, token, image).status == 200, "the model to answer")
        asked = hosted.now()
        for _ in range(20):
            hosted.let_pass(120)
            before, status = asked, post(hosted, token, image).status
            asked = hosted.now()
            if status != 200:
                assert asked - before > IDLE - LOOK_EVERY
                return False
        return True

    wait_for(goes_on_answering, "a model that is asked without pause")
    _wait_for_status(hosted, "STOPPED")
    assert not hosted.keys("images_from_api/")


@contextlib.contextmanager
def _stopped_by_somebody(stack: Stack) -> Iterator[None]:
    """The model is stopped, and no look that was asked for before starts it."""
    table = stack.outputs["ModelVersionsTable"]
    pause = {"kind": {"S": "state"}, "name": {"S": "hosting_pause"}}

    def put_while_stopped() -> bool:
        """Once more where a look that was late has started it."""
        _wait_for_status(stack, "STOPPED")
        with stack.disabled("hosting"):  # Looks that overlap would never rest.
            stack.wait_until_rests("HostModel")
            if stack.model_statuses()[str(stack.deployed())] != "STOPPED":
                return False
            stack.client("dynamodb").put_item(TableName=table, Item=pause)
        return True

    wait_for(put_while_stopped, "a model that is stopped while nobody looks")
    try:
        yield
    finally:
        stack.client("dynamodb").delete_item(TableName=table, Key=pause)


def test_what_somebody_stopped_stays_stopped(hosted: Stack) -> None:
    hosted.wait_until_idle()
    with _stopped_by_somebody(hosted):
        told = len(hosted.operator_mails())
        upload = hosted.detect("stripes")
        hosted.wait_for_record(upload, "waiting")
        hosted.wait_for_mail("images_waiting")
        hosted.let_pass(600)
        assert hosted.model_statuses()[str(hosted.deployed())] == "STOPPED"
        assert set(_told(hosted, told)) == {"images_waiting"}
    assert hosted.wait_for_record(upload, "confident")["label"] == "stripes"


def test_always_on_a_model_that_stopped_is_started_again(hosted: Stack) -> None:
    """Even where a deployment in place has died, which had stopped it on purpose."""
    lock = {"kind": "state", "name": "training", "owner": hosted.run("model_training").arn}
    hosted.client("dynamodb").put_item(
        TableName=hosted.outputs["ModelVersionsTable"],
        Item={name: {"S": value} for name, value in lock.items()} | {"in_place": {"BOOL": True}},
    )
    with hosted.parameters({"Model-Hosting": "always-on"}):
        _wait_for_status(hosted, "RUNNING")
        arn = hosted.item("ModelVersionsTable", kind="state", name="deployed")["version_arn"]
        hosted.let_pass(900)
        before, told = _starts(hosted), len(hosted.operator_mails())
        hosted.client("rekognition").stop_project_version(ProjectVersionArn=arn)
        wait_for(lambda: _starts(hosted) > before, "the model to be started again")
        _wait_for_status(hosted, "RUNNING")
        wait_for(lambda: "model_starting" in _told(hosted, told), "the start to be told")
