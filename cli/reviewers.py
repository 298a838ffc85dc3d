"""`labelloop reviewers`: who may sign in to the review page."""

import secrets
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click
from botocore.exceptions import ClientError

from labelloop.aws import review_tasks
from labelloop.aws.failures import code_of
from labelloop.domain.review_tasks import (
    GROUPS,
    OPERATORS,
    REVIEWERS,
)

from .account import account_options
from .failures import CommandError
from .helping import Commands
from .stack import Stack, deployment_parameter, on_stack, show

_OUTPUTS = {REVIEWERS: "ReviewersGroup", OPERATORS: "OperatorsGroup"}
INVITED = "FORCE_CHANGE_PASSWORD"
"""Cognito's word for who has not signed in with the temporary password yet."""


def group_name(stack: Stack, group: str) -> str:
    """What the group is called in the user pool: of an earlier release, and of its own, as here."""
    return stack.outputs.get(_OUTPUTS[group], group)


def is_others_pool(stack: Stack) -> bool:
    """Whether the people are those of a user pool that was there before the stack."""
    return deployment_parameter(stack, "ExistingUserPoolId") != ""


@click.group(cls=Commands)
@account_options
def reviewers() -> None:
    """See and change who may review images."""


@reviewers.command()
@click.argument("email")
@click.option("--operator", is_flag=True, help="They see everybody's figures, too.")
@on_stack
def add(stack: Stack, *, email: str, operator: bool, as_json: bool) -> None:
    """Let the person with the address EMAIL review.

    Cognito sends a new person an e-mail with a temporary password, good for a week. Who has not
    signed in by then is added again, and gets another. A user pool that the stack was deployed with
    (ExistingUserPoolId) gets nobody new: who is in it by this address may review.
    """
    _check(email)
    group = OPERATORS if operator else REVIEWERS
    if is_others_pool(stack):
        names, (password, new, invited) = _names_of(stack, email), (None, False, False)
    else:
        names, (password, new, invited) = [email], _invite(stack, email)
    for name in names:
        stack.client("cognito-idp").admin_add_user_to_group(
            UserPoolId=stack.output("UserPoolId"),
            Username=name,
            GroupName=group_name(stack, group),
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
    """Let WHO, an e-mail address or an id that `list` shows, review no more. The answers stay.

    The address goes, from the figures too. Of somebody whom the user pool has no more, it goes
    there alone. In a user pool that the stack was deployed with, they stay, but in no group of the
    stack.
    """
    if is_others_pool(stack):
        _take_out(stack, who, as_json)
        return
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
        if not _is_forgotten(who, as_json):
            raise _nobody(who) from error
        return
    attributes = _attributes(found["UserAttributes"])
    email, sub = attributes.get("email", found["Username"]), attributes["sub"]
    review_tasks.forget_person(sub)
    words = f"{email} ({sub}) may review no more, within a quarter of an hour at the latest."
    show(as_json, {"email": email, "sub": sub, "removed": True}, words)


def _take_out(stack: Stack, who: str, as_json: bool) -> None:
    """Take somebody out of the stack's groups, by whatever names the pool knows them."""
    found = {name: row for name, row in _people(stack).items() if who.lower() in _ways_to_say(row)}
    if not found:
        if not _is_forgotten(who, as_json):
            raise _nobody(who)
        return
    for name, row in found.items():
        for group in row["groups"]:
            stack.client("cognito-idp").admin_remove_user_from_group(
                UserPoolId=stack.output("UserPoolId"),
                Username=name,
                GroupName=group_name(stack, group),
            )
        review_tasks.forget_person(row["sub"])
    row = next(iter(found.values()))
    words = f"{row['email']} may review no more, within a quarter of an hour at the latest."
    show(as_json, {"email": row["email"], "sub": row["sub"], "removed": True}, words)


def _ways_to_say(row: Mapping[str, Any]) -> set[str]:
    return {row["email"].lower(), row["sub"].lower()}


def _nobody(who: str) -> CommandError:
    return CommandError(
        f"There is no {who}. All of them: labelloop reviewers list. It shows each person's id, "
        "which can be given here too."
    )


def _names_of(stack: Stack, email: str) -> list[str]:
    """The names of those who have this address in a pool of others: one for each way to sign in."""
    pool, text = stack.output("UserPoolId"), email.replace("\\", "\\\\").replace('"', '\\"')
    pages = (
        stack.client("cognito-idp")
        .get_paginator("list_users")
        .paginate(UserPoolId=pool, Filter=f'email = "{text}"')
    )
    names = [user["Username"] for page in pages for user in page["Users"]]
    if not names:
        raise CommandError(
            f"Nobody in the user pool {pool} has the address {email}. It is not the stack's own, "
            "and gets no people from here: let them be added to it as others are, then try again."
        )
    return names


def _is_forgotten(who: str, as_json: bool) -> bool:
    """Forget the address of somebody whom the user pool has no more; False where there is none."""
    known = review_tasks.everybodys_figures()
    subs = [one.sub for one in known if who in {one.sub, one.name}]
    for sub in subs:
        review_tasks.forget_person(sub)
    if subs:
        words = f"{who} could review no more already, and is shown as {subs[0]} from now."
        show(as_json, {"sub": subs[0], "removed": False, "forgotten": True}, words)
    return bool(subs)


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
        for user in _members(stack, group_name(stack, group)):
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
