"""What an HTTP API has: stages with their limits and logs, routes, integrations, authorizers."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from local.permissions.actions import function_arn

MAX_AUDIENCES = 50
_VARIABLE = re.compile(r"\$context\.([\w.]+)")
LOGGED = frozenset(
    (
        "authorizer.claims.sub",
        "error.responseType",
        "identity.sourceIp",
        "integration.requestId",
        "requestId",
        "requestTimeEpoch",
        "responseLatency",
        "responseLength",
        "routeKey",
        "status",
    )
)
"""Of API Gateway's many variables."""


@dataclass
class Api:
    """One HTTP API as its resources make it."""

    api_id: str
    cors: Mapping[str, Any] | None
    routes: dict[str, Route] = field(default_factory=dict)
    integrations: dict[str, Integration] = field(default_factory=dict)
    authorizers: dict[str, Authorizer] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)


@dataclass(frozen=True)
class Limit:
    """How many requests a route takes: a bucket of tokens that is filled at the rate."""

    rate_per_s: float
    burst: int


@dataclass(frozen=True)
class AccessLog:
    """The log group to which a stage writes a line for each request, and what is in it."""

    group: str
    format: str

    @property
    def variables(self) -> list[str]:
        """The names of what is filled in: ``requestId`` for $context.requestId."""
        return _VARIABLE.findall(self.format)

    def line(self, values: Mapping[str, str]) -> str:
        """The format with the values in it; what has none is a dash."""
        return _VARIABLE.sub(lambda found: values.get(found[1]) or "-", self.format)


@dataclass
class Stage:
    """Where an API can be reached, and how fast; the account's own limit is left out."""

    variables: Mapping[str, str]
    limit: Limit | None
    """Of each route that has none of its own."""
    limits: Mapping[str, Limit]
    """By the routes' keys."""
    log: AccessLog | None = None
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, route: str, now_s: float) -> bool:
        """Whether the route takes one request more now."""
        limit = self.limits.get(route, self.limit)
        if limit is None:
            return True
        with self._lock:
            left, since_s = self._buckets.get(route, (float(limit.burst), now_s))
            left = min(limit.burst, left + (now_s - since_s) * limit.rate_per_s)
            taken = left >= 1
            self._buckets[route] = (left - taken, now_s)
        return taken


@dataclass(frozen=True)
class Integration:
    """The function behind routes."""

    uri: str
    timeout_s: float

    @property
    def function_arn(self) -> str:
        """The function's ARN, out of API Gateway's own form of it too."""
        name = self.uri.split("/functions/", 1)[-1].split("/invocations", 1)[0]
        return function_arn(name)


class TooManyAudiencesError(Exception):
    """An authorizer is to take the tokens of more than API Gateway lets it."""


@dataclass(frozen=True)
class Authorizer:
    """Whose tokens are good. Raises TooManyAudiencesError."""

    issuer: str
    audience: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.audience) > MAX_AUDIENCES:
            raise TooManyAudiencesError(
                f"An authorizer has at most {MAX_AUDIENCES} audiences, not {len(self.audience)}."
            )


@dataclass(frozen=True)
class Route:
    """One line of the API: `POST /review/tasks/{id}/answer`."""

    key: str
    integration_id: str
    authorizer_id: str | None
    scopes: tuple[str, ...]

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path's parameters when the request belongs to this route."""
        if self.key == "$default":
            return {}
        wanted, _, pattern = self.key.partition(" ")
        if wanted not in ("ANY", method):
            return None
        found = _path_pattern(pattern).fullmatch(path)
        if found is None:
            return None
        return {name: unquote(value) for name, value in found.groupdict().items()}

    @property
    def rank(self) -> tuple[int, int, int]:
        """The most specific comes first: full paths, {proxy+}, $default; methods before ANY."""
        method, _, path = self.key.partition(" ")
        return (
            path.endswith("+}") + 2 * (self.key == "$default"),
            method == "ANY",
            path.count("{"),
        )


def _path_pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{([^}]+)\}", path.rstrip("/") or "/")
    pattern = "".join(
        re.escape(part)
        if i % 2 == 0
        else f"(?P<{part.rstrip('+')}>{'.+' if part.endswith('+') else '[^/]+'})"
        for i, part in enumerate(parts)
    )
    return re.compile(pattern + ("" if pattern == "/" else "/?"))
