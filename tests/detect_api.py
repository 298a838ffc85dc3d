"""The route ``POST /detect`` as its callers use it."""

import base64
import json
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import urllib3
from click.testing import CliRunner

from cli.__main__ import main
from local.launch import PATIENCE_S
from tests.stack import Stack


@dataclass(frozen=True)
class Answer:
    """What the API answered."""

    status: int
    content: Any
    retry_after: str | None

    @property
    def code(self) -> str:
        """The word for why it was refused."""
        return str(self.content["error"]["code"])


def post(
    stack: Stack, token: str, body: bytes, kind: str = "image/jpeg", query: str = ""
) -> Answer:
    """Ask with a token."""
    answer = urllib3.request(
        "POST",
        f"{stack.outputs['ApiUrl']}/detect{query}",
        body=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": kind},
        timeout=PATIENCE_S,
        retries=False,
    )
    return Answer(answer.status, json.loads(answer.data), answer.headers.get("Retry-After"))


def clients(data_dir: Path, *words: str) -> Any:
    """What `labelloop clients` answers to programs."""
    where = ("--local", "--data-dir", str(data_dir), "--json")
    result = CliRunner().invoke(main, ["clients", *words, *where])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@cache
def _program(data_dir: Path, _: str) -> tuple[str, str]:
    """Id and secret of a program that may all that programs may, in this user pool."""
    scopes = [word for scope in ("detect", "log", "read") for word in ("--scope", scope)]
    made = clients(data_dir, "add", f"tests-{secrets.token_hex(4)}", *scopes)
    return made["client_id"], made["client_secret"]


def get(stack: Stack, token: str, path: str, **query: str) -> Answer:
    """Ask what the log has, or for anything else that is only read."""
    answer = urllib3.request(
        "GET",
        f"{stack.outputs['ApiUrl']}{path}",
        fields=query,
        headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE_S,
        retries=False,
    )
    return Answer(answer.status, json.loads(answer.data), answer.headers.get("Retry-After"))


def machine_token(stack: Stack, *scopes: str) -> Any:
    """What a program gets that may all that programs may; for all of it, if it names nothing."""
    program = _program(stack.local.data_dir, stack.outputs["UserPoolId"])
    return token_of(stack, *program, *scopes)


def token_of(stack: Stack, client_id: str, secret: str, *scopes: str) -> Any:
    """What Cognito answers to a program that asks for a token."""
    known = f"{client_id}:{secret}".encode()
    asked = f"&scope={'+'.join(scopes)}" if scopes else ""
    answer = urllib3.request(
        "POST",
        stack.outputs["TokenUrl"],
        body=f"grant_type=client_credentials{asked}",
        headers={
            "Authorization": f"Basic {base64.b64encode(known).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        timeout=PATIENCE_S,
    )
    return answer.json()
