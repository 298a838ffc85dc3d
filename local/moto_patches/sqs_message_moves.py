"""StartMessageMoveTask and ListMessageMoveTasks of SQS, which moto does not have.

A task moves what can be received at once, so it has ended when it is listed.
"""

from __future__ import annotations

import time
from typing import Any

from moto.core.responses import ActionResult
from moto.sqs.exceptions import InvalidParameterValue
from moto.sqs.responses import SQSResponse

_tasks: dict[str, list[dict[str, Any]]] = {}
"""By the queue's ARN, the newest first."""


def serve() -> None:
    """Let moto answer the two operations."""
    _tasks.clear()
    SQSResponse.start_message_move_task = _start
    SQSResponse.list_message_move_tasks = _list


def _start(self: Any) -> ActionResult:
    arn = self._get_param("SourceArn")
    name = arn.rsplit(":", 1)[-1]
    sources = self.sqs_backend.list_dead_letter_source_queues(name)
    if not sources:
        raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
    if len(sources) > 1 or self._get_param("DestinationArn"):
        # moto's messages do not know which queue gave them up
        raise NotImplementedError("a dead-letter queue of several queues, or a chosen destination")
    moved = 0
    while batch := self.sqs_backend.receive_message(name, 10, 0, 60, ["All"]):
        for message in batch:
            self.sqs_backend.send_message(
                sources[0].name, message.body, message_attributes=message.message_attributes
            )
            self.sqs_backend.delete_message(name, message.receipt_handle)
            moved += 1
    task = {
        "Status": "COMPLETED",
        "SourceArn": arn,
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": moved,
        "StartedTimestamp": time.time_ns() // 1_000_000,
    }
    _tasks.setdefault(arn, []).insert(0, task)
    return ActionResult({"TaskHandle": f"{arn}#{len(_tasks[arn])}"})


def _list(self: Any) -> ActionResult:
    self.sqs_backend.get_queue(self._get_param("SourceArn").rsplit(":", 1)[-1])
    tasks = _tasks.get(self._get_param("SourceArn"), [])
    return ActionResult({"Results": tasks[: self._get_param("MaxResults") or 1]})
