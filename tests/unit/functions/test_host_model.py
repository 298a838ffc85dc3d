"""HostModel: the deployed model runs while it should, and no longer."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from functions.host_model.app import LOOK_TAKES, lambda_handler
from labelloop import clock
from labelloop.aws import (
    daily_counts,
    deployed_version,
    hosting_state,
    model_use,
    review_tasks,
    training_lock,
    waiting_mark,
)
from labelloop.clock import iso
from labelloop.domain.annotations import ModelType
from labelloop.domain.ceilings import LOOK_EVERY
from labelloop.domain.detections import Outcome
from labelloop.domain.parameters import API_IMAGES, MODEL_HOURS
from labelloop.domain.review_tasks import ReviewTask
from labelloop.errors import ThrottledError
from labelloop.services import model_hours
from tests.contract import files
from tests.unit import inference_log
from tests.unit.account import (
    Account,
    Context,
    Json,
    event,
    measured,
    refuses,
    version,
    version_arn,
)

SERVING = "v7-0a1b2c3d"
MINUTE = 60


def _look(name: str = "schedule") -> Json:
    return lambda_handler(event(f"host_model.{name}"), Context())


def _is(account: Account, status: str) -> None:
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(SERVING, status)]
    }


def _waits(detection: str = "a" * 32, outcome: Outcome = Outcome.WAITING) -> None:
    facts = {"bucket": "b", "key": f"{detection}.jpg", "etag": "e", "size_bytes": 1}
    inference_log.record(detection, outcome, facts, clock.now())


def _mails(account: Account) -> list[str]:
    """What the operator was told since the last look."""
    return [mail["MessageAttributes"]["kind"]["Value"] for mail in account.operator_mail()]


@pytest.fixture
def deployed(account: Account) -> Account:
    """A version that is deployed, and stopped."""
    deployed_version.switch(SERVING, version_arn(SERVING), None)
    _is(account, "STOPPED")
    account.rekognition.answers["StartProjectVersion"] = lambda _: {"Status": "STARTING"}
    account.rekognition.answers["StopProjectVersion"] = lambda _: {"Status": "STOPPING"}
    return account


@pytest.fixture
def running(deployed: Account) -> Account:
    """A deployed version that was just seen to run."""
    _is(deployed, "RUNNING")
    assert _look() == {"step": "nothing", "resent": 0}
    return deployed


# --- Starting -------------------------------------------------------------------------------------


def test_without_a_deployed_model_images_wait_and_the_operator_is_told_once(
    account: Account,
) -> None:
    assert _look()["step"] == "nothing"
    assert not _mails(account)
    for _ in range(2):
        assert _look("image")["step"] == "nothing"
        account.clock.advance(2 * MINUTE)
    assert _mails(account) == ["images_waiting"]


def test_on_demand_nothing_runs_without_work(deployed: Account) -> None:
    assert _look() == {"step": "nothing", "resent": 0}
    assert not deployed.rekognition.asked("StartProjectVersion")


@pytest.mark.parametrize("caller", ["image", "schedule"])
def test_on_demand_an_image_that_waits_starts_the_model_once(
    deployed: Account, caller: str
) -> None:
    if caller == "schedule":
        _waits()
    deployed.set_parameter("Maximum-Inference-Units", "2")
    assert _look(caller)["step"] == "start"
    assert deployed.rekognition.asked("StartProjectVersion") == [
        {
            "ProjectVersionArn": version_arn(SERVING),
            "MinInferenceUnits": 1,
            "MaxInferenceUnits": 2,
        }
    ]
    _is(deployed, "STARTING")
    _waits("b" * 32)
    for _ in range(3):
        deployed.clock.advance(2 * MINUTE)
        assert _look("image")["step"] == _look()["step"] == "nothing"
    assert _mails(deployed) == ["model_starting"]


def test_of_many_images_at_once_one_has_the_model_looked_at(deployed: Account) -> None:
    for _ in range(20):
        _look("image")
    assert len(deployed.rekognition.asked("DescribeProjectVersions")) == 1


@pytest.mark.parametrize("status", ["STOPPED", "FAILED", "TRAINING_COMPLETED"])
def test_always_on_a_model_that_does_not_run_is_started(deployed: Account, status: str) -> None:
    deployed.set_parameter("Model-Hosting", "always-on")
    _is(deployed, status)
    assert _look()["step"] == "start"
    assert _mails(deployed) == ["model_starting"]


def test_a_start_that_comes_to_nothing_is_tried_again_after_a_while(deployed: Account) -> None:
    deployed.set_parameter("Model-Hosting", "always-on")
    assert _look()["step"] == "start"
    _is(deployed, "FAILED")
    deployed.clock.advance(10 * MINUTE)
    assert _look()["step"] == "nothing"
    deployed.clock.advance(6 * MINUTE)
    assert _look()["step"] == "start"
    assert _mails(deployed) == ["model_starting"] * 2


@pytest.mark.parametrize("then", ["STARTING", "RUNNING"])
def test_a_start_that_could_not_be_told_is_told_by_a_later_look_and_not_tried_again(
    deployed: Account, then: str
) -> None:
    publications = iter([ThrottledError("slower")])

    def publish(**_: object) -> None:
        for error in publications:
            raise error

    deployed.hook("sns", "before-call.sns.Publish", publish)
    _waits()
    with pytest.raises(ThrottledError):
        _look()
    assert _mails(deployed) == []
    _is(deployed, then)
    _look()
    assert _mails(deployed) == [], "the look that made it may be about to"
    for _ in range(2):
        deployed.clock.advance(5 * MINUTE)
        _look()
    assert _mails(deployed) == ["model_starting"]
    _is(deployed, "FAILED")
    assert _look()["step"] == "nothing"
    assert len(deployed.rekognition.asked("StartProjectVersion")) == 1


def test_a_start_that_was_noted_and_not_made_is_made_by_a_later_look(deployed: Account) -> None:
    _waits()
    start = deployed.rekognition.answers["StartProjectVersion"]
    deployed.rekognition.answers["StartProjectVersion"] = refuses("ThrottlingException")
    with pytest.raises(ThrottledError):
        _look()
    deployed.rekognition.answers["StartProjectVersion"] = start
    deployed.clock.advance(5 * MINUTE)
    assert _look()["step"] == "start"
    assert _mails(deployed) == ["model_starting"]


@pytest.mark.parametrize("error", ["LimitExceededException", "ResourceInUseException"])
def test_a_refused_start_is_tried_at_each_look_and_told_once_a_day(
    deployed: Account, error: str
) -> None:
    deployed.rekognition.answers["StartProjectVersion"] = refuses(error)
    for _ in range(3):
        _look("image")
        deployed.clock.advance(2 * MINUTE)
    assert len(deployed.rekognition.asked("StartProjectVersion")) == 3
    assert _mails(deployed) == ["model_not_started"]


def test_what_the_operator_has_stopped_stays_so(deployed: Account) -> None:
    deployed.set_parameter("Model-Hosting", "always-on")
    deployed.pause_hosting()
    assert _look()["step"] == _look("image")["step"] == "nothing"
    assert _mails(deployed) == ["images_waiting"]
    assert not deployed.rekognition.asked("StartProjectVersion")


@pytest.mark.parametrize(("status", "step"), [("RUNNING", "nothing"), ("ABORTED", "start")])
def test_a_deployment_in_place_has_stopped_the_model_on_purpose(
    deployed: Account, status: str, step: str
) -> None:
    owner = "arn:aws:states:eu-west-1:123456789012:execution:x:y"
    training_lock.take(training_lock.Lock(owner, None, in_place=True))
    deployed.stepfunctions.answers["DescribeExecution"] = lambda _: {
        "executionArn": owner,
        "stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:x",
        "status": status,
        "startDate": 1,
    }
    assert _look("image")["step"] == step


def test_a_version_that_somebody_deleted_cannot_be_started(deployed: Account) -> None:
    deployed.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": []
    }
    assert _look("image")["step"] == _look()["step"] == "nothing"
    assert _mails(deployed) == ["version_gone"]


# --- Running --------------------------------------------------------------------------------------


def test_images_that_waited_are_sent_round_once(deployed: Account) -> None:
    for number in range(25):
        _waits(f"{number:032x}")
    deployed.clock.advance(MINUTE)
    _is(deployed, "RUNNING")
    assert _look() == {"step": "nothing", "resent": 25}
    assert _look() == {"step": "nothing", "resent": 0}
    assert len(deployed.queued_for_detection()) == 25
    # One of them came too early: the model did not answer, and it waits again.
    _waits("0" * 32)
    deployed.clock.advance(MINUTE)
    assert _look()["resent"] == 1


def test_a_model_without_work_is_stopped_and_what_it_cost_is_told(running: Account) -> None:
    running.clock.advance(25 * MINUTE)
    _waits(outcome=Outcome.CONFIDENT)
    running.clock.advance(29 * MINUTE)
    assert _look()["step"] == "nothing"
    running.clock.advance(2 * MINUTE)
    assert _look()["step"] == "stop"
    assert running.rekognition.asked("StopProjectVersion") == [
        {"ProjectVersionArn": version_arn(SERVING)}
    ]
    (facts,) = running.operator_facts()
    assert (round(facts["hours"], 2), round(facts["usd"], 2)) == (0.93, 3.73)
    _is(running, "STOPPING")
    assert _look()["step"] == "nothing"
    assert not _mails(running)


@pytest.mark.parametrize("note", [model_use.note_asked_directly, model_use.note_asked_to_compare])
def test_asking_the_model_without_a_record_is_work_too(
    running: Account, note: Callable[[], None]
) -> None:
    running.clock.advance(25 * MINUTE)
    note()
    running.clock.advance(29 * MINUTE)
    assert _look()["step"] == "nothing"
    running.clock.advance(3 * MINUTE)
    assert _look()["step"] == "stop"


def test_a_stop_that_is_refused_is_tried_again_and_told_once(running: Account) -> None:
    running.clock.advance(31 * MINUTE)
    running.rekognition.answers["StopProjectVersion"] = refuses("ThrottlingException")
    with pytest.raises(ThrottledError):
        _look()
    assert not _mails(running), "nothing is told before it is so"
    running.rekognition.answers["StopProjectVersion"] = lambda _: {"Status": "STOPPING"}
    assert _look()["step"] == "stop"
    assert _mails(running) == ["model_stopped"]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceInUseException"])
def test_that_a_stop_is_refused_is_told_and_what_it_costs_is_measured_all_the_same(
    running: Account, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    running.clock.advance(31 * MINUTE)
    running.rekognition.answers["StopProjectVersion"] = refuses(code)
    for _ in range(2):
        assert _look()["step"] == "stop"
    assert _mails(running) == ["model_not_stopped"]
    assert "ModelRunningHours" in capsys.readouterr().out


def test_a_stop_whose_teller_died_is_told_by_a_later_look(running: Account) -> None:
    alive: list[bool] = []

    def die(**_: object) -> None:
        if not alive:
            raise KeyboardInterrupt

    running.clock.advance(31 * MINUTE)
    running.hook("sns", "before-call.sns.Publish", die)
    with pytest.raises(KeyboardInterrupt):
        _look()
    alive.append(True)
    _is(running, "STOPPING")
    running.clock.advance(6 * MINUTE)
    _look()
    _look()
    assert _mails(running) == ["model_stopped"]


def test_a_day_ends_at_midnight_and_work_before_it_counts(running: Account) -> None:
    midnight = clock.now().replace(hour=23, minute=58, second=0)
    running.clock.advance((midnight - clock.now()) / timedelta(seconds=1))
    _waits(outcome=Outcome.CONFIDENT)
    running.clock.advance(20 * MINUTE)
    assert _look()["step"] == "nothing"


def test_always_on_a_model_without_work_is_mentioned_once_a_day(running: Account) -> None:
    running.set_parameter("Model-Hosting", "always-on")
    running.clock.advance(61 * MINUTE)
    assert _look()["step"] == _look()["step"] == "mention_idleness"
    assert _mails(running) == ["model_idle"]
    running.clock.advance(24 * 60 * MINUTE)
    _look()
    assert _mails(running) == ["model_idle"]
    assert not running.rekognition.asked("StopProjectVersion")


def test_another_version_begins_anew(running: Account) -> None:
    before = deployed_version.now()
    deployed_version.switch("v8", version_arn("v8"), before)
    running.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version("v8", "RUNNING")]
    }
    running.clock.advance(45 * MINUTE)
    assert _look()["step"] == "nothing"
    assert hosting_state.of("v8").running_since == iso(clock.now())


def test_a_run_that_somebody_ended_is_over_also_while_nothing_is_done_about_it(
    running: Account,
) -> None:
    running.pause_hosting()
    _is(running, "STOPPED")
    running.clock.advance(5 * MINUTE)
    _look()
    assert not hosting_state.of(SERVING).runs
    _is(running, "RUNNING")
    running.clock.advance(60 * MINUTE)
    _look()
    assert hosting_state.of(SERVING).running_since == iso(clock.now())


def test_a_run_that_failed_is_told_with_its_hours_and_cost_when_the_next_begins(
    running: Account,
) -> None:
    running.set_parameter("Model-Hosting", "always-on")
    running.clock.advance(3 * 60 * MINUTE)
    _is(running, "FAILED")
    assert _look()["step"] == "start"
    (facts,) = running.operator_facts()
    assert (facts["status"], facts["hours"], facts["usd"]) == ("FAILED", 3.0, 12.0)


# --- Daily ceilings -------------------------------------------------------------------------------


def _look_for(account: Account, minutes: float) -> list[str]:
    """What looks every two minutes do in so much time."""
    steps = []
    for _ in range(round(minutes / 2)):
        account.clock.advance(2 * MINUTE)
        steps.append(_look()["step"])
    return steps


def _hours(account: Account) -> float:
    time = model_hours.counted()
    return time.hours_on(clock.now()) if time else 0.0


def test_the_hours_of_models_are_counted_from_their_start_to_their_end(deployed: Account) -> None:
    deployed.set_parameter("Model-Hosting", "always-on")
    for status in ("STARTING", "RUNNING", "STOPPING"):
        _is(deployed, status)
        _look_for(deployed, 20)
    _is(deployed, "STOPPED")
    deployed.set_parameter("Model-Hosting", "on-demand")
    _look_for(deployed, 60)
    assert _hours(deployed) == pytest.approx(1.0)


def test_while_nothing_runs_nothing_is_written(deployed: Account) -> None:
    _look_for(deployed, 20)
    assert model_hours.counted() is None


def test_models_beside_the_deployed_one_are_counted_too(running: Account) -> None:
    running.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(SERVING), version("v8", "STARTING")]
    }
    before = _hours(running)
    _look_for(running, 30)
    assert _hours(running) - before == pytest.approx(1.0)


def test_when_the_days_hours_are_spent_the_model_is_stopped_whatever_waits_and_told_once(
    running: Account,
) -> None:
    running.set_parameter(MODEL_HOURS, "1")
    for number in range(30):
        running.clock.advance(2 * MINUTE)
        assert not running.rekognition.asked("StopProjectVersion"), number
        _waits(f"{number:032x}")
        step = _look()["step"]
    assert step == "stop"
    assert running.rekognition.asked("StopProjectVersion") == [
        {"ProjectVersionArn": version_arn(SERVING)}
    ]
    _is(running, "STOPPED")
    assert set(_look_for(running, 60)) == {"nothing"}
    assert _look("image")["step"] == "nothing"
    assert not running.rekognition.asked("StartProjectVersion")
    facts = running.operator_facts()[-1]
    assert (facts["version"], facts["ceiling"]) == (SERVING, 1)


def test_what_waits_when_the_hours_are_spent_is_sent_round_on_the_next_day(
    running: Account,
) -> None:
    running.set_parameter(MODEL_HOURS, "1")
    running.set_parameter("Idle-Minutes-Before-Stop", "1440")
    _look_for(running, 62)
    _is(running, "STOPPED")
    running.queued_for_detection()
    _waits()
    running.clock.advance(MINUTE)
    assert _look() == {"step": "nothing", "resent": 0}
    assert _mails(running) == ["model_hours_spent"]
    midnight = clock.now().replace(hour=23, minute=59, second=30)
    running.clock.advance((midnight - clock.now()) / timedelta(seconds=1))
    assert _look()["step"] == "nothing"
    running.clock.advance(MINUTE)
    assert _look()["step"] == "start"
    assert _mails(running) == ["model_starting"]
    _is(running, "RUNNING")
    running.clock.advance(20 * MINUTE)
    assert _look() == {"step": "nothing", "resent": 1}


def test_a_model_that_starts_when_the_hours_are_spent_is_stopped_as_soon_as_it_can_be(
    running: Account,
) -> None:
    running.set_parameter(MODEL_HOURS, "1")
    _is(running, "STARTING")
    assert set(_look_for(running, 70)) == {"nothing"}
    _is(running, "RUNNING")
    assert _look()["step"] == "stop"


@pytest.mark.parametrize("ceiling", ["0", "2"])
def test_a_ceiling_that_is_raised_or_switched_off_lets_the_model_start_again(
    running: Account, ceiling: str
) -> None:
    running.set_parameter("Model-Hosting", "always-on")
    running.set_parameter(MODEL_HOURS, "1")
    _look_for(running, 60)
    _is(running, "STOPPED")
    assert set(_look_for(running, 20)) == {"nothing"}
    running.set_parameter(MODEL_HOURS, ceiling)
    assert _look()["step"] == "start"


def test_the_operators_own_hand_is_not_stayed(running: Account) -> None:
    running.set_parameter(MODEL_HOURS, "1")
    running.pause_hosting()
    assert set(_look_for(running, 70)) == {"nothing"}
    assert not running.rekognition.asked("StopProjectVersion")


def test_a_count_that_fails_is_made_up_for_by_the_next_look(running: Account) -> None:
    failures = iter([ThrottledError("slower")])

    def fail(params: Json, **_: object) -> None:
        if b"model_time" in params["body"]:
            for error in failures:
                raise error

    running.hook("dynamodb", "before-call.dynamodb.PutItem", fail)
    before = _hours(running)
    running.clock.advance(2 * MINUTE)
    with pytest.raises(ThrottledError):
        _look()
    assert _hours(running) == before
    _look_for(running, 2)
    assert _hours(running) - before == pytest.approx(4 / 60)


def test_looks_at_the_same_time_count_it_once(running: Account) -> None:
    before = _hours(running)
    running.clock.advance(2 * MINUTE)
    inner = iter([True])

    def another(params: Json, **_: object) -> None:
        if b"model_time" in params["body"]:
            for _unused in inner:
                _look()

    running.hook("dynamodb", "before-call.dynamodb.PutItem", another)
    assert _look()["step"] == "nothing"
    assert _look()["step"] == "nothing"
    assert _hours(running) - before == pytest.approx(2 / 60)


def test_the_operator_is_told_once_a_day_that_the_api_takes_no_more_images(
    deployed: Account,
) -> None:
    deployed.set_parameter(API_IMAGES, "3")
    daily_counts.count_api_images("2026-11-21", 2, 3)
    _look()
    assert _mails(deployed) == []
    daily_counts.count_api_images("2026-11-21", 2, 3)
    _look_for(deployed, 10)
    assert _mails(deployed) == ["api_images_spent"]
    deployed.set_parameter(API_IMAGES, "0")
    deployed.clock.advance(86_400)
    daily_counts.count_api_images("2026-11-22", 2, 3)
    _look_for(deployed, 10)
    assert _mails(deployed) == []


def _tell_of_everything(running: Account) -> None:
    """Let the next look have something of each kind to tell once a day."""
    running.set_parameter("Model-Hosting", "always-on")
    running.set_parameter(API_IMAGES, "1")
    daily_counts.count_api_images("2026-11-21", 1, 1)
    running.clock.advance(61 * MINUTE)


def test_of_looks_at_the_same_time_one_tells(running: Account) -> None:
    _tell_of_everything(running)
    inner = iter([True] * 3)

    def another(**_: object) -> None:
        for _unused in inner:
            _look()

    running.hook("sns", "before-call.sns.Publish", another)
    for ceiling in ("0", "1"):
        running.set_parameter(MODEL_HOURS, ceiling)
        _look()
    assert sorted(_mails(running)) == [
        "api_images_spent",
        "model_hours_spent",
        "model_idle",
    ]


def test_what_a_look_that_died_did_not_tell_a_later_one_tells(running: Account) -> None:
    _tell_of_everything(running)
    deaths = iter([True])

    def die(**_: object) -> None:
        for _unused in deaths:
            raise SystemExit

    running.hook("sns", "before-call.sns.Publish", die)
    with pytest.raises(SystemExit):
        _look()
    _look_for(running, 4)
    assert "model_idle" not in _mails(running)
    _look_for(running, 4)
    assert "model_idle" in _mails(running)


# --- What is measured -----------------------------------------------------------------------------


def _measured(capsys: pytest.CaptureFixture[str], caller: str = "schedule") -> list[Json]:
    capsys.readouterr()
    _look(caller)
    return measured(capsys.readouterr().out)


def _ask_people(number: int) -> None:
    task = ReviewTask(
        task_id=f"detection-{number:032x}",
        detection_id=f"{number:032x}",
        bucket="b",
        key="a.jpg",
        version_id=None,
        model_type=ModelType.CLASSIFICATION,
        suggestion=(),
        wanted=1,
        created=clock.now(),
    )
    review_tasks.create_once(task, clock.now())


def test_that_nothing_runs_is_published_and_nothing_else(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _measured(capsys) == [{"ModelRunning": 0}]


def test_a_model_that_runs_is_measured_with_its_hours_and_costs(
    running: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    running.clock.advance(15 * MINUTE)
    cost = {"ModelCost": pytest.approx(4.00 * 2 / 60)}
    assert _measured(capsys) == [{"ModelRunning": 1, "ModelRunningHours": 0.25, **cost}]
    running.set_parameter("Model-Hosting", "always-on")
    assert _measured(capsys) == [{"ModelRunning": 1, **cost}]


def test_models_beside_the_deployed_one_are_counted_and_cost_by_their_units(
    running: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [version("v8", "RUNNING") | {"MinInferenceUnits": 3}, version("v9", "STOPPED")]
    _is(running, "STOPPED")
    deployed = running.rekognition.answers["DescribeProjectVersions"]
    running.rekognition.answers["DescribeProjectVersions"] = lambda request: {
        "ProjectVersionDescriptions": deployed(request)["ProjectVersionDescriptions"]
        + ([] if "VersionNames" in request else others)
    }
    (found,) = _measured(capsys)
    assert (found["ModelRunning"], found["OtherModelsRunning"]) == (0, 1)
    assert found["ModelCost"] == pytest.approx(3 * 4.00 * 2 / 60)


def test_reviews_that_wait_are_counted(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        _ask_people(number)
    assert _measured(capsys) == [{"ModelRunning": 0, "ReviewsWaiting": 3}]
    assert review_tasks.count_waiting(most=2) == 2


def test_an_image_has_nothing_measured(
    running: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _measured(capsys, "image") == []


def test_a_look_that_fails_is_silent_but_for_what_it_costs(
    running: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    running.clock.advance(31 * MINUTE)
    running.rekognition.answers["StopProjectVersion"] = refuses("ThrottlingException")
    with pytest.raises(ThrottledError):
        _measured(capsys)
    assert all("ModelRunning" not in line for line in measured(capsys.readouterr().out))


def test_costs_are_of_the_time_between_two_looks() -> None:
    schedule = files.template()["Resources"]["HostingSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == f"rate({LOOK_EVERY // timedelta(minutes=1)} minutes)"


def test_a_look_takes_no_longer_than_the_function_may() -> None:
    assert files.function("host_model")["Timeout"] <= LOOK_TAKES / timedelta(seconds=1)


# --- What people do by hand -----------------------------------------------------------------------


def test_a_deployed_version_that_somebody_deleted_is_named_as_the_reason(
    deployed: Account,
) -> None:
    deployed.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": []
    }
    _look()
    _look()
    _look("image")
    (mail,) = deployed.operator_mail()
    assert mail["MessageAttributes"]["kind"]["Value"] == "version_gone"
    assert SERVING in mail["Message"]
    assert "labelloop deploy VERSION" in mail["Message"]


def test_a_version_that_is_deployed_during_a_look_was_not_deleted(account: Account) -> None:
    _is(account, "RUNNING")
    inner = iter([True])

    def deploy(parsed: Json, **_: object) -> None:
        for _unused in inner:
            assert "Item" not in parsed
            deployed_version.switch(SERVING, version_arn(SERVING), None)

    account.hook("dynamodb", "after-call.dynamodb.GetItem", deploy)
    assert _look()["step"] == "nothing"
    assert _look()["step"] == "nothing"
    assert "version_gone" not in _mails(account)


def test_a_project_that_somebody_deleted_is_told_with_the_way_back(deployed: Account) -> None:
    deployed.rekognition.answers["DescribeProjectVersions"] = refuses("ResourceNotFoundException")
    for _ in range(2):
        assert _look()["step"] == _look("image")["step"] == "nothing"
    (mail,) = deployed.operator_mail()
    assert mail["MessageAttributes"]["kind"]["Value"] == "project_gone"
    assert "sam deploy --parameter-overrides SetUpAgain=WORD" in mail["Message"]


def test_a_model_that_runs_and_says_that_it_is_not_ready_is_told_of_and_tried_with_one_image(
    running: Account,
) -> None:
    running.clock.advance(11 * MINUTE)
    for number in range(3):
        _waits(f"{number:032x}")
    running.clock.advance(MINUTE)
    assert _look()["resent"] == 1
    # It is asked in vain: the image gets a new date.
    _waits(f"{0:032x}")
    running.clock.advance(MINUTE)
    assert _look()["resent"] == 1
    assert _mails(running) == ["model_not_answering"]
    # That one was answered: all others are sent.
    running.clock.advance(MINUTE)
    assert _look()["resent"] == 2
    assert not _mails(running)


def test_marks_of_a_clock_that_was_ahead_hold_no_work(deployed: Account) -> None:
    _waits()
    right = deployed.clock.now_s
    deployed.clock.advance(24 * 60 * MINUTE)
    assert _look("image")["step"] == "start"
    waiting_mark.move(iso(clock.now()))
    model_use.note_asked_directly()
    deployed.clock.now_s = right
    assert _look("image")["step"] == "start"
    _is(deployed, "RUNNING")
    deployed.clock.advance(2 * MINUTE)
    assert _look()["resent"] == 1
    deployed.clock.advance(31 * MINUTE)
    assert _look()["step"] == "stop"


# --- Events for programs --------------------------------------------------------------------------


def _events(account: Account) -> list[tuple[str, str]]:
    """What programs heard since the last look, and by which names."""
    sent = [(each["detail-type"], each["detail"]["event_id"]) for each in account.sent_events()]
    account.events.requests.clear()
    return sent


def test_programs_hear_once_that_the_deployed_model_runs_and_that_it_no_longer_does(
    running: Account,
) -> None:
    began = _events(running)
    assert [kind for kind, _ in began] == ["Model Started"]
    _look()
    assert _events(running) == []
    running.clock.advance(MINUTE)
    _is(running, "STOPPED")
    _look()
    ended = _events(running)
    assert [kind for kind, _ in ended] == ["Model Stopped"]
    running.clock.advance(MINUTE)
    _is(running, "RUNNING")
    _look()
    ((kind, name),) = _events(running)
    assert kind == "Model Started"
    assert name != began[0][1]


def test_programs_hear_also_of_what_the_operators_own_hand_does(running: Account) -> None:
    _events(running)
    running.pause_hosting()
    _is(running, "STOPPED")
    _look()
    assert [kind for kind, _ in _events(running)] == ["Model Stopped"]


def test_events_that_are_refused_keep_no_model_running_and_are_sent_by_a_later_look(
    running: Account,
) -> None:
    _events(running)
    answer = running.events.answers["PutEvents"]
    running.events.answers["PutEvents"] = refuses("InternalFailure", status=500)
    for status in ("STOPPED", "RUNNING"):
        _is(running, status)
        running.clock.advance(MINUTE)
        assert _look()["step"] == "nothing"
    running.clock.advance(31 * MINUTE)
    assert _look()["step"] == "stop"
    running.events.requests.clear()
    running.events.answers["PutEvents"] = answer
    _look()
    assert [kind for kind, _ in _events(running)] == ["Model Stopped", "Model Started"]
    _look()
    assert _events(running) == []


def test_events_that_were_refused_are_sent_though_another_version_serves_by_then(
    running: Account,
) -> None:
    _events(running)
    answer = running.events.answers["PutEvents"]
    running.events.answers["PutEvents"] = refuses("InternalFailure", status=500)
    _is(running, "STOPPED")
    _look()
    running.events.requests.clear()
    running.events.answers["PutEvents"] = answer
    deployed_version.switch("v8", version_arn("v8"), deployed_version.now())
    running.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version("v8", "RUNNING")]
    }
    _look()
    assert [kind for kind, _ in _events(running)] == ["Model Stopped", "Model Started"]


def test_an_event_of_a_look_that_died_right_after_it_comes_again_with_the_same_name(
    running: Account,
) -> None:
    _events(running)
    _is(running, "STOPPED")

    def die(**_: object) -> None:
        raise SystemExit

    running.hook("events", "after-call.events.PutEvents", die)
    with pytest.raises(SystemExit):
        _look()
    running.unhook()
    _look()
    first, second = _events(running)
    assert first == second


def test_of_looks_at_the_same_time_each_tells_of_the_same_run(running: Account) -> None:
    _is(running, "STOPPED")
    _look()
    _events(running)
    before = hosting_state.of(SERVING)
    _is(running, "RUNNING")
    _look()
    running.clock.advance(1)
    hosting_state.note(before)
    _look()
    first, second = _events(running)
    assert first == second
