"""People of the deployed user pool: what they cannot change, and how they are removed."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from cli.__main__ import main
from tests.stack import Stack


def _sign_in(stack: Stack, flow: str = "ADMIN_USER_PASSWORD_AUTH", **parameters: str) -> Any:
    return stack.client("cognito-idp").admin_initiate_auth(
        UserPoolId=stack.outputs["UserPoolId"],
        ClientId=stack.outputs["UserPoolClientId"],
        AuthFlow=flow,
        AuthParameters=parameters,
    )["AuthenticationResult"]


def _reviewers(stack: Stack, *words: str) -> str:
    """What the operator's command says."""
    where = ("--local", "--data-dir", str(stack.local.data_dir))
    said = CliRunner().invoke(main, ["reviewers", *words, *where])
    assert said.exit_code == 0, said.output
    return said.stdout


def test_nobody_changes_what_they_are_known_by(serving_stack: Stack) -> None:
    name, password = serving_stack.add_person()
    token = _sign_in(serving_stack, USERNAME=name, PASSWORD=password)["AccessToken"]
    for attribute in ("email", "name", "preferred_username"):
        with pytest.raises(ClientError, match="unauthorized attribute"):
            serving_stack.client("cognito-idp").update_user_attributes(
                AccessToken=token, UserAttributes=[{"Name": attribute, "Value": "b@example.com"}]
            )


def test_people_sign_in_by_no_flow_that_is_off(serving_stack: Stack) -> None:
    name, password = serving_stack.add_person()
    for flow in ("USER_PASSWORD_AUTH", "USER_SRP_AUTH"):
        with pytest.raises(ClientError, match="not enabled"):
            serving_stack.client("cognito-idp").initiate_auth(
                ClientId=serving_stack.outputs["UserPoolClientId"],
                AuthFlow=flow,
                AuthParameters={"USERNAME": name, "PASSWORD": password, "SRP_A": "1"},
            )


def test_who_is_removed_by_id_gets_no_more_tokens(serving_stack: Stack) -> None:
    name, password = serving_stack.add_person()
    tokens = _sign_in(serving_stack, USERNAME=name, PASSWORD=password)
    assert tokens["ExpiresIn"] == 15 * 60
    people = json.loads(_reviewers(serving_stack, "list", "--json"))
    (sub,) = (person["sub"] for person in people if person["email"] == name)

    assert name in _reviewers(serving_stack, "remove", sub)
    with pytest.raises(ClientError):
        _sign_in(serving_stack, "REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])
    with pytest.raises(ClientError):
        _sign_in(serving_stack, USERNAME=name, PASSWORD=password)
