"""User pools as moto has them patched."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
import uuid
from typing import Any

import botocore.exceptions
import jwt
import pytest

from local.moto_patches import cognito_srp

PASSWORD = "correct-Horse-9"


class _People:
    """A user pool whose people are known by e-mail, and a client as the page's."""

    def __init__(self, runtime: Any, **pool_settings: Any) -> None:
        self.cognito = runtime.client("cognito-idp")
        pool = self.cognito.create_user_pool(
            PoolName="people", UsernameAttributes=["email"], **pool_settings
        )
        self.pool = pool["UserPool"]["Id"]
        client = self.cognito.create_user_pool_client(
            UserPoolId=self.pool,
            ClientName="page",
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            WriteAttributes=["locale"],
            IdTokenValidity=15,
            AccessTokenValidity=15,
            RefreshTokenValidity=12,
            TokenValidityUnits={
                "IdToken": "minutes",
                "AccessToken": "minutes",
                "RefreshToken": "hours",
            },
        )
        self.client_id = client["UserPoolClient"]["ClientId"]
        self.email = f"{uuid.uuid4()}@example.com"
        user = {"UserPoolId": self.pool, "Username": self.email}
        self.cognito.admin_create_user(**user, MessageAction="SUPPRESS")
        self.cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)

    def sign_in(self, flow: str = "ADMIN_USER_PASSWORD_AUTH", **parameters: str) -> Any:
        """The tokens that Cognito gives."""
        return self.cognito.admin_initiate_auth(
            UserPoolId=self.pool,
            ClientId=self.client_id,
            AuthFlow=flow,
            AuthParameters=parameters or {"USERNAME": self.email, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]

    def renew(self, refresh_token: str) -> Any:
        """Tokens for the one that renews them."""
        return self.sign_in("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=refresh_token)


def test_nobody_signs_in_by_a_flow_that_is_off(runtime: Any) -> None:
    people = _People(runtime)
    password = {"USERNAME": people.email, "PASSWORD": PASSWORD}
    for flow in ({"AuthFlow": "USER_PASSWORD_AUTH"}, {"AuthFlow": "USER_SRP_AUTH"}):
        with pytest.raises(botocore.exceptions.ClientError, match="not enabled for the client"):
            people.cognito.initiate_auth(
                ClientId=people.client_id, AuthParameters={**password, "SRP_A": "1"}, **flow
            )
    assert people.renew(people.sign_in()["RefreshToken"])["IdToken"]


class _Srp:
    """The client's side of Cognito's SRP, as its SDKs have it."""

    def __init__(self, people: _People) -> None:
        self.people = people
        self._private = secrets.randbits(1024)
        self._public = pow(cognito_srp.GENERATOR, self._private, cognito_srp.PRIME)
        client = people.cognito.create_user_pool_client(UserPoolId=people.pool, ClientName="srp")
        self.client_id = client["UserPoolClient"]["ClientId"]
        self.challenge = self._ask(f"{self._public:x}")

    def _ask(self, public: str) -> dict[str, str]:
        answer = self.people.cognito.initiate_auth(
            ClientId=self.client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": self.people.email, "SRP_A": public},
        )
        assert answer["ChallengeName"] == "PASSWORD_VERIFIER"
        return dict(answer["ChallengeParameters"])

    def answer(self, password: str) -> Any:
        name = self.people.pool.partition("_")[2] + self.challenge["USER_ID_FOR_SRP"]
        public_b = int(self.challenge["SRP_B"], 16)
        scrambling = _hashed(_padded(self._public) + _padded(public_b))
        known = hashlib.sha256(f"{name}:{password}".encode()).digest()
        exponent = _hashed(_padded(int(self.challenge["SALT"], 16)) + known)
        multiplier = _hashed(_padded(cognito_srp.PRIME) + _padded(cognito_srp.GENERATOR))
        base = public_b - multiplier * pow(cognito_srp.GENERATOR, exponent, cognito_srp.PRIME)
        shared = pow(base, self._private + scrambling * exponent, cognito_srp.PRIME)
        extracted = hmac.digest(_padded(scrambling), _padded(shared), "sha256")
        key = hmac.digest(extracted, b"Caldera Derived Key\x01", "sha256")[:16]
        block, timestamp = self.challenge["SECRET_BLOCK"], "Mon Nov 30 11:20:00 UTC 2026"
        said = name.encode() + base64.b64decode(block) + timestamp.encode()
        return self.people.cognito.respond_to_auth_challenge(
            ClientId=self.client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses={
                "USERNAME": self.challenge["USERNAME"],
                "PASSWORD_CLAIM_SECRET_BLOCK": block,
                "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(
                    hmac.digest(key, said, "sha256")
                ).decode(),
                "TIMESTAMP": timestamp,
            },
        )


def _hashed(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest())


def _padded(number: int) -> bytes:
    text = f"{number:x}"
    text = text.zfill(len(text) + len(text) % 2)
    return bytes.fromhex(f"00{text}" if text[0] in "89abcdef" else text)


def test_srp_lets_in_who_knows_the_password_alone(runtime: Any) -> None:
    people = _People(runtime)
    tokens = _Srp(people).answer(PASSWORD)["AuthenticationResult"]
    assert jwt.decode(tokens["IdToken"], options={"verify_signature": False})["email"]
    for password in ("wrong-Horse-9", ""):
        with pytest.raises(people.cognito.exceptions.NotAuthorizedException, match="Incorrect"):
            _Srp(people).answer(password)


def test_an_answer_to_an_srp_challenge_is_good_once(runtime: Any) -> None:
    asked = _Srp(_People(runtime))
    asked.answer(PASSWORD)
    with pytest.raises(asked.people.cognito.exceptions.NotAuthorizedException):
        asked.answer(PASSWORD)


@pytest.mark.parametrize("public", ["0", f"{cognito_srp.PRIME:x}", "nonsense"])
def test_numbers_that_would_let_anybody_in_are_refused(runtime: Any, public: str) -> None:
    asked = _Srp(_People(runtime))
    with pytest.raises(asked.people.cognito.exceptions.InvalidParameterException):
        asked._ask(public)


def test_a_second_factor_is_not_passed_over(runtime: Any) -> None:
    people = _People(runtime, MfaConfiguration="ON")
    with pytest.raises(botocore.exceptions.ClientError, match="on its sign-in page alone"):
        people.sign_in()


def test_tokens_end_when_their_client_says(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    people = _People(runtime)
    tokens = people.sign_in()
    assert tokens["ExpiresIn"] == 15 * 60
    for name in ("IdToken", "AccessToken"):
        claims = jwt.decode(tokens[name], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 15 * 60

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 - 60)
    assert people.renew(tokens["RefreshToken"])["IdToken"]
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 + 60)
    with pytest.raises(botocore.exceptions.ClientError, match="has expired"):
        people.renew(tokens["RefreshToken"])


@pytest.mark.parametrize("name", ["email", "email_verified", "name", "sub"])
def test_people_do_not_write_what_they_are_known_by(runtime: Any, name: str) -> None:
    people = _People(runtime)
    token = people.sign_in()["AccessToken"]
    with pytest.raises(botocore.exceptions.ClientError, match="unauthorized attribute"):
        people.cognito.update_user_attributes(
            AccessToken=token, UserAttributes=[{"Name": name, "Value": "x@example.com"}]
        )
    people.cognito.update_user_attributes(
        AccessToken=token, UserAttributes=[{"Name": "locale", "Value": "de"}]
    )


def test_who_is_signed_out_by_sub_is_signed_out(runtime: Any) -> None:
    people = _People(runtime)
    tokens = people.sign_in()
    user = people.cognito.admin_get_user(UserPoolId=people.pool, Username=people.email)
    people.cognito.admin_user_global_sign_out(UserPoolId=people.pool, Username=user["Username"])
    with pytest.raises(botocore.exceptions.ClientError, match="NotAuthorized"):
        people.renew(tokens["RefreshToken"])


def test_a_client_has_up_to_two_secrets_and_always_one(runtime: Any) -> None:
    cognito = runtime.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="programs")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="camera", GenerateSecret=True
    )["UserPoolClient"]
    named = {"UserPoolId": pool, "ClientId": client["ClientId"]}
    added = cognito.add_user_pool_client_secret(**named)["ClientSecretDescriptor"]
    assert added["ClientSecretValue"] != client["ClientSecret"]
    with pytest.raises(cognito.exceptions.LimitExceededException):
        cognito.add_user_pool_client_secret(**named)
    first, second = cognito.list_user_pool_client_secrets(**named)["ClientSecrets"]
    assert second["ClientSecretId"] == added["ClientSecretId"]
    assert "ClientSecretValue" not in first
    cognito.delete_user_pool_client_secret(**named, ClientSecretId=first["ClientSecretId"])
    with pytest.raises(cognito.exceptions.ResourceNotFoundException):
        cognito.delete_user_pool_client_secret(**named, ClientSecretId=first["ClientSecretId"])
    with pytest.raises(cognito.exceptions.InvalidParameterException):
        cognito.delete_user_pool_client_secret(**named, ClientSecretId=second["ClientSecretId"])
