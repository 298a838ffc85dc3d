"""Destroying a stack: nothing of it is left, and nothing of another is touched."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import files
from tests.unit.cli.two_stacks import OTHER, PETS, RETAINED, Account, refusing
from tests.unit.cli.world import aws_in_memory, client, error_of

VERSION = {
    "ProjectVersionArn": "arn:aws:rekognition:us-east-1:123456789012:project/pets/version/v1/2",
    "Status": "STOPPED",
}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    with aws_in_memory(monkeypatch):
        made = Account(tmp_path)
        yield made
        made.emulator.close()


def test_nothing_is_left_and_a_stack_whose_name_begins_alike_is_untouched(account: Account) -> None:
    other = account.of(OTHER)
    answer = account.destroyed()
    assert (answer["left"], answer["kept"], account.of(PETS)) == ([], [], [])
    assert account.of(OTHER) == other
    assert len(other) > 20
    again = account.run("--yes")
    assert (again.exit_code, again.stdout) == (0, "There is nothing of a stack pets.\n")


def _changes(tmp_path_factory: pytest.TempPathFactory) -> int:
    with pytest.MonkeyPatch.context() as patch, aws_in_memory(patch):
        account = Account(tmp_path_factory.mktemp("cache"))
        account.destroyed()
        account.emulator.close()
        return account.clients.changes


def test_a_break_at_any_step_leaves_what_the_next_call_removes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Before each change of the account, and so after each, too."""
    steps = _changes(tmp_path_factory)
    assert steps > 12
    for step in range(1, steps + 1):
        with pytest.MonkeyPatch.context() as patch, aws_in_memory(patch):
            account = Account(tmp_path_factory.mktemp("cache"))
            other = account.of(OTHER)
            account.clients.kill_at = step
            broken = account.run("--yes")
            assert broken.exit_code == 130 and "run the same command again" in broken.stderr
            account.destroyed()
            assert account.of(PETS) == [], f"broken off at change {step}"
            assert account.of(OTHER) == other
            account.emulator.close()


def test_it_works_where_the_stack_was_deleted_otherwise_before(account: Account) -> None:
    account.cloudformation.end(PETS)
    assert account.destroyed()["left"] == []
    assert account.of(PETS) == []
    assert account.of(OTHER)


def test_what_cloudformation_has_forgotten_is_found_by_its_tags(account: Account) -> None:
    del account.cloudformation.stacks[PETS]
    assert account.destroyed()["left"] == []
    # Which functions there were, nobody knows any more.
    assert account.of(PETS) == ["/aws/lambda/pets-HostModelFunction-0A1B"]


@pytest.mark.parametrize("typed", ["pets-2\n", "\n", "yes\n"])
def test_unless_its_name_is_typed_nothing_is_deleted(account: Account, typed: str) -> None:
    before = account.everything()
    assert "Nothing was deleted" in error_of(account.run(answer=typed))
    assert account.everything() == before
    assert account.run(answer="pets\n").exit_code == 0
    assert account.of(PETS) == []


def test_a_dry_run_lists_all_with_what_it_costs_and_deletes_nothing(account: Account) -> None:
    before = account.everything()
    text = account.run("--dry-run").stdout
    assert account.everything() == before
    assert "0.10  stack        pets (3 resources, of which 1 alarms" in text
    assert "6.00  client       camera" in text
    assert "bucket       pets-bucket-0a1b2c (3 versions of objects, 0.0 MB)" in text
    assert "6.10  in all" in text
    for line in ("pets-DetectionsTable-0A1B", "project      pets", "/pets/ (12 of them)"):
        assert line in text
    assert OTHER not in text


def test_logs_that_go_with_the_stack_count_in_what_it_costs(account: Account) -> None:
    def large(parsed: Any, **_: Any) -> None:
        for group in parsed["logGroups"]:
            group["storedBytes"] = 10 * 1024**3

    group = ("AWS::Logs::LogGroup", "FunctionsLogGroup", "pets-FunctionsLogGroup-0A1B")
    account.cloudformation.stacks[PETS]["resources"].append(group)
    events = client("logs").meta.events
    events.register("after-call.cloudwatch-logs.DescribeLogGroups", large)
    try:
        text = account.run("--dry-run").stdout
    finally:
        events.unregister("after-call.cloudwatch-logs.DescribeLogGroups", large)
    assert (
        "0.40  stack        pets (4 resources, of which 1 alarms cost, and logs of 10.0 GB" in text
    )
    # Its own beside the stack, two of them.
    assert text.count("0.30  log group") == 2


def test_of_a_large_bucket_few_pages_are_listed_and_cloudwatch_tells_the_size(
    account: Account,
) -> None:
    """A fake page without end stands in for millions of objects."""
    asked = []

    def more(params: Any, **_: Any) -> None:
        asked.append(params["url"])

    def truncated(parsed: Any, **_: Any) -> None:
        parsed.update(IsTruncated=True, NextKeyMarker=f"k{len(asked)}", NextVersionIdMarker="1")

    events = client("s3").meta.events
    events.register("before-call.s3.ListObjectVersions", more)
    events.register("after-call.s3.ListObjectVersions", truncated)
    try:
        text = account.run("--dry-run").stdout
    finally:
        events.unregister("before-call.s3.ListObjectVersions", more)
        events.unregister("after-call.s3.ListObjectVersions", truncated)
    assert len(asked) == 10
    assert "pets-bucket-0a1b2c (more than" in text


def test_images_are_kept_as_wished_without_the_logs_archive(account: Account) -> None:
    answer = account.destroyed("--keep-images")
    assert answer["kept"] == ["pets-bucket-0a1b2c"] and answer["left"] == []
    keys = [name.split("/", 1)[1] for name in account.of(PETS) if "/" in name]
    assert len(keys) == 3 and all(key.startswith("images_to_label/") for key in keys)


def test_the_log_is_kept_as_wished_with_its_archive(account: Account) -> None:
    answer = account.destroyed("--keep-log")
    assert answer["kept"] == ["pets-DetectionsTable-0A1B", "pets-bucket-0a1b2c"]
    assert answer["left"] == []
    there = account.of(PETS)
    assert there[:2] == ["pets-DetectionsTable-0A1B", "pets-bucket-0a1b2c"]
    assert len(there) == 3 and "/analytics/detections/a.gz/" in there[2]


def test_what_is_refused_is_left_with_its_reason_and_all_else_goes(account: Account) -> None:
    account.rekognition_answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [VERSION]
    }
    why = "The version has a project policy."
    account.rekognition_answers["DeleteProjectVersion"] = refusing("InvalidParameterException", why)
    result = account.run("--yes", "--json")
    assert result.exit_code == 1
    assert f'"why": "{why}"' in result.stdout
    assert "it has v1, which could not be deleted" in result.stdout
    assert [name.split(":")[2] for name in account.of(PETS)] == ["rekognition"]


def test_a_training_that_goes_on_is_told_and_left_where_nobody_waits(account: Account) -> None:
    training = {**VERSION, "Status": "TRAINING_IN_PROGRESS"}
    account.rekognition_answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [training]
    }
    result = account.run("--yes", "--no-wait")
    assert result.exit_code == 1
    assert "v1 is being trained. A training costs about US$1.00 an hour" in result.stderr
    assert "Left: the version v1: it is trained, which cannot be stopped" in result.stdout
    del account.rekognition_answers["DescribeProjectVersions"]
    assert account.destroyed()["left"] == []
    assert account.of(PETS) == []


def test_who_does_not_wait_for_a_training_waits_for_no_dataset_that_it_uses(
    account: Account,
) -> None:
    training = {**VERSION, "Status": "TRAINING_IN_PROGRESS"}
    asked = []

    def versions(_: Any) -> Any:
        asked.append(training)
        assert len(asked) < 20, "it waits"
        return {"ProjectVersionDescriptions": [training]}

    account.rekognition_answers["DescribeProjectVersions"] = versions
    account.rekognition_answers["DeleteDataset"] = refusing("ResourceInUseException", "It is used.")
    result = account.run("--yes", "--no-wait")
    assert result.exit_code == 1
    assert ": the training that goes on may use it" in result.stdout
    assert [name.split(":")[2] for name in account.of(PETS)] == ["rekognition", "rekognition"]


def test_a_model_that_somebody_starts_meanwhile_is_stopped(account: Account) -> None:
    looks, stopped, deleted = [0], list[str](), list[Any]()

    def versions(_: Any) -> Any:
        looks[0] += 1
        assert looks[0] < 30, "it runs, and is waited for"
        # It is started after the first look, at what runs when the command begins.
        status = "STOPPED" if looks[0] <= 2 or stopped else "RUNNING"
        return {"ProjectVersionDescriptions": [] if deleted else [{**VERSION, "Status": status}]}

    def stop(asked: Any) -> Any:
        stopped.append(asked["ProjectVersionArn"])
        return {"Status": "STOPPING"}

    def delete(asked: Any) -> Any:
        if not stopped:
            refusing("ResourceInUseException", "It runs.")(asked)
        deleted.append(asked)
        return {"Status": "DELETING"}

    account.rekognition_answers["DescribeProjectVersions"] = versions
    account.rekognition_answers["StopProjectVersion"] = stop
    account.rekognition_answers["DeleteProjectVersion"] = delete
    assert account.destroyed()["left"] == []
    assert stopped == [VERSION["ProjectVersionArn"]]
    assert account.of(PETS) == []


def test_a_training_is_waited_for(account: Account) -> None:
    statuses = ["TRAINING_IN_PROGRESS"] * 9 + ["TRAINING_COMPLETED"] * 2

    def versions(_: Any) -> Any:
        status = statuses.pop(0) if statuses else ""
        entry = {**VERSION, "Status": status}
        return {"ProjectVersionDescriptions": [entry] if status else []}

    account.rekognition_answers["DescribeProjectVersions"] = versions
    account.rekognition_answers["DeleteProjectVersion"] = lambda _: {"Status": "DELETING"}
    assert account.destroyed()["left"] == []
    assert (account.of(PETS), statuses) == ([], [])


def test_what_another_stack_has_adopted_stays_with_it(account: Account) -> None:
    account.cloudformation.end(PETS)
    bucket = ("AWS::S3::Bucket", "Bucket", "pets-bucket-0a1b2c")
    account.cloudformation.add("zoo", [bucket])
    before = [name for name in account.of(PETS) if name.startswith("pets-bucket")]
    answer = account.destroyed()
    assert answer["others"] == ["pets-bucket-0a1b2c is the stack zoo's by now, and stays."]
    assert account.of(PETS) == before


def test_parameters_that_somebody_else_has_put_into_the_stacks_folder_stay(
    account: Account,
) -> None:
    client("ssm").put_parameter(Name="/pets/db/password", Value="x", Type="String")
    assert account.destroyed()["others"] == [
        "/pets/db/password was put there by somebody else, and stays."
    ]
    assert account.of(PETS) == ["/pets/db/password"]


def test_a_user_pool_that_was_there_before_stays_without_the_stacks_programs(
    account: Account,
) -> None:
    stack, pool = account.cloudformation.stacks[PETS], account.pools.pop(PETS)
    stack["resources"] = [one for one in stack["resources"] if one[1] != "UserPool"]
    parameter = {"ParameterKey": "ExistingUserPoolId", "ParameterValue": pool}
    stack["Parameters"] = [parameter]
    cognito = client("cognito-idp")
    cognito.create_user_pool_client(UserPoolId=pool, ClientName="pets-2.camera")
    answer = account.destroyed()
    assert answer["others"] == [
        f"The user pool {pool} was there before the stack, and stays, with its people."
    ]
    assert account.of(PETS) == ["pets"]
    clients = cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"]
    assert [each["ClientName"] for each in clients] == ["pets-2.camera"]


def test_a_user_pool_with_which_people_sign_in_to_another_stack_stays(account: Account) -> None:
    pool, cognito = account.pools[PETS], client("cognito-idp")
    made = cognito.create_user_pool_client(UserPoolId=pool, ClientName="UserPoolClient-0A1B")
    page = ("AWS::Cognito::UserPoolClient", "UserPoolClient", made["UserPoolClient"]["ClientId"])
    account.cloudformation.stacks[OTHER]["resources"].append(page)
    listed = json.loads(account.run("--dry-run", "--json").stdout)["things"]
    assert pool not in {thing["name"] for thing in listed}
    answer = account.destroyed()
    assert answer["others"] == [
        f"With the user pool {pool} people sign in to the stack {OTHER}, too: it stays."
    ]
    assert answer["left"] == []
    # Its own program, which is billed, has gone.
    assert account.of(PETS) == ["UserPoolClient-0A1B", "pets"]


@pytest.mark.parametrize("kind", ["bucket", "table", "user pool"])
def test_what_was_deleted_by_hand_before_holds_nothing_up(account: Account, kind: str) -> None:
    if kind == "bucket":
        s3, name = client("s3"), "pets-bucket-0a1b2c"
        found = s3.list_object_versions(Bucket=name)
        for entry in found["Versions"] + found["DeleteMarkers"]:
            s3.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])
        s3.delete_bucket(Bucket=name)
    elif kind == "table":
        client("dynamodb").delete_table(TableName="pets-DetectionsTable-0A1B")
    else:
        client("cognito-idp").delete_user_pool(UserPoolId=account.pools[PETS])
    assert account.destroyed()["left"] == []
    assert account.of(PETS) == []


def test_a_stack_of_that_name_that_is_none_of_label_loops_is_refused(account: Account) -> None:
    account.cloudformation.stacks[PETS]["TemplateDescription"] = "A shop."
    before = account.everything()
    assert "none of Label Loop's" in error_of(account.run("--yes"))
    assert account.everything() == before


def test_a_project_of_the_name_without_anything_of_label_loop_is_not_its_own(
    account: Account,
) -> None:
    account.emulator.handle("CreateProject", {"ProjectName": "zoo"})
    result = account.run("--yes", stack="zoo")
    assert (result.exit_code, result.stdout) == (0, "There is nothing of a stack zoo.\n")
    assert any(":project/zoo/" in name for name in account.everything())


def test_a_protected_stack_is_refused_before_anything_is_stopped(account: Account) -> None:
    account.cloudformation.stacks[PETS]["EnableTerminationProtection"] = True
    before = account.everything()
    assert "--no-enable-termination-protection" in error_of(account.run("--yes"))
    assert (account.everything(), account.clients.changes) == (before, 0)


def test_a_stack_that_cloudformation_cannot_delete_ends_it_with_the_reason(
    account: Account,
) -> None:
    account.cloudformation.fails = "The following resource(s) failed to delete: [HumanReview]."
    assert "[HumanReview]. Mend that" in error_of(account.run("--yes"))
    assert "pets-bucket-0a1b2c" in account.of(PETS)
    account.cloudformation.fails = ""
    assert account.destroyed()["left"] == []
    assert account.of(PETS) == []


def test_it_knows_all_that_the_template_retains() -> None:
    policies = {
        resource["Type"]
        for resource in files.template()["Resources"].values()
        if resource.get("DeletionPolicy") in {"Retain", "RetainExceptOnCreate"}
    }
    assert policies == RETAINED
