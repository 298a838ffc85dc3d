"""State machines on the server of conftest.py: made, run, and looked at."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from local.launch import PATIENCE_S
from tests.unit.local.conftest import ROLE


class Machines:
    def __init__(self, runtime: Any) -> None:
        self.client = runtime.client("stepfunctions")

    def create(self, definition: dict[str, Any], kind: str = "STANDARD") -> str:
        answer = self.client.create_state_machine(
            name=f"m-{uuid.uuid4()}", definition=json.dumps(definition), roleArn=ROLE, type=kind
        )
        return str(answer["stateMachineArn"])

    def start(self, definition: dict[str, Any], input_value: Any = None) -> str:
        started = self.client.start_execution(
            stateMachineArn=self.create(definition), input=json.dumps(input_value or {})
        )
        return str(started["executionArn"])

    def end(self, execution_arn: str) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            answer = self.client.describe_execution(executionArn=execution_arn)
            if answer["status"] != "RUNNING":
                return dict(answer)
            time.sleep(0.01)
        raise AssertionError("the execution did not end")

    def run(self, definition: dict[str, Any], input_value: Any = None) -> dict[str, Any]:
        return self.end(self.start(definition, input_value))

    def output(self, definition: dict[str, Any], input_value: Any = None) -> Any:
        answer = self.run(definition, input_value)
        assert answer["status"] == "SUCCEEDED", answer
        return json.loads(answer["output"])


@pytest.fixture
def machines(runtime: Any) -> Machines:
    return Machines(runtime)


def one_state(state: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"End": True, **state}, **others}}


def task(resource: str, parameters: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": parameters,
        "TimeoutSeconds": 10,
        **fields,
    }
