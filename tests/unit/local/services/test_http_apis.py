"""The HTTP API answers as API Gateway does: routes, tokens, events of format 2.0, refusals."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse
import uuid
from typing import Any

import jwt
import pytest
from joserfc import jwk
from moto.utilities.utils import load_resource

from local.services.http_api_parts import Limit, Stage
from tests.unit.local.small_stack import SmallStack

PASSWORD = "correct-Horse-9"


@pytest.fixture(scope="module")
def tokens(small_stack: SmallStack) -> dict[str, str]:
    """A reviewer's tokens."""
    cognito, pool = small_stack.client("cognito-idp"), small_stack.outputs["UserPoolId"]
    name = f"reviewer-{uuid.uuid4()}"
    cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True
    )
    cognito.create_group(UserPoolId=pool, GroupName=f"group-{name}")
    for group in ("reviewers", f"group-{name}"):
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
    result = cognito.initiate_auth(
        ClientId=small_stack.outputs["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    return {"id": result["IdToken"], "access": result["AccessToken"], "group": f"group-{name}"}


def ask(
    stack: SmallStack,
    method: str,
    path: str,
    token: str | None = None,
    body: bytes | None = None,
    **headers: str,
) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON (or bytes) of the answer."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    status, answered, content = stack.http(method, stack.outputs["ApiUrl"] + path, body, sent)
    is_json = answered.get("content-type", "").startswith("application/json")
    return status, answered, json.loads(content) if is_json else content


def event_of(
    stack: SmallStack, method: str, path: str, token: str, body: bytes, **headers: str
) -> dict[str, Any]:
    """The event that the function got."""
    status, _, content = ask(stack, method, path, token, body, **headers)
    assert status == 201, content
    return json.loads(content)["event"]  # type: ignore[no-any-return]


def test_a_page_is_served_without_a_token(small_stack: SmallStack) -> None:
    status, headers, body = ask(small_stack, "GET", "/")
    assert (status, headers["content-type"], body) == (200, "text/html", b"<h1>page</h1>")


def test_binary_answers_are_decoded(small_stack: SmallStack) -> None:
    status, headers, body = ask(small_stack, "GET", "/?image=1")
    assert (status, headers["content-type"]) == (200, "image/png")
    assert body == base64.b64decode("iVBORw0K")


@pytest.mark.parametrize("kind", ["id", "access"])
def test_either_token_of_the_client_opens_the_route(
    small_stack: SmallStack, tokens: dict[str, str], kind: str
) -> None:
    event = event_of(small_stack, "POST", "/greet/anna", tokens[kind], b"{}")
    jwt_part = event["requestContext"]["authorizer"]["jwt"]
    assert jwt_part["claims"]["token_use"] == kind and jwt_part["scopes"] is None
    assert all(isinstance(value, str) for value in jwt_part["claims"].values())


def test_groups_arrive_as_api_gateway_flattens_them(
    small_stack: SmallStack, tokens: dict[str, str]
) -> None:
    event = event_of(small_stack, "POST", "/greet/anna", tokens["access"], b"{}")
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    groups = {"reviewers", tokens["group"]}
    assert claims["cognito:groups"][0] + claims["cognito:groups"][-1] == "[]"
    assert set(claims["cognito:groups"][1:-1].split(" ")) == groups


def test_the_event_has_format_2(small_stack: SmallStack, tokens: dict[str, str]) -> None:
    event = event_of(
        small_stack,
        "POST",
        "/greet/a%20b?x=1&x=2&y=",
        tokens["id"],
        b'{"a": "\xc3\xbc"}',
        Content_Type="application/json",
        X_Custom="yes",
        Cookie="a=1; b=2",
    )
    assert event["version"] == "2.0" and event["routeKey"] == "POST /greet/{name}"
    assert event["pathParameters"] == {"name": "a b"}
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["rawQueryString"] == "x=1&x=2&y="
    assert event["cookies"] == ["a=1", "b=2"] and "cookie" not in event["headers"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": "ü"}', False)
    assert event["headers"]["x-custom"] == "yes"
    context = event["requestContext"]
    assert context["http"]["method"] == "POST" and context["stage"] == "$default"
    assert context["timeEpoch"] > 1_600_000_000_000


def test_binary_bodies_arrive_in_base64(small_stack: SmallStack, tokens: dict[str, str]) -> None:
    content = bytes(range(256))
    event = event_of(
        small_stack, "POST", "/greet/a", tokens["id"], content, Content_Type="image/png"
    )
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == content


def unauthorized(stack: SmallStack, token: str | None) -> bool:
    status, headers, body = ask(stack, "POST", "/greet/a", token, b"{}")
    assert status in (201, 401)
    if status == 401:
        assert body == {"message": "Unauthorized"} and "www-authenticate" in headers
    return status == 401


def test_no_token_or_nonsense_is_unauthorized(small_stack: SmallStack) -> None:
    assert unauthorized(small_stack, None)
    assert unauthorized(small_stack, "a.b.c")


def test_a_changed_token_is_unauthorized(small_stack: SmallStack, tokens: dict[str, str]) -> None:
    header, claims, signature = tokens["access"].split(".")
    opened = json.loads(base64.urlsafe_b64decode(claims + "=="))
    opened["cognito:groups"] = ["operators"]
    changed = base64.urlsafe_b64encode(json.dumps(opened).encode()).decode().rstrip("=")
    assert not unauthorized(small_stack, tokens["access"])
    assert unauthorized(small_stack, f"{header}.{changed}.{signature}")


@pytest.mark.parametrize(
    "change",
    [
        {"exp": int(time.time()) - 10},
        {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other"},
        {"client_id": "somebody-else"},
        {"client_id": None},
    ],
)
def test_a_well_signed_token_for_something_else_is_unauthorized(
    small_stack: SmallStack, tokens: dict[str, str], change: dict[str, Any]
) -> None:
    claims = jwt.decode(tokens["access"], options={"verify_signature": False})
    assert not unauthorized(small_stack, _signed(claims))
    assert unauthorized(small_stack, _signed({**claims, **change}))


def _signed(claims: dict[str, Any]) -> str:
    """A token with moto's key, which is the same for every pool."""
    path = "cognitoidp/resources/jwks-private.json"
    key = jwk.RSAKey.import_key(load_resource(path))
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key.private_key, algorithm="RS256")  # type: ignore[arg-type]


def client_token(
    stack: SmallStack, secret: str, scope: str = "small/greet", client_id: str = ""
) -> tuple[int, Any]:
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id or stack.outputs["MachineClientId"],
        "client_secret": secret,
        "scope": scope,
    }
    body = urllib.parse.urlencode(form).encode()
    status, _, content = stack.http("POST", stack.outputs["TokenUrl"], body)
    return status, json.loads(content)


def test_a_machine_client_gets_a_token_for_its_scope(small_stack: SmallStack) -> None:
    status, grant = client_token(small_stack, small_stack.outputs["MachineClientSecret"])
    assert status == 200 and grant["token_type"] == "Bearer"
    event = event_of(small_stack, "POST", "/machine", grant["access_token"], b"{}")
    assert event["requestContext"]["authorizer"]["jwt"]["scopes"] == ["small/greet"]


def test_a_wrong_secret_or_scope_gets_no_token(small_stack: SmallStack) -> None:
    secret = small_stack.outputs["MachineClientSecret"]
    assert client_token(small_stack, "wrong") == (400, {"error": "invalid_client"})
    assert client_token(small_stack, secret, "small/all") == (400, {"error": "invalid_scope"})


def test_a_second_secret_is_as_good_as_the_first_until_one_is_ended(
    small_stack: SmallStack,
) -> None:
    cognito = small_stack.client("cognito-idp")
    pool = small_stack.outputs["UserPoolId"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="another",
        GenerateSecret=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=["small/greet"],
    )["UserPoolClient"]
    named = {"UserPoolId": pool, "ClientId": client["ClientId"]}
    added = cognito.add_user_pool_client_secret(**named)["ClientSecretDescriptor"]
    first = cognito.list_user_pool_client_secrets(**named)["ClientSecrets"][0]

    def status(secret: str) -> int:
        return client_token(small_stack, secret, client_id=client["ClientId"])[0]

    assert [status(client["ClientSecret"]), status(added["ClientSecretValue"])] == [200, 200]
    cognito.delete_user_pool_client_secret(**named, ClientSecretId=first["ClientSecretId"])
    assert [status(client["ClientSecret"]), status(added["ClientSecretValue"])] == [400, 200]


def test_an_authorizer_takes_the_tokens_of_whom_it_is_told_of_and_of_fifty_at_most(
    small_stack: SmallStack, tokens: dict[str, str]
) -> None:
    gateway = small_stack.client("apigatewayv2")
    named = {
        "ApiId": small_stack.physical_id("Api"),
        "AuthorizerId": small_stack.physical_id("ApiAuthorizer"),
    }
    before = gateway.get_authorizer(**named)["JwtConfiguration"]

    def take(audience: list[str]) -> None:
        changed = {**before, "Audience": audience}
        gateway.update_authorizer(**named, JwtConfiguration=changed)

    try:
        take(["somebody-else"])
        assert unauthorized(small_stack, tokens["id"])
        with pytest.raises(gateway.exceptions.BadRequestException, match="at most 50"):
            take([str(number) for number in range(51)])
        assert gateway.get_authorizer(**named)["JwtConfiguration"]["Audience"] == ["somebody-else"]
    finally:
        take(before["Audience"])
    assert not unauthorized(small_stack, tokens["id"])
    with pytest.raises(gateway.exceptions.NotFoundException):
        gateway.get_authorizer(ApiId=named["ApiId"], AuthorizerId="none")


def test_a_token_without_the_scope_is_forbidden(
    small_stack: SmallStack, tokens: dict[str, str]
) -> None:
    status, _, body = ask(small_stack, "POST", "/machine", tokens["access"], b"{}")
    assert (status, body) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/none"), ("DELETE", "/"), ("GET", "/greet/a")]
)
def test_what_has_no_route_is_not_found(small_stack: SmallStack, method: str, path: str) -> None:
    status, _, body = ask(small_stack, method, path)
    assert (status, body) == (404, {"message": "Not Found"})


def test_a_function_that_fails_is_an_internal_server_error(
    small_stack: SmallStack, tokens: dict[str, str]
) -> None:
    status, _, body = ask(small_stack, "POST", "/greet/nobody", tokens["id"], b"{}")
    assert (status, body) == (500, {"message": "Internal Server Error"})


def test_a_function_that_gives_no_permission_is_not_reached(small_stack: SmallStack) -> None:
    before = small_stack.control("GET", "summary")["lambda"].get("Setup", 0)
    status, _, body = ask(small_stack, "GET", "/forgotten")
    assert (status, body) == (500, {"message": "Internal Server Error"})
    assert small_stack.control("GET", "summary")["lambda"].get("Setup", 0) == before


def test_a_body_over_ten_megabytes_is_too_large(
    small_stack: SmallStack, tokens: dict[str, str]
) -> None:
    body = b" " * (10 * 1024 * 1024 + 1)
    status, _, answer = ask(small_stack, "POST", "/greet/a", tokens["id"], body)
    assert (status, answer) == (413, {"message": "Request Entity Too Large"})


def test_a_body_that_is_more_than_a_function_may_be_given_is_too_large(
    small_stack: SmallStack, tokens: dict[str, str]
) -> None:
    """Six megabytes are Lambda's limit, and in base64 five are nearly seven."""
    body = bytes(5 * 1024 * 1024)
    status, _, answer = ask(
        small_stack, "POST", "/greet/a", tokens["id"], body, Content_Type="image/png"
    )
    assert (status, answer) == (413, {"message": "Request Entity Too Large"})


def test_bytes_that_are_called_text_do_not_survive(
    small_stack: SmallStack, tokens: dict[str, str]
) -> None:
    event = event_of(
        small_stack, "POST", "/greet/a", tokens["id"], b"a\xff\xd8", Content_Type="text/plain"
    )
    assert (event["body"], event["isBase64Encoded"]) == ("a\ufffd\ufffd", False)


def test_cors_is_answered_for_the_origins_that_it_names(small_stack: SmallStack) -> None:
    url = small_stack.outputs["ApiUrl"] + "/greet/a"
    asking = {"Access-Control-Request-Method": "POST"}
    status, headers, _ = small_stack.http(
        "OPTIONS", url, None, {"Origin": "https://example.com", **asking}
    )
    assert status == 204
    assert headers["access-control-allow-origin"] == "https://example.com"
    assert headers["access-control-allow-headers"] == "authorization"
    _, headers, _ = small_stack.http("OPTIONS", url, None, {"Origin": "https://evil.com", **asking})
    assert "access-control-allow-origin" not in headers
    _, headers, _ = ask(small_stack, "GET", "/", Origin="https://example.com")
    assert headers["access-control-allow-origin"] == "https://example.com"


# --- Limits by route ------------------------------------------------------------------------------


def test_a_route_over_its_limit_answers_as_api_gateway_does(small_stack: SmallStack) -> None:
    status, _, content = ask(small_stack, "GET", "/full")
    assert (status, content) == (429, {"message": "Too Many Requests"})
    assert ask(small_stack, "GET", "/")[0] == 200


def test_a_route_takes_its_burst_at_once_and_then_its_rate() -> None:
    stage = Stage({}, Limit(1, 1), {"GET /": Limit(2, 3)})
    assert [stage.takes("GET /", 10.0) for _ in range(4)] == [True, True, True, False]
    assert [stage.takes("GET /", 10.5) for _ in range(2)] == [True, False]
    assert [stage.takes("GET /", 1000.0) for _ in range(4)] == [True, True, True, False]


def test_a_route_without_a_limit_of_its_own_has_the_stages_and_shares_it_with_no_other() -> None:
    stage = Stage({}, Limit(1, 1), {})
    assert [stage.takes(route, 0.0) for route in ("GET /a", "GET /b", "GET /a")] == [
        True,
        True,
        False,
    ]
    assert all(Stage({}, None, {}).takes("GET /a", 0.0) for _ in range(1000))
