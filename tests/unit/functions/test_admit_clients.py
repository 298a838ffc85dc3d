"""AdmitClients: whose tokens the API takes, and whose clients go with the stack."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.admit_clients.app import lambda_handler
from tests.unit.account import Account
from tests.unit.cloudformation import CloudFormation, waiting

PAGE = "the-pages-client"


@pytest.fixture
def pool(account: Account) -> str:
    """A user pool, which has clients of others."""
    cognito = account.boto3("cognito-idp")
    pool_id: str = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    for name in ("label-loop", "another.camera", "label-loop2.camera"):
        cognito.create_user_pool_client(UserPoolId=pool_id, ClientName=name)
    return pool_id


@pytest.fixture
def cloudformation(pool: str) -> Iterator[CloudFormation]:
    """CloudFormation, waiting for an answer."""
    with waiting("admit_clients", lambda_handler) as made:
        properties = {"Stack": "label-loop", "UserPool": pool, "PageClient": PAGE}
        made.always = {"ResourceProperties": properties}
        yield made


def _add(account: Account, pool: str, name: str) -> str:
    made = account.boto3("cognito-idp").create_user_pool_client(UserPoolId=pool, ClientName=name)
    return str(made["UserPoolClient"]["ClientId"])


def _names(account: Account, pool: str) -> set[str]:
    pages = account.boto3("cognito-idp").get_paginator("list_user_pool_clients")
    found = pages.paginate(UserPoolId=pool)
    return {each["ClientName"] for page in found for each in page["UserPoolClients"]}


def test_a_new_stack_takes_the_tokens_of_its_page(cloudformation: CloudFormation) -> None:
    answer = cloudformation.ask("create")
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", {"Audience": PAGE})


def test_a_later_deployment_shuts_no_program_out(
    account: Account, pool: str, cloudformation: CloudFormation
) -> None:
    """All are named, of whom Cognito tells sixty a page."""
    cloudformation.ask("create")
    programs = [_add(account, pool, f"label-loop.program-{number:02}") for number in range(49)]
    for number in range(30):
        _add(account, pool, f"another.program-{number}")
    answers = [cloudformation.ask("update") for _ in range(2)]
    assert answers[0]["Data"] == {"Audience": ",".join([PAGE, *programs])}
    assert answers[0] == answers[1]


def test_programs_go_with_their_stack_and_those_of_others_stay(
    account: Account, pool: str, cloudformation: CloudFormation
) -> None:
    others = _names(account, pool)
    for name in ("label-loop.camera", "label-loop.robot"):
        _add(account, pool, name)
    for _ in range(2):
        assert cloudformation.ask("delete")["Status"] == "SUCCESS"
        assert _names(account, pool) == others


def test_a_deletion_that_died_half_way_goes_on(
    account: Account, pool: str, cloudformation: CloudFormation
) -> None:
    others = _names(account, pool)
    for name in ("label-loop.camera", "label-loop.robot"):
        _add(account, pool, name)
    calls: list[None] = []

    def fail_once(**_: Any) -> None:
        calls.append(None)
        if len(calls) == 2:
            raise EndpointConnectionError(endpoint_url="https://cognito-idp")

    account.hook("cognito-idp", "before-call.cognito-idp.DeleteUserPoolClient", fail_once)
    assert cloudformation.ask("delete")["Status"] == "FAILED"
    assert len(_names(account, pool)) == len(others) + 1
    assert cloudformation.ask("delete")["Status"] == "SUCCESS"
    assert _names(account, pool) == others


def test_a_pool_that_is_gone_is_no_reason_to_keep_the_stack(
    account: Account, pool: str, cloudformation: CloudFormation
) -> None:
    account.boto3("cognito-idp").delete_user_pool(UserPoolId=pool)
    assert cloudformation.ask("delete")["Status"] == "SUCCESS"


def test_what_was_never_made_deletes_no_client(
    account: Account, pool: str, cloudformation: CloudFormation
) -> None:
    _add(account, pool, "label-loop.camera")
    assert cloudformation.ask("delete", PhysicalResourceId="never-made")["Status"] == "SUCCESS"
    assert "label-loop.camera" in _names(account, pool)
