"""Workflows, functions and schedules: started, waited for, and followed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.domain.ceilings import LOOK_EVERY
from local.launch import wait_for
from tests.stack.bucket import Uploaded
from tests.stack.deployed import Deployed, Record


@dataclass(frozen=True)
class Execution:
    """An execution of a workflow that has ended."""

    arn: str
    status: str
    error: str | None
    cause: str | None
    states: tuple[str, ...]
    """The names of the states that it entered, in order."""


class Workflows(Deployed):
    """What runs in the stack, and when it has ended."""

    def start(self, workflow: str, request: Mapping[str, Any] | None = None) -> str:
        """Start a Standard workflow (``model_training``); the execution's ARN."""
        machine = "".join(word.title() for word in workflow.split("_"))
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs[f"{machine}StateMachineArn"],
            input=json.dumps(request or {}),
        )
        arn: str = answer["executionArn"]
        return arn

    def end_of(self, execution_arn: str) -> Execution:
        """Wait for an execution's end."""
        steps = self.client("stepfunctions")

        def ended() -> Any:
            answer = steps.describe_execution(executionArn=execution_arn)
            return None if answer["status"] == "RUNNING" else answer

        answer = wait_for(ended, f"the end of {execution_arn}")
        return Execution(
            execution_arn,
            answer["status"],
            answer.get("error"),
            answer.get("cause"),
            tuple(self.states(execution_arn)),
        )

    def states(self, execution_arn: str) -> list[str]:
        """The states that an execution has entered so far."""
        pages = (
            self.client("stepfunctions")
            .get_paginator("get_execution_history")
            .paginate(executionArn=execution_arn)
        )
        return [
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]

    def run(self, workflow: str, request: Mapping[str, Any] | None = None) -> Execution:
        """Start a Standard workflow and wait for its end."""
        return self.end_of(self.start(workflow, request))

    def run_express(self, workflow: str, event: Mapping[str, Any]) -> Record:
        """What StartSyncExecution answers about an Express workflow (``detection``)."""
        machine = "".join(word.title() for word in workflow.split("_"))
        answer: Record = self.client("stepfunctions").start_sync_execution(
            stateMachineArn=self.outputs[f"{machine}StateMachineArn"], input=json.dumps(event)
        )
        return answer

    def event(self, upload: Uploaded, size: int = 1000) -> dict[str, Any]:
        """S3's event about an upload, as far as the workflows read it."""
        content = {"key": upload.key, "size": size, "etag": "", "version-id": upload.version_id}
        return {"detail": {"bucket": {"name": self.bucket}, "object": content}}

    def call(self, function: str, request: Mapping[str, Any]) -> Any:
        """What a function, given by its logical id, answers."""
        answer = self.client("lambda").invoke(
            FunctionName=self.physical_id(function), Payload=json.dumps(request).encode()
        )
        content = json.load(answer["Payload"])
        assert "FunctionError" not in answer, content
        return content

    def select_reviews(self) -> None:
        """Let people be asked about what is due by now. The schedule comes round by itself too, and
        of two runs at once one is refused: then again."""

        def has_run() -> bool:
            answer = self.client("lambda").invoke(
                FunctionName=self.physical_id("SelectReviewsFunction"), Payload=b"{}"
            )
            content = json.load(answer["Payload"])
            refused = "FunctionError" in answer
            assert not refused or content["errorType"] == "ChangedMeanwhileError", content
            return not refused

        wait_for(has_run, "a choice without another")

    def fire(self, schedule: str) -> Any:
        """Let a schedule, given by its logical id, run now."""
        return self.local.control("POST", f"schedules/{schedule}")

    def wait_until_rests(self, function: str) -> None:
        """Wait until no invocation of a function is under way."""
        wait_for(
            lambda: function not in self.local.control("GET", "summary")["busy"],
            f"the end of {function}",
        )

    def let_pass(self, seconds: float) -> None:
        """Let that many of the stack's own seconds be over, with each look at the model in them."""

        def looks() -> int:
            return int(self.local.control("GET", "summary")["lambda"].get("HostModel", 0))

        def has_looked() -> bool:
            return looks() > before

        for _ in range(round(seconds / LOOK_EVERY.total_seconds())):
            before = looks()
            self.leap(LOOK_EVERY.total_seconds())
            wait_for(has_looked, "a look at the model")

    def wait_until_idle(self) -> None:
        """Wait until no event is on its way, no message in a queue and none being worked on."""
        urls = [self.physical_id(name) for name in ("DetectionQueue", "AnswersQueue")]
        sqs = self.client("sqs")
        counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")

        def idle() -> bool:
            return all(
                set(
                    sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(counts))[
                        "Attributes"
                    ].values()
                )
                == {"0"}
                for url in urls
            )

        def no_events() -> bool:
            return not self.local.control("GET", "summary")["events_underway"]

        # Each twice: what is worked on makes events, and those make messages.
        def stays_idle() -> bool:
            return no_events() and idle() and no_events() and idle()

        wait_for(stays_idle, "empty queues")
