"""Executions of state machines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.aws.clients import client, client_without_retries, patient_client
from labelloop.aws.failures import translated
from labelloop.errors import NotFoundError


@dataclass(frozen=True)
class Execution:
    """How an execution ended, or how far it has come."""

    status: str
    """One that has ended is SUCCEEDED, FAILED or TIMED_OUT; the call itself answers 200 for all."""
    error: str | None
    cause: str | None
    output: Mapping[str, Any]
    """Empty where it did not succeed."""

    @property
    def succeeded(self) -> bool:
        """Whether all of it was done."""
        return self.status == "SUCCEEDED"


def run(state_machine_arn: str, execution_input: str, *, hurried: bool = False) -> Execution:
    """Start an Express execution and wait until it ends.

    Never retried by the SDK: a second start after a lost answer would do the work twice at once.
    Somebody who is hurried does not wait for the longest of executions, which then goes on alone,
    and gets ServiceFailedError.
    """
    steps = patient_client("stepfunctions")
    if hurried:
        steps = client_without_retries("stepfunctions")
    with translated():
        answer = steps.start_sync_execution(
            stateMachineArn=state_machine_arn, input=execution_input
        )
    return _execution(answer)


def described(execution_arn: str) -> Execution:
    """A Standard execution as it is now. Raises NotFoundError when nobody remembers it."""
    return _execution(_describe(execution_arn))


def request_of(execution_arn: str) -> dict[str, Any]:
    """What a Standard execution was started with. Raises NotFoundError when nobody remembers it."""
    request: dict[str, Any] = json.loads(_describe(execution_arn).get("input") or "{}")
    return request


def status(execution_arn: str) -> str | None:
    """How far a Standard execution has come, or how it ended; None when nobody remembers it."""
    try:
        return described(execution_arn).status
    except NotFoundError:
        return None


def _describe(execution_arn: str) -> Mapping[str, Any]:
    with translated():
        answer: Mapping[str, Any] = client("stepfunctions").describe_execution(
            executionArn=execution_arn
        )
    return answer


def _execution(answer: Mapping[str, Any]) -> Execution:
    output = json.loads(answer.get("output") or "{}")
    return Execution(answer["status"], answer.get("error"), answer.get("cause"), output)
