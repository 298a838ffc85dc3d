"""SetUpHumanReview: makes what A2I needs once, says what is in the way, cleans up in order."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from functions.set_up_human_review.app import PAGES, lambda_handler
from labelloop.domain import human_loops, human_tasks
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.image_labels import Label, LabelBox
from tests.unit.account import Account, Context, Json, event, refuses
from tests.unit.cloudformation import CloudFormation, waiting

PREFIX = event("set_up_human_review.create")["ResourceProperties"]["Prefix"]


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    """CloudFormation, waiting for an answer."""
    with waiting("set_up_human_review", lambda_handler) as made:
        yield made


@pytest.fixture(autouse=True)
def stack_id(account: Account, cloudformation: CloudFormation) -> str:
    """The stack that asks; it is there until a test deletes it."""
    template = {
        "Parameters": {"ReviewBackend": {"Type": "String"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    made: str = account.boto3("cloudformation").create_stack(
        StackName="label-loop", TemplateBody=json.dumps(template), Parameters=backend("a2i")
    )["StackId"]
    cloudformation.always = {"StackId": made}
    return made


def backend(name: str) -> list[Json]:
    """CloudFormation's way of saying where people are to answer."""
    return [{"ParameterKey": "ReviewBackend", "ParameterValue": name}]


def delete_stack(account: Account) -> None:
    """Let the whole stack go."""
    account.boto3("cloudformation").delete_stack(StackName="label-loop")


@pytest.fixture
def pool(account: Account) -> tuple[str, str]:
    """A user pool and a client of it that has a secret."""
    cognito = account.boto3("cognito-idp")
    pool = cognito.create_user_pool(PoolName="label-loop")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="workers",
        GenerateSecret=True,
        ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    return pool, client


def wanted(pool: tuple[str, str], **changes: str) -> Json:
    """What the template asks for."""
    known: Json = event("set_up_human_review.create")["ResourceProperties"]
    return {**known, "UserPool": pool[0], "ClientId": pool[1], **changes}


def made_names(account: Account) -> dict[str, list[str]]:
    """What there is in SageMaker now."""
    told = account.sagemaker.otherwise
    assert told
    flows = told("ListFlowDefinitions", {})["FlowDefinitionSummaries"]
    workforces = told("ListWorkforces", {})["Workforces"]
    return {
        "flows": [flow["FlowDefinitionName"] for flow in flows],
        "workforces": [workforce["WorkforceName"] for workforce in workforces],
    }


def test_a_team_of_the_pools_reviewers_is_made_and_signs_in_with_the_client(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    answer = cloudformation.ask("create", ResourceProperties=wanted(pool))
    assert answer["Status"] == "SUCCESS", answer
    name = answer["PhysicalResourceId"]
    assert re.fullmatch(rf"{PREFIX}-[0-9a-f]{{16}}", name)
    assert answer["Data"]["FlowDefinitionArn"].endswith(f":flow-definition/{name}")
    (flow,) = account.sagemaker.asked("CreateFlowDefinition")
    for made in ("FlowDefinition", "HumanTaskUi", "Workteam", "Workforce"):
        (request,) = account.sagemaker.asked(f"Create{made}")
        assert request["Tags"] == [{"Key": "labelloop:stack", "Value": "label-loop"}]
    assert flow["HumanLoopConfig"]["TaskCount"] == 2
    assert flow["OutputConfig"]["S3OutputPath"] == "s3://label-loop-bucket/a2i-human-loop-data/"
    (team,) = account.sagemaker.asked("CreateWorkteam")
    member = team["MemberDefinitions"][0]["CognitoMemberDefinition"]
    assert member == {"UserPool": pool[0], "UserGroup": "reviewers", "ClientId": pool[1]}
    client = account.boto3("cognito-idp").describe_user_pool_client(
        UserPoolId=pool[0], ClientId=pool[1]
    )["UserPoolClient"]
    assert re.fullmatch(r"https://\w+\.labeling\..*/oauth2/idpresponse", client["CallbackURLs"][0])
    # What the template has set stays, though an update puts back whatever it is not told.
    assert set(client["ExplicitAuthFlows"]) == {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}


def test_twice_comes_to_the_same_as_once(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    first = cloudformation.ask("create", ResourceProperties=wanted(pool))
    before = made_names(account)
    again = cloudformation.ask("create", ResourceProperties=wanted(pool))
    assert (again["PhysicalResourceId"], again["Data"]) == (
        first["PhysicalResourceId"],
        first["Data"],
    )
    assert made_names(account) == before


def test_a_work_team_by_name_needs_no_workforce_of_ours(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    cloudformation.ask("create", ResourceProperties=wanted(pool))
    named = wanted(("", ""), WorkteamName=PREFIX, Prefix="label-loop-another1")
    answer = cloudformation.ask("create", ResourceProperties=named)
    assert answer["Status"] == "SUCCESS", answer
    assert len(account.sagemaker.asked("CreateWorkforce")) == 1
    missing = wanted(("", ""), WorkteamName="nobody")
    answer = cloudformation.ask("create", ResourceProperties=missing)
    assert answer["Status"] == "FAILED"
    assert "There is no work team 'nobody'" in answer["Reason"]


def test_a_workforce_of_other_people_is_said_with_what_to_do(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    cloudformation.ask("create", ResourceProperties=wanted(pool))
    answer = cloudformation.ask("create", ResourceProperties=wanted(("eu-west-1_Other", "c")))
    assert answer["Status"] == "FAILED"
    assert "one workforce in a Region" in answer["Reason"]
    assert "WorkteamName" in answer["Reason"]
    assert len(account.sagemaker.asked("CreateWorkforce")) == 1


def test_more_labels_than_the_page_takes_are_said_before_anything_is_made(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    labels = ",".join(f"label-{number}" for number in range(10))
    answer = cloudformation.ask("create", ResourceProperties=wanted(pool, ReviewLabels=labels))
    assert answer["Status"] == "FAILED"
    assert "takes 9 labels" in answer["Reason"]
    assert account.sagemaker.requests == []


def test_an_account_that_a2i_does_not_take_is_deployed_all_the_same(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    account.sagemaker.answers["CreateWorkforce"] = refuses(
        "AccessDeniedException", "This service is in Maintenance Mode, closed to new customers."
    )
    answer = cloudformation.ask("create", ResourceProperties=wanted(pool))
    assert answer["Status"] == "SUCCESS"
    assert set(answer["Data"].values()) == {human_tasks.UNAVAILABLE}
    gone = answer["PhysicalResourceId"]
    assert cloudformation.ask("delete", PhysicalResourceId=gone)["Status"] == "SUCCESS"


def test_a_permission_that_is_missing_fails_the_deployment(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    account.sagemaker.answers["CreateFlowDefinition"] = refuses(
        "AccessDeniedException", "User: x is not authorized to perform: iam:PassRole"
    )
    answer = cloudformation.ask("create", ResourceProperties=wanted(pool))
    assert answer["Status"] == "FAILED"
    assert "iam:PassRole" in answer["Reason"]


def test_a_flow_definition_that_fails_says_why_and_leaves_its_name_free(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    account.sagemaker.answers["DescribeFlowDefinition"] = lambda request: {
        "FlowDefinitionName": request["FlowDefinitionName"],
        "FlowDefinitionArn": "arn:aws:sagemaker:eu-west-1:123456789012:flow-definition/x",
        "FlowDefinitionStatus": "Failed",
        "FailureReason": "The role cannot write.",
        "CreationTime": 0,
        "OutputConfig": {"S3OutputPath": "s3://b/p"},
        "RoleArn": "arn:aws:iam::123456789012:role/r",
    }
    answer = cloudformation.ask("create", ResourceProperties=wanted(pool))
    assert answer["Status"] == "FAILED"
    assert "The role cannot write." in answer["Reason"]
    assert account.sagemaker.asked("DeleteFlowDefinition")


def test_other_settings_make_another_flow_definition_and_the_old_one_is_deleted_alone(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    old = cloudformation.ask("create", ResourceProperties=wanted(pool))["PhysicalResourceId"]
    changed = wanted(pool, Reviewers="3")
    new = cloudformation.ask("update", PhysicalResourceId=old, ResourceProperties=changed)
    assert new["PhysicalResourceId"] != old
    cloudformation.ask("delete", PhysicalResourceId=old, ResourceProperties=wanted(pool))
    assert made_names(account) == {"flows": [new["PhysicalResourceId"]], "workforces": [PREFIX]}


def test_with_the_stack_team_and_workforce_go_too(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    made = cloudformation.ask("create", ResourceProperties=wanted(pool))["PhysicalResourceId"]
    delete_stack(account)
    for _ in range(2):
        answer = cloudformation.ask(
            "delete", PhysicalResourceId=made, ResourceProperties=wanted(pool)
        )
        assert answer["Status"] == "SUCCESS", answer
    assert made_names(account) == {"flows": [], "workforces": []}
    operations = [operation for operation, _ in account.sagemaker.requests]
    deleted = [operation for operation in operations if operation.startswith("Delete")]
    assert deleted[:4] == [
        "DeleteFlowDefinition",
        "DeleteHumanTaskUi",
        "DeleteWorkteam",
        "DeleteWorkforce",
    ]


def test_what_a_failed_creation_left_is_deleted(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    cloudformation.ask("create", ResourceProperties=wanted(pool))
    delete_stack(account)
    answer = cloudformation.ask(
        "delete", PhysicalResourceId="never-made", ResourceProperties=wanted(pool)
    )
    assert answer["Status"] == "SUCCESS"
    assert made_names(account) == {"flows": [], "workforces": []}


def begin_loop(account: Account, flow_definition_arn: str) -> None:
    """Ask workers about something."""
    start = account.sagemaker.otherwise
    assert start
    start(
        "StartHumanLoop",
        {
            "HumanLoopName": "detection-1",
            "FlowDefinitionArn": flow_definition_arn,
            "HumanLoopInput": {"InputContent": "{}"},
        },
    )


def test_loops_under_way_keep_their_flow_definition(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    made = cloudformation.ask("create", ResourceProperties=wanted(pool))
    begin_loop(account, made["Data"]["FlowDefinitionArn"])
    replaced = cloudformation.ask("delete", PhysicalResourceId=made["PhysicalResourceId"])
    assert replaced["Status"] == "SUCCESS", "its loops may end"
    assert made_names(account)["flows"] == [made["PhysicalResourceId"]]
    delete_stack(account)
    answer = cloudformation.ask(
        "delete",
        PhysicalResourceId=made["PhysicalResourceId"],
        ResourceProperties=wanted(pool),
    )
    assert answer["Status"] == "FAILED"
    assert "human loops under way" in answer["Reason"]


def test_with_the_console_instead_loops_are_stopped_and_nothing_is_left(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    replaced = cloudformation.ask("create", ResourceProperties=wanted(pool))
    begin_loop(account, replaced["Data"]["FlowDefinitionArn"])
    made = cloudformation.ask("create", ResourceProperties=wanted(pool, Reviewers="2"))
    account.boto3("cloudformation").update_stack(
        StackName="label-loop", UsePreviousTemplate=True, Parameters=backend("console")
    )
    for _ in range(2):
        answer = cloudformation.ask(
            "delete",
            PhysicalResourceId=made["PhysicalResourceId"],
            ResourceProperties=wanted(pool, Reviewers="2"),
        )
        assert answer["Status"] == "SUCCESS", answer
    (loop,) = account.human_loops.listed()
    assert loop["status"] == "Stopped"
    assert made_names(account) == {"flows": [], "workforces": []}


def test_what_takes_long_goes_on_in_another_invocation(
    account: Account, cloudformation: CloudFormation, pool: tuple[str, str]
) -> None:
    invoked: list[Json] = []

    class Accepted:
        status_code = 202

    def note(params: Json, **_: Any) -> tuple[Any, Json]:
        invoked.append(json.loads(params["body"]))
        return Accepted(), {}

    account.hook("lambda", "before-call.lambda.Invoke", note)
    begun = Context(seconds_left=lambda: 30.0)
    assert cloudformation.ask("create", begun, ResourceProperties=wanted(pool)) == {}
    assert [again["RequestType"] for again in invoked] == ["Create"]
    assert cloudformation.ask("create", ResourceProperties=wanted(pool))["Status"] == "SUCCESS"


# --- The pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_type", ModelType)
def test_a_page_reads_what_a_loop_is_given_and_answers_as_the_console_does(
    model_type: ModelType,
) -> None:
    page = (PAGES / f"{model_type}.liquid.html").read_text(encoding="utf-8")
    record = DetectionRecord(detection_id="d", bucket="b", key="k", version_id="v")
    content = human_tasks.input_content(record, "s3://b/shown.jpg", ["cat"], (), ())
    read = re.findall(r"task\.input\.(\w+)", page)
    assert set(read) <= set(content)
    assert "task.input.taskObject | grant_read_access" in page
    said = Annotation.of_labels(["cat"])
    if model_type is ModelType.DETECTION:
        said = Annotation.of_boxes([Box("cat", 1, 2, 3, 4)], (9, 9))
    (widget,) = human_loops._widget(said, model_type)
    assert f'name="{widget}"' in page


def test_the_models_boxes_begin_in_pixels_and_inside_the_image() -> None:
    labels = [Label("cat", 50, LabelBox(-0.1, 0.5, 0.3, 0.25)), Label("whole", 90)]
    assert human_tasks.initial_boxes(labels, (200, 100)) == [
        {"label": "cat", "left": 0, "top": 50, "width": 40, "height": 25}
    ]
