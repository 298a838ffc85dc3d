"""`labelloop clients`: which programs may ask the API."""

from collections.abc import Iterable, Set
from dataclasses import asdict
from typing import Any

import click
from botocore.exceptions import ClientError

from labelloop.aws import machine_clients, user_pools
from labelloop.aws.failures import code_of
from labelloop.aws.machine_clients import Authorizer, MachineClient, Secret
from labelloop.domain.machine_clients import MOST, Scope, refusal
from labelloop.errors import QuotaExceededError

from ..account import account_options
from ..failures import CommandError
from ..helping import Commands
from ..stack import Stack, on_stack, physical_id, show
from .snippets import Access, snippets

_OUTPUTS = {Scope.DETECT: "DetectScope", Scope.LOG: "LogScope", Scope.READ: "ReadScope"}
_LANGUAGES = {"curl": "In a terminal", "python": "In Python", "javascript": "In JavaScript (Node)"}
_BILLED = (
    "Cognito bills it about US$6 a month until it is removed, used or not, and US$2.25 for 1,000 "
    "tokens: a token works for an hour, keep it."
)


@click.group(cls=Commands)
@account_options
def clients() -> None:
    """See and change which programs may ask the API."""


@clients.command()
@click.argument("name")
@click.option(
    "--scope",
    "asked",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may: have images detected (if nothing is said), have them logged, too "
    "(?log=true), read the log. May be given several times.",
)
@on_stack
def add(stack: Stack, *, name: str, asked: tuple[str, ...], as_json: bool) -> None:
    """Let the program NAME ask the API, and show its id, its secret and how to begin.

    Nothing shows the secret again. Where the program is there already, it is let in again if
    something has shut it out, and may from now on what --scope says.
    """
    reason = refusal(name)
    if reason:
        raise CommandError(reason)
    scopes = frozenset(map(Scope, asked))
    if Scope.LOG in scopes and Scope.DETECT not in scopes:
        raise click.UsageError("--scope log is of those who detect: give --scope detect, too.")
    known = _named(stack, name)
    if not known:
        _add(stack, name, scopes or {Scope.DETECT}, as_json)
        return
    pool, client_id = stack.output("UserPoolId"), known[0].client_id
    if scopes:
        wanted = {"AllowedOAuthScopes": _in_the_pool(stack, scopes)}
        user_pools.change_client(pool, client_id, wanted)
    _let_all_in(stack)
    may = _may(pool, known[0])
    words = f"{name} was there already, and may {' and '.join(may)}. For another secret:"
    answer = {"name": name, "client_id": client_id, "scopes": may}
    show(as_json, answer, f"{words} labelloop clients rotate {name}")


@clients.command(name="list")
@on_stack
def list_clients(stack: Stack, as_json: bool) -> None:
    """Show which programs may ask the API, and what."""
    pool, admitted = stack.output("UserPoolId"), machine_clients.admitted(_authorizer(stack))
    rows = [
        {
            "name": client.name,
            "client_id": client.client_id,
            "scopes": _may(pool, client),
            "admitted": client.client_id in admitted,
        }
        for client in machine_clients.of_stack(pool, stack.name)
    ]
    show(as_json, rows, "\n".join(map(_line, rows)) or "None. Add one: labelloop clients add NAME")


def _line(row: dict[str, Any]) -> str:
    shut_out = f"  (not let in: labelloop clients add {row['name']})"
    return f"{row['name']}  {row['client_id']}  {', '.join(row['scopes'])}" + (
        "" if row["admitted"] else shut_out
    )


@clients.command()
@click.argument("name")
@on_stack
def remove(stack: Stack, *, name: str, as_json: bool) -> None:
    """Let the program NAME ask the API no more, with the tokens that it has neither."""
    gone = {client.client_id for client in _known(stack, name)}
    authorizer = _authorizer(stack)
    while gone & (admitted := machine_clients.admitted(authorizer)):
        machine_clients.admit(authorizer, admitted - gone)
    for client_id in gone:
        machine_clients.delete(stack.output("UserPoolId"), client_id)
    _let_all_in(stack, but=gone)
    words = f"{name} may ask the API no more, and Cognito bills it no more."
    show(as_json, {"name": name, "client_ids": sorted(gone)}, words)


@clients.command()
@click.argument("name")
@click.option(
    "--end",
    type=click.Choice(["older", "newer"]),
    help="End one of two secrets: the older, when the program has the newer, or the newer, which "
    "nobody has noted.",
)
@on_stack
def rotate(stack: Stack, *, name: str, end: str | None, as_json: bool) -> None:
    """Give the program NAME another secret, beside the one that it has.

    Both work until one is ended.
    """
    client, pool = _known(stack, name)[0], stack.output("UserPoolId")
    if end is None:
        try:
            secret = machine_clients.add_secret(pool, client.client_id)
        except QuotaExceededError as error:
            raise CommandError(
                f"{name} has two secrets, and can have no more: end one of them first. labelloop "
                f"clients rotate {name} --end older"
            ) from error
        may = frozenset(map(Scope, _may(pool, client)))
        words = (
            "The secret that it had works until you say: labelloop clients rotate "
            f"{name} --end older"
        )
        _show_secret(_access(stack, client, secret), may, words, as_json)
        return
    secrets = machine_clients.secrets(pool, client.client_id)
    if len(secrets) == 1:
        words = f"{name} has one secret, of {_made(secrets[0])}, which stays."
        show(as_json, {"name": name, "ended": False}, words)
        return
    gone, stays = secrets if end == "older" else reversed(secrets)
    machine_clients.end_secret(pool, client.client_id, gone.secret_id)
    words = f"The secret of {_made(gone)} has ended, and that of {_made(stays)} works."
    show(as_json, {"name": name, "ended": True}, words)


def _made(secret: Secret) -> str:
    return f"{secret.made:%Y-%m-%d %H:%M:%S}"


def _add(stack: Stack, name: str, scopes: Set[Scope], as_json: bool) -> None:
    pool = stack.output("UserPoolId")
    if len(machine_clients.of_stack(pool, stack.name)) >= MOST:
        raise CommandError(
            f"There are {MOST} programs, and AWS lets an API have no more: remove one first. "
            "labelloop clients list"
        )
    try:
        client, secret = machine_clients.create(pool, stack.name, name, _in_the_pool(stack, scopes))
    except ClientError as error:
        if code_of(error) != "ScopeDoesNotExistException":
            raise
        raise CommandError(
            "The user pool does not know what the program shall be let do: deploy this version of "
            "Label Loop to the stack (sam build && sam deploy)."
        ) from error
    try:
        _let_all_in(stack, client.client_id)
    except BaseException:
        # Nobody has seen its secret, and Cognito bills it.
        machine_clients.delete(pool, client.client_id)
        raise
    _show_secret(_access(stack, client, secret), scopes, _BILLED, as_json)


def _access(stack: Stack, client: MachineClient, secret: str) -> Access:
    where = stack.output("ApiUrl"), stack.output("TokenUrl")
    return Access(client.name, client.client_id, secret, *where)


def _show_secret(access: Access, scopes: Set[Scope], more: str, as_json: bool) -> None:
    """Show what nothing shows again, and what a program begins with."""
    begin = snippets(access, scopes)
    answer = {**asdict(access), "scopes": sorted(scopes), "snippets": begin}
    words = (
        f"{access.name} may {' and '.join(sorted(scopes))}. Note the secret: it is not shown "
        f"again.\n  id      {access.client_id}\n  secret  {access.client_secret}\n{more}"
    )
    parts = [f"{_LANGUAGES[language]}:\n\n{text}" for language, text in begin.items()]
    show(as_json, answer, "\n\n".join([words, *parts]))


def _let_all_in(stack: Stack, *new: str, but: Iterable[str] = ()) -> None:
    """Let the API take the tokens of all programs that there are, whoever else does so meanwhile.

    A list of clients is written as a whole: what somebody wrote between our reading and our writing
    is missing then, and is seen when it is read again.
    """
    pool, authorizer = stack.output("UserPoolId"), _authorizer(stack)
    while True:
        there = {client.client_id for client in machine_clients.of_stack(pool, stack.name)}
        admitted = machine_clients.admitted(authorizer)
        if (there | {*new}) - {*but} <= admitted:
            return
        machine_clients.admit(authorizer, (admitted | there | {*new}) - {*but})


def _authorizer(stack: Stack) -> Authorizer:
    found = [physical_id(stack, name) for name in ("Api", "ApiAuthorizer")]
    if None in found:
        raise CommandError(
            f"The stack {stack.name} has no API: deploy Label Loop to it (sam build && sam deploy)."
        )
    return Authorizer(*map(str, found))


def _named(stack: Stack, name: str) -> list[MachineClient]:
    """All that are called so: two, where two commands made them at once."""
    found = machine_clients.of_stack(stack.output("UserPoolId"), stack.name)
    return [client for client in found if client.name == name]


def _known(stack: Stack, name: str) -> list[MachineClient]:
    """The same, of which there must be one."""
    found = _named(stack, name)
    if not found:
        raise CommandError(
            f"There is no program {name}. Those that there are: labelloop clients list"
        )
    return found


def _in_the_pool(stack: Stack, scopes: Iterable[Scope]) -> list[str]:
    """The scopes as tokens name them."""
    return sorted(stack.output(_OUTPUTS[scope]) for scope in scopes)


def _may(pool: str, client: MachineClient) -> list[str]:
    return [name.rpartition("/")[2] for name in machine_clients.scopes(pool, client.client_id)]
