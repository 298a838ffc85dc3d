"""The user pool: its clients, and who may review."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.errors import NotFoundError
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


@dataclass(frozen=True)
class User:
    """Somebody in the user pool."""

    username: str
    sub: str
    emails: frozenset[str]
    """One, or none."""


def called(who: str) -> list[User]:
    """Everybody who has this e-mail address, or this ``sub``."""
    if not who or any(letter in who for letter in '"\\'):
        return []
    found = {}
    for attribute, value in {("email", who), ("email", who.lower()), ("sub", who)}:
        pages = (
            client("cognito-idp")
            .get_paginator("list_users")
            .paginate(UserPoolId=wiring[Variable.USER_POOL_ID], Filter=f'{attribute} = "{value}"')
        )
        with translated():
            users = [user for page in pages for user in page["Users"]]
        for user in users:
            attributes = {each["Name"]: each["Value"] for each in user["Attributes"]}
            emails = frozenset(filter(None, (attributes.get("email"),)))
            found[user["Username"]] = User(user["Username"], attributes["sub"], emails)
    return [found[name] for name in sorted(found)]


def delete(username: str) -> None:
    """End somebody's sessions, and delete them; who is gone already stays so."""
    user = {"UserPoolId": wiring[Variable.USER_POOL_ID], "Username": username}
    try:
        with translated():
            client("cognito-idp").admin_user_global_sign_out(**user)
            client("cognito-idp").admin_delete_user(**user)
    except NotFoundError:
        return


def take_out(username: str, groups: Iterable[str]) -> None:
    """Take somebody out of groups; who is gone, or in none of them, stays so."""
    user = {"UserPoolId": wiring[Variable.USER_POOL_ID], "Username": username}
    for group in groups:
        try:
            with translated():
                client("cognito-idp").admin_remove_user_from_group(**user, GroupName=group)
        except NotFoundError:
            continue


def _sub(attributes: Iterable[Mapping[str, Any]]) -> str:
    return str(next(each["Value"] for each in attributes if each["Name"] == "sub"))
