"""`labelloop reviewers`: who may sign in to the review page."""

import secrets
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click
from botocore.exceptions import ClientError

from cli.failures import CommandError, code_of
from cli.stack import Stack, on_stack, show
from labelloop.domain.review_tasks import GROUPS, OPERATORS, REVIEWERS

INVITED = "FORCE_CHANGE_PASSWORD"
"""Cognito's word for who has not signed in with the temporary password yet."""


@click.group()
def reviewers() -> None:
    """See and change who may review images."""


@reviewers.command()
@click.argument("email")
@click.option("--operator", is_flag=True, help="They see everybody's figures, too.")
@on_stack
def add(stack: Stack, *, email: str, operator: bool, as_json: bool) -> None:
    """Let the person with the address EMAIL review.

    Cognito sends a new person an e-mail with a temporary password, good for a week. Who has not
    signed in by then is added again, and gets another.
    """
    _check(email)
    group = OPERATORS if operator else REVIEWERS
    password, new, invited = _invite(stack, email)
    stack.client("cognito-idp").admin_add_user_to_group(
        UserPoolId=stack.output("UserPoolId"), Username=email, GroupName=group
    )
    address = stack.output("ConsoleUrl")
    answer = {"email": email, "group": group, "new": new, "console": address}
    words = f"{email} is one of the {group} now, and signs in at {address}"
    if password is not None:
        answer["password"] = password
        words += f"\nNo e-mails are sent on this machine. The temporary password: {password}"
    elif invited:
        words += f"\n{'An' if new else 'Another'} e-mail with a temporary password is on its way."
    show(as_json, answer, words)


@reviewers.command(name="list")
@on_stack
def list_reviewers(stack: Stack, as_json: bool) -> None:
    """Show who may review, with the id that nobody can change."""
    rows = sorted(_people(stack).values(), key=lambda row: (row["email"], row["sub"]))
    width = max((len(row["email"]) for row in rows), default=0)
    lines = [
        f"{row['email']:<{width}}  {row['sub']}  {', '.join(row['groups'])}"
        + ("" if row["signed_in_once"] else "  (invited)")
        + ("" if row["email_verified"] else "  (the address is not verified)")
        for row in rows
    ]
    show(as_json, rows, "\n".join(lines) or "Nobody. Add somebody: labelloop reviewers add EMAIL")


@reviewers.command()
@click.argument("who")
@on_stack
def remove(stack: Stack, *, who: str, as_json: bool) -> None:
    """Let WHO, an e-mail address or an id that `list` shows, review no more. The answers stay."""
    cognito, pool = stack.client("cognito-idp"), stack.output("UserPoolId")
    try:
        found = cognito.admin_get_user(UserPoolId=pool, Username=who)
        # By the name that Cognito has given: what the person is called may change meanwhile.
        user = {"UserPoolId": pool, "Username": found["Username"]}
        # Ends every session; a token that is out already works for a quarter of an hour more.
        cognito.admin_user_global_sign_out(**user)
        cognito.admin_delete_user(**user)
    except ClientError as error:
        if code_of(error) != "UserNotFoundException":
            raise
        raise CommandError(
            f"There is no {who}. All of them: labelloop reviewers list. It shows each person's id, "
            "which can be given here too."
        ) from error
    attributes = _attributes(found["UserAttributes"])
    email, sub = attributes.get("email", found["Username"]), attributes["sub"]
    words = f"{email} ({sub}) may review no more, within a quarter of an hour at the latest."
    show(as_json, {"email": email, "sub": sub, "removed": True}, words)


def _check(email: str) -> None:
    name, at, host = email.partition("@")
    if not (name and at and "." in host) or any(letter.isspace() for letter in email):
        raise CommandError(f"{email!r} is no e-mail address. Nobody was added.")


def _invite(stack: Stack, email: str) -> tuple[str | None, bool, bool]:
    """The temporary password where no e-mail brings it, whether the person is new, and whether they
    are invited: somebody who has never signed in is invited again.
    """
    cognito = stack.client("cognito-idp")
    user = {"UserPoolId": stack.output("UserPoolId"), "Username": email}
    invitation: dict[str, Any] = {"DesiredDeliveryMediums": ["EMAIL"]}
    password = None
    if stack.on_this_machine:
        password = temporary_password()
        invitation = {"TemporaryPassword": password, "MessageAction": "SUPPRESS"}
    attributes = [
        {"Name": "email", "Value": email},
        {"Name": "email_verified", "Value": "true"},
    ]
    try:
        cognito.admin_create_user(**user, UserAttributes=attributes, **invitation)
    except ClientError as error:
        if code_of(error) != "UsernameExistsException":
            raise
    else:
        return password, True, True
    if cognito.admin_get_user(**user)["UserStatus"] != INVITED:
        return None, False, False
    if password is None:
        cognito.admin_create_user(**user, **invitation, MessageAction="RESEND")
    else:
        cognito.admin_set_user_password(**user, Password=password, Permanent=False)
    return password, False, True


def temporary_password() -> str:
    """A password that the user pool takes."""
    letters = string.ascii_letters + string.digits
    return "Aa1-" + "".join(secrets.choice(letters) for _ in range(12))


def _people(stack: Stack) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        for user in _members(stack, group):
            attributes = _attributes(user["Attributes"])
            person = found.setdefault(
                user["Username"],
                {
                    "email": attributes.get("email", user["Username"]),
                    "email_verified": attributes.get("email_verified") == "true",
                    "sub": attributes["sub"],
                    "groups": [],
                    "signed_in_once": user["UserStatus"] != INVITED,
                },
            )
            person["groups"].append(group)
    return found


def _attributes(entries: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {entry["Name"]: entry["Value"] for entry in entries}


def _members(stack: Stack, group: str) -> Iterator[Mapping[str, Any]]:
    pages = (
        stack.client("cognito-idp")
        .get_paginator("list_users_in_group")
        .paginate(UserPoolId=stack.output("UserPoolId"), GroupName=group)
    )
    for page in pages:
        yield from page["Users"]
