"""SetUpStack: makes what is missing, keeps what is the operator's, stops what is billed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.set_up_stack.app import FOLDERS, lambda_handler
from labelloop.aws import model_versions, parameters, rekognition
from labelloop.domain.parameters import BY_NAME, CATALOGUE
from tests.unit.account import PREFIX, Account, Context, Json, refuses, version
from tests.unit.cloudformation import CloudFormation, waiting


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    """CloudFormation, waiting for an answer."""
    with waiting("set_up_stack", lambda_handler) as made:
        yield made


def test_a_new_stack_gets_its_project_folders_and_parameters(
    account: Account, cloudformation: CloudFormation
) -> None:
    properties = {"ProjectName": "another-stack", "ServiceToken": "t"}
    answer = cloudformation.ask("create", ResourceProperties=properties)
    assert answer["Status"] == "SUCCESS"
    assert ":project/another-stack/" in answer["PhysicalResourceId"]
    assert answer["Data"] == {"ProjectArn": answer["PhysicalResourceId"]}
    assert set(account.keys()) == set(FOLDERS)
    values = {name: value for name, (value, _) in parameters.stored().items()}
    assert values == {parameter.name: parameter.default for parameter in CATALOGUE}


def test_a_deployment_does_not_switch_training_on_where_its_parameter_was_deleted(
    account: Account, cloudformation: CloudFormation
) -> None:
    cloudformation.ask("create")
    for name in ("Enable-Automatic-Training", "Model-Hosting"):
        account.boto3("ssm").delete_parameter(Name=PREFIX + name)
    cloudformation.ask("update")
    values = parameters.stored()
    assert values["Enable-Automatic-Training"][0] == "false"
    assert values["Model-Hosting"][0] == BY_NAME["Model-Hosting"].default


def _tagged_parameters(account: Account) -> set[str]:
    ssm = account.boto3("ssm")
    return {
        name
        for name in parameters.stored()
        for tag in ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=PREFIX + name)[
            "TagList"
        ]
        if tag == {"Key": "labelloop:stack", "Value": "label-loop"}
    }


def test_what_is_made_and_what_was_there_without_it_gets_the_stacks_tag(
    account: Account, cloudformation: CloudFormation
) -> None:
    account.set_parameter("For-System-Use-Only", "{}")
    _Versions(account, v1="STOPPED")
    assert cloudformation.ask("create")["Status"] == "SUCCESS"
    assert rekognition.is_tagged(account.project_arn)
    assert _tagged_parameters(account) == set(parameters.stored())
    asked = account.rekognition.asked("TagResource")
    assert [request["ResourceArn"].split("/")[1:-1] for request in asked] == [
        ["label-loop"],
        ["label-loop", "version", "v1"],
    ]
    another = {"ProjectName": "another-stack", "ServiceToken": "t"}
    made = cloudformation.ask("create", ResourceProperties=another)["PhysicalResourceId"]
    assert account.rekognition.asked("CreateProject")[-1]["Tags"] == {
        "labelloop:stack": "another-stack"
    }
    assert rekognition.is_tagged(made)


def test_a_parameter_that_somebody_else_has_put_into_the_stacks_folder_gets_no_tag(
    account: Account, cloudformation: CloudFormation
) -> None:
    account.set_parameter("db-password", "x")
    assert cloudformation.ask("create")["Status"] == "SUCCESS"
    assert set(parameters.stored()) - _tagged_parameters(account) == {"db-password"}


def test_a_project_that_the_service_does_not_tag_is_adopted_without_a_tag(
    account: Account, cloudformation: CloudFormation
) -> None:
    account.rekognition.answers["TagResource"] = refuses("InvalidParameterException")
    answer = cloudformation.ask("create")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", account.project_arn)
    assert not rekognition.is_tagged(account.project_arn)


@pytest.mark.parametrize("name", ["a" * 55, "aws-labels", "SSM-labels"])
def test_a_stack_whose_name_could_not_be_borne_is_refused_before_anything_is_made(
    account: Account, cloudformation: CloudFormation, name: str
) -> None:
    answer = cloudformation.ask("create", ResourceProperties={"ProjectName": name})
    assert answer["Status"] == "FAILED"
    assert f"The stack's name {name!r}" in answer["Reason"]
    assert "sam deploy --stack-name" in answer["Reason"]
    assert (account.rekognition.requests, account.keys()) == ([], [])


# --- What the versions are for --------------------------------------------------------------------


def _typed(cloudformation: CloudFormation, model_type: str, case: str = "update") -> Json:
    """The answer to a deployment with this ModelType."""
    wanted = {"ProjectName": "label-loop", "ModelType": model_type}
    return cloudformation.ask(case, ResourceProperties=wanted)


def test_the_functions_get_the_type_that_was_settled(
    account: Account, cloudformation: CloudFormation
) -> None:
    assert _typed(cloudformation, "detection", "create")["Data"]["ModelType"] == "detection"
    assert model_versions.model_type() == "detection"


@pytest.mark.parametrize("status", ["RUNNING", "STOPPED", "TRAINING_IN_PROGRESS"])
@pytest.mark.parametrize("case", ["create", "update"])
def test_a_stack_that_has_versions_of_one_type_is_not_deployed_with_another(
    account: Account, cloudformation: CloudFormation, case: str, status: str
) -> None:
    """A new stack may have adopted the tables and the project of one before."""
    _typed(cloudformation, "detection", "create")
    _Versions(account, v1="TRAINING_FAILED", v2=status)
    answer = _typed(cloudformation, "multi-label", case)
    assert answer["Status"] == "FAILED"
    assert "ModelType cannot become multi-label" in answer["Reason"]
    assert "Deploy it with ModelType=detection" in answer["Reason"]
    assert model_versions.model_type() == "detection"
    # CloudFormation goes back, and then asks for what it was before.
    assert _typed(cloudformation, "detection")["Data"]["ModelType"] == "detection"


def test_a_stack_without_a_version_that_could_serve_may_become_another(
    account: Account, cloudformation: CloudFormation
) -> None:
    _typed(cloudformation, "classification", "create")
    _Versions(account, v1="TRAINING_FAILED")
    for model_type in ("detection", "multi-label"):
        assert _typed(cloudformation, model_type)["Data"]["ModelType"] == model_type
        assert model_versions.model_type() == model_type


def test_a_stack_of_an_earlier_release_has_the_type_that_it_is_updated_with(
    account: Account, cloudformation: CloudFormation
) -> None:
    _Versions(account, v1="RUNNING")
    assert _typed(cloudformation, "detection")["Data"]["ModelType"] == "detection"
    assert _typed(cloudformation, "classification")["Status"] == "FAILED"


def test_going_back_to_an_earlier_release_needs_no_type(
    account: Account, cloudformation: CloudFormation
) -> None:
    answer = cloudformation.ask("update", ResourceProperties={"ProjectName": "label-loop"})
    assert (answer["Status"], set(answer["Data"])) == ("SUCCESS", {"ProjectArn"})


def test_twice_comes_to_the_same_as_once_and_adopts_what_is_there(
    account: Account, cloudformation: CloudFormation
) -> None:
    first = cloudformation.ask("create")
    stored = parameters.stored()
    assert first["PhysicalResourceId"] == account.project_arn
    again = cloudformation.ask("update", PhysicalResourceId=first["PhysicalResourceId"])
    assert again["PhysicalResourceId"] == first["PhysicalResourceId"]
    assert parameters.stored() == stored


def test_parameter_store_refuses_a_bad_value_where_it_is_typed(
    account: Account, cloudformation: CloudFormation
) -> None:
    cloudformation.ask("create")
    described = parameters.described()
    assert described == {
        parameter.name: (parameter.description, parameter.pattern) for parameter in CATALOGUE
    }


def test_a_new_description_or_pattern_never_resets_a_value(
    account: Account, cloudformation: CloudFormation
) -> None:
    for name, value in (("Minimum-F1-Score", "0.95"), ("Model-Hosting", "always-on")):
        account.boto3("ssm").put_parameter(
            Name=PREFIX + name,
            Value=value,
            Type="String",
            Description="As it was worded once.",
            AllowedPattern=".*",
        )
    assert cloudformation.ask("update")["Status"] == "SUCCESS"
    stored, described = parameters.stored(), parameters.described()
    assert stored["Minimum-F1-Score"][0] == "0.95"
    assert stored["Model-Hosting"][0] == "always-on"
    assert described["Minimum-F1-Score"][1] == BY_NAME["Minimum-F1-Score"].pattern


def test_a_value_that_a_new_pattern_would_refuse_is_kept_for_the_operator_to_mend(
    account: Account, cloudformation: CloudFormation
) -> None:
    account.set_parameter("Minimum-F1-Score", "eighty")
    assert cloudformation.ask("update")["Status"] == "SUCCESS"
    assert parameters.stored()["Minimum-F1-Score"] == ("eighty", 1)


def test_an_operators_value_that_came_between_reading_and_writing_is_put_back(
    account: Account, cloudformation: CloudFormation
) -> None:
    """Parameter Store has no conditional write."""
    account.set_parameter("Minimum-F1-Score", "0.50")
    ssm = account.boto3("ssm")
    changed: list[bool] = []

    def operator_is_faster(params: Json, **_: Any) -> None:
        if params["Name"].endswith("Minimum-F1-Score") and not changed:
            changed.append(True)
            ssm.put_parameter(Name=params["Name"], Value="0.99", Type="String", Overwrite=True)

    # As the request is about to leave: everything was read by then.
    account.hook("ssm", "provide-client-params.ssm.PutParameter", operator_is_faster)
    assert cloudformation.ask("update")["Status"] == "SUCCESS"
    assert changed
    assert parameters.stored()["Minimum-F1-Score"][0] == "0.99"
    assert parameters.described()["Minimum-F1-Score"][1] == BY_NAME["Minimum-F1-Score"].pattern


# --- Deletion -------------------------------------------------------------------------------------


class _Versions:
    """Versions whose statuses change as the service's do, by the clock."""

    def __init__(self, account: Account, **statuses: str) -> None:
        self.statuses = statuses
        self.stopped: list[str] = []
        account.rekognition.answers |= {
            "DescribeProjectVersions": self._describe,
            "StopProjectVersion": self._stop,
        }

    def _describe(self, request: Json) -> Json:
        names = request.get("VersionNames", self.statuses)
        found = [version(name, self.statuses[name]) for name in names]
        for name, status in self.statuses.items():
            if status == "STOPPING":
                self.statuses[name] = "STOPPED"
        return {"ProjectVersionDescriptions": found}

    def _stop(self, request: Json) -> Json:
        name = request["ProjectVersionArn"].split("/")[-2]
        if self.statuses[name] != "RUNNING":
            return refuses("ResourceInUseException")(request)
        self.statuses[name] = "STOPPING"
        self.stopped.append(name)
        return {"Status": "STOPPING"}


def test_deletion_stops_every_model_that_is_billed_and_waits_until_it_is(
    account: Account, cloudformation: CloudFormation
) -> None:
    versions = _Versions(account, v1="STOPPED", v2="RUNNING", v3="TRAINING_COMPLETED")
    answer = cloudformation.ask("delete", PhysicalResourceId=account.project_arn)
    assert answer["Status"] == "SUCCESS"
    assert versions.statuses["v2"] == "STOPPED"
    assert versions.stopped == ["v2"]
    assert cloudformation.ask("delete", PhysicalResourceId=account.project_arn) == answer


def test_a_model_that_starts_is_stopped_as_soon_as_it_runs(
    account: Account, cloudformation: CloudFormation
) -> None:
    versions = _Versions(account, v1="STARTING")
    began = account.clock.now_s

    def seconds_left() -> float:
        if account.clock.now_s - began > 300:
            versions.statuses["v1"] = (
                "RUNNING" if versions.statuses["v1"] == "STARTING" else versions.statuses["v1"]
            )
        return 900.0

    answer = cloudformation.ask(
        "delete", Context(seconds_left=seconds_left), PhysicalResourceId=account.project_arn
    )
    assert answer["Status"] == "SUCCESS"
    assert versions.statuses["v1"] == "STOPPED"


def test_a_deletion_that_takes_longer_than_one_invocation_goes_on_in_another(
    account: Account, cloudformation: CloudFormation
) -> None:
    _Versions(account, v1="STARTING")
    invoked: list[Json] = []
    account.hook("lambda", "before-call.lambda.Invoke", lambda params, **_: _note(invoked, params))
    context = Context(seconds_left=lambda: 30.0)
    answer = cloudformation.ask("delete", context, PhysicalResourceId=account.project_arn)
    assert answer == {}, "CloudFormation still waits"
    ((payload, path),) = [(json.loads(p["body"]), p["url_path"]) for p in invoked]
    assert payload["RequestType"] == "Delete"
    assert payload["PhysicalResourceId"] == account.project_arn
    assert "label-loop-X" in path


def _note(invoked: list[Json], params: Json) -> tuple[Any, Json]:
    invoked.append(params)

    class Accepted:
        status_code = 202

    return Accepted(), {"StatusCode": 202}


def test_deletion_of_a_project_that_is_gone_succeeds(
    account: Account, cloudformation: CloudFormation
) -> None:
    account.rekognition.answers["DescribeProjectVersions"] = refuses("ResourceNotFoundException")
    assert cloudformation.ask("delete")["Status"] == "SUCCESS"


def test_deletion_of_what_was_never_made_succeeds_without_asking(
    account: Account, cloudformation: CloudFormation
) -> None:
    answer = cloudformation.ask("delete_of_nothing")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "never-made")
    assert account.rekognition.requests == []


def test_a_creation_that_fails_says_why_and_its_deletion_has_nothing_to_do(
    account: Account, cloudformation: CloudFormation
) -> None:
    account.rekognition.answers["CreateProject"] = refuses("AccessDeniedException", "No.")
    answer = cloudformation.ask("create")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("PermissionMissingError: No.")
    deletion = cloudformation.ask("delete", PhysicalResourceId=answer["PhysicalResourceId"])
    assert deletion["Status"] == "SUCCESS"
