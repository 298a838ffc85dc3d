"""A day's ceilings on a running stack: hours of models, and images by the API.

The tests share a stack and build on each other: they run in the order in which they stand here.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from labelloop.domain.ceilings import until_next_day
from labelloop.domain.parameters import API_IMAGES, MODEL_HOURS
from local.launch import wait_for
from tests.detect_api import Answer, machine_token, post
from tests.stack import Record, Stack, Uploaded, launched, on_one_day, train_first_model

TIME_SCALE = 200


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack that starts and stops its model by itself, which was trained just now."""
    # So few that images are counted one by one: no container has any left of an earlier test.
    settings = {API_IMAGES: "900"}
    with launched(time_scale=TIME_SCALE, hosting=True, settings=settings) as stack:
        train_first_model(stack, 12)
        yield stack


@pytest.fixture
def token(stack: Stack) -> str:
    """A machine's token."""
    return str(machine_token(stack)["access_token"])


def _today(stack: Stack) -> Record:
    answer = stack.labelloop("status", "--json")
    assert answer.exit_code == 0, answer.output
    found: Record = json.loads(answer.stdout)["today"]
    return found


def _wait_for_status(stack: Stack, status: str) -> None:
    version = str(stack.deployed())
    wait_for(lambda: stack.model_statuses()[version] == status, f"the model to be {status}")


def _wait_until_told(stack: Stack, kind: str, before: list[Record]) -> str:
    """What the operator is told of a ceiling: once, unless who tells it seems to have died."""
    wait_for(lambda: len(stack.operator_mails(kind)) > len(before), f"an e-mail of the kind {kind}")
    return str(stack.operator_mails(kind)[-1]["message"])


def _is_spent(answer: Answer) -> bool:
    return "error" in answer.content and answer.code == "ApiImagesSpent"


def _is_until_midnight(answer: Answer, stack: Stack) -> bool:
    """Whether it says to come again then, give or take what a slow machine takes to say it."""
    left_s = until_next_day(stack.now()).total_seconds()
    return left_s <= int(str(answer.retry_after)) + 1 <= 86_401


# --- Images by the API ----------------------------------------------------------------------------


@on_one_day
def test_over_the_days_images_several_containers_take_no_more_and_say_when_to_come_again(
    stack: Stack, token: str
) -> None:
    """Nothing is kept of what is refused, and what is in the log is answered all the same."""
    told = stack.operator_mails("api_images_spent")
    ceiling = 12 + _today(stack)["api_images"]
    kept = len(stack.keys("images_from_api/"))
    images = [stack.new_image("circle") for _ in range(30)]
    with stack.parameters({API_IMAGES: str(ceiling)}):
        with ThreadPoolExecutor(6) as threads:
            answers = list(
                threads.map(lambda image: post(stack, token, image, query="?log=true"), images)
            )
        # Others were taken, and the model throttled some of them: those are in the queue.
        refused = [answer for answer in answers if _is_spent(answer)]
        taken = [answer for answer in answers if not _is_spent(answer)]
        assert len(taken) == ceiling == _today(stack)["api_images"]
        assert {answer.status for answer in refused} == {429}
        assert all(API_IMAGES in answer.content["error"]["message"] for answer in refused)
        assert all(_is_until_midnight(answer, stack) for answer in refused)
        assert len(stack.keys("images_from_api/")) == kept + len(taken)
        logged = next(n for n, answer in enumerate(answers) if answer.status in {200, 202})
        assert post(stack, token, images[logged], query="?log=true").status in {200, 202}
        mail = _wait_until_told(stack, "api_images_spent", told)
        assert f"labelloop params set {API_IMAGES} IMAGES" in mail
        assert f"no more: {API_IMAGES}" in stack.labelloop("status").stdout
        stack.wait_for_record(stack.detect("circle"), "confident")
    assert not _is_spent(post(stack, token, images[-1], query="?log=true"))


@on_one_day
@pytest.mark.parametrize(
    ("when", "times", "statuses"),
    [
        # The SDK tries again: what it counted at first is lost for the day.
        ("after", 1, {200, 202}),
        # Nothing could be counted, so nothing is taken.
        ("before", 10, {503}),
    ],
)
def test_a_count_that_fails_or_is_made_twice_lets_no_image_be_too_many(
    stack: Stack, token: str, when: str, times: int, statuses: set[int]
) -> None:
    failure = {
        "service": "dynamodb",
        "operation": "UpdateItem",
        "function": "ServeDetectApi",
        "error": "InternalServerError",
        "status": 500,
        "when": when,
        "times": times,
    }
    with stack.parameters({API_IMAGES: str(3 + _today(stack)["api_images"])}):
        with stack.faults(failure):
            answer = post(stack, token, stack.new_image("circle"), query="?log=true")
        assert answer.status in statuses
        assert answer.status != 503 or answer.retry_after
        images = [stack.new_image("circle") for _ in range(4)]
        more = [post(stack, token, image, query="?log=true") for image in images]
        taken = [_is_spent(one) for one in more].index(True)
        assert taken == (1 if when == "after" else 3)


# --- Hours of models ------------------------------------------------------------------------------


def _meet_model_hours(stack: Stack) -> int:
    """Set a ceiling that the day meets soon, and keep the model busy until it is stopped by it."""
    before = stack.operator_mails("model_hours_spent")
    ceiling = int(_today(stack)["model_hours"]) + 1
    stack.set_parameters({MODEL_HOURS: str(ceiling)}, wait=False)

    def told() -> bool:
        stack.detect("circle")
        return len(stack.operator_mails("model_hours_spent")) > len(before)

    wait_for(told, "the day's hours to be spent", every_s=0.5)
    _wait_for_status(stack, "STOPPED")
    return ceiling


@on_one_day
def test_when_the_days_hours_are_spent_no_model_runs_whatever_waits(
    stack: Stack, token: str
) -> None:
    ceiling = _meet_model_hours(stack)
    assert stack.wait_for_record(stack.detect("stripes"))["outcome"] == "waiting"
    answer = post(stack, token, stack.new_image("circle"))
    assert (answer.status, answer.code) == (503, "ModelHoursSpent")
    assert _is_until_midnight(answer, stack)
    assert post(stack, token, stack.new_image("circle"), query="?log=true").status == 202
    stack.let_pass(1800)
    assert stack.model_statuses()[str(stack.deployed())] == "STOPPED"
    mail = stack.operator_mails("model_hours_spent")[-1]["message"]
    assert f"labelloop params set {MODEL_HOURS} HOURS" in mail
    text = stack.labelloop("status").stdout
    assert f"of {ceiling} today (UTC); no more: {MODEL_HOURS}" in text
    assert "Images wait for the next day (UTC)" in text


@on_one_day
def test_who_allows_more_need_not_wait_and_nor_does_a_deployment_that_waits(stack: Stack) -> None:
    stack.spend_model_hours()
    with stack.parameters({MODEL_HOURS: "1"}):
        _wait_for_status(stack, "STOPPED")
        arn = stack.start("model_training", {"deploy": stack.deployed()})
        try:
            wait_for(lambda: "StartModel" in stack.states(arn), "the deployment")
            stack.sleep(1800)
            assert "WaitForModel" not in stack.states(arn)
        finally:
            stack.set_parameters({MODEL_HOURS: "0"})
            deployment = stack.end_of(arn)
        assert deployment.status == "SUCCEEDED"
    # What waited is detected: nothing was lost.
    for record in stack.records("images_for_detection/"):
        upload = Uploaded(record["key"], record["version_id"], record["detection_id"])
        stack.wait_for_record(upload, "confident")


@on_one_day
def test_on_the_next_day_it_goes_on_by_itself(stack: Stack) -> None:
    with stack.parameters({MODEL_HOURS: "1"}):
        stack.spend_model_hours()
        _wait_for_status(stack, "STOPPED")
        upload = stack.detect("circle")
        assert stack.wait_for_record(upload)["outcome"] == "waiting"
        # The day that was spent was yesterday.
        stack.spend_model_hours(timedelta(days=1))
        assert stack.wait_for_record(upload, "confident")["label"] == "circle"
