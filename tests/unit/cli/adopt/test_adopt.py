"""Adopting what an earlier stack has left, by an import of CloudFormation."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
import yaml
from cfnlint.config import ManualArgs

from cli.adopt import import_template
from cli.adopt.command import IDENTIFIERS
from tests.contract import files
from tests.unit.cli.two_stacks import OTHER, PETS, PLANNED, Account
from tests.unit.cli.world import aws_in_memory, error_of

RETAINED = sorted(
    name
    for name, resource in files.template()["Resources"].items()
    if resource.get("DeletionPolicy") in {"Retain", "RetainExceptOnCreate"}
)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    """One stack is gone, and has left what it retains."""
    with aws_in_memory(monkeypatch):
        made = Account(tmp_path)
        made.cloudformation.template = files.template()
        parameters = [{"ParameterKey": "ReviewBackend", "ParameterValue": "a2i"}]
        made.cloudformation.stacks[PETS]["Parameters"] = parameters
        made.cloudformation.end(PETS)
        yield made
        made.emulator.close()


def test_what_the_template_retains_can_be_imported_by_a_valid_template_of_its_own() -> None:
    made = import_template.of(files.template(), RETAINED)
    assert sorted(made["Resources"]) == RETAINED
    assert not made.keys() & {"Outputs", "Transform", "Globals"}
    assert {one["DeletionPolicy"] for one in made["Resources"].values()} == {"Retain"}
    assert {one["Type"] for one in made["Resources"].values()} == IDENTIFIERS.keys()
    found = cfnlint.api.lint(json.dumps(made), config=ManualArgs(regions=["us-east-1"]))
    assert [str(each) for each in found if each.rule.id.startswith("E")] == []
    # What stays behind is only what names resources that are not there yet.
    whole = files.template()["Resources"]
    lost = {
        f"{name}.{left}"
        for name in RETAINED
        for left in whole[name]["Properties"].keys() - made["Resources"][name]["Properties"]
    }
    assert lost == {"UserPool.AdminCreateUserConfig"}


def test_conditions_and_parameters_come_with_what_names_them_and_no_others() -> None:
    made = import_template.of(files.template(), ["Bucket"])
    assert set(made["Conditions"]) == {"UsesA2i", "RecordsExpire"}
    assert set(made["Parameters"]) == {"ReviewBackend", "DetectionRetentionDays"}
    pool = import_template.of(files.template(), ["UserPool"])
    assert {"MakesUserPool", "RequiresMfa"} <= set(pool["Conditions"])


def _left(account: Account) -> dict[str, str]:
    return {
        "Bucket": "pets-bucket-0a1b2c",
        "DetectionsTable": "pets-DetectionsTable-0A1B",
        "ModelVersionsTable": "pets-ModelVersionsTable-1",
        "UserPool": account.pools[PETS],
    }


def test_a_new_stack_has_what_was_left_and_the_whole_template_comes_next(account: Account) -> None:
    result = account.type("adopt")
    assert result.exit_code == 0, result.output
    assert "sam build && sam deploy" in result.stdout
    (asked,) = account.cloudformation.imports
    assert asked["ChangeSetType"] == "IMPORT"
    assert asked["Parameters"] == [{"ParameterKey": "ReviewBackend", "ParameterValue": "a2i"}]
    imported = {
        one["LogicalResourceId"]: next(iter(one["ResourceIdentifier"].values()))
        for one in asked["ResourcesToImport"]
    }
    assert imported == _left(account)
    assert set(json.loads(asked["TemplateBody"])["Resources"]) == set(imported)


def test_a_stack_whose_people_are_in_an_existing_pool_adopts_none(account: Account) -> None:
    given = {"ParameterKey": "ExistingUserPoolId", "ParameterValue": "us-east-1_Company1"}
    account.cloudformation.stacks[PETS]["Parameters"].append(given)
    answer = json.loads(account.type("adopt", "--dry-run", "--json").stdout)
    assert answer["adopted"] == {
        name: each for name, each in _left(account).items() if name != "UserPool"
    }
    assert "MakesUserPool" not in answer["template"]["Conditions"]


def test_run_again_it_says_that_the_stack_has_them(account: Account) -> None:
    account.type("adopt")
    again = account.type("adopt", "--json")
    assert json.loads(again.stdout)["adopted"] == _left(account)
    assert len(account.cloudformation.imports) == 1


def test_a_break_at_any_step_is_mended_by_the_next_call(account: Account) -> None:
    changes = account.clients.changes
    for step in range(1, 4):
        account.cloudformation.stacks.pop(PLANNED, None)
        account.clients.changes, account.clients.kill_at = changes, changes + step
        assert account.type("adopt").exit_code != 0
        account.clients.kill_at = None
        result = account.type("adopt", "--json")
        assert json.loads(result.stdout)["adopted"] == _left(account)


def test_a_dry_run_shows_the_template_and_changes_nothing(account: Account) -> None:
    answer = json.loads(account.type("adopt", "--dry-run", "--json").stdout)
    assert answer["adopted"] == _left(account)
    assert set(answer["template"]["Resources"]) == answer["adopted"].keys()
    assert account.clients.changes == 0
    assert "Bucket: pets-bucket-0a1b2c" in account.type("adopt", "--dry-run").stdout


def test_what_cloudformation_does_not_import_is_said_and_may_be_tried_again(
    account: Account,
) -> None:
    account.cloudformation.refuses_import = "The resource is in another stack."
    assert "The resource is in another stack. Nothing was changed." in error_of(
        account.type("adopt")
    )
    account.cloudformation.refuses_import = ""
    assert account.type("adopt").exit_code == 0


def test_an_import_that_was_taken_back_says_what_to_do(account: Account) -> None:
    account.type("adopt")
    account.cloudformation.stacks[PLANNED]["StackStatus"] = "IMPORT_ROLLBACK_COMPLETE"
    assert "delete-stack --stack-name pets" in error_of(account.type("adopt"))


def test_a_stack_that_is_deployed_takes_over_nothing(account: Account) -> None:
    assert "is deployed (CREATE_COMPLETE)" in error_of(account.type("adopt", stack=OTHER))
    assert account.cloudformation.imports == []


def test_where_nothing_was_left_there_is_nothing_to_adopt(account: Account, tmp_path: Path) -> None:
    built = tmp_path / "built.yaml"
    built.write_text(yaml.safe_dump(files.template()), encoding="utf-8")
    words = ("adopt", "--template", str(built))
    assert "there is nothing to adopt" in error_of(account.type(*words, stack="zoo"))
    assert "has left 'x' as 'Bucket'" in error_of(
        account.type(*words, "--resource", "Bucket=x", stack="zoo")
    )


def test_of_several_that_were_left_one_has_to_be_named(account: Account) -> None:
    older = account.cloudformation.stacks[PETS]
    second = ("AWS::DynamoDB::Table", "DetectionsTable", f"{OTHER}-DetectionsTable-0A1B")
    account.cloudformation.stacks["older"] = {
        **older,
        "StackId": f"{older['StackId']}0",
        "resources": [second],
        "DeletionTime": "2026-11-20T08:00:00Z",
    }
    del account.cloudformation.stacks[OTHER]
    why = error_of(account.type("adopt"))
    assert "--resource DetectionsTable=pets-2-DetectionsTable-0A1B" in why
    wish = "DetectionsTable=pets-DetectionsTable-0A1B"
    assert account.type("adopt", "--resource", wish).exit_code == 0


def test_what_was_deleted_later_and_was_none_of_label_loops_gives_no_template(
    account: Account,
) -> None:
    """As a stack that was only planned, which has no description, no template and no parameters."""
    stacks = account.cloudformation.stacks
    stacks["later"] = {
        **stacks[PETS],
        "StackId": f"{stacks[PETS]['StackId']}0",
        "resources": [],
        "Parameters": [],
        "DeletionTime": "2026-11-22T08:00:00Z",
    }
    del stacks["later"]["TemplateDescription"]
    assert account.type("adopt").exit_code == 0
    (asked,) = account.cloudformation.imports
    assert asked["Parameters"] == [{"ParameterKey": "ReviewBackend", "ParameterValue": "a2i"}]


def test_what_cloudformation_has_forgotten_needs_the_template_that_was_built(
    account: Account, tmp_path: Path
) -> None:
    del account.cloudformation.stacks[PETS]
    assert "sam build && labelloop adopt --template .aws-sam" in error_of(account.type("adopt"))
    built, other = tmp_path / "built.yaml", tmp_path / "other.yaml"
    built.write_text(yaml.safe_dump(files.template()), encoding="utf-8")
    for text, why in (("a: 1", "it has no Resources"), ("a: [", "as sam build writes it")):
        other.write_text(text, encoding="utf-8")
        assert why in error_of(account.type("adopt", "--template", str(other)))
    answer: Any = json.loads(
        account.type("adopt", "--template", str(built), "--dry-run", "--json").stdout
    )
    assert answer["adopted"] == _left(account)
