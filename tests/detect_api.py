"""The route ``POST /detect`` as its callers use it."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import urllib3

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


def machine_token(stack: Stack, scope: str = "labelloop/detect") -> Any:
    """What a program gets that knows the machine client's secret."""
    client = stack.client("cognito-idp").describe_user_pool_client(
        UserPoolId=stack.outputs["UserPoolId"], ClientId=stack.outputs["MachineClientId"]
    )["UserPoolClient"]
    known = f"{client['ClientId']}:{client['ClientSecret']}".encode()
    answer = urllib3.request(
        "POST",
        stack.outputs["TokenUrl"],
        body=f"grant_type=client_credentials&scope={scope}",
        headers={
            "Authorization": f"Basic {base64.b64encode(known).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        timeout=PATIENCE_S,
    )
    return answer.json()
