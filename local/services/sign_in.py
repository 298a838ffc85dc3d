"""The user pools' domains under /_cognito/<domain>/: a sign-in page, and OAuth 2.0's endpoints.

People sign in by the code flow with PKCE, machines by their credentials. moto has the users and
makes the tokens; what it lacks is here, and refuses as Cognito does (RFC 6749, 5.2). Unlike
Cognito's, this page keeps no cookie: it asks for the password each time, and for an app's code
(RFC 6238) where the user pool wants one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from moto.cognitoidp.exceptions import (
    InvalidPasswordException,
    NotAuthorizedError,
    ResourceNotFoundError,
    UserNotFoundError,
)
from moto.cognitoidp.models import cognitoidp_backends

from local.constants import ACCOUNT_ID, REGION, SIGN_IN_PREFIX
from local.http_messages import Request, Response
from local.services import tokens
from local.services.sign_in_pages import app_code_form, new_password_form, page, sign_in_form

CODE_LIFETIME_S = 300
CODE_OF_APP_S = 30
"""So long an app shows a code; the one before and the one after are taken, too."""
_WRONG = (NotAuthorizedError, ResourceNotFoundError, UserNotFoundError)


class _Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True)
class _Asked:
    """What the page that sends people here asks for."""

    client: Any
    redirect_uri: str
    state: str
    challenge: str
    nonce: str

    def back(self, **answer: str) -> Response:
        """The way back to the page."""
        more = {"state": self.state} if self.state else {}
        return _redirect(f"{self.redirect_uri}?{urlencode({**answer, **more})}")


@dataclass(frozen=True)
class _Code:
    """What a code can be exchanged for, once and soon."""

    asked: _Asked
    tokens: Mapping[str, Any]
    issued: float


@dataclass(frozen=True)
class _Half:
    """Somebody whose password was right, and who must show a code yet, soon."""

    user: str
    tokens: Mapping[str, Any]
    secret: str
    """Of the person's app."""
    issued: float


class SignIn:
    """Every user pool's domain."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.styled: set[str] = set()
        """The clients that have a managed login branding."""
        self.managed: set[str] = set()
        """The domains of the managed login, where a client without one has no sign-in page."""
        self._codes: dict[str, _Code] = {}
        self._halves: dict[str, _Half] = {}
        self._apps: dict[str, str] = {}
        """The secrets of the apps that people have shown a code of."""
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response:  # noqa: PLR0911 - a case each
        domain, _, path = request.path.removeprefix(SIGN_IN_PREFIX).partition("/")
        pool = _pool_of_domain(domain)
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if pool is None:
            return page(404, "There is no such domain.")
        match (request.method, path):
            case ("POST", "oauth2/token"):
                return self._token(pool, request, form)
            case ("POST", "oauth2/revoke"):
                pool.refresh_tokens.pop(form.get("token", ""), None)
                return _json(200, {})
            case ("GET" | "POST", "oauth2/userInfo"):
                return _user_info(pool, request)
            case ("GET", "oauth2/authorize"):
                return _redirect(f"{SIGN_IN_PREFIX}{domain}/login?{request.query}")
            case ("GET", "login"):
                return self._login(pool, query, {})
            case ("POST", "login"):
                return self._login(pool, query, form)
            case ("GET", "logout"):
                return _logout(pool, query)
        return page(404, "The embedded runtime has no such page here.")

    def discovery(self, request: Request) -> Response:
        """Where OpenID Connect's clients find what, as Cognito's user pools tell it.

        The issuer is Cognito's own, as in the tokens; everything else is here.
        """
        pool_id = request.path.split("/")[1]
        pool = cognitoidp_backends[ACCOUNT_ID][REGION].user_pools.get(pool_id)
        if pool is None:
            return _json(404, {"message": f"User pool {pool_id} does not exist."})
        here = f"http://{request.headers['host']}"
        found: dict[str, Any] = {
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": tokens.issuer(pool),
            "jwks_uri": f"{here}/{pool_id}/.well-known/jwks.json",
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        domain = _domain_of(pool)
        if domain:
            root = f"{here}{SIGN_IN_PREFIX}{domain}"
            found |= {
                "authorization_endpoint": f"{root}/oauth2/authorize",
                "end_session_endpoint": f"{root}/logout",
                "revocation_endpoint": f"{root}/oauth2/revoke",
                "token_endpoint": f"{root}/oauth2/token",
                "userinfo_endpoint": f"{root}/oauth2/userInfo",
            }
        return _json(200, found)

    # --- The page ---------------------------------------------------------------------------------

    def _login(self, pool: Any, query: Mapping[str, str], form: Mapping[str, str]) -> Response:
        client = pool.clients.get(query.get("client_id", ""))
        if client is None or query.get("redirect_uri") not in _listed(client, "CallbackURLs"):
            return page(400, "redirect_mismatch: the client does not know this address.")
        if _domain_of(pool) in self.managed and client.id not in self.styled:
            return page(403, "Login pages unavailable: the client has no style.")
        asked = _Asked(
            client,
            query["redirect_uri"],
            query.get("state", ""),
            query.get("code_challenge", ""),
            query.get("nonce", ""),
        )
        wanted = set(query.get("scope", "").split())
        if query.get("response_type") != "code" or "code" not in _listed(
            client, "AllowedOAuthFlows"
        ):
            return asked.back(error="unauthorized_client")
        if not wanted <= set(_listed(client, "AllowedOAuthScopes")):
            return asked.back(error="invalid_request", error_description="invalid_scope")
        if asked.challenge and query.get("code_challenge_method") != "S256":
            return asked.back(error="invalid_request")
        return self._signed_in(pool, asked, form) if form else sign_in_form()

    def _signed_in(self, pool: Any, asked: _Asked, form: Mapping[str, str]) -> Response:
        if "app_code" in form:
            return self._with_code(asked, form)
        name = form.get("username", "")
        try:
            answer = _authenticate(pool, asked.client, name, form)
        except _WRONG:
            return sign_in_form("Incorrect username or password.", name)
        except InvalidPasswordException:
            return new_password_form(name, form["session"], "The password is too simple.")
        if "AuthenticationResult" not in answer:
            return new_password_form(name, answer["Session"])
        if pool.mfa_config == "ON":
            return self._ask_for_code(pool._get_user(name).id, answer["AuthenticationResult"])
        return self._go_back(asked, answer["AuthenticationResult"])

    def _go_back(self, asked: _Asked, answer: Mapping[str, Any]) -> Response:
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes[code] = _Code(asked, answer, self._now())
        return asked.back(code=code)

    def _ask_for_code(self, user: str, answer: Mapping[str, Any]) -> Response:
        new = base64.b32encode(secrets.token_bytes(20)).decode()
        return self._code_form(_Half(user, answer, self._apps.get(user, new), self._now()))

    def _code_form(self, half: _Half, problem: str = "") -> Response:
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._halves[name] = half
        return app_code_form(name, half.secret if half.user not in self._apps else None, problem)

    def _with_code(self, asked: _Asked, form: Mapping[str, str]) -> Response:
        with self._lock:
            half = self._halves.pop(form.get("half", ""), None)
        if half is None or self._now() - half.issued > CODE_LIFETIME_S:
            return sign_in_form("Your session has ended. Sign in again.")
        around = (self._now() + shift for shift in (-CODE_OF_APP_S, 0, CODE_OF_APP_S))
        if form["app_code"] not in {app_code(half.secret, moment) for moment in around}:
            return self._code_form(half, "The code is wrong.")
        self._apps[half.user] = half.secret
        return self._go_back(asked, half.tokens)

    # --- Tokens -----------------------------------------------------------------------------------

    def _token(self, pool: Any, request: Request, form: Mapping[str, str]) -> Response:
        client_id, secret = _credentials(request, form)
        client = pool.clients.get(client_id)
        try:
            if client is None or not _proves(client, secret):
                raise _Refused("invalid_client")
            match form.get("grant_type"):
                case "client_credentials":
                    return _json(200, _for_machine(pool, client, form))
                case "authorization_code":
                    return _json(200, self._for_code(pool, client, form))
                case "refresh_token":
                    return _json(200, _refreshed(pool, client, form))
            raise _Refused("unsupported_grant_type")
        except _Refused as refused:
            return _json(400, {"error": refused.error})

    def _for_code(self, pool: Any, client: Any, form: Mapping[str, str]) -> dict[str, Any]:
        with self._lock:
            code = self._codes.pop(form.get("code", ""), None)
        if code is None or self._now() - code.issued > CODE_LIFETIME_S:
            raise _Refused("invalid_grant")
        same = code.asked.client is client and code.asked.redirect_uri == form.get("redirect_uri")
        verifier = form.get("code_verifier", "")
        if not same or code.asked.challenge != (_challenge(verifier) if verifier else ""):
            raise _Refused("invalid_grant")
        nonce, identity = code.asked.nonce, str(code.tokens["IdToken"])
        return {
            "id_token": tokens.with_nonce(pool, identity, nonce) if nonce else identity,
            "access_token": code.tokens["AccessToken"],
            "refresh_token": code.tokens["RefreshToken"],
            "expires_in": code.tokens["ExpiresIn"],
            "token_type": "Bearer",
        }


def _authenticate(pool: Any, client: Any, name: str, form: Mapping[str, str]) -> Any:
    """Tokens, or the challenge to set a new password."""
    backend = cognitoidp_backends[ACCOUNT_ID][REGION]
    if "session" in form:
        return backend.respond_to_auth_challenge(
            form["session"],
            client.id,
            "NEW_PASSWORD_REQUIRED",
            {"USERNAME": name, "NEW_PASSWORD": form.get("new_password", "")},
        )
    return backend.admin_initiate_auth(
        pool.id,
        client.id,
        "ADMIN_USER_PASSWORD_AUTH",
        {"USERNAME": name, "PASSWORD": form.get("password", "")},
    )


def _for_machine(pool: Any, client: Any, form: Mapping[str, str]) -> dict[str, Any]:
    allowed = set(_listed(client, "AllowedOAuthScopes"))
    scopes = form.get("scope", " ".join(sorted(allowed))).split()
    if "client_credentials" not in _listed(client, "AllowedOAuthFlows"):
        raise _Refused("unauthorized_client")
    if not set(scopes) <= allowed:
        raise _Refused("invalid_scope")
    return {
        "access_token": tokens.access_token(pool, client, scopes),
        "expires_in": tokens.lifetime_s(client, "AccessToken"),
        "token_type": "Bearer",
    }


def _refreshed(pool: Any, client: Any, form: Mapping[str, str]) -> dict[str, Any]:
    refresh_token = form.get("refresh_token", "")
    known = pool.refresh_tokens.get(refresh_token)
    if known is None or known[0] != client.id:
        raise _Refused("invalid_grant")
    try:
        access, identity, lifetime_s = pool.create_tokens_from_refresh_token(refresh_token)
    except NotAuthorizedError as error:
        raise _Refused("invalid_grant") from error
    return {
        "id_token": identity,
        "access_token": access,
        "expires_in": lifetime_s,
        "token_type": "Bearer",
    }


def _user_info(pool: Any, request: Request) -> Response:
    """Who the access token is of."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        tokens.verify(token, tokens.issuer(pool), list(pool.clients))
        user = pool._get_user(pool.access_tokens[token][1])
    except (tokens.BadTokenError, KeyError):
        return _json(401, {"error": "invalid_token"})
    attributes = {one["Name"]: one["Value"] for one in user.attributes}
    return _json(200, {**attributes, "sub": user.id, "username": user.username})


def _logout(pool: Any, query: Mapping[str, str]) -> Response:
    client = pool.clients.get(query.get("client_id", ""))
    address = query.get("logout_uri", "")
    if client is None or address not in _listed(client, "LogoutURLs"):
        return page(400, "The client does not know this address.")
    return _redirect(address)


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str | None]:
    header = request.headers.get("authorization", "")
    if header.startswith("Basic "):
        client_id, _, secret = base64.b64decode(header[6:]).decode().partition(":")
        return client_id, secret
    return form.get("client_id", ""), form.get("client_secret")


def _proves(client: Any, secret: str | None) -> bool:
    known = {each.value for each in tokens.secrets_of(client).values()}
    return secret in known if known else secret is None


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def app_code(secret: str, moment: float) -> str:
    """The six digits that an app with this secret shows at a moment (RFC 6238)."""
    counter = max(0, int(moment // CODE_OF_APP_S)).to_bytes(8)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def _listed(client: Any, name: str) -> list[str]:
    return list(client.extended_config.get(name) or [])


def _domain_of(pool: Any) -> str | None:
    return None if pool.domain is None else pool.domain.domain


def _pool_of_domain(domain: str) -> Any | None:
    for pool in cognitoidp_backends[ACCOUNT_ID][REGION].user_pools.values():
        if domain in (pool.id, _domain_of(pool)):
            return pool
    return None


def _redirect(address: str) -> Response:
    return Response(302, [("Location", address)], b"")


def _json(status: int, body: Mapping[str, Any]) -> Response:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return Response(status, headers, json.dumps(body).encode())
