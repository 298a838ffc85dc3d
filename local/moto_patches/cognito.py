"""What is changed of moto's Cognito, which knows the settings of an app client and keeps to few.

``patches.py`` applies these; its test shows moto's own behaviour.
"""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Any

from moto.cognitoidp.exceptions import (
    InvalidParameterException,
    NotAuthorizedError,
    ResourceNotFoundError,
)
from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUserPool, cognitoidp_backends
from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, EmptyResult

from local.constants import ACCOUNT_ID, REGION
from local.moto_patches.around import Around, Patches
from local.moto_patches.cognito_srp import BadExchangeError, Exchange
from local.services import tokens

_FLOWS_OF_OLD = {
    "ADMIN_NO_SRP_AUTH": "ADMIN_USER_PASSWORD_AUTH",
    "REFRESH_TOKEN": "REFRESH_TOKEN_AUTH",
}
_FLOWS_BY_DEFAULT = ("ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH")
_NEVER_WRITTEN = {"sub", "email_verified", "phone_number_verified"}


def refuse_flows_that_are_off(_: Around) -> None:
    """moto signs people in by any flow, whichever the client allows, and without their second
    factor. The sign-in page, which needs no flow to be on and asks for it, goes past this.
    """
    initiate, initiate_as_admin = (
        CognitoIdpResponse.initiate_auth,
        CognitoIdpResponse.admin_initiate_auth,
    )

    def check(self: Any, message: str) -> None:
        pool, client = _client(self._get_param("ClientId"))
        flow = str(self._get_param("AuthFlow"))
        flow = _FLOWS_OF_OLD.get(flow, flow)
        if f"ALLOW_{flow}" not in client.extended_config.get(
            "ExplicitAuthFlows", _FLOWS_BY_DEFAULT
        ):
            raise InvalidParameterException(message.format(flow))
        if pool.mfa_config == "ON" and flow != "REFRESH_TOKEN_AUTH":
            raise InvalidParameterException(
                "The embedded runtime asks for a second factor on its sign-in page alone."
            )

    def initiate_auth(self: Any) -> Any:
        check(self, "{} is not enabled for the client.")
        return initiate(self)

    def admin_initiate_auth(self: Any) -> Any:
        check(self, "Auth flow not enabled for this client")
        return initiate_as_admin(self)

    CognitoIdpResponse.initiate_auth = initiate_auth
    CognitoIdpResponse.admin_initiate_auth = admin_initiate_auth


def ask_for_the_password_by_srp(_: Around) -> None:
    """moto lets in whoever answers the challenge of USER_SRP_AUTH, whatever the answer is."""
    initiate, respond = CognitoIdpBackend.initiate_auth, CognitoIdpBackend.respond_to_auth_challenge
    exchanges: dict[str, Exchange] = {}

    def initiate_auth(self: Any, client_id: str, auth_flow: str, given: dict[str, str]) -> Any:
        answer = initiate(self, client_id, auth_flow, given)
        if answer.get("ChallengeName") != "PASSWORD_VERIFIER":
            return answer
        pool, _client_settings = _client(client_id)
        parameters = answer["ChallengeParameters"]
        user = pool._get_user(parameters["USERNAME"])
        try:
            exchange = Exchange(
                pool.id, parameters["USER_ID_FOR_SRP"], str(user.password), given["SRP_A"]
            )
        except BadExchangeError as error:
            raise InvalidParameterException(str(error)) from error
        # moto takes the block for the session, which it finds by it.
        self.sessions[exchange.secret_block] = self.sessions.pop(answer.pop("Session"))
        exchanges[exchange.secret_block] = exchange
        parameters.update(
            SALT=exchange.salt, SRP_B=exchange.server_public, SECRET_BLOCK=exchange.secret_block
        )
        return answer

    def respond_to_auth_challenge(
        self: Any, session: str, client_id: str, challenge_name: str, given: dict[str, str]
    ) -> Any:
        if challenge_name == "PASSWORD_VERIFIER":
            exchange = exchanges.pop(given.get("PASSWORD_CLAIM_SECRET_BLOCK", ""), None)
            signature, timestamp = (
                given.get("PASSWORD_CLAIM_SIGNATURE", ""),
                given.get("TIMESTAMP", ""),
            )
            if exchange is None or not exchange.is_shown(signature, timestamp):
                raise NotAuthorizedError("Incorrect username or password.")
        return respond(self, session, client_id, challenge_name, given)

    CognitoIdpBackend.initiate_auth = initiate_auth
    CognitoIdpBackend.respond_to_auth_challenge = respond_to_auth_challenge


def end_tokens_in_time(_: Around) -> None:
    """moto's tokens are good for an hour, and those that renew them for ever."""
    make, make_refresh, renew = (
        CognitoIdpUserPool.create_jwt,
        CognitoIdpUserPool.create_refresh_token,
        CognitoIdpUserPool.create_tokens_from_refresh_token,
    )
    ends: dict[str, float] = {}

    def create_jwt(
        self: Any,
        client_id: str,
        username: str,
        token_use: str,
        *_: Any,
        extra_data: dict[str, Any] | None = None,
    ) -> Any:
        kind = {"access": "AccessToken", "id": "IdToken"}[token_use]
        expires_in = tokens.lifetime_s(self.clients[client_id], kind)
        return make(self, client_id, username, token_use, expires_in, extra_data)

    def create_refresh_token(self: Any, client_id: str, username: str) -> Any:
        token, origin = make_refresh(self, client_id, username)
        ends[token] = time.time() + tokens.lifetime_s(self.clients[client_id], "RefreshToken")
        return token, origin

    def create_tokens_from_refresh_token(self: Any, refresh_token: str) -> Any:
        if ends.get(refresh_token, 0) <= time.time():
            raise NotAuthorizedError("Refresh Token has expired")
        return renew(self, refresh_token)

    CognitoIdpUserPool.create_jwt = create_jwt
    CognitoIdpUserPool.create_refresh_token = create_refresh_token
    CognitoIdpUserPool.create_tokens_from_refresh_token = create_tokens_from_refresh_token


def keep_attributes_from_their_owners(_: Around) -> None:
    """moto lets people write any attribute of their own, whichever the client may write."""
    update = CognitoIdpBackend.update_user_attributes

    def update_user_attributes(
        self: Any, access_token: str, attributes: list[dict[str, str]]
    ) -> None:
        for pool in self.user_pools.values():
            if access_token in pool.access_tokens:
                client = pool.clients[pool.access_tokens[access_token][0]]
                may = client.extended_config.get("WriteAttributes")
                wanted = {attribute["Name"] for attribute in attributes}
                if wanted & _NEVER_WRITTEN or (may and not wanted <= set(may)):
                    raise NotAuthorizedError("A client attempted to write unauthorized attribute")
        update(self, access_token, attributes)

    CognitoIdpBackend.update_user_attributes = update_user_attributes


def sign_out_under_any_name(_: Around) -> None:
    """moto signs out only who is named as when they signed in: not by ``sub`` who did by e-mail."""

    def sign_out(self: Any, username: str) -> None:
        user = self._get_user(username)
        for token, known in list(self.refresh_tokens.items()):
            if known is not None and self._get_user(known[1]) is user:
                self.refresh_tokens[token] = None
        for token, (_, name) in list(self.access_tokens.items()):
            if self._get_user(name) is user:
                self.access_tokens.pop(token)

    CognitoIdpUserPool.sign_out = sign_out


def give_clients_second_secrets(_: Around) -> None:
    """moto's clients have one secret, which never changes."""

    def add_user_pool_client_secret(self: Any) -> Any:
        known = _secrets(self)
        if len(known) == tokens.MOST_SECRETS:
            raise _LimitExceededError("A client can have two secrets.")
        secret_id, secret = str(uuid.uuid4()), tokens.Secret(secrets.token_hex(26))
        known[secret_id] = secret
        told = {**_told(secret_id, secret), "ClientSecretValue": secret.value}
        return ActionResult({"ClientSecretDescriptor": told})

    def list_user_pool_client_secrets(self: Any) -> Any:
        told = [_told(secret_id, secret) for secret_id, secret in _secrets(self).items()]
        return ActionResult({"ClientSecrets": told})

    def delete_user_pool_client_secret(self: Any) -> Any:
        known, secret_id = _secrets(self), str(self._get_param("ClientSecretId"))
        if secret_id not in known:
            raise ResourceNotFoundError(secret_id)
        if len(known) == 1:
            raise InvalidParameterException("The last secret of a client stays.")
        del known[secret_id]
        return EmptyResult()

    CognitoIdpResponse.add_user_pool_client_secret = add_user_pool_client_secret
    CognitoIdpResponse.list_user_pool_client_secrets = list_user_pool_client_secrets
    CognitoIdpResponse.delete_user_pool_client_secret = delete_user_pool_client_secret


class _LimitExceededError(JsonRESTError):  # type: ignore[misc]
    def __init__(self, message: str) -> None:
        super().__init__("LimitExceededException", message)


def _secrets(asked: Any) -> dict[str, tokens.Secret]:
    """Those of the client that a request is about."""
    pool, client = asked._get_param("UserPoolId"), asked._get_param("ClientId")
    known = tokens.secrets_of(asked.backend.describe_user_pool_client(pool, client))
    if not known:
        raise InvalidParameterException("The client has no secret.")
    return known


def _told(secret_id: str, secret: tokens.Secret) -> dict[str, Any]:
    return {"ClientSecretId": secret_id, "ClientSecretCreateDate": secret.made}


def _client(client_id: str) -> tuple[Any, Any]:
    for pool in cognitoidp_backends[ACCOUNT_ID][REGION].user_pools.values():
        if client_id in pool.clients:
            return pool, pool.clients[client_id]
    raise ResourceNotFoundError(client_id)


PATCHES: Patches = (
    refuse_flows_that_are_off,
    ask_for_the_password_by_srp,
    end_tokens_in_time,
    keep_attributes_from_their_owners,
    sign_out_under_any_name,
    give_clients_second_secrets,
)
