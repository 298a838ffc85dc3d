"""The command line against moto's tables, queues and parameters; the model is a stand-in."""

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from cli import executions, models, params
from cli.__main__ import main
from cli.stack import Stack
from labelloop import clock
from labelloop.aws import hosting_state
from labelloop.clock import iso
from labelloop.domain.parameters import BY_NAME, CATALOGUE
from tests.unit import calibrated
from tests.unit.cli.world import (
    BUCKET,
    OPERATOR,
    PREFIX,
    PROJECT,
    World,
    answering,
    aws_in_memory,
    error_of,
    refused,
)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with aws_in_memory(monkeypatch):
        yield World()


class Terminal(io.StringIO):
    """Where somebody sits."""

    def isatty(self) -> bool:
        return True


class TestStop:
    def test_it_waits_until_the_deployed_model_has_stopped(self, world: World) -> None:
        world.deploy("v1", "RUNNING")

        result = world.run("stop", "--json")

        assert json.loads(result.stdout) == {
            "version": "v1",
            "status": "STOPPED",
            "still_billed": [],
        }

    def test_it_stays_stopped_until_somebody_starts_it(self, world: World) -> None:
        world.deploy("v1", "RUNNING")

        assert "stays so until: labelloop start" in world.run("stop").stdout
        assert world.ask(hosting_state.is_paused)
        assert world.ask(models.who_paused_hosting).startswith(f"by {OPERATOR} at 20")
        assert world.run("start", "--no-wait").exit_code == 0
        assert not world.ask(hosting_state.is_paused)

    def test_another_version_is_stopped_for_good_anyway(self, world: World) -> None:
        world.deploy("v2", "STOPPED")
        world.model.coming["v1"] = ["RUNNING"]

        assert world.run("stop", "v1").exit_code == 0
        assert not world.ask(hosting_state.is_paused)

    def test_a_model_that_starts_is_stopped_when_it_runs(self, world: World) -> None:
        world.model.coming["v1"] = ["STARTING", "STARTING", "RUNNING"]

        result = world.run("stop", "v1")

        assert result.exit_code == 0
        assert "v1 is STOPPED" in result.stdout
        assert "can be stopped when it runs" in result.stderr

    def test_stopping_a_stopped_model_changes_nothing(self, world: World) -> None:
        world.deploy("v1", "STOPPED")

        assert world.run("stop").exit_code == world.run("stop").exit_code == 0
        assert world.model.stops == 0

    def test_without_a_deployed_model_there_is_nothing_to_stop(self, world: World) -> None:
        result = world.run("stop")

        assert result.exit_code == 0
        assert "nothing to stop" in result.stdout

    def test_it_names_the_models_that_are_still_billed(self, world: World) -> None:
        world.deploy("v2", "STOPPED")
        world.model.coming["v1"] = ["RUNNING"]

        assert "Still billed: v1. To stop one: labelloop stop v1" in world.run("stop").stdout

    def test_an_unknown_version_is_refused_with_those_that_there_are(self, world: World) -> None:
        world.deploy("v1", "RUNNING")

        line = error_of(world.run("stop", "v9"))

        assert "no version v9" in line and "v1" in line


def _spend(world: World, hours: float = 0.0, images: int = 0, **ceilings: str) -> None:
    """Let models have run so long today, and so many images have come by the API."""
    day, looked = f"{clock.now():%Y-%m-%d}", iso(clock.now())
    time = {"day": day, "seconds": hours * 3600, "looked": looked, "models": 1}
    world.put("versions", kind="state", name="model_time", **time)
    world.put("versions", kind="images", name=day, counted=images)
    for name, value in ceilings.items():
        full_name = PREFIX + name.replace("_", "-")
        world.parameters.put_parameter(Name=full_name, Value=value, Type="String")


class TestStart:
    def test_when_the_days_hours_are_spent_it_says_that_it_starts_tomorrow_and_how_to_at_once(
        self, world: World
    ) -> None:
        world.deploy("v1", "STOPPED")
        _spend(world, hours=48)

        result = world.run("start", "--no-wait", "--json")

        assert "labelloop params set Maximum-Daily-Model-Hours HOURS" in result.stderr
        assert json.loads(result.stdout)["status"] == "RUNNING"

    @pytest.mark.parametrize(
        ("hosting", "told"),
        [
            ("on-demand", "no work for 30 minutes: about US$3.33 at least"),
            ("always-on", ": US$96.00 a day, since Model-Hosting is always-on."),
        ],
    )
    def test_what_it_costs_is_said_before(self, world: World, hosting: str, told: str) -> None:
        world.deploy("v1", "STOPPED")
        world.run("params", "set", "Model-Hosting", hosting)
        said = world.run("start", "--no-wait").stderr
        assert "v1 is billed for as long as it runs, about US$4.00 an hour" in said
        assert told in said

    def test_the_deployed_version_is_deployed_again(self, world: World) -> None:
        world.deploy("v1", "STOPPED")

        result = world.run("start")

        assert world.executions.inputs == [{"deploy": "v1", "in_place": False}]
        assert result.exit_code == 0 and "v1 is in service" in result.stdout

    def test_without_waiting_the_execution_is_named(self, world: World) -> None:
        world.deploy("v1", "STOPPED")

        answer = json.loads(world.run("start", "--no-wait", "--json").stdout)

        assert answer == {"version": "v1", "execution": "arn:machine:1", "status": "RUNNING"}

    def test_a_failure_is_told_in_the_words_of_its_cause(self, world: World) -> None:
        world.deploy("v1", "STOPPED")
        cause = json.dumps({"errorMessage": "Two models run already.", "stackTrace": ["..."]})
        world.executions.coming = [{"status": "FAILED", "error": "QuotaExceeded", "cause": cause}]

        line = error_of(world.run("start"))

        assert "Two models run already." in line and "stackTrace" not in line

    def test_nothing_starts_while_another_deployment_runs(self, world: World) -> None:
        world.deploy("v1", "STOPPED")
        world.put("versions", kind="state", name="training", owner="arn:other")

        line = error_of(world.run("start"))

        assert "arn:other" in line and world.executions.inputs == []

    def test_the_lock_of_an_execution_that_ended_stops_nobody(self, world: World) -> None:
        world.deploy("v1", "STOPPED")
        world.put("versions", kind="state", name="training", owner="arn:other")
        world.executions.coming = [{"status": "FAILED"}, {"status": "SUCCEEDED"}]

        assert world.run("start").exit_code == 0

    def test_before_the_first_deployment_it_says_what_is_missing(self, world: World) -> None:
        assert "images_labeled_by_folder/" in error_of(world.run("start"))

    @pytest.mark.parametrize("status", ["TRAINING_IN_PROGRESS", "TRAINING_FAILED", "EXPIRED"])
    def test_a_version_that_cannot_run_is_refused(self, world: World, status: str) -> None:
        world.deploy("v1", status)

        assert status in error_of(world.run("start"))
        assert world.executions.inputs == []


class TestDeploy:
    @pytest.fixture
    def world(self, world: World) -> World:
        """v2 serves, v1 was judged good."""
        world.deploy("v2", "RUNNING")
        world.model.coming["v1"] = ["STOPPED"]
        world.put("versions", kind="version", name="v1", number=1, promote=True)
        return world

    def test_a_good_version_is_put_into_service_without_a_question(self, world: World) -> None:
        result = world.run("deploy", "v1")

        assert world.executions.inputs == [{"deploy": "v1", "in_place": False}]
        assert "v1 is in service" in result.stdout
        assert "Until v1 is proven, v2 runs, and is billed, too." in result.stderr

    @pytest.mark.parametrize(
        ("record", "words"),
        [
            ({"promote": False, "reasons": ["Its recall is low."]}, "Its recall is low."),
            ({"failure": "Two models run already."}, "Two models run already."),
        ],
    )
    def test_one_that_was_not_deployed_by_itself_needs_consent(
        self, world: World, record: dict[str, Any], words: str
    ) -> None:
        world.put("versions", kind="version", name="v1", number=1, **record)

        assert "Nothing was changed" in error_of(world.run("deploy", "v1", answer="n\n"))
        assert "--yes" in error_of(world.run("deploy", "v1"))  # nobody there to ask
        assert world.executions.inputs == []
        asked = world.run("deploy", "v1", answer="y\n")
        assert words in asked.stderr and asked.exit_code == 0
        assert len(world.executions.inputs) == 1

    def test_in_place_says_that_nothing_serves_meanwhile(self, world: World) -> None:
        refused = world.run("deploy", "v1", "--in-place", answer="n\n")
        assert "v2 is stopped before v1 starts" in refused.stderr
        assert "10 to 20 minutes" in refused.stderr

        world.run("deploy", "v1", "--in-place", "--yes")

        assert world.executions.inputs == [{"deploy": "v1", "in_place": True}]

    def test_in_place_asks_nothing_where_no_model_runs(self, world: World) -> None:
        world.model.coming["v2"] = ["STOPPED"]

        assert world.run("deploy", "v1", "--in-place").exit_code == 0

    def test_a_refused_quota_is_one_line_in_the_workflows_words(self, world: World) -> None:
        quota = "The account runs two models already. Stop one, or deploy with --in-place."
        cause = json.dumps({"errorType": "QuotaExceededError", "errorMessage": quota})
        world.executions.coming = [
            {"status": "FAILED", "error": "QuotaExceededError", "cause": cause}
        ]

        assert quota in error_of(world.run("deploy", "v1"))

    def test_an_unknown_version_is_refused_before_any_question(self, world: World) -> None:
        line = error_of(world.run("deploy", "v9", "--in-place"))

        assert "no version v9" in line and world.executions.inputs == []


def _schedule(name: str, rate: str, state: Any) -> None:
    boto3.client("scheduler").create_schedule(
        Name=f"label-loop-{name}",
        ScheduleExpression=rate,
        FlexibleTimeWindow={"Mode": "OFF"},
        State=state,
        Target={"Arn": "arn:aws:states:::x", "RoleArn": "arn:aws:iam::123456789012:role/x"},
    )


def _told(world: World) -> Any:
    return json.loads(world.run("status", "--json").stdout)


class TestStatus:
    def test_a_new_stack_has_nothing_yet(self, world: World) -> None:
        found = json.loads(world.run("status", "--json").stdout)

        assert found["deployed"] is None and found["versions"] == []
        assert found["waiting_images"] == found["open_reviews"] == 0
        assert found["counted"] is None
        assert "none yet" in world.run("status").stdout

    def test_it_counts_what_waits_and_what_failed(self, world: World) -> None:
        world.deploy("v1", "STOPPED")
        for number in range(3):
            shard = f"waiting#{number * 3}"
            world.put("detections", detection_id=str(number), outcome_shard=shard, date_id="2026")
        world.put("detections", detection_id="x", outcome_shard="review#1", date_id="2026")
        world.put("tasks", task_id="1", queue="open", available="2026")
        world.put("tasks", task_id="3", queue="held", available="2026")
        world.put("tasks", task_id="2")
        url = world.stack.output("AnswersDeadLetterQueueUrl")
        world.queues.send_message(QueueUrl=url, MessageBody="{}")

        found = json.loads(world.run("status", "--json").stdout)
        text = world.run("status").stdout

        assert (found["waiting_images"], found["open_reviews"]) == (3, 2)
        assert found["dead_letters"] == {"detection": 0, "answers": 1, "events": 0}
        assert "1 answers" in text

    def test_people_are_told_apart_who_have_taken_a_review(self, world: World) -> None:
        world.put("tasks", task_id="1", queue="open", available="2026")
        assert "open reviews     1\n" in world.run("status").stdout
        world.put("tasks", task_id="3", queue="held", available="2026")
        assert "open reviews     2, of which people have taken 1\n" in world.run("status").stdout

    def test_it_tells_the_schedules_and_by_when_each_looks_next(self, world: World) -> None:
        _schedule("training", "rate(600 minutes)", "ENABLED")
        _schedule("sampling", "rate(1 hour)", "DISABLED")
        _schedule("hosting", "rate(2 minutes)", "ENABLED")
        _schedule("labeling", "rate(1 hour)", "ENABLED")
        world.executions.begun = ["arn:run"]
        began = world.executions.began = datetime.now(UTC) + timedelta(hours=1)

        text = world.run("status").stdout
        told = {one["name"]: one for one in _told(world)["schedules"]}

        by = began + timedelta(minutes=600)
        assert told["training"]["next_by"] == by.isoformat()
        assert (
            "looks for new labelled images: every 600 minutes, last at "
            f"{began:%Y-%m-%d %H:%M} UTC, again by {by:%Y-%m-%d %H:%M} UTC\n"
        ) in text
        assert "samples detections: never, since its schedule is off\n" in text
        assert "looks for images to label: every hour, last at" in text
        assert "looks whether the model should run: every 2 minutes\n" in text
        assert "(Daily-Review-Budget): never, since its schedule is gone. See: labell" in text

    def test_a_schedule_that_is_late_is_due(self, world: World) -> None:
        _schedule("training", "rate(1 minute)", "ENABLED")
        world.stack = replace(
            world.stack, time_now=(datetime.now(UTC) + timedelta(hours=1)).timestamp
        )
        assert "labelled images: every minute, due now\n" in world.run("status").stdout

    def test_it_tells_what_today_has_come_to_of_what_it_may(self, world: World) -> None:
        assert "today (UTC)" not in world.run("status").stdout
        _spend(world, hours=3.25, images=120, Maximum_Daily_API_Images="0")

        found = json.loads(world.run("status", "--json").stdout)["today"]
        text = world.run("status").stdout

        assert found == {
            "model_hours": 3.25,
            "maximum_model_hours": 48,
            "api_images": 120,
            "maximum_api_images": 0,
        }
        assert "model hours      3.2 of 48 today (UTC)\n" in text
        assert "images by API    120 today (UTC)\n" in text

    def test_it_tells_that_a_ceiling_is_met_and_by_which_parameter(self, world: World) -> None:
        world.deploy("v1", "STOPPED")
        world.put("detections", detection_id="1", outcome_shard="waiting#1", date_id="2026")
        _spend(world, 2.0, 500, Maximum_Daily_Model_Hours="2", Maximum_Daily_API_Images="500")

        text = world.run("status").stdout

        assert "2.0 of 2 today (UTC); no more: Maximum-Daily-Model-Hours" in text
        assert "500 of 500 today (UTC); no more: Maximum-Daily-API-Images" in text
        assert "Images wait for the next day (UTC)" in text

    def test_what_yesterday_came_to_is_not_todays(self, world: World) -> None:
        yesterday = clock.now() - timedelta(days=1)
        time = {"day": f"{yesterday:%Y-%m-%d}", "seconds": 200_000, "looked": iso(yesterday)}
        world.put("versions", kind="state", name="model_time", **time, models=0)
        world.put("versions", kind="images", name=f"{yesterday:%Y-%m-%d}", counted=20_000)

        assert "today (UTC)" not in world.run("status").stdout

    def test_it_tells_what_became_of_the_images_that_sampling_counted(self, world: World) -> None:
        log = {"versions": [{"version": "v1", "accepted": 9, "doubted": 3, "nones": 2}]}
        world.put(
            "versions",
            kind="state",
            name="sampling",
            after="",
            since_last=0,
            log={**log, "refused": 1},
        )

        found = json.loads(world.run("status", "--json").stdout)["counted"]

        assert found == {"accepted": 9, "doubted": 3, "none_of_them": 2, "refused": 1}
        assert "9 of 12 accepted (75%), 1 refused" in world.run("status").stdout

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            ("STOPPED", "It is started within some minutes; now: labelloop start"),
            ("STARTING", "It is starting"),
            (None, "until a first model is trained"),
        ],
    )
    def test_it_says_what_images_wait_for(
        self, world: World, status: str | None, words: str
    ) -> None:
        if status:
            world.deploy("v1", status)
        world.put("detections", detection_id="1", outcome_shard="waiting#1", date_id="2026")

        assert "Images wait " in (text := world.run("status").stdout) and words in text

    def test_it_says_by_which_tag_costs_are_told_and_what_does_not_have_it(
        self, world: World
    ) -> None:
        world.deploy("v1", "STOPPED")
        text = world.run("status").stdout
        assert "by the tag labelloop:stack = label-loop: in Cost Explorer" in text
        assert "TagKey=labelloop:stack,Status=Active" in text
        assert "Without the tag" not in text
        world.model.untagged = {PROJECT, PROJECT.replace("/1", "/version/v1/2")}
        told = "what they cost is not in it: label-loop, label-loop/version/v1."
        assert told in world.run("status").stdout
        assert _told(world)["costs"]["without"][0] == PROJECT

    def test_images_wait_for_a_model_that_somebody_has_stopped(self, world: World) -> None:
        world.deploy("v1", "STOPPED")
        world.put("versions", kind="state", name="hosting_pause")
        world.put("detections", detection_id="1", outcome_shard="waiting#1", date_id="2026")

        assert "stopped by hand. To start it: labelloop start" in world.run("status").stdout

    def test_it_says_how_long_the_model_has_run_and_what_that_cost(self, world: World) -> None:
        world.deploy("v1", "RUNNING")
        assert "v1, RUNNING, US$8.00 an hour" in world.run("status").stdout

        since = (clock.now() - timedelta(minutes=90)).isoformat()
        hosting = {"kind": "state", "name": "hosting", "version": "v1", "running_since": since}
        world.put("versions", **hosting)
        text = world.run("status").stdout
        assert "v1, RUNNING for 1.5 hours, about US$12.00 so far, US$8.00 an hour\n" in text

        world.put("versions", **hosting, stopped=since)
        found = json.loads(world.run("status", "--json").stdout)
        assert found["running"] == {"usd_per_hour": 8.0}

    @pytest.mark.parametrize(
        ("right", "wrong", "words"),
        [
            (3, 0, "right about 3 of 3 (44% to 100%); people look at each until 27 more"),
            (20, 10, "right about 20 of 30 (49% to 81%); people look at each, since it is not"),
            (30, 0, "right about 30 of 30 (89% to 100%); accepted; some are sampled"),
        ],
    )
    def test_it_says_what_becomes_of_images_that_are_none_of_the_labels(
        self, world: World, right: int, wrong: int, words: str
    ) -> None:
        world.deploy("v1", "RUNNING")
        assert "none of them" not in world.run("status").stdout
        answers = [
            {
                "detection_id": str(number),
                "version": "v1",
                "confidence_pct": 90,
                "right": number < right,
                "completed": f"2026-11-21T09:00:{number:02}.000Z",
            }
            for number in range(right + wrong)
        ]
        state = {"kind": "state", "name": "none_answers", "revision": 9}
        world.put("versions", **state, answers=answers)

        assert f"none of them     {words}" in world.run("status").stdout

    def test_it_says_that_somebody_has_stopped_the_model(self, world: World) -> None:
        world.deploy("v1", "RUNNING")
        assert json.loads(world.run("status", "--json").stdout)["hosting_is_paused"] is False

        assert world.run("stop").exit_code == 0
        assert "v1, STOPPED; neither started nor stopped by itself until: labelloop start" in (
            world.run("status").stdout
        )

    def test_the_newest_versions_come_first(self, world: World) -> None:
        for number in range(1, 12):
            world.deploy(f"v{number}", "STOPPED")

        found = json.loads(world.run("status", "--json").stdout)

        assert [version["name"] for version in found["versions"]][:2] == ["v11", "v10"]


class TestParams:
    def test_a_good_value_is_stored_with_its_pattern(self, world: World) -> None:
        result = world.run("params", "set", "Minimum-F1-Score", "0.9")

        assert "0.9 now; it was 0.80" in result.stdout
        name = f"{PREFIX}Minimum-F1-Score"
        assert world.parameters.get_parameter(Name=name)["Parameter"]["Value"] == "0.9"
        assert world.parameters.describe_parameters()["Parameters"][0]["AllowedPattern"]

    def test_a_bad_value_is_refused_and_nothing_is_stored(self, world: World) -> None:
        line = error_of(world.run("params", "set", "Minimum-F1-Score", "1.5"))

        assert "a number from 0.00 to 1.00" in line
        assert world.parameters.describe_parameters()["Parameters"] == []

    def test_of_a_minimum_confidence_it_is_told_what_it_does_by_the_test_of_what_serves(
        self, world: World
    ) -> None:
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        _name_the_bucket(world)
        name = "Minimum-Label-Detection-Confidence"
        assert "test images" not in world.run("params", "set", name, "80").stdout

        world.deploy("v1", "RUNNING")
        assert "test images" not in world.run("params", "set", name, "85").stdout
        s3.put_object(Bucket=BUCKET, Key="evaluation/v1/doubt.json", Body=calibrated.content())

        assert world.run("params", "set", name, "70.0").stdout == (
            f"{name} is 70.0 now; it was 85. What was detected already keeps its outcome. On the "
            "test images of v1 that means: 8 of 20 (40 %) "
            "go to people, among them 5 of 7 (71 %) that were not right.\n"
        )
        again = json.loads(world.run("params", "set", name, "70.0", "--json").stdout)
        assert again["on_test_images"] == {
            "minimum_pct": 70.0,
            "images": 20,
            "asked": 8,
            "mistakes": 7,
            "caught": 5,
        }
        assert (
            "on_test_images" not in world.run("params", "set", "Model-Hosting", "on-demand").stdout
        )

    def test_a_minimum_is_set_whatever_else_may_not_be_read(self, world: World) -> None:
        _name_the_bucket(world)
        world.deploy("v1", "RUNNING")
        name = "Minimum-Label-Detection-Confidence"
        refusing = answering("s3", {"GetObject": refused("AccessDenied")})

        def client(service: str) -> Any:
            return refusing if service == "s3" else world.stack.client(service)

        result = _with_clients(world, client, "params", "set", name, "80")
        assert (result.exit_code, result.stdout) == (
            0,
            f"{name} is 80 now; it was 70.0. What was detected already keeps its outcome.\n",
        )

    def test_a_changed_interval_says_what_it_means_for_what_was_counted(self, world: World) -> None:
        world.put("versions", kind="state", name="sampling", after="", since_last=940)
        name = "Human-Sampling-Interval"
        said = world.run("params", "set", name, "2000").stdout
        assert "last sampled one, 940, counts: after 1060 more, the next one is taken." in said
        assert "after 1 more, the next" in world.run("params", "set", name, "100").stdout
        said = world.run("params", "set", "Automatic-Training-Poll-Frequency", "60").stdout
        assert "The next look is an interval from now at the latest." in said
        said = world.run("params", "set", "Automatic-Training-Poll-Frequency", "60").stdout
        assert said == "Automatic-Training-Poll-Frequency was 60 already.\n"

    def test_what_a_change_means_is_told_of_parameters_that_there_are(self) -> None:
        assert params._COUNTED_ALREADY.keys() < BY_NAME.keys()

    def test_it_says_what_a_model_costs_that_runs_always(self, world: World) -> None:
        world.run("params", "set", "Minimum-Inference-Units", "2")
        said = world.run("params", "set", "Model-Hosting", "always-on").stdout
        assert "about US$192.00 a day (Minimum-Inference-Units: 2)." in said

    def test_a_negative_value_is_no_option(self, world: World) -> None:
        assert world.run("params", "set", "Minimum-Improvement", "-0.05").exit_code == 0

    def test_a_misspelt_name_is_refused_with_the_nearest_one(self, world: World) -> None:
        line = error_of(world.run("params", "get", "Minimum-F1-Scor"))

        assert "Did you mean Minimum-F1-Score?" in line

    def test_an_unset_parameter_has_its_default(self, world: World) -> None:
        assert world.run("params", "get", "Model-Hosting").stdout == "on-demand\n"

    def test_the_list_has_all_defaults_and_marks_what_is_not_one_or_not_valid(
        self, world: World
    ) -> None:
        for name, value in (("Human-Sampling-Interval", "5"), ("Evaluation-Metric", "luck")):
            world.parameters.put_parameter(Name=PREFIX + name, Value=value, Type="String")

        text = world.run("params", "list").stdout

        rows = [re.split("  +", line) for line in text.splitlines()]
        assert rows[0] == ["parameter", "value", "default"]
        assert {row[0]: row[2] for row in rows[1:]} == {one.name: one.default for one in CATALOGUE}
        assert ["Human-Sampling-Interval", "5", "1000", "changed"] in rows
        assert [
            "Evaluation-Metric",
            "luck",
            "f1",
            "not valid: it must be f1, precision or recall",
        ] in rows
        assert ["Model-Hosting", "on-demand", "on-demand", "not in Parameter Store"] in rows


class TestErrors:
    def test_a_refused_permission_says_whom_to_ask(self, world: World) -> None:
        def refuse(_: str) -> Any:
            refusal: Any = {"Error": {"Code": "AccessDeniedException", "Message": "no ssm:Put"}}
            raise ClientError(refusal, "PutParameter")

        assert "no ssm:Put" in error_of(_with_clients(world, refuse, "params", "list"))

    def test_a_missing_output_says_to_deploy(self, world: World) -> None:
        stack = Stack("other", {}, world.stack.client)

        result = CliRunner().invoke(main, ["params", "list"], obj=stack)

        assert "sam deploy" in error_of(result)

    @pytest.mark.usefixtures("world")
    def test_a_stack_that_does_not_exist_says_how_to_name_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")

        line = error_of(CliRunner().invoke(main, ["status", "--stack-name", "nope"]))

        assert "no stack nope" in line and "--stack-name" in line

    def test_without_a_local_application_it_says_how_to_start_one(self, tmp_path: Any) -> None:
        words = ["status", "--local", "--data-dir", str(tmp_path)]

        assert "make local" in error_of(CliRunner().invoke(main, words))

    def test_the_local_application_answers_for_no_other_stack(self, tmp_path: Any) -> None:
        told = {"stack": "label-loop", "region": "us-east-1", "endpoint": "http://127.0.0.1:1"}
        (tmp_path / "stack.json").write_text(json.dumps(told))
        words = ["status", "--local", "--data-dir", str(tmp_path), "--stack-name", "other"]

        line = error_of(CliRunner().invoke(main, words))

        assert "label-loop, not other" in line and "--data-dir" in line

    def test_a_mistyped_command_is_one_line(self) -> None:
        result = CliRunner().invoke(main, ["strt"])

        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1 and "start" in result.stderr


def _name_the_bucket(world: World) -> None:
    world.stack = replace(world.stack, outputs={**world.stack.outputs, "BucketName": BUCKET})


def _with_clients(world: World, client: Callable[[str], Any], *words: str) -> Result:
    stack = Stack(world.stack.name, world.stack.outputs, client)
    return CliRunner().invoke(main, list(words), obj=stack)


class TestVersions:
    def test_the_newest_comes_first_with_its_figures_and_verdict(self, world: World) -> None:
        world.deploy("v1", "RUNNING")
        world.model.coming["v2"] = ["TRAINING_COMPLETED"]
        figures: dict[str, float] = {"f1": 0.9, "train_images": 20, "test_images": 5}
        world.put("versions", kind="version", name="v1", number=1, promote=True, **figures)
        world.put("versions", kind="version", name="v2", number=2, promote=False, **figures)
        world.put("versions", kind="version", name="v3", number=3, failure="too few images")

        found = json.loads(world.run("versions", "--json").stdout)
        lines = world.run("versions").stdout.splitlines()

        assert [version["name"] for version in found] == ["v3", "v2", "v1"]
        assert [version["serves"] for version in found] == [False, False, True]
        assert "failed: too few images" in lines[0]
        assert "rejected" in lines[1]
        assert "RUNNING, serves" in lines[2] and "20 + 5 images" in lines[2]

    def test_f1_has_its_interval_or_what_it_rests_on(self, world: World) -> None:
        facts = {"f1": 0.75, "train_images": 40, "test_images": 10, "promote": True}
        f1 = {"value": 0.745, "low": 0.5, "high": 0.9, "images": 10, "effective_images": 9.5}
        world.put("versions", kind="version", name="v1", number=1, **facts)
        world.put("versions", kind="version", name="v2", number=2, figures={"f1": f1}, **facts)

        for command in ("versions", "status"):
            text = world.run(command).stdout
            assert "F1 0.75 of 10 test images" in text
            assert "F1 0.74 (0.50 to 0.90)" in text

    def test_what_the_service_dropped_in_silence_is_counted(self, world: World) -> None:
        sent = {"sent": 20, "stored": 17, "errors": []}
        world.put("versions", kind="version", name="v1", number=1, entries_train=sent)

        assert "3 images dropped by the service" in world.run("versions").stdout
        assert json.loads(world.run("versions", "--json").stdout)[0]["entries_train"] == sent

    def test_before_the_first_training_there_is_none(self, world: World) -> None:
        assert "No version" in world.run("versions").stdout


class TestTrain:
    def test_10_force_tells_the_wrong_reason(self, world: World) -> None:
        cause = json.dumps({"errorMessage": "4 of the 10 lines are bad."})
        failure = {"failure": {"Error": "UntrainableError", "Cause": cause}}
        world.executions.coming = [{"status": "SUCCEEDED", "output": json.dumps(failure)}]
        message = error_of(world.run("train", "--force"))
        assert "Nothing was trained. 4 of the 10 lines are bad." in message

    def test_the_workflow_is_started_as_the_schedule_does(self, world: World) -> None:
        result = world.run("train")

        assert world.executions.inputs == [{"force": False}]
        assert world.executions.asked_by == [OPERATOR]
        assert "too few new images" in result.stdout

    def test_what_it_costs_is_said_before_it_begins(self, world: World) -> None:
        said = world.run("train", "--no-wait").stderr
        assert "about US$1.00 an hour where it succeeds" in said
        assert "Nobody can stop it once it has begun." in said
        assert (
            "A version that proves better is billed for as long as it runs, about US$4.00" in said
        )
        assert "about US$3.33 at least, its start counted in." in said

    @pytest.mark.parametrize(("answer", "begun"), [("n\n", 0), ("", 0), ("y\n", 1)])
    def test_at_a_terminal_it_is_asked_for(
        self, world: World, monkeypatch: pytest.MonkeyPatch, answer: str, begun: int
    ) -> None:
        said = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        monkeypatch.setattr(sys, "stderr", said)
        with pytest.raises(SystemExit):
            main.main(["train", "--force", "--no-wait"], obj=world.stack)
        assert "US$1.00 an hour" in said.getvalue()
        assert ("To be asked nothing: --yes" in said.getvalue()) == (not begun)
        assert len(world.executions.inputs) == begun

    def test_who_agrees_beforehand_is_not_asked(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr(sys, "stderr", Terminal())
        with pytest.raises(SystemExit):
            main.main(["train", "--yes", "--no-wait"], obj=world.stack)
        assert len(world.executions.inputs) == 1

    def test_force_is_passed_on(self, world: World) -> None:
        world.run("train", "--force", "--no-wait")

        assert world.executions.inputs == [{"force": True}]

    def test_a_version_that_was_not_compared_is_what_the_training_came_to(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        figures = {"f1": 0.9, "train_images": 40, "test_images": 10}
        v2 = {"kind": "version", "name": "v2", "number": 2, **figures}
        world.put("versions", **v2, ended="1", promote=False, uncompared="v1 was stopped.")
        world.deploy("v1", "STARTING")
        world.put("versions", kind="version", name="v1", number=1, ended="1")
        world.model.coming["v2"] = ["TRAINING_COMPLETED"]
        follow = executions.follow

        def judged(stack: Stack, execution: str, progress: Callable[[], str], end: str) -> None:
            assert progress() == "v2 is trained; v1 is starting, to be compared with it"
            world.put("versions", **v2, ended="2", promote=True, uncompared=None)
            follow(stack, execution, progress, end)

        monkeypatch.setattr(executions, "follow", judged)
        assert "good" in world.run("train", "--force").stdout


class TestRollback:
    def test_the_version_before_is_deployed(self, world: World) -> None:
        world.deploy("v2", "RUNNING")
        world.model.coming["v1"] = ["STOPPED"]
        world.put(
            "versions",
            kind="state",
            name="deployed",
            version="v2",
            version_arn="arn:v2",
            previous="v1",
        )

        assert world.run("rollback").exit_code == 0
        assert world.executions.inputs == [{"deploy": "v1", "in_place": False}]

    def test_without_a_version_before_it_is_refused(self, world: World) -> None:
        world.deploy("v1", "RUNNING")

        assert "nothing to go back to" in error_of(world.run("rollback"))
        assert world.executions.inputs == []
