"""A user pool that an organisation has already: its people review, and stay the organisation's."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3
from click.testing import CliRunner, Result

from cli.__main__ import main
from cli.smoke import sign_in_step
from cli.smoke.run import Run
from cli.smoke.sign_in_step import NotKnownError
from cli.stack import _on_this_machine, look_up
from local.people import add_person
from tests.detect_api import clients, machine_token, post, token_of
from tests.stack import Reviewer, Stack, launched

ANN, OTTO = "ann@example.com", "otto@example.com"
PASSWORD = "Aa1-the-same-for-all"


@dataclass(frozen=True)
class Organisation:
    """A stack that uses the user pool of others."""

    stack: Stack
    pool: str
    own_pool: str
    """The one that the stack had before."""

    def person(self, name: str) -> Reviewer:
        """Somebody who has signed in to the stack's page."""
        answer = self.stack.client("cognito-idp").admin_initiate_auth(
            UserPoolId=self.pool,
            ClientId=self.stack.outputs["UserPoolClientId"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        token = answer["AuthenticationResult"]["IdToken"]
        return Reviewer(self.stack.outputs["ApiUrl"], token)

    def reviewers(self, command: str, *words: str) -> Result:
        """What `labelloop reviewers` says."""
        where = ("--local", "--data-dir", str(self.stack.local.data_dir))
        return CliRunner().invoke(main, ["reviewers", command, *where, *words])

    def told(self, command: str, *words: str) -> Any:
        """What it answers to programs."""
        result = self.reviewers(command, "--json", *words)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def organisation() -> Iterator[Organisation]:
    """A running stack that changes over to a pool with groups and a domain of others."""
    with launched() as stack:
        cognito, own_pool = stack.client("cognito-idp"), stack.outputs["UserPoolId"]
        pool = cognito.create_user_pool(PoolName="staff", UsernameAttributes=["email"])
        pool_id = pool["UserPool"]["Id"]
        cognito.create_user_pool_domain(UserPoolId=pool_id, Domain="staff")
        cognito.create_group(UserPoolId=pool_id, GroupName="operators")
        add_person(cognito, pool_id, ANN, PASSWORD)
        add_person(cognito, pool_id, OTTO, PASSWORD, "operators")
        given = {
            "ExistingUserPoolId": pool_id,
            "ExistingUserPoolDomain": "staff.auth.us-east-1.amazoncognito.com",
            "ExistingUserPoolPages": "hosted-ui",
        }
        stack.outputs = stack.local.control("PUT", "stack", {"parameters": given})["outputs"]
        yield Organisation(stack, pool_id, own_pool)


def test_people_of_the_pool_review_who_were_let_in_and_no_others(
    organisation: Organisation,
) -> None:
    """Whoever operates something else there is a stranger here."""
    assert organisation.person(OTTO).ask("GET", "/review/summary")[0] == 403
    assert organisation.person(ANN).ask("GET", "/review/summary")[0] == 403
    added = organisation.told("add", ANN)
    assert (added["new"], "password" in added) == (False, False)
    assert organisation.person(ANN).ask("GET", "/review/summary")[0] == 200
    (row,) = organisation.told("list")
    assert (row["email"], row["groups"]) == (ANN, ["reviewers"])


def test_who_is_removed_may_review_no_more_and_stays_in_the_pool(
    organisation: Organisation,
) -> None:
    organisation.told("add", OTTO, "--operator")
    assert "reviewers" in organisation.person(OTTO).ask("GET", "/review/summary")[1]
    organisation.told("remove", OTTO)
    assert organisation.person(OTTO).ask("GET", "/review/summary")[0] == 403
    groups = organisation.stack.client("cognito-idp").admin_list_groups_for_user(
        UserPoolId=organisation.pool, Username=OTTO
    )["Groups"]
    assert [group["GroupName"] for group in groups] == ["operators"]


def test_nobody_is_added_to_the_pool(organisation: Organisation) -> None:
    result = organisation.reviewers("add", "new@example.com")
    assert result.exit_code == 1
    assert "let them be added to it as others are" in result.stderr
    users = organisation.stack.client("cognito-idp").list_users(UserPoolId=organisation.pool)
    assert len(users["Users"]) == 2


def test_a_smoke_test_makes_nobody_in_the_pool(organisation: Organisation) -> None:
    local = organisation.stack.local
    run = Run(look_up(_on_this_machine(local.data_dir, local.name)), {})
    with pytest.raises(NotKnownError, match="is not the stack's own"):
        sign_in_step.look(run)
    users = organisation.stack.client("cognito-idp").list_users(UserPoolId=organisation.pool)
    assert len(users["Users"]) == 2


def test_the_page_leads_to_the_pools_own_sign_in(organisation: Organisation) -> None:
    outputs = organisation.stack.outputs
    config = urllib3.request("GET", f"{outputs['ConsoleUrl']}config.json").json()
    assert config["client_id"] == outputs["UserPoolClientId"]
    assert config["sign_in_url"].endswith("/staff")
    fields = {
        "client_id": config["client_id"],
        "redirect_uri": outputs["ConsoleUrl"],
        "response_type": "code",
        "scope": "openid email profile",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    }
    page = urllib3.request("GET", f"{config['sign_in_url']}/login", fields=fields)
    assert page.status == 200, page.data
    assert b'name="password"' in page.data


def test_programs_ask_the_pool_for_the_stacks_own_scope(organisation: Organisation) -> None:
    scope = organisation.stack.outputs["DetectScope"]
    assert scope == f"{organisation.stack.local.name}/detect"
    token = machine_token(organisation.stack, scope)["access_token"]
    answer = post(organisation.stack, token, organisation.stack.new_image("gear"))
    assert (answer.status, answer.code) == (503, "ModelNotReady"), answer


def test_a_removed_program_is_shut_out_with_the_token_that_it_has(
    organisation: Organisation,
) -> None:
    stack, data_dir = organisation.stack, organisation.stack.local.data_dir
    made = clients(data_dir, "add", "old")
    token = token_of(stack, made["client_id"], made["client_secret"])["access_token"]
    assert post(stack, token, b"no image").status == 422
    clients(data_dir, "remove", "old")
    assert post(stack, token, b"no image").status == 401
    again = token_of(stack, made["client_id"], made["client_secret"])
    assert again == {"error": "invalid_client"}


def test_the_stacks_own_pool_is_kept_with_its_people(organisation: Organisation) -> None:
    cognito = organisation.stack.client("cognito-idp")
    assert cognito.describe_user_pool(UserPoolId=organisation.own_pool)["UserPool"]
    resources = organisation.stack.local.control("GET", "stack")["resources"]
    assert not {"UserPool", "UserPoolDomain", "SignInStyle"} & set(resources)


def test_a_pool_without_sign_in_pages_gets_them(organisation: Organisation) -> None:
    stack = organisation.stack
    cognito = stack.client("cognito-idp")
    cognito.delete_user_pool_domain(UserPoolId=organisation.pool, Domain="staff")
    given = {"ExistingUserPoolDomain": "", "ExistingUserPoolPages": "managed-login"}
    outputs = stack.local.control("PUT", "stack", {"parameters": given})["outputs"]
    address = outputs["TokenUrl"].removesuffix("/oauth2/token")
    assert "/label-loop-pool-" in address
    fields = {"client_id": outputs["UserPoolClientId"], "redirect_uri": outputs["ConsoleUrl"]}
    query = {**fields, "response_type": "code", "scope": "openid", "code_challenge": "x" * 43}
    page = urllib3.request(
        "GET", f"{address}/login", fields={**query, "code_challenge_method": "S256"}
    )
    assert page.status == 200, page.data
