"""Cuts lists into pages with tokens, as every List and Describe operation of ``service`` needs."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from local.rekognition.service_error import ServiceError

DEFAULT_PAGE_SIZE = 100


def page(
    request: Mapping[str, Any], items: Sequence[Any], member: str, filters: Sequence[str]
) -> dict[str, Any]:
    """The page of items that the request asks for. A token is good for the same filters only."""
    wanted = json.dumps([member, *(request.get(name) for name in filters)])
    question = hashlib.sha256(wanted.encode()).hexdigest()[:16]
    start = _read_token(request["NextToken"], question) if request.get("NextToken") else 0
    end = start + request.get("MaxResults", DEFAULT_PAGE_SIZE)
    answer: dict[str, Any] = {member: list(items[start:end])}
    if end < len(items):
        answer["NextToken"] = base64.b64encode(f"{question}:{end}".encode()).decode()
    return answer


def _read_token(token: str, question: str) -> int:
    try:
        asked, _, start = base64.b64decode(token, validate=True).decode().partition(":")
        if asked == question:
            return int(start)
    except ValueError:
        pass
    raise ServiceError("InvalidPaginationTokenException", "The pagination token is not valid.")
