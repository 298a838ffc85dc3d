"""The user pool: its clients, and who may review."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.remembered import remembered
from labelloop.settings import Variable

_INVITED = "FORCE_CHANGE_PASSWORD"
"""Cognito's word for who has not signed in yet, and may never do."""
_ONLY_TOLD = {"ClientSecret", "ClientType", "CreationDate", "LastModifiedDate"}


def change_client(user_pool: str, client_id: str, settings: Mapping[str, Any]) -> None:
    """Give a client these settings and leave it the others.

    UpdateUserPoolClient puts back to its default whatever it is not told.
    """
    cognito = client("cognito-idp")
    with translated():
        answer = cognito.describe_user_pool_client(UserPoolId=user_pool, ClientId=client_id)
        known = {
            name: value
            for name, value in answer["UserPoolClient"].items()
            if name not in _ONLY_TOLD
        }
        if any(known.get(name) != value for name, value in settings.items()):
            cognito.update_user_pool_client(**{**known, **settings})


@remembered(minutes=5)
def reviewers() -> frozenset[str]:
    """Everybody who may review and has signed in once, by ``sub``."""
    groups = (wiring[Variable.REVIEWERS_GROUP], wiring[Variable.OPERATORS_GROUP])
    members = (user for group in groups for user in _members(group))
    return frozenset(
        _sub(user["Attributes"])
        for user in members
        if user["Enabled"] and user["UserStatus"] != _INVITED
    )


def _members(group: str) -> Iterator[Mapping[str, Any]]:
    pages = (
        client("cognito-idp")
        .get_paginator("list_users_in_group")
        .paginate(UserPoolId=wiring[Variable.USER_POOL_ID], GroupName=group)
    )
    with translated():
        for page in pages:
            yield from page["Users"]


def _sub(attributes: Iterable[Mapping[str, Any]]) -> str:
    return str(next(each["Value"] for each in attributes if each["Name"] == "sub"))
