"""Signing in through an OAuth library, which finds everything from the user pool's address."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.programs.conftest import client_of
from tests.unit.local.small_stack import SmallStack

PASSWORD = "correct-Horse-9"
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def metadata(application: SmallStack) -> dict[str, Any]:
    """What the user pool says of itself."""
    pool = application.outputs["UserPoolId"]
    address = f"{application.endpoint}/{pool}/.well-known/openid-configuration"
    return dict(requests.get(address, timeout=TIMEOUT_S).json())


def person(application: SmallStack) -> str:
    """The name of somebody new."""
    cognito = client_of(application, "cognito-idp")
    user: Any = {"UserPoolId": application.outputs["UserPoolId"], "Username": str(uuid.uuid4())}
    cognito.admin_create_user(
        **user,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": "ann@example.com"}],
    )
    cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
    return str(user["Username"])


def claims_of(metadata: dict[str, Any], token: str, client_id: str, nonce: str) -> CodeIDToken:
    """The claims of an ID token, checked as OpenID Connect asks for it."""
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=TIMEOUT_S).json())
    decoded = jwt.decode(token, keys, algorithms=["RS256"])
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options={
            "iss": {"essential": True, "value": metadata["issuer"]},
            "aud": {"essential": True, "value": client_id},
        },
        params={"nonce": nonce},
    )
    claims.validate()
    return claims


def test_a_person_signs_in_by_an_oauth_library(
    application: SmallStack, metadata: dict[str, Any]
) -> None:
    client_id = application.outputs["UserPoolClientId"]
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    session: Any = OAuth2Session(
        client_id,
        scope="openid email",
        redirect_uri=f"{application.outputs['ApiUrl']}/",
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )
    address, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    page = requests.get(address, timeout=TIMEOUT_S)
    back = requests.post(
        page.url,
        data={"username": person(application), "password": PASSWORD},
        allow_redirects=False,
        timeout=TIMEOUT_S,
    ).headers["Location"]
    assert f"state={state}" in back
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=back, code_verifier=verifier
    )
    claims = claims_of(metadata, token["id_token"], client_id, nonce)
    told = session.get(metadata["userinfo_endpoint"]).json()
    assert (told["sub"], told["email"]) == (claims["sub"], "ann@example.com")
    renewed = session.refresh_token(metadata["token_endpoint"])
    assert renewed["access_token"] != token["access_token"]
    session.revoke_token(metadata["revocation_endpoint"], token=token["refresh_token"])


def test_a_machine_signs_in_by_an_oauth_library(
    application: SmallStack, metadata: dict[str, Any]
) -> None:
    outputs = application.outputs
    session: Any = OAuth2Session(
        outputs["MachineClientId"], outputs["MachineClientSecret"], scope="small/greet"
    )
    session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert session.post(f"{outputs['ApiUrl']}/machine").status_code == 201
    assert requests.post(f"{outputs['ApiUrl']}/machine", timeout=TIMEOUT_S).status_code == 401
