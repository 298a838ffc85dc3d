"""What is changed of moto's SQS."""

from __future__ import annotations

import copy
import re
import threading
import time
import uuid
from typing import Any

import flask
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue, SQSBackend, _filter_message_attributes

from local.moto_patches.around import Around, Patches
from local.services.lineage import HEADER


def run_queues_on_the_virtual_clock(around: Around) -> None:
    """moto lets visibility timeouts and delays run in real time."""

    def change_visibility(self: Any, visibility_timeout: int) -> None:
        self.visible_at = _now_ms() + around.clock.real(float(visibility_timeout)) * 1000

    def delay(self: Any, delay_seconds: int) -> None:
        self.delayed_until = _now_ms() + around.clock.real(float(delay_seconds)) * 1000

    Message.change_visibility = change_visibility
    Message.delay = delay
    Message.visible = property(lambda self: _now_ms() >= self.visible_at)
    Message.delayed = property(lambda self: _now_ms() < self.delayed_until)


def refuse_fifo_queues(_: Around) -> None:
    """The queues below are standard queues; moto would take a FIFO queue all the same."""
    create_queue = SQSBackend.create_queue

    def create_standard_queue(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if name.endswith(".fifo"):
            raise InvalidParameterValue("The embedded runtime has no FIFO queues.")
        return create_queue(self, name, *args, **kwargs)

    SQSBackend.create_queue = create_standard_queue


def make_queues_fast(around: Around) -> None:
    """moto's queues take time in proportion to their depth for every send, receive and delete, and
    give one message to two receivers at once. They do not keep the trace header of who sends.
    """
    change_visibility = SQSBackend.change_message_visibility

    def receive_message(  # noqa: PLR0917 - moto's own signature
        self: Any,
        queue_name: str,
        count: int,
        wait_seconds_timeout: float,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Any]:
        queue = self.get_queue(queue_name)
        end = time.monotonic() + around.clock.real(float(wait_seconds_timeout or 0))
        while True:
            with queue._messages_lock:
                received, dead = _take(queue, count, visibility_timeout)
                remaining_s = end - time.monotonic()
                if not received and not dead and remaining_s > 0:
                    queue._messages_lock.wait(min(remaining_s, _seconds_to_next(queue)))
            for message in dead:
                _put(queue.dead_letter_queue, message)
            if received or remaining_s <= 0:
                break
        for message in received:
            _filter_message_attributes(message, message_attribute_names or [])
        return received

    def change_message_visibility(self: Any, queue_name: str, *args: Any, **kwargs: Any) -> None:
        queue = self.get_queue(queue_name)
        with queue._messages_lock:
            change_visibility(self, queue_name, *args, **kwargs)
            queue._messages_lock.notify_all()

    Queue.delete_message = _delete_message
    Queue.seconds_to_next = _seconds_to_next
    SQSBackend.send_message = _send_message
    SQSBackend.receive_message = receive_message
    SQSBackend.change_message_visibility = change_message_visibility


def count_messages_once(_: Around) -> None:
    """moto counts every message of the queue anew, twice, for each attribute that is asked for."""
    count_attributes = SQSBackend.get_queue_attributes
    known = {"All", *Queue.BASE_ATTRIBUTES, *Queue.FIFO_ATTRIBUTES, *Queue.KMS_ATTRIBUTES}

    def get_queue_attributes(
        self: Any, queue_name: str, attribute_names: list[str]
    ) -> dict[str, Any]:
        queue = self.get_queue(queue_name)
        with queue._messages_lock:
            if not attribute_names or set(attribute_names) - known:
                return dict(count_attributes(self, queue_name, attribute_names))
            every = count_attributes(self, queue_name, ["All"])
        if "All" in attribute_names:
            return dict(every)
        return {name: every[name] for name in attribute_names if every.get(name) is not None}

    SQSBackend.get_queue_attributes = get_queue_attributes


_MAX_DELAY_S = 900


_RECEIPT_HANDLE = re.compile(r"[A-Za-z0-9+/=_-]{20,}")


def _now_ms() -> float:
    return time.time() * 1000


def _send_message(
    self: Any,
    queue_name: str,
    message_body: str,
    message_attributes: dict[str, Any] | None = None,
    delay_seconds: int | None = None,
    *,
    system_attributes: dict[str, Any] | None = None,
    **_fifo: Any,
) -> Any:
    queue = self.get_queue(queue_name)
    self._validate_message(queue, message_body, int(delay_seconds or 0))
    delay_s = int(queue.delay_seconds if delay_seconds is None else delay_seconds)
    if not 0 <= delay_s <= _MAX_DELAY_S:
        raise InvalidParameterValue(
            f"Value {delay_s} for parameter DelaySeconds is invalid. "
            f"Reason: DelaySeconds must be >= 0 and <= {_MAX_DELAY_S}."
        )
    if flask.has_request_context() and HEADER in flask.request.headers:
        trace = {"DataType": "String", "StringValue": flask.request.headers[HEADER]}
        system_attributes = {"AWSTraceHeader": trace, **(system_attributes or {})}
    message = Message(str(uuid.uuid4()), message_body, system_attributes)
    message.message_attributes = message_attributes or {}
    message.mark_sent(delay_seconds=delay_s)
    _put(queue, message)
    return message


def _put(queue: Any, message: Any) -> None:
    with queue._messages_lock:
        queue._messages.append(message)
        queue._messages_lock.notify_all()


def _take(queue: Any, count: int, visibility_timeout: int) -> tuple[list[Any], list[Any]]:
    """Copies of what can be had now, and what was received too often; the lock is held."""
    limit = None
    if queue.dead_letter_queue is not None and queue.redrive_policy:
        limit = queue.redrive_policy["maxReceiveCount"]
    now_ms = _now_ms()
    received: list[Any] = []
    dead: list[Any] = []
    for message in queue._messages:
        if len(received) == count:
            break
        if message.visible_at > now_ms or message.delayed_until > now_ms:
            continue
        if limit is not None and message.approximate_receive_count >= limit:
            dead.append(message)
            continue
        message.mark_received(visibility_timeout=visibility_timeout)
        queue._pending_messages.add(message)
        received.append(copy.copy(message))
    for message in dead:
        queue._messages.remove(message)
        queue._pending_messages.discard(message)
        message.visible_at = 0.0
    return received, dead


def _seconds_to_next(queue: Any) -> float:
    """Until one of the messages that are there now can be had; the lock is held."""
    if not queue._messages:
        return threading.TIMEOUT_MAX
    first_ms = min(max(m.visible_at, m.delayed_until) for m in queue._messages)
    return max(0.001, float(first_ms - _now_ms()) / 1000)


def _delete_message(self: Any, receipt_handle: str) -> None:
    with self._messages_lock:
        for message in self._messages:
            if message.had_receipt_handle(receipt_handle):
                self._messages.remove(message)
                self._pending_messages.discard(message)
                return
    # the handle of a message that is gone: deleting it twice is fine, as on SQS
    if not _RECEIPT_HANDLE.fullmatch(receipt_handle):
        raise ReceiptHandleIsInvalid


PATCHES: Patches = (
    run_queues_on_the_virtual_clock,
    refuse_fifo_queues,
    make_queues_fast,
    count_messages_once,
)
