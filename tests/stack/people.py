"""People of the stack's user pool, and what they do at the review API."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from local.launch import PATIENCE_S, wait_for
from local.people import add_person
from tests.stack.bucket import Uploaded
from tests.stack.deployed import Deployed, Record


class People(Deployed):
    """Who may sign in."""

    def add_person(self, group: str = "reviewers") -> tuple[str, str]:
        """User name and password of a new person of a group."""
        pool, cognito = self.outputs["UserPoolId"], self.client("cognito-idp")
        name = f"{secrets.token_hex(4)}@example.com"
        password = f"Aa1-{secrets.token_urlsafe(16)}"
        add_person(cognito, pool, name, password, *filter(None, [group]))
        return name, password

    def add_reviewer(self, group: str = "reviewers") -> Reviewer:
        """A new person of a group, signed in."""
        name, password = self.add_person(group)

        def sign_in() -> str:
            answer = self.client("cognito-idp").admin_initiate_auth(
                UserPoolId=self.outputs["UserPoolId"],
                ClientId=self.outputs["UserPoolClientId"],
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": name, "PASSWORD": password},
            )
            return str(answer["AuthenticationResult"]["IdToken"])

        return Reviewer(self.outputs["ApiUrl"], sign_in(), sign_in)


class Reviewer:
    """A signed-in person at the review API, who signs in again when a token has ended."""

    def __init__(self, api_url: str, token: str, sign_in: Callable[[], str] | None = None) -> None:
        self._api_url = api_url.rstrip("/")
        self._token = token
        self._sign_in = sign_in

    @property
    def sub(self) -> str:
        """What nobody can change of the person."""
        part = self._token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return str(claims["sub"])

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and content of the API's answer."""
        status, answer = self._ask(method, path, body)
        if status == 401 and self._sign_in is not None:
            self._token = self._sign_in()
            status, answer = self._ask(method, path, body)
        return status, answer

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        answer = urllib3.request(
            method,
            self._api_url + path,
            json=body,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=PATIENCE_S,
            retries=False,
        )
        return answer.status, json.loads(answer.data) if answer.data else None

    @property
    def token(self) -> str:
        """What opens the API."""
        return self._token

    def may_take(self) -> set[str]:
        """The names of the oldest tasks that the person may take now."""
        status, answer = self.ask("GET", "/review/tasks")
        assert status == 200, answer
        return {task["task_id"] for task in answer["tasks"]}

    def take(self, *but_not: str) -> Record | None:
        """The next task that is none of these; None when there is none."""
        status, answer = self.ask("POST", "/review/tasks/next", {"except": but_not})
        assert status in {200, 204}, answer
        return dict(answer["tasks"][0]) if answer else None

    def take_task(self, upload: Uploaded) -> Record:
        """Claim tasks until it is the one about this image; the others are given back."""
        others: list[str] = []

        def taken() -> Record:
            # Quickly: the leases of those that are in the way end in seconds.
            while (task := self.take(*others[-100:])) and task["task_id"] != upload.task_id:
                if task["task_id"] in others:
                    return {}
                others.append(task["task_id"])
            return task or {}

        try:
            return wait_for(taken, f"the task about {upload.key}")
        finally:
            for task_id in others:
                self.ask("POST", f"/review/tasks/{task_id}/release")

    def answer(self, upload: Uploaded, said: str | Mapping[str, Any] | None) -> Record:
        """Say what is in a claimed task's image: a label, None for none of them, or a body."""
        body = (
            {"none": True} if said is None else {"label": said} if isinstance(said, str) else said
        )
        status, answer = self.ask("POST", f"/review/tasks/{upload.task_id}/answer", body)
        assert status == 200, answer
        return dict(answer)

    def review(self, upload: Uploaded, said: str | Mapping[str, Any] | None) -> Record:
        """Take the task about an image and answer it."""
        self.take_task(upload)
        return self.answer(upload, said)

    def undo(self, upload: Uploaded) -> None:
        """Take an answer back, which claims the task again."""
        status, answer = self.ask("POST", f"/review/tasks/{upload.task_id}/undo")
        assert status == 200, answer
