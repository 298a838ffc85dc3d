"""Event source mappings: what Lambda's pollers do between an SQS queue and a function.

The pollers take messages from moto's queue inside the process and sleep while there are none. What
a message is worth after a failure (visibility timeout, receive count, dead-letter queue) is the
queue's own business, as on AWS.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import sqs_backends

from local.clock import Clock
from local.constants import ACCOUNT_ID
from local.permissions.authorization import Authorizer
from local.services.faults import DELIVER, Faults
from local.services.function_pool import FunctionNotFoundError, FunctionPool, PoolClosedError
from local.services.function_workers import Invocation

log = logging.getLogger(__name__)

DEFAULT_CONCURRENCY = 2
HELD_S = 10 * 365 * 86400.0
"""A message is hidden until its function has ended: longer than a clock leaps meanwhile."""
TRACE = "AWSTraceHeader"
POLLER_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


class MappingRefusedError(Exception):
    """AWS would not create the mapping: InvalidParameterValueException in its words."""


@dataclass
class _Mapping:
    id: str
    function_arn: str
    queue_arn: str
    batch_size: int
    window_s: float
    report_failures: bool
    threads: list[threading.Thread] = field(default_factory=list)
    stopped: bool = False


class QueuePollers:
    """All event source mappings."""

    def __init__(
        self, clock: Clock, authorizer: Authorizer, faults: Faults, functions: FunctionPool
    ) -> None:
        self._clock = clock
        self._authorizer = authorizer
        self._faults = faults
        self._functions = functions
        self._mappings: dict[str, _Mapping] = {}
        self._closed = False

    def add(
        self,
        function_arn: str,
        queue_arn: str,
        *,
        batch_size: int = 10,
        max_batching_window_s: float = 0,
        report_batch_item_failures: bool = False,
        maximum_concurrency: int | None = None,
        role_arn: str | None = None,
        enabled: bool = True,
    ) -> str:
        """Starts polling and gives the mapping's id.

        Raises MappingRefusedError for what CreateEventSourceMapping refuses.
        """
        spec = self._functions.spec(function_arn)
        self._check(spec, queue_arn, role_arn or spec.role_arn)
        _check_limits(maximum_concurrency, batch_size)
        mapping = _Mapping(
            id=str(uuid.uuid4()),
            function_arn=spec.arn,
            queue_arn=queue_arn,
            batch_size=batch_size,
            window_s=float(max_batching_window_s),
            report_failures=report_batch_item_failures,
        )
        self._mappings[mapping.id] = mapping
        if enabled:
            wanted = maximum_concurrency or DEFAULT_CONCURRENCY
            # a batch that waits for a worker would only use up its visibility
            count = min(wanted, self._functions.max_workers(spec.arn))
            for number in range(count):
                thread = threading.Thread(
                    target=self._poll,
                    args=(mapping,),
                    name=f"poll-{spec.stem}-{number}",
                    daemon=True,
                )
                mapping.threads.append(thread)
                thread.start()
        return mapping.id

    def remove(self, mapping_id: str) -> None:
        """Stops polling; what is being worked on is finished."""
        mapping = self._mappings.pop(mapping_id)
        mapping.stopped = True
        self._wake(mapping)

    def close(self) -> None:
        self._closed = True
        for mapping in list(self._mappings.values()):
            mapping.stopped = True
            self._wake(mapping)

    def _check(
        self,
        spec: Any,
        queue_arn: str,
        role_arn: str,
    ) -> None:
        queue = self._queue(queue_arn)
        if queue is None:
            raise MappingRefusedError(f"The queue {queue_arn} does not exist.")
        for action in POLLER_ACTIONS:
            decision = self._authorizer.check(role_arn, action, queue_arn)
            if not decision.allowed:
                name = action.removeprefix("sqs:")
                raise MappingRefusedError(
                    f"The provided execution role does not have permissions to call {name} on SQS"
                )
        if queue.visibility_timeout < spec.timeout_s:
            raise MappingRefusedError(
                f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than "
                f"Function timeout: {spec.timeout_s:g} seconds"
            )

    def _queue(self, queue_arn: str) -> Any | None:
        region, _, name = queue_arn.split(":")[3:6]
        return self._backend(region).queues.get(name)

    def _backend(self, region: str) -> Any:
        return sqs_backends[ACCOUNT_ID][region]

    def _wake(self, mapping: _Mapping) -> None:
        queue = self._queue(mapping.queue_arn)
        if queue is not None:
            with queue._messages_lock:
                queue._messages_lock.notify_all()

    def _poll(self, mapping: _Mapping) -> None:
        while not mapping.stopped:
            queue = self._queue(mapping.queue_arn)
            if queue is None:
                log.warning("the queue %s is gone: its mapping ends", mapping.queue_arn)
                return
            try:
                batch = self._next_batch(mapping, queue)
                if batch:
                    self._process(mapping, queue, batch)
            except (PoolClosedError, FunctionNotFoundError):
                return
            except Exception:
                log.exception("polling %s", mapping.queue_arn)
                time.sleep(1)

    def _next_batch(self, mapping: _Mapping, queue: Any) -> list[Any]:
        """The next messages, as many as the batch holds; waits for the first, and the window for
        more.
        """
        batch: list[Any] = []
        window_ends = 0.0
        while not mapping.stopped:
            with queue._messages_lock:
                batch += self._receive(queue, mapping.batch_size - len(batch))
                if len(batch) == mapping.batch_size:
                    return batch
                timeout_s = queue.seconds_to_next()
                if batch:
                    if not window_ends:
                        window_ends = time.monotonic() + self._clock.real(mapping.window_s)
                    remaining_s = window_ends - time.monotonic()
                    if remaining_s <= 0:
                        return batch
                    timeout_s = min(timeout_s, remaining_s)
                queue._messages_lock.wait(timeout_s)
        return batch

    def _receive(self, queue: Any, count: int) -> list[Any]:
        # On AWS a function's time limit is within the visibility timeout, so no message comes back
        # while its function works. Here functions need real time, and the clock runs and leaps.
        backend = self._backend(queue.region)
        return list(backend.receive_message(queue.name, count, 0, HELD_S, ["All"]))

    def _give_back(self, queue: Any, message: Any, received_at: float) -> None:
        """Let a message be received again when its visibility timeout is over, or when the function
        wants it to be.
        """
        with queue._messages_lock:
            kept = [one for one in queue._messages if one.id == message.id]
        if any(one.visible_at != message.visible_at for one in kept):
            return
        hidden_s = queue.visibility_timeout - (self._clock.now() - received_at)
        with contextlib.suppress(ReceiptHandleIsInvalid):  # deleted or purged meanwhile
            self._backend(queue.region).change_message_visibility(
                queue.name, message.receipt_handle, max(0.0, hidden_s)
            )

    def _process(self, mapping: _Mapping, queue: Any, batch: list[Any]) -> None:
        received_at = self._clock.now()
        batch = self._without_loops(mapping, queue, batch)
        if not batch:
            return
        event = {"Records": [self._record(message, queue) for message in batch]}
        invocation = self._functions.invoke(
            mapping.function_arn, json.dumps(event).encode(), [_trace(message) for message in batch]
        )
        failed = self._failed_ids(mapping, batch, invocation)
        for message in batch:
            if message.id in failed or self._comes_again(message):
                self._give_back(queue, message, received_at)
            else:
                queue.delete_message(message.receipt_handle)

    def _comes_again(self, message: Any) -> bool:
        """Whether it is ordered that this message is delivered once more."""
        take = self._faults.take
        return take("sqs", DELIVER, None, lambda: str(message.body)) is not None

    def _without_loops(self, mapping: _Mapping, queue: Any, batch: list[Any]) -> list[Any]:
        """The messages that do not invoke the function once too often; the others are moved to the
        dead letters or, where there are none, are lost.
        """
        stops = self._functions.stops
        left = [message for message in batch if not stops(mapping.function_arn, _trace(message))]
        for message in batch:
            if message in left:
                continue
            log.error("%s: a recursive loop was stopped", mapping.function_arn)
            if queue.dead_letter_queue is not None:
                self._backend(queue.region).send_message(
                    queue.dead_letter_queue.name,
                    message.body,
                    message_attributes=message.message_attributes,
                )
            queue.delete_message(message.receipt_handle)
        return left

    def _failed_ids(self, mapping: _Mapping, batch: list[Any], invocation: Invocation) -> set[str]:
        """The messages that stay in the queue."""
        everything = {message.id for message in batch}
        if invocation.error is not None:
            log.warning("%s failed a batch: %s", mapping.function_arn, invocation.body[:500])
            return everything
        if not mapping.report_failures:
            return set()
        try:
            return _reported_failures(invocation.body, everything)
        except ValueError as error:
            # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html: an
            # answer that cannot be understood fails the whole batch
            log.error("%s: batchItemFailures %s", mapping.function_arn, error)
            return everything

    def _record(self, message: Any, queue: Any) -> dict[str, Any]:
        at = self._clock.at
        attributes = {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(int(at(message.sent_timestamp / 1000) * 1000)),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(
                int(at(message.approximate_first_receive_timestamp / 1000) * 1000)
            ),
        }
        if trace := _trace(message):
            attributes[TRACE] = trace
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": attributes,
            "messageAttributes": {
                name: _message_attribute(value)
                for name, value in message.message_attributes.items()
            },
            "md5OfBody": message.body_md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": queue.queue_arn,
            "awsRegion": queue.region,
        }


def _trace(message: Any) -> str:
    """The trace header of whoever sent the message; empty for nobody's."""
    return str(message.system_attributes.get(TRACE, {}).get("StringValue", ""))


def _check_limits(maximum_concurrency: int | None, batch_size: int) -> None:
    if maximum_concurrency is not None and maximum_concurrency < 2:
        raise MappingRefusedError("MaximumConcurrency must be at least 2.")
    if not 1 <= batch_size <= 10_000:
        raise MappingRefusedError("BatchSize must be from 1 to 10000.")


def _message_attribute(value: dict[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {"dataType": value["DataType"]}
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = value["BinaryValue"]
    attribute["stringListValues"] = []
    attribute["binaryListValues"] = []
    return attribute


def _reported_failures(body: bytes, batch: set[str]) -> set[str]:
    """The ids in ``batchItemFailures``; raises ValueError when the answer is not as documented."""
    answer = json.loads(body)
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        raise ValueError("the answer is no object")
    failures = answer.get("batchItemFailures") or []
    failed = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if identifier not in batch:
            raise ValueError(f"{identifier!r} is not in the batch")
        failed.add(identifier)
    return failed
