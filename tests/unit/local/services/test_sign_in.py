"""The stand-in for Cognito's sign-in page: the code flow with PKCE, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import jwt
import pytest

from local.constants import SIGN_IN_PREFIX
from local.http_messages import Request
from local.services.sign_in import CODE_LIFETIME_S, SignIn, app_code
from tests.unit.cli.world import aws_in_memory

PASSWORD = "correct-Horse-9"
VERIFIER = "a-verifier-that-is-long-enough-to-be-one-of-43-characters"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)

Form = dict[str, str]


class Domain:
    """A user pool's domain, as a page and a person use it."""

    page = "https://page.example.com/"

    def __init__(self, **settings: Any) -> None:
        self.time_s = 0.0
        self.sign_in = SignIn(lambda: self.time_s)
        self._cognito = boto3.client("cognito-idp")
        pool: Any = self._cognito.create_user_pool(
            PoolName="people", Policies={"PasswordPolicy": {"MinimumLength": 8}}, **settings
        )
        self.pool = pool["UserPool"]["Id"]
        self._cognito.create_user_pool_domain(UserPoolId=self.pool, Domain="people")
        self._cognito.create_group(UserPoolId=self.pool, GroupName="reviewers")
        client = self._cognito.create_user_pool_client(
            UserPoolId=self.pool,
            ClientName="page",
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid", "email"],
            CallbackURLs=[self.page],
            LogoutURLs=[self.page],
        )
        self.client_id = client["UserPoolClient"]["ClientId"]
        self.sign_in.managed.add("people")
        self.sign_in.styled.add(self.client_id)
        self.asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.page,
            "scope": "openid email",
            "state": "s 1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }

    def person(self, *, permanent: bool = True) -> str:
        """A new reviewer's name."""
        user: Any = {"UserPoolId": self.pool, "Username": f"reviewer-{uuid.uuid4()}"}
        self._cognito.admin_create_user(
            **user, TemporaryPassword=PASSWORD, MessageAction="SUPPRESS"
        )
        self._cognito.admin_add_user_to_group(**user, GroupName="reviewers")
        if permanent:
            self._cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
        return str(user["Username"])

    def ask(
        self, method: str, path: str, form: Form | None = None, **query: str
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and text."""
        where = f"{SIGN_IN_PREFIX}people/{path}"
        body = urlencode(form or {}).encode()
        answer = self.sign_in(Request(method, where, where, urlencode(query), {}, body))
        headers = {name.lower(): value for name, value in answer.headers}
        return answer.status, headers, answer.body.decode()

    def back(self, form: Form | None, **changes: str) -> dict[str, str]:
        """What the page is told after somebody has sent the form."""
        method = "GET" if form is None else "POST"
        status, headers, text = self.ask(method, "login", form, **{**self.asked, **changes})
        assert status == 302, text
        where = urlsplit(headers["location"])
        assert headers["location"].startswith(self.page)
        return {name: values[0] for name, values in parse_qs(where.query).items()}

    def sign_in_form(self, form: Form) -> tuple[str, dict[str, str]]:
        """The next page's text, and the values that it hides."""
        status, _, text = self.ask("POST", "login", form, **self.asked)
        assert status == 200, text
        return text, dict(re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', text))

    def code(self) -> str:
        """A code for a new person."""
        return self.back({"username": self.person(), "password": PASSWORD})["code"]

    def token(self, **form: str) -> tuple[int, Any]:
        """Status and content of the token endpoint's answer."""
        status, _, text = self.ask("POST", "oauth2/token", {"client_id": self.client_id, **form})
        return status, json.loads(text)

    def exchange(self, code: str, **changes: str) -> tuple[int, Any]:
        """The same for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.page,
            "code_verifier": VERIFIER,
        }
        return self.token(**{**form, **changes})


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Domain]:
    with aws_in_memory(monkeypatch):
        yield Domain()


def test_a_person_signs_in_and_the_page_gets_tokens(domain: Domain) -> None:
    name = domain.person()
    status, headers, _ = domain.ask("GET", "oauth2/authorize", **domain.asked)
    assert status == 302 and "/login?" in headers["location"]

    told = domain.back({"username": name, "password": PASSWORD})
    status, tokens = domain.exchange(told["code"])

    assert told["state"] == "s 1"
    assert status == 200, tokens
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert claims["aud"] == domain.client_id
    assert claims["cognito:groups"] == ["reviewers"]


def test_tokens_are_renewed_until_they_are_revoked(domain: Domain) -> None:
    _, tokens = domain.exchange(domain.code())
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    status, renewed = domain.token(**form)
    revoked = {"token": tokens["refresh_token"], "client_id": domain.client_id}
    domain.ask("POST", "oauth2/revoke", revoked)

    assert status == 200 and renewed["id_token"]
    assert domain.token(**form) == (400, {"error": "invalid_grant"})


def test_a_client_finds_everything_from_the_pools_address(domain: Domain) -> None:
    path = f"/{domain.pool}/.well-known/openid-configuration"
    request = Request("GET", path, path, "", {"host": "localhost:4566"}, b"")
    found = json.loads(domain.sign_in.discovery(request).body)
    assert found["authorization_endpoint"] == (
        "http://localhost:4566/_cognito/people/oauth2/authorize"
    )
    assert found["jwks_uri"] == f"http://localhost:4566/{domain.pool}/.well-known/jwks.json"
    tokens = domain.exchange(domain.code())[1]
    assert claims_of(tokens["id_token"])["iss"] == found["issuer"]
    elsewhere = Request("GET", "/none/.well-known/openid-configuration", "", "", {}, b"")
    assert domain.sign_in.discovery(elsewhere).status == 404


def test_an_id_token_bears_the_nonce_that_was_asked_with(domain: Domain) -> None:
    form = {"username": domain.person(), "password": PASSWORD}
    tokens = domain.exchange(domain.back(form, nonce="n-1")["code"])[1]
    assert claims_of(tokens["id_token"])["nonce"] == "n-1"


def test_an_access_token_tells_who_it_is_of(domain: Domain) -> None:
    tokens = domain.exchange(domain.code())[1]
    where = f"{SIGN_IN_PREFIX}people/oauth2/userInfo"

    def ask(token: str) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {token}"}
        answer = domain.sign_in(Request("GET", where, where, "", headers, b""))
        return answer.status, json.loads(answer.body)

    status, told = ask(tokens["access_token"])
    assert (status, told["sub"]) == (200, claims_of(tokens["id_token"])["sub"])
    assert ask("nonsense") == (401, {"error": "invalid_token"})


def claims_of(token: str) -> Any:
    return jwt.decode(token, options={"verify_signature": False})


def test_a_code_is_good_once(domain: Domain) -> None:
    code = domain.code()

    assert domain.exchange(code)[0] == 200
    assert domain.exchange(code) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": VERIFIER + "x"},
        {"code_verifier": ""},
        {"redirect_uri": "https://elsewhere.example.com/"},
    ],
)
def test_a_code_is_good_for_who_asked_for_it_alone(domain: Domain, wrong: Form) -> None:
    assert domain.exchange(domain.code(), **wrong) == (400, {"error": "invalid_grant"})


def test_a_code_is_good_for_minutes(domain: Domain) -> None:
    early, late = domain.code(), domain.code()

    domain.time_s = CODE_LIFETIME_S
    assert domain.exchange(early)[0] == 200
    domain.time_s += 1
    assert domain.exchange(late) == (400, {"error": "invalid_grant"})


def test_an_unknown_client_and_an_unknown_grant_are_refused(domain: Domain) -> None:
    code = domain.code()

    assert domain.exchange("none") == (400, {"error": "invalid_grant"})
    assert domain.exchange(code, client_id="nobody") == (400, {"error": "invalid_client"})
    assert domain.token(grant_type="password") == (400, {"error": "unsupported_grant_type"})


def test_people_are_sent_back_to_known_addresses_only(domain: Domain) -> None:
    asked = {**domain.asked, "redirect_uri": "https://elsewhere.example.com/"}

    for method, form in (("GET", None), ("POST", {"username": "x", "password": "y"})):
        status, headers, text = domain.ask(method, "login", form, **asked)
        assert (status, "location" in headers) == (400, False)
        assert "redirect_mismatch" in text
    away = {"client_id": domain.client_id, "logout_uri": "https://elsewhere.example.com/"}
    assert domain.ask("GET", "logout", **away)[0] == 400


def test_signing_out_leads_back_to_the_page(domain: Domain) -> None:
    query = {"client_id": domain.client_id, "logout_uri": domain.page}

    status, headers, _ = domain.ask("GET", "logout", **query)

    assert (status, headers["location"]) == (302, domain.page)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unauthorized_client"),
        ({"scope": "openid phone"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_what_the_client_may_not_ask_for_is_told_to_the_page(
    domain: Domain, changes: Form, error: str
) -> None:
    assert domain.back(None, **changes)["error"] == error


@pytest.mark.parametrize("name", ["", "nobody", "<script>alert(1)</script>"])
def test_a_wrong_name_or_password_is_said_without_saying_which(domain: Domain, name: str) -> None:
    form = {"username": name or domain.person(), "password": "wrong"}

    status, _, text = domain.ask("POST", "login", form, **domain.asked)

    assert status == 200
    assert "Incorrect username or password." in text
    assert "<script>" not in text


def test_a_new_person_chooses_a_password_first(domain: Domain) -> None:
    form = {"username": domain.person(permanent=False), "password": PASSWORD}
    _, _, text = domain.ask("POST", "login", form, **domain.asked)
    (session,) = re.findall(r'name="session" type="hidden" value="([^"]+)"', text)
    new = {"username": form["username"], "session": session, "new_password": "short"}

    _, _, refused = domain.ask("POST", "login", new, **domain.asked)
    told = domain.back({**new, "new_password": "Another-Horse-9"})

    assert "The password is too simple." in refused
    assert domain.exchange(told["code"])[0] == 200
    assert "code" in domain.back({"username": form["username"], "password": "Another-Horse-9"})


def test_a_client_without_a_style_has_no_page(domain: Domain) -> None:
    domain.sign_in.styled.clear()

    assert domain.ask("GET", "login", **domain.asked)[0] == 403


def test_the_classic_pages_need_no_style(domain: Domain) -> None:
    domain.sign_in.styled.clear()
    domain.sign_in.managed.clear()

    assert domain.ask("GET", "login", **domain.asked)[0] == 200


# --- A second factor ------------------------------------------------------------------------------


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[Domain]:
    """A domain whose people need a code of an app, too."""
    with aws_in_memory(monkeypatch):
        yield Domain(MfaConfiguration="ON")


def _secret(text: str) -> str:
    return str(re.findall(r"secret: ([A-Z2-7]+)", text)[0])


def test_an_apps_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B: the last six of the eight digits for SHA-1."""
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert [app_code(secret, moment) for moment in (59, 1111111109, 20000000000)] == [
        "287082",
        "081804",
        "353130",
    ]


def test_where_a_second_factor_is_required_a_password_is_not_enough(strict: Domain) -> None:
    password = {"username": strict.person(), "password": PASSWORD}
    text, hidden = strict.sign_in_form(password)
    secret = _secret(text)

    wrong, hidden = strict.sign_in_form({**hidden, "app_code": "000000x"})
    assert "The code is wrong." in wrong and _secret(wrong) == secret
    told = strict.back({**hidden, "app_code": app_code(secret, strict.time_s)})
    assert strict.exchange(told["code"])[0] == 200

    text, hidden = strict.sign_in_form(password)
    assert "secret" not in text
    assert "code" in strict.back({**hidden, "app_code": app_code(secret, strict.time_s)})


def test_a_code_without_a_password_is_nothing(strict: Domain) -> None:
    text, hidden = strict.sign_in_form({"username": strict.person(), "password": PASSWORD})
    right = {"app_code": app_code(_secret(text), 0)}

    for half in ({}, {"half": "guessed"}):
        assert "Sign in again." in strict.sign_in_form({**half, **right})[0]
    strict.time_s = CODE_LIFETIME_S + 1
    late = {"app_code": app_code(_secret(text), strict.time_s)}
    assert "Sign in again." in strict.sign_in_form({**hidden, **late})[0]
