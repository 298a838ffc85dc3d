"""What the resources of one deployment share: its names, and the services that they are made in."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.clock import Clock
from local.permissions.authorization import Authorizer
from local.permissions.identity import Identities
from local.role_clients import Clients
from local.services.event_bus import EventBus
from local.services.function_pool import FunctionPool
from local.services.http_apis import HttpApis
from local.services.queue_pollers import QueuePollers
from local.services.sign_in import SignIn
from local.services.state_machines import Executions
from local.services.stream_pollers import StreamPollers


class Answers:
    """The answers that functions put to their ResponseURL, by the URL's token."""

    def __init__(self) -> None:
        self._answers: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()

    def put(self, token: str, answer: dict[str, Any]) -> None:
        """Note an answer."""
        with self._changed:
            self._answers[token] = answer
            self._changed.notify_all()

    def wait(self, token: str, timeout_s: float) -> dict[str, Any] | None:
        """The answer; None when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: token in self._answers, timeout_s)
            return self._answers.pop(token, None)


@dataclass(frozen=True)
class Services:
    """What resources are made in; everything else is moto's, by its clients."""

    clock: Clock
    clients: Clients
    authorizer: Authorizer
    identities: Identities
    functions: FunctionPool
    bus: EventBus
    queues: QueuePollers
    streams: StreamPollers
    executions: Executions
    http_apis: HttpApis
    sign_in: SignIn


@dataclass(frozen=True)
class Deployment:
    """One stack, as its resources know it."""

    name: str
    stack_id: str
    root: Path
    """The template's folder, to which its paths lead."""
    services: Services
    layers: dict[str, Path] = field(default_factory=dict)
    managed_policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    """Of custom resources."""

    def new_name(self, logical_id: str, limit: int) -> str:
        """A name that no other deployment has: <stack>-<logical id>-<12 characters>."""
        digest = hashlib.sha256(f"{self.stack_id} {logical_id}".encode()).hexdigest()
        return f"{self.name}-{logical_id}"[: limit - 13] + f"-{digest[:12].upper()}"
