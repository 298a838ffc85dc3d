"""Executions of workflows, begun and followed from the command line."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from labelloop.aws import executions
from labelloop.domain.wording import cause_in_words

from . import models
from .failures import CommandError
from .progress import Progress
from .stack import Stack, caller


def begin(stack: Stack, request: Mapping[str, Any]) -> str:
    """Start the workflow with this input; the execution's ARN.

    Raises CommandError while another training or deployment is going on.
    """
    other = models.running_deployment()
    if other is not None:
        raise CommandError(
            f"Another training or deployment is going on, {other}: wait for its end, or stop it "
            "in the Step Functions console."
        )
    return start(stack, "ModelTrainingStateMachineArn", request)


def start(stack: Stack, machine: str, request: Mapping[str, Any]) -> str:
    """An execution of the workflow with this output's name, whose log says who asked for it."""
    arn: str = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.output(machine),
        input=json.dumps({**request, "asked_by": caller(stack)}),
    )["executionArn"]
    return arn


def goes_on(execution: str) -> bool:
    """Whether it has not ended yet."""
    return executions.status(execution) == "RUNNING"


def follow(
    stack: Stack,
    execution: str,
    what_is_done: Callable[[], str],
    failed: str,
    is_enough: Callable[[], bool] = lambda: False,
) -> None:
    """Show what is being done until the execution ends, or has come far enough.

    Raises CommandError, beginning with ``failed``, where the end is no success.
    """
    progress = Progress()
    while True:
        now = executions.described(execution)
        if now.status != "RUNNING" or is_enough():
            break
        progress.say(what_is_done())
        time.sleep(stack.look_every_s)
    progress.end()
    if now.status not in {"RUNNING", "SUCCEEDED"}:
        cause = cause_in_words({"error": now.error, "cause": now.cause})
        raise CommandError(f"{failed} ({now.status}): {cause} Its steps: {execution}")


def why_it_gave_up(execution: str) -> str:
    """What an execution that has ended well could not do, as the e-mail about it says; or nothing.

    A state that catches an error, and goes another way, leaves it in the output.
    """
    failure = executions.described(execution).output.get("failure")
    if not failure:
        return ""
    return cause_in_words({"error": failure.get("Error"), "cause": failure.get("Cause")})
