"""Machine clients: those that the user pool has, and those whose tokens the API's authoriser takes.

The command line makes them, and the template's authoriser is told of them by ``AdmitClients``: an
authoriser has a list of its clients, and CloudFormation writes all of it when it writes it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.domain.machine_clients import own_name, pool_name
from labelloop.errors import NotFoundError

TOKEN_MINUTES = 60
"""How long a token works. Cognito bills each."""


@dataclass(frozen=True)
class MachineClient:
    """A program that may get tokens."""

    name: str
    client_id: str


@dataclass(frozen=True)
class Secret:
    """One of the up to two with which it gets them; what it is, is told once."""

    secret_id: str
    made: datetime


@dataclass(frozen=True)
class Authorizer:
    """That of an HTTP API."""

    api_id: str
    authorizer_id: str


def of_stack(user_pool: str, stack: str) -> list[MachineClient]:
    """The stack's machine clients, by their names. Raises NotFoundError without the pool."""
    found = (
        MachineClient(name, client_id)
        for client_id, called in _clients(user_pool)
        if (name := own_name(stack, called)) is not None
    )
    return sorted(found, key=lambda each: (each.name, each.client_id))


def _clients(user_pool: str) -> Iterator[tuple[str, str]]:
    pages = (
        client("cognito-idp").get_paginator("list_user_pool_clients").paginate(UserPoolId=user_pool)
    )
    with translated():
        for page in pages:
            for each in page["UserPoolClients"]:
                yield str(each["ClientId"]), str(each["ClientName"])


def create(
    user_pool: str, stack: str, name: str, scopes: Iterable[str]
) -> tuple[MachineClient, str]:
    """A new client, and its secret."""
    with translated():
        made = client("cognito-idp").create_user_pool_client(
            UserPoolId=user_pool,
            ClientName=pool_name(stack, name),
            GenerateSecret=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthScopes=list(scopes),
            AccessTokenValidity=TOKEN_MINUTES,
            TokenValidityUnits={"AccessToken": "minutes"},
            # Nobody signs in with it, nor writes who they are.
            ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"],
            WriteAttributes=["locale"],
        )["UserPoolClient"]
    return MachineClient(name, str(made["ClientId"])), str(made["ClientSecret"])


def scopes(user_pool: str, client_id: str) -> tuple[str, ...]:
    """What the client gets tokens for. Raises NotFoundError."""
    with translated():
        known = client("cognito-idp").describe_user_pool_client(
            UserPoolId=user_pool, ClientId=client_id
        )["UserPoolClient"]
    return tuple(sorted(known.get("AllowedOAuthScopes", [])))


def delete(user_pool: str, client_id: str) -> None:
    """Delete a client, if it is there. What tokens it has got work until they end."""
    try:
        with translated():
            client("cognito-idp").delete_user_pool_client(UserPoolId=user_pool, ClientId=client_id)
    except NotFoundError:
        return


def secrets(user_pool: str, client_id: str) -> list[Secret]:
    """The client's, the oldest first."""
    with translated():
        answer = client("cognito-idp").list_user_pool_client_secrets(
            UserPoolId=user_pool, ClientId=client_id
        )
    found = (
        Secret(each["ClientSecretId"], each["ClientSecretCreateDate"])
        for each in answer["ClientSecrets"]
    )
    return sorted(found, key=lambda each: each.made)


def add_secret(user_pool: str, client_id: str) -> str:
    """Another secret beside the one that it has. Raises QuotaExceededError where it has two."""
    with translated():
        made = client("cognito-idp").add_user_pool_client_secret(
            UserPoolId=user_pool, ClientId=client_id
        )
    return str(made["ClientSecretDescriptor"]["ClientSecretValue"])


def end_secret(user_pool: str, client_id: str, secret_id: str) -> None:
    """End one of two secrets, if it is there."""
    try:
        with translated():
            client("cognito-idp").delete_user_pool_client_secret(
                UserPoolId=user_pool, ClientId=client_id, ClientSecretId=secret_id
            )
    except NotFoundError:
        return


def admitted(authorizer: Authorizer) -> frozenset[str]:
    """The IDs of the clients whose tokens the API takes, people's and machines'."""
    with translated():
        answer = client("apigatewayv2").get_authorizer(
            ApiId=authorizer.api_id, AuthorizerId=authorizer.authorizer_id
        )
    return frozenset(answer["JwtConfiguration"]["Audience"])


def admit(authorizer: Authorizer, client_ids: Iterable[str]) -> None:
    """Let the API take the tokens of these clients, and of no others."""
    gateway = client("apigatewayv2")
    named = {"ApiId": authorizer.api_id, "AuthorizerId": authorizer.authorizer_id}
    with translated():
        before = gateway.get_authorizer(**named)["JwtConfiguration"]
        gateway.update_authorizer(
            **named,
            JwtConfiguration={"Issuer": before["Issuer"], "Audience": sorted(set(client_ids))},
        )
