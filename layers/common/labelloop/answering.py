"""How CloudFormation gets the answer that it waits for, even where the function cannot be loaded.

The functions of custom resources have ``lambda_handler`` here as their handler, which calls their
own. This module imports nothing that is not Python's own, or needs nothing else: a layer built for
another processor, a library that is missing or a mistake in a module would be waited for otherwise,
until the resource times out.
"""

import importlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from labelloop import clock

NEVER_MADE = "never-made"
"""The identity of a resource whose creation failed; its deletion has nothing to do."""
LONGEST_REASON = 1500
"""CloudFormation takes an answer of up to 4 KB."""
_TRIES = 5


def answer(url: str, body: bytes) -> None:
    """Put the answer to the address that CloudFormation gave, trying for half a minute.

    Raises URLError when nothing helps: then the log has the answer and the stack waits.
    """
    for attempt in range(1, _TRIES + 1):
        request = urllib.request.Request(url, data=body, method="PUT")  # noqa: S310  # CloudFormation's own address
        request.add_header("Content-Type", "")  # The address is signed for no type.
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                return
        except urllib.error.URLError:
            if attempt == _TRIES:
                raise
            clock.pause(2**attempt / 2)


def begun(event: Mapping[str, Any]) -> dict[str, Any]:
    """What every answer to this request has; the identity is the one that it came with."""
    return {
        "Status": "SUCCESS",
        "StackId": event.get("StackId"),
        "RequestId": event.get("RequestId"),
        "LogicalResourceId": event.get("LogicalResourceId"),
        "PhysicalResourceId": event.get("PhysicalResourceId") or NEVER_MADE,
    }


def failed(error: BaseException, context: Any) -> dict[str, Any]:
    """What an answer has beside, where something failed."""
    return {
        "Status": "FAILED",
        "Reason": f"{type(error).__name__}: {error}"[:LONGEST_REASON]
        + f" (details in the log {context.log_group_name})",
    }


def _load() -> Callable[[Any, Any], None] | Exception:
    """The function's own handler, or why there is none."""
    try:
        loaded: Callable[[Any, Any], None] = importlib.import_module("app").lambda_handler
    except Exception as error:  # whatever it is, somebody waits for an answer
        return error
    return loaded


_own = _load()


def lambda_handler(event: Any, context: Any) -> None:
    """Let the function answer, or answer that it cannot be loaded.

    What was never made needs no function to be deleted: a creation that failed is rolled back.
    """
    if not isinstance(_own, Exception):
        _own(event, context)
        return
    response = begun(event)
    nothing_to_do = (
        event.get("RequestType") == "Delete" and response["PhysicalResourceId"] == NEVER_MADE
    )
    if not nothing_to_do:
        response |= failed(_own, context)
    print(json.dumps({"level": "ERROR", "message": "not loaded", "error": repr(_own)}))  # noqa: T201
    answer(event["ResponseURL"], json.dumps(response).encode())
