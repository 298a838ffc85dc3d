"""The life of one stack, as its operator types it: each test goes on where the one before ended.

Every command is a process of its own, with nothing of the developer's configuration. What only
takes time is waited for by looking into the tables.
"""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.launch import PATIENCE_S, ROOT, wait_for
from tests import images
from tests.detect_api import clients, post, token_of
from tests.stack import Reviewer, Stack, launched, refused
from tests.stack.leftovers import everything

PASSWORD = "Reviewer-2026-November"
AWS = Path(sys.executable).with_name("aws")


class Terminal:
    """The operator's terminal: the AWS CLI and the labelloop command."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._environment = {
            **own,
            "AWS_ENDPOINT_URL": stack.endpoint,
            "AWS_ACCESS_KEY_ID": "operator",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": stack.local.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "XDG_CACHE_HOME": str(stack.local.data_dir / "cache"),
        }

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What a command prints, and how it ends."""
        return subprocess.run(
            words,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def aws(self, *words: str) -> Any:
        """The answer of an ``aws`` command that succeeds: JSON, or else text."""
        done = self.type(str(AWS), *words)
        assert done.returncode == 0, done.stderr
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout.strip()

    def labelloop(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A ``labelloop`` command about the application on this machine."""
        data_dir = str(self.stack.local.data_dir)
        return self.type("./labelloop", words[0], "--local", "--data-dir", data_dir, *words[1:])


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    settings = {"Enable-Automatic-Training": "true", "Automatic-Training-Poll-Frequency": "44640"}
    with launched(settings=settings) as stack:
        yield stack


@pytest.fixture(scope="module")
def terminal(stack: Stack) -> Terminal:
    return Terminal(stack)


def test_the_description_says_where_everything_is(stack: Stack, terminal: Terminal) -> None:
    text = (stack.local.data_dir / "stack.json").read_text(encoding="utf-8")
    assert set(json.loads(text)) == {"stack", "endpoint", "region", "clock_url", "outputs"}
    (described,) = terminal.aws("cloudformation", "describe-stacks", "--stack-name", "label-loop")[
        "Stacks"
    ]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in described["Outputs"]}
    assert outputs == stack.outputs


def test_labelled_images_become_a_model_that_detects_what_has_waited_for_it(
    stack: Stack, terminal: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "early.jpg").write_bytes(images.draw("circle", 100))
    early = f"s3://{stack.bucket}/images_for_detection/early.jpg"
    terminal.aws("s3", "cp", str(tmp_path / "early.jpg"), early)
    (record,) = wait_for(
        lambda: stack.records("images_for_detection/early.jpg"), "the record of an image"
    )
    assert record["outcome"] == "waiting"

    for label in images.LABELS:
        for number in stack.numbers(8):
            file = tmp_path / "labelled" / label / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(images.draw(label, number))
    terminal.aws(
        "s3", "sync", str(tmp_path / "labelled"), f"s3://{stack.bucket}/images_labeled_by_folder/"
    )
    machine = stack.outputs["ModelTrainingStateMachineArn"]
    started = terminal.aws("stepfunctions", "start-execution", "--state-machine-arn", machine)
    stack.end_of(started["executionArn"])
    ended = terminal.aws(
        "stepfunctions", "describe-execution", "--execution-arn", started["executionArn"]
    )
    assert ended["status"] == "SUCCEEDED"
    assert stack.deployed()

    def detected() -> Any:
        answer = terminal.aws(
            "dynamodb",
            "get-item",
            "--table-name",
            stack.outputs["DetectionsTable"],
            "--key",
            json.dumps({"detection_id": {"S": record["detection_id"]}}),
        )
        return answer["Item"] if answer["Item"]["outcome"]["S"] != "waiting" else None

    found = wait_for(detected, "the image that waited to be detected")
    assert (found["outcome"]["S"], found["label"]["S"]) == ("confident", "circle")


def test_people_answer_doubtful_images_and_a_new_model_learns_from_them(
    stack: Stack, terminal: Terminal
) -> None:
    uploads = [stack.detect() for _ in range(4)]
    for upload in uploads:
        stack.wait_for_task(upload)
    reviewer = sign_in(stack, terminal, "anna@example.com")
    task = reviewer.take() or {}
    shown = urllib3.request("GET", task["image_url"], retries=False)
    assert (shown.status, shown.data[:3]) == (200, b"\xff\xd8\xff")
    reviewer.ask("POST", f"/review/tasks/{task['task_id']}/release")
    for upload, label in zip(uploads, ("circle", "circle", "stripes", "stripes"), strict=True):
        reviewer.review(upload, label)
    for upload in uploads:
        assert stack.wait_for_record(upload, has="copied_key")["copied_key"]

    first = stack.deployed()
    name = stack.outputs["ParameterPrefix"] + "Minimum-Untrained-Images"
    for words in (["--name", name, "--value", "4"], ["--name", name, "--value", "none"]):
        done = terminal.type(str(AWS), "ssm", "put-parameter", "--overwrite", *words)
        assert ("ParameterPatternMismatchException" in done.stderr) is (words[-1] == "none")
    stack.leap(61)
    (started,) = stack.fire("TrainingSchedule")["executionArns"]
    assert stack.end_of(started).status == "SUCCEEDED"
    second = stack.versions()[-1]
    assert second["name"] != first
    assert second["train_images"] + second["test_images"] == 20
    # Whether it is better the report says; what serves is always one of the two.
    assert stack.deployed() == (second["name"] if second["promote"] else first)


def sign_in(stack: Stack, terminal: Terminal, name: str) -> Reviewer:
    """A person of the group reviewers, made as the documentation says, and signed in."""
    pool = ["--user-pool-id", stack.outputs["UserPoolId"]]
    user = [*pool, "--username", name]
    attributes = f"Name=email,Value={name}"
    terminal.aws("cognito-idp", "admin-create-user", *user, "--user-attributes", attributes)
    password = ["--password", PASSWORD, "--permanent"]
    terminal.aws("cognito-idp", "admin-set-user-password", *user, *password)
    terminal.aws("cognito-idp", "admin-add-user-to-group", *user, "--group-name", "reviewers")
    answer = terminal.aws(
        "cognito-idp",
        "admin-initiate-auth",
        *pool,
        *("--client-id", stack.outputs["UserPoolClientId"]),
        *("--auth-flow", "ADMIN_USER_PASSWORD_AUTH"),
        *("--auth-parameters", f"USERNAME={name},PASSWORD={PASSWORD}"),
    )
    return Reviewer(stack.outputs["ApiUrl"], answer["AuthenticationResult"]["IdToken"])


def test_what_is_forgotten_is_in_no_version_of_anything(stack: Stack, terminal: Terminal) -> None:
    trained = str(stack.versions()[-1]["name"])
    record, *others = (one for one in stack.records("") if one.get("copied_key"))
    key, copy = str(record["key"]), str(record["copied_key"])
    pool, person = stack.outputs["UserPoolId"], "anna@example.com"
    user = stack.client("cognito-idp").admin_get_user(UserPoolId=pool, Username=person)
    sub = next(one["Value"] for one in user["UserAttributes"] if one["Name"] == "sub")
    assert _naming(stack, key) and _naming(stack, copy) and _naming(stack, sub)

    for words, versions in (((key,), [trained]), (("--person", person), [])):
        done = terminal.labelloop("forget", *words, "--yes", "--json")
        assert done.returncode == 0, done.stderr
        (told,) = json.loads(done.stdout)["forgotten"]
        assert told["versions"] == versions

    # Answers that were written anew are read again, which brings nothing back.
    stack.wait_until_idle()
    for name in (key, copy, sub, person):
        assert _naming(stack, name) == []
    said = {one["key"]: one["human_label"] for one in others}
    now = {one["key"]: one["human_label"] for one in stack.records("") if one.get("copied_key")}
    assert now == said and len(said) == 3
    assert all(stack.keys(str(one["copied_key"])) for one in others)
    again = terminal.labelloop("forget", key, "--yes")
    assert again.stdout == "Nothing names it.\n", again.stderr


def _naming(stack: Stack, name: str) -> list[str]:
    """Where a name stands: in versions of objects, their keys, items and parameters."""
    s3, found = stack.client("s3"), list[str]()
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=stack.bucket):
        found += [one["Key"] for one in page.get("DeleteMarkers", ()) if name in one["Key"]]
        for one in page.get("Versions", ()):
            which = {"Key": one["Key"], "VersionId": one["VersionId"]}
            answer = s3.get_object(Bucket=stack.bucket, **which)
            body = answer["Body"].read()
            content = gzip.decompress(body) if one["Key"].endswith(".gz") else body
            if name in one["Key"] + str(answer["Metadata"]) or name.encode() in content:
                found.append(one["Key"])
    for table in ("DetectionsTable", "ReviewTasksTable", "ModelVersionsTable"):
        found += [table for item in stack.raw_items(table) if name in str(item)]
    for page in stack.client("ssm").get_paginator("describe_parameters").paginate():
        for one in page["Parameters"]:
            value = stack.client("ssm").get_parameter(Name=one["Name"])["Parameter"]["Value"]
            found += [one["Name"]] * (name in value)
    return found


def test_only_who_is_signed_in_and_in_a_group_may_review(stack: Stack) -> None:
    assert Reviewer(stack.outputs["ApiUrl"], "no token").ask("GET", "/review/summary")[0] == 401
    stranger = stack.add_reviewer(group="")
    status, answer = stranger.ask("POST", "/review/tasks/next")
    assert (status, answer["error"]["code"]) == (403, "NotAllowed")


def test_a_presigned_address_gives_the_image_to_whoever_has_it(
    stack: Stack, terminal: Terminal
) -> None:
    upload = stack.upload("images_labeled_by_folder/circle/ä b%.jpg", stack.new_image("circle"))
    address = terminal.aws("s3", "presign", f"s3://{stack.bucket}/{upload.key}")
    assert urllib3.request("GET", address, retries=False).status == 200
    bare = address.split("?")[0]
    assert urllib3.request("GET", bare, retries=False).status == 403


def test_the_model_is_stopped_and_started_by_the_operator(stack: Stack, terminal: Terminal) -> None:
    name = stack.deployed()
    said = terminal.labelloop("status")
    assert said.returncode == 0, said.stderr
    assert f"{name}, RUNNING" in said.stdout
    stopped = terminal.labelloop("stop")
    assert stopped.returncode == 0, stopped.stderr
    assert stack.model_statuses()[str(name)] == "STOPPED"
    upload = stack.detect("circle")
    stack.wait_for_record(upload, "waiting")
    started = terminal.labelloop("start")
    assert started.returncode == 0, started.stderr
    assert stack.model_statuses()[str(name)] == "RUNNING"
    stack.wait_for_record(upload, "confident")


def test_versions_are_tried_on_pictures_of_ones_own_without_a_trace(
    stack: Stack, terminal: Terminal, tmp_path: Path
) -> None:
    serving = str(stack.deployed())
    other = next(v["name"] for v in stack.versions() if v["name"] != serving)
    assert stack.model_statuses()[other] not in {"STARTING", "RUNNING"}
    for label in images.LABELS:
        for number in stack.numbers(3):
            file = tmp_path / "own" / label / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(images.draw(label, number))
    words = ("evaluate", str(tmp_path / "own"), serving, other)
    asked = terminal.labelloop(*words)
    assert asked.returncode == 1
    assert f"Start {other}?" in asked.stderr and "Nothing was changed" in asked.stderr
    before = stack.records(""), stack.tasks(), stack.keys("")

    page = tmp_path / "page.html"
    done = terminal.labelloop(*words, "--yes", "--json", "--html", str(page))

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(v["version"], v["pictures"]) for v in told["versions"]] == [(serving, 6), (other, 6)]
    assert told["versions"][0]["right"]["count"] == 6
    assert told["comparisons"][0]["difference"]["images"] == 6
    assert "<title>Label Loop: evaluation</title>" in page.read_text(encoding="utf-8")
    wait_for(lambda: stack.model_statuses()[other] == "STOPPED", "the other version to stop")
    assert stack.model_statuses()[serving] == "RUNNING"
    assert (stack.records(""), stack.tasks(), stack.keys("")) == before


def _is_let_in(stack: Stack, program: Mapping[str, Any]) -> bool:
    """Whether the API takes the token that Cognito gives the program."""
    granted = token_of(stack, program["client_id"], program["client_secret"])
    return post(stack, granted["access_token"], b"no image").status == 422


def test_another_deployment_keeps_what_the_operator_has_set(
    stack: Stack, terminal: Terminal
) -> None:
    name, deployed = "Minimum-Untrained-Images", stack.deployed()
    program = clients(stack.local.data_dir, "add", "camera")
    answer = stack.local.control("PUT", "stack", {"parameters": {"AllowNewLabels": "true"}})
    assert answer["status"] == "UPDATE_COMPLETE"
    assert _is_let_in(stack, program)
    read = terminal.aws("ssm", "get-parameter", "--name", stack.outputs["ParameterPrefix"] + name)
    assert read["Parameter"]["Value"] == "4"
    assert stack.deployed() == deployed
    assert stack.schedule("training") == ("rate(44640 minutes)", "ENABLED")
    stack.wait_for_record(stack.detect("stripes"), "confident")


def _billed(cognito: Any, pool: Mapping[str, str]) -> list[str]:
    """The programs that there are: the page's client has no dot in its name."""
    found = cognito.list_user_pool_clients(**pool, MaxResults=60)["UserPoolClients"]
    return [one["ClientName"] for one in found if "." in one["ClientName"]]


def test_deleting_the_stack_stops_every_model_and_keeps_what_was_made(
    stack: Stack, terminal: Terminal
) -> None:
    name = str(stack.deployed())
    other = next(v["name"] for v in stack.versions() if v["name"] != name)
    arn = next(v["arn"] for v in stack.versions() if v["name"] == other)
    stack.client("rekognition").start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
    kept_keys, kept_versions = stack.keys(""), stack.versions()
    machine = stack.outputs["ModelTrainingStateMachineArn"]
    cognito, pool = stack.client("cognito-idp"), {"UserPoolId": stack.outputs["UserPoolId"]}
    assert _billed(cognito, pool)

    gone = stack.local.control("DELETE", "stack")

    assert set(gone["retained"]) == {
        "Bucket",
        "DetectionsTable",
        "ReviewTasksTable",
        "ModelVersionsTable",
        "UserPool",
    }
    assert set(stack.model_statuses().values()) <= {"STOPPED", "TRAINING_COMPLETED"}
    assert stack.keys("") == kept_keys
    assert stack.versions() == kept_versions
    assert not _billed(cognito, pool)
    assert stack.records("images_for_detection/early.jpg")
    assert stack.parameter("Minimum-Untrained-Images") == "4"
    steps = stack.client("stepfunctions")
    code = refused(lambda: steps.start_execution(stateMachineArn=machine, input="{}"))
    assert code == "StateMachineDoesNotExist"


def test_what_a_deleted_stack_has_left_is_found_and_removed_without_a_trace(
    stack: Stack, terminal: Terminal
) -> None:
    listed = terminal.labelloop("destroy", "--dry-run", "--json")
    told = json.loads(listed.stdout)
    assert not told["is_deployed"]
    kinds = {thing["kind"] for thing in told["things"]}
    assert {"version", "dataset", "project", "bucket", "table", "user pool", "parameter"} <= kinds
    done = terminal.labelloop("destroy", "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert everything(stack) == []
