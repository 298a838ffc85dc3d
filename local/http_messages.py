"""What whoever is reached by HTTP is given, and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """An HTTP request as the gateway reads it."""

    method: str
    path: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """An HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
