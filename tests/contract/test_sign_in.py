"""Who signs in, and what their own hands may change: the template's Cognito, against the code."""

import json
from functools import cache
from typing import Any

import pytest

from local.stack.intrinsics import Resolver
from local.stack.template import load
from scripts.policies import STACK, STACK_ID, MadeUp
from tests.contract import files

CLIENTS = files.resources("AWS::Cognito::UserPoolClient")
POOLS = files.resources("AWS::Cognito::UserPool")
READ = {"email", "email_verified", "cognito:groups", "sub", "iss", "scope"}
"""The claims that the code reads."""


def test_the_attributes_that_the_code_reads_are_in_the_pages_tokens() -> None:
    read = set(CLIENTS["UserPoolClient"]["Properties"]["ReadAttributes"])
    assert read == {"email", "email_verified"}


def test_people_sign_in_by_the_page_or_with_the_accounts_credentials() -> None:
    page = CLIENTS["UserPoolClient"]["Properties"]
    assert set(page["ExplicitAuthFlows"]) == {
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
    }
    assert (page["AllowedOAuthFlows"], page["GenerateSecret"]) == (["code"], False)


def test_the_template_makes_no_client_that_cognito_bills() -> None:
    flows = [client["Properties"].get("AllowedOAuthFlows", []) for client in CLIENTS.values()]
    assert "client_credentials" not in {flow for one in flows for flow in one}


def _seconds(client: dict[str, Any], kind: str) -> int:
    units = {"minutes": 60, "hours": 3600, "days": 86400}
    return int(client[f"{kind}Validity"]) * units[client["TokenValidityUnits"][kind]]


def test_a_removed_person_is_out_within_a_quarter_of_an_hour() -> None:
    page = CLIENTS["UserPoolClient"]["Properties"]
    assert {_seconds(page, kind) for kind in ("IdToken", "AccessToken")} == {15 * 60}
    assert _seconds(page, "RefreshToken") == 12 * 3600


def test_tokens_of_the_workers_client_open_nothing_of_ours() -> None:
    (authorizer,) = files.resources("AWS::ApiGatewayV2::Authorizer").values()
    audience = authorizer["Properties"]["JwtConfiguration"]["Audience"]
    assert files.references(audience) == {"ApiAudience"}
    asked = files.resources("Custom::ApiAudience")["ApiAudience"]["Properties"]
    assert files.references(asked["PageClient"]) == {"UserPoolClient"}


def test_whatever_changes_the_authoriser_asks_for_its_clients_first() -> None:
    """CloudFormation writes all of it then, and knows no client but those that it is told of."""
    (authorizer,) = files.resources("AWS::ApiGatewayV2::Authorizer").values()
    asked = files.references(files.resources("Custom::ApiAudience")["ApiAudience"]["Properties"])
    assert files.references(authorizer["Properties"]) - {"ApiAudience", "Api"} <= asked
    assert "CommonLayer" in asked


def test_a_second_factor_is_asked_of_all_or_of_none() -> None:
    """Who could choose could not set it up: the page's tokens may not ask Cognito for it."""
    (pool,) = (pool["Properties"] for pool in POOLS.values())
    assert pool["MfaConfiguration"] == {"Fn::If": ["RequiresMfa", "ON", "OFF"]}
    assert pool["EnabledMfas"]["Fn::If"][:2] == ["RequiresMfa", ["SOFTWARE_TOKEN_MFA"]]
    assert files.template()["Parameters"]["RequireMfa"]["Default"] == "false"


def test_people_do_not_make_accounts() -> None:
    (pool,) = (pool["Properties"] for pool in POOLS.values())
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True


BOTH = pytest.mark.parametrize("pool", ["", "us-east-1_Existing1"])
"""A user pool of the stack's own, or one that is there."""


@cache
def _resolved(pool: str, **parameters: str) -> dict[str, Any]:
    """The template's resources, with made up references."""
    template = load(files.ROOT / "template.yaml", {"ExistingUserPoolId": pool, **parameters})
    resolver = Resolver(template, STACK, STACK_ID, MadeUp(template))
    return {
        name: resolver.resolve(resource["Properties"])
        for name, resource in template.resources.items()
        if "Condition" not in resource or resolver.condition(resource["Condition"])
    }


@BOTH
def test_nobody_writes_an_attribute_by_which_a_person_is_known(pool: str) -> None:
    """Cognito takes an empty list for all standard attributes."""
    made = _resolved(pool, ReviewBackend="a2i")
    for client in CLIENTS:
        written = set(made[client]["WriteAttributes"])
        assert written
        assert not written & READ
        assert written == {"locale"}


def test_identity_providers_can_write_what_is_mapped_and_people_cannot() -> None:
    """Only the API's own flows give tokens with which people write, and those are off."""
    client = _resolved("us-east-1_Existing1", ExistingUserPoolProviders="COGNITO,Entra")[
        "UserPoolClient"
    ]
    assert "WriteAttributes" not in client
    assert "aws.cognito.signin.user.admin" not in client["AllowedOAuthScopes"]
    flows = {"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
    assert set(client["ExplicitAuthFlows"]) == flows


@BOTH
@pytest.mark.parametrize("function", ["ServeReviewApiFunction", "ServeDetectApiFunction"])
def test_the_code_looks_for_the_groups_and_the_scope_that_the_template_makes(
    function: str, pool: str
) -> None:
    made = _resolved(pool)
    told = made[function]["Environment"]["Variables"]
    assert told["REVIEWERS_GROUP"] == made["ReviewersGroup"]["GroupName"]
    assert told["OPERATORS_GROUP"] == made["OperatorsGroup"]["GroupName"]
    scopes = {name: told[name] for name in told if name.endswith("_SCOPE")}
    assert {scope.rpartition("/")[2].upper() for scope in scopes.values()} == {
        name.removesuffix("_SCOPE") for name in scopes
    }
    assert set(scopes.values()) <= _scopes(made)


@BOTH
def test_programs_are_told_every_scope_that_there_is(pool: str) -> None:
    template = load(files.ROOT / "template.yaml", {"ExistingUserPoolId": pool})
    resolver = Resolver(template, STACK, STACK_ID, MadeUp(template))
    outputs = files.template()["Outputs"]
    told = {
        resolver.resolve(output["Value"])
        for name, output in outputs.items()
        if name.endswith("Scope")
    }
    assert told == _scopes(_resolved(pool))
    assert {scope.rpartition("/")[2] for scope in told} == {"detect", "log", "read"}


def _scopes(made: dict[str, Any]) -> set[str]:
    """The scopes that the template makes, as tokens name them."""
    server = made["ApiScopes"]
    return {f"{server['Identifier']}/{scope['ScopeName']}" for scope in server["Scopes"]}


def test_in_a_pool_of_others_everything_bears_the_stacks_name() -> None:
    """Its members of "operators" may operate something else."""
    made = _resolved("us-east-1_Existing1")
    names = [made[group]["GroupName"] for group in ("ReviewersGroup", "OperatorsGroup")]
    assert all(name.startswith(f"{STACK}-") for name in [*names])
    assert made["ApiScopes"]["Identifier"] == STACK
    assert "UserPool" not in made


@BOTH
def test_all_of_cognito_is_in_the_one_pool_whose_tokens_are_taken(pool: str) -> None:
    made = _resolved(pool)
    expected = pool or made["UserPoolClient"]["UserPoolId"]
    pools = {given["UserPoolId"] for given in made.values() if "UserPoolId" in given}
    assert pools == {expected}
    issuer = made["ApiAuthorizer"]["JwtConfiguration"]["Issuer"]
    assert issuer.endswith(f".amazonaws.com/{expected}")


def test_samples_of_people_have_the_claims_that_the_code_reads() -> None:
    claims = [
        json.loads(path.read_text(encoding="utf-8"))["requestContext"]["authorizer"]["jwt"][
            "claims"
        ]
        for path in sorted((files.ROOT / "events").glob("serve_review_api.*.json"))
    ]
    assert claims
    for one in claims:
        assert one["email_verified"] == "true"
        assert one["cognito:groups"].startswith("[") and one["cognito:groups"].endswith("]")
