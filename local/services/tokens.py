"""Cognito's tokens: checking them as API Gateway does, and making those of machine clients.

moto signs its tokens with one key pair of its own and makes people's; sign_in.py gives both out.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
from moto.cognitoidp.models import cognitoidp_backends

from local.constants import ACCOUNT_ID, REGION, SIGN_IN_PREFIX

_UNITS_S = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
_LIFETIMES = {"AccessToken": (1, "hours"), "IdToken": (1, "hours"), "RefreshToken": (30, "days")}
"""Of clients that say nothing."""
# Cognito's header names the key; moto's public key set has this one.
_KEY_ID = "dummy"
_HOST = re.compile(rf"https://([a-z0-9-]+)\.auth\.{REGION}\.amazoncognito\.com")


def served_here(address: str, endpoint: str) -> str:
    """The address, on this runtime where it is on a user pool's domain at Cognito."""
    return _HOST.sub(rf"{endpoint}{SIGN_IN_PREFIX}\1", address)


class BadTokenError(Exception):
    """The token is no proof of anything."""


def verify(token: str, issuer: str, audience: Sequence[str]) -> dict[str, Any]:
    """The token's claims; BadTokenError when signature, time, issuer or audience is wrong.

    Cognito's access tokens name their client in client_id, without aud; API Gateway takes both.
    """
    pool = _pool(issuer.rsplit("/", 1)[-1])
    if pool is None:
        raise BadTokenError(f"there is no user pool behind {issuer}")
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            pool.json_web_key.public_key,
            algorithms=["RS256"],
            issuer=issuer,
            options={"require": ["exp", "iat", "iss"], "verify_aud": False},
        )
    except jwt.PyJWTError as error:
        raise BadTokenError(str(error)) from error
    intended = claims.get("aud", claims.get("client_id"))
    if not set(intended if isinstance(intended, list) else [intended]) & set(audience):
        raise BadTokenError(f"the token is for {intended}")
    return claims


def _pool(pool_id: str) -> Any | None:
    return cognitoidp_backends[ACCOUNT_ID][REGION].user_pools.get(pool_id)


def issuer(pool: Any) -> str:
    """Who the pool's tokens say that they are of."""
    return f"https://cognito-idp.{REGION}.amazonaws.com/{pool.id}"


def lifetime_s(client: Any, kind: str) -> int:
    """How long a client's tokens of a kind are good: AccessToken, IdToken, RefreshToken."""
    settings = client.extended_config
    number, unit = _LIFETIMES[kind]
    unit = (settings.get("TokenValidityUnits") or {}).get(kind, unit)
    return int((settings.get(f"{kind}Validity") or number) * _UNITS_S[unit])


@dataclass(frozen=True)
class Secret:
    """By which a client proves who it is."""

    value: str
    made: float = field(default_factory=time.time)
    """In seconds since 1970."""


MOST_SECRETS = 2
"""Of a client, so that one can be changed for another."""


def secrets_of(client: Any) -> dict[str, Secret]:
    """A client's secrets by their IDs, the oldest first; empty where it has none.

    moto's clients have one; the second is kept beside it.
    """
    if not client.generate_secret:
        return {}
    if not hasattr(client, "secrets"):
        client.secrets = {str(uuid.uuid4()): Secret(client.secret)}
    known: dict[str, Secret] = client.secrets
    return known


def access_token(pool: Any, client: Any, scopes: Sequence[str]) -> str:
    """A token for a machine's client."""
    now = int(time.time())
    claims = {
        "sub": client.id,
        "token_use": "access",
        "scope": " ".join(scopes),
        "auth_time": now,
        "iss": issuer(pool),
        "exp": now + lifetime_s(client, "AccessToken"),
        "iat": now,
        "version": 2,
        "jti": str(uuid.uuid4()),
        "client_id": client.id,
    }
    key = pool.json_web_key.private_key
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": _KEY_ID})


def with_nonce(pool: Any, token: str, nonce: str) -> str:
    """The ID token with what the client that asked for it will know it by (OpenID Connect, 2)."""
    claims = jwt.decode(token, options={"verify_signature": False})
    key = pool.json_web_key.private_key
    return jwt.encode({**claims, "nonce": nonce}, key, algorithm="RS256", headers={"kid": _KEY_ID})
