"""Cognito's tokens: checking them as API Gateway does, and giving them to machine clients.

moto signs its tokens with one key pair of its own and has no token endpoint, so the grant of client
credentials is here: POST /_cognito/<domain>/oauth2/token, in place of the domain's own host.
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import jwt
from moto.cognitoidp.models import cognitoidp_backends

from local.calls import Request
from local.constants import ACCOUNT_ID, REGION, SIGN_IN_PREFIX
from local.protocols import Response

_TOKEN_LIFETIME_S = 3600
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


class SignIn:
    """The token endpoint of the user pools' domains."""

    def __call__(self, request: Request) -> Response:
        domain, _, path = request.path.removeprefix(SIGN_IN_PREFIX).partition("/")
        if (request.method, path) != ("POST", "oauth2/token"):
            return _json(404, {"error": "the embedded runtime has only POST oauth2/token here"})
        form = dict(parse_qsl(request.body.decode()))
        if form.get("grant_type") != "client_credentials":
            return _json(400, {"error": "unsupported_grant_type"})
        client_id, secret = _credentials(request, form)
        pool = _pool_of_domain(domain)
        client = pool.clients.get(client_id) if pool is not None else None
        if client is None or client.secret != secret:
            return _json(400, {"error": "invalid_client"})
        allowed = set(client.extended_config.get("AllowedOAuthScopes") or [])
        scopes = form.get("scope", " ".join(sorted(allowed))).split()
        flows = client.extended_config.get("AllowedOAuthFlows") or []
        if "client_credentials" not in flows:
            return _json(400, {"error": "unauthorized_client"})
        if not set(scopes) <= allowed:
            return _json(400, {"error": "invalid_scope"})
        token = _access_token(pool, client_id, scopes)
        body = {"access_token": token, "expires_in": _TOKEN_LIFETIME_S, "token_type": "Bearer"}
        return _json(200, body)


def _access_token(pool: Any, client_id: str, scopes: Sequence[str]) -> str:
    now = int(time.time())
    claims = {
        "sub": client_id,
        "token_use": "access",
        "scope": " ".join(scopes),
        "auth_time": now,
        "iss": f"https://cognito-idp.{REGION}.amazonaws.com/{pool.id}",
        "exp": now + _TOKEN_LIFETIME_S,
        "iat": now,
        "version": 2,
        "jti": str(uuid.uuid4()),
        "client_id": client_id,
    }
    key = pool.json_web_key.private_key
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": _KEY_ID})


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str | None]:
    header = request.headers.get("authorization", "")
    if header.startswith("Basic "):
        client_id, _, secret = base64.b64decode(header[6:]).decode().partition(":")
        return client_id, secret
    return form.get("client_id", ""), form.get("client_secret")


def _pool_of_domain(domain: str) -> Any | None:
    for pool in cognitoidp_backends[ACCOUNT_ID][REGION].user_pools.values():
        if domain == pool.id or (pool.domain is not None and pool.domain.domain == domain):
            return pool
    return None


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(status, [("Content-Type", "application/json")], json.dumps(body).encode())
