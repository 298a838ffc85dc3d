"""CloudFormation's side of a custom resource: its answer, and what becomes of the stack."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple

from labelloop import clock
from labelloop.aws.clients import client
from labelloop.aws.failures import translated

_TRIES = 5


_GOING = {"DELETE_IN_PROGRESS", "DELETE_FAILED", "DELETE_COMPLETE", "ROLLBACK_IN_PROGRESS"}


class Stack(NamedTuple):
    """The stack of a custom resource, as it is going to be."""

    is_going: bool
    """Whether all of it is being deleted."""
    parameters: Mapping[str, str]


def stack(stack_id: str) -> Stack:
    """The stack that asks."""
    with translated():
        (found,) = client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
    return Stack(found["StackStatus"] in _GOING, parameters)


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
