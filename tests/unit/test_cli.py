"""The command line against moto's tables, queues and parameters; the model is a stand-in."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result
from moto import mock_aws

from cli.__main__ import main
from cli.stack import Stack
from labelloop.aws.items import to_item

PROJECT = "arn:aws:rekognition:us-east-1:123456789012:project/label-loop/1"
PREFIX = "/label-loop/"


class Model:
    """Versions whose status moves one step each time it is asked for."""

    def __init__(self) -> None:
        self.coming: dict[str, list[str]] = {}
        self.stops = 0

    def get_paginator(self, _: str) -> "Model":
        return self

    def paginate(self, ProjectArn: str) -> list[dict[str, Any]]:  # noqa: N803
        entries = []
        for name, statuses in self.coming.items():
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            arn = ProjectArn.replace("/1", f"/version/{name}/2")
            entries.append({"ProjectVersionArn": arn, "Status": status})
        return [{"ProjectVersionDescriptions": page} for page in (entries[:1], entries[1:])]

    def stop_project_version(self, ProjectVersionArn: str) -> None:  # noqa: N803
        self.stops += 1
        name = ProjectVersionArn.split("/")[-2]
        if self.coming[name][0] != "RUNNING":
            refusal = {"Error": {"Code": "ResourceInUseException", "Message": "not now"}}
            raise ClientError(refusal, "StopProjectVersion")  # type: ignore[arg-type]
        self.coming[name] = ["STOPPING", "STOPPING", "STOPPED"]


class Executions:
    """One execution that ends as it is told to."""

    def __init__(self) -> None:
        self.inputs: list[dict[str, Any]] = []
        self.coming: list[dict[str, Any]] = [{"status": "RUNNING"}, {"status": "SUCCEEDED"}]
        self.exceptions = boto3.client("stepfunctions").exceptions

    def start_execution(self, stateMachineArn: str, input: str) -> dict[str, str]:  # noqa: A002, N803
        self.inputs.append(json.loads(input))
        return {"executionArn": f"{stateMachineArn}:1"}

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        found = self.coming.pop(0) if len(self.coming) > 1 else self.coming[0]
        return {"executionArn": executionArn, **found}


class World:
    """A stack as the command line sees it."""

    def __init__(self) -> None:
        self.model = Model()
        self.executions = Executions()
        self.tables = boto3.client("dynamodb")
        self.queues = boto3.client("sqs")
        self.parameters = boto3.client("ssm")
        self._table("versions", ("kind", "name"))
        self._table("detections", ("detection_id", None), "by_outcome", "outcome_shard")
        self._table("tasks", ("task_id", None), "by_queue", "queue")
        urls = {
            name: self.queues.create_queue(QueueName=name)["QueueUrl"] for name in ("d", "a", "e")
        }
        outputs = {
            "ProjectArn": PROJECT,
            "ParameterPrefix": PREFIX,
            "ModelVersionsTable": "versions",
            "DetectionsTable": "detections",
            "ReviewTasksTable": "tasks",
            "ModelTrainingStateMachineArn": "arn:machine",
            "DetectionDeadLetterQueueUrl": urls["d"],
            "AnswersDeadLetterQueueUrl": urls["a"],
            "UndeliveredEventsQueueUrl": urls["e"],
        }
        self.stack = Stack("label-loop", outputs, self._client, look_every_s=0.0)

    def _client(self, service: str) -> Any:
        fakes = {"rekognition": self.model, "stepfunctions": self.executions}
        return fakes.get(service) or boto3.client(service)  # type: ignore[call-overload]

    def _table(
        self, name: str, keys: tuple[str, str | None], index: str = "", index_key: str = ""
    ) -> None:
        names = [key for key in (*keys, index_key) if key]
        schema = [
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=True)
            if key
        ]
        more: dict[str, Any] = {}
        if index:
            key_schema = [{"AttributeName": index_key, "KeyType": "HASH"}]
            projection = {"ProjectionType": "ALL"}
            more["GlobalSecondaryIndexes"] = [
                {"IndexName": index, "KeySchema": key_schema, "Projection": projection}
            ]
        self.tables.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in names],
            KeySchema=schema,
            **more,
        )

    def put(self, table: str, **values: str | float | bool) -> None:
        self.tables.put_item(TableName=table, Item=to_item(values))

    def deploy(self, name: str, status: str) -> None:
        self.model.coming[name] = [status]
        self.put("versions", kind="version", name=name, number=len(self.model.coming))
        self.put("versions", kind="state", name="deployed", version=name, version_arn="arn:v")

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, list(words), obj=self.stack)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield World()


def error_of(result: Result) -> str:
    """The one line with which a command failed."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    line = result.stderr.strip().splitlines()[-1]
    assert result.stderr.count("Error:") == 1 and "Traceback" not in result.stderr
    return line


class TestStop:
    def test_it_waits_until_the_deployed_model_has_stopped(self, world: World) -> None:
        world.deploy("v1", "RUNNING")

        result = world.run("stop", "--json")

        assert json.loads(result.stdout) == {
            "version": "v1",
            "status": "STOPPED",
            "still_billed": [],
        }

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


class TestStart:
    def test_the_deployed_version_is_deployed_again(self, world: World) -> None:
        world.deploy("v1", "STOPPED")

        result = world.run("start")

        assert world.executions.inputs == [{"deploy": "v1"}]
        assert result.exit_code == 0 and "v1 is in service" in result.stdout

    def test_without_waiting_the_execution_is_named(self, world: World) -> None:
        world.deploy("v1", "STOPPED")

        answer = json.loads(world.run("start", "v1", "--no-wait", "--json").stdout)

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


class TestStatus:
    def test_a_new_stack_has_nothing_yet(self, world: World) -> None:
        found = json.loads(world.run("status", "--json").stdout)

        assert found["deployed"] is None and found["versions"] == []
        assert found["waiting_images"] == found["open_reviews"] == 0
        assert "none yet" in world.run("status").stdout

    def test_it_counts_what_waits_and_what_failed(self, world: World) -> None:
        world.deploy("v1", "STOPPED")
        for number in range(3):
            shard = f"waiting#{number * 3}"
            world.put("detections", detection_id=str(number), outcome_shard=shard)
        world.put("detections", detection_id="x", outcome_shard="review#1")
        world.put("tasks", task_id="1", queue="open")
        world.put("tasks", task_id="2")
        url = world.stack.output("AnswersDeadLetterQueueUrl")
        world.queues.send_message(QueueUrl=url, MessageBody="{}")

        found = json.loads(world.run("status", "--json").stdout)
        text = world.run("status").stdout

        assert (found["waiting_images"], found["open_reviews"]) == (3, 1)
        assert found["dead_letters"] == {"detection": 0, "answers": 1, "events": 0}
        assert "1 answers" in text and "labelloop start" in text

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

    def test_a_negative_value_is_no_option(self, world: World) -> None:
        assert world.run("params", "set", "Minimum-Improvement", "-0.05").exit_code == 0

    def test_a_misspelt_name_is_refused_with_the_nearest_one(self, world: World) -> None:
        line = error_of(world.run("params", "get", "Minimum-F1-Scor"))

        assert "Did you mean Minimum-F1-Score?" in line

    def test_an_unset_parameter_has_its_default(self, world: World) -> None:
        assert world.run("params", "get", "Model-Hosting").stdout == "on-demand\n"

    def test_the_list_marks_what_is_not_the_default_or_not_valid(self, world: World) -> None:
        for name, value in (("Human-Sampling-Interval", "5"), ("Evaluation-Metric", "luck")):
            world.parameters.put_parameter(Name=PREFIX + name, Value=value, Type="String")

        text = world.run("params", "list").stdout

        assert "5  (default 1000)" in text
        assert "luck  (not valid: it must be f1, precision or recall)" in text


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

    def test_a_mistyped_command_is_one_line(self) -> None:
        result = CliRunner().invoke(main, ["strt"])

        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1 and "start" in result.stderr


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

    def test_before_the_first_training_there_is_none(self, world: World) -> None:
        assert "No version" in world.run("versions").stdout


class TestTrain:
    def test_the_workflow_is_started_as_the_schedule_does(self, world: World) -> None:
        result = world.run("train")

        assert world.executions.inputs == [{"force": False}]
        assert "too few new images" in result.stdout

    def test_force_is_passed_on(self, world: World) -> None:
        world.run("train", "--force", "--no-wait")

        assert world.executions.inputs == [{"force": True}]


class TestRollback:
    def test_the_version_before_is_deployed(self, world: World) -> None:
        world.deploy("v2", "RUNNING")
        world.model.coming["v1"] = ["STOPPED"]
        world.put("versions", kind="state", name="deployed", version="v2", previous="v1")

        assert world.run("rollback").exit_code == 0
        assert world.executions.inputs == [{"deploy": "v1"}]

    def test_without_a_version_before_it_is_refused(self, world: World) -> None:
        world.deploy("v1", "RUNNING")

        assert "nothing to go back to" in error_of(world.run("rollback"))
        assert world.executions.inputs == []
