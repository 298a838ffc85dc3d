"""CloudFormation's side of a custom resource: what becomes of the stack."""

from collections.abc import Mapping
from typing import NamedTuple

from labelloop.aws.clients import client
from labelloop.aws.failures import translated

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
