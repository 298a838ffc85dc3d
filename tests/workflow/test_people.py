"""People of the deployed user pool: what they cannot change, and how they are removed."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3
from botocore.exceptions import ClientError
from click.testing import CliRunner

from cli.__main__ import main
from local.services.sign_in import app_code
from tests.stack import Reviewer, Stack, launched


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


class _Browser:
    """Somebody before the sign-in page."""

    def __init__(self, stack: Stack) -> None:
        self._page = stack.outputs["ConsoleUrl"]
        config = json.loads(urllib3.request("GET", f"{self._page}config.json").data)
        self._client, self._sign_in = config["client_id"], config["sign_in_url"]

    def send(self, **form: str) -> Any:
        """What the page answers to a form."""
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._page,
            "scope": "openid email profile",
        }
        return self._post(f"{self._sign_in}/login?{urlencode(asked)}", form)

    def id_token(self, code: str) -> str:
        """What the page gets for a code."""
        form = {"grant_type": "authorization_code", "code": code, "client_id": self._client}
        answer = self._post(f"{self._sign_in}/oauth2/token", {**form, "redirect_uri": self._page})
        return str(json.loads(answer.data)["id_token"])

    def _post(self, address: str, form: Mapping[str, str]) -> Any:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return urllib3.request(
            "POST", address, body=urlencode(form), headers=headers, redirect=False
        )


def test_where_a_second_factor_is_required_nobody_is_in_without() -> None:
    with launched(parameters={"RequireMfa": "true"}) as stack:
        (name, password), browser = stack.add_person(), _Browser(stack)
        with pytest.raises(ClientError, match="second factor"):
            _sign_in(stack, USERNAME=name, PASSWORD=password)

        answer = browser.send(username=name, password=password)
        assert answer.status == 200
        text = answer.data.decode()
        (secret,), (half,) = (
            re.findall(pattern, text)
            for pattern in (r"secret: (\w+)", r'name="half".*value="(.+)"')
        )
        answer = browser.send(half=half, app_code=app_code(secret, time.time()))
        assert answer.status == 302
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        person = Reviewer(stack.outputs["ApiUrl"], browser.id_token(code))
        assert person.ask("GET", "/review/session")[1]["name"] == name


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
