"""EventBridge's default bus: which rules an event matches, and bringing it to their targets.

Events come from ``local/moto_patches/`` (S3, Parameter Store, PutEvents), ``state_machines.py`` and
``local/stack/resources/``. Schedules are delivered by the same code (``scheduler.py``). A delivery
that cannot work, or that keeps failing, goes to the target's dead-letter queue with AWS's
attributes and is logged.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import botocore.exceptions
from moto.events.models import events_backends
from moto.sqs.exceptions import QueueDoesNotExist
from moto.sqs.models import sqs_backends

from local.clock import Clock
from local.constants import ACCOUNT_ID, REGION
from local.permissions.authorization import Authorizer
from local.role_clients import Clients
from local.services.event_targets import Origin, check_target_arn, target_input
from local.services.faults import DELIVER, Faults
from local.services.function_pool import FunctionNotFoundError, FunctionPool

log = logging.getLogger(__name__)

EVENTS = "events.amazonaws.com"
SCHEDULER = "scheduler.amazonaws.com"

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
DEFAULT_RETRIES = 185
DEFAULT_EVENT_AGE_S = 86_400.0
FIRST_RETRY_WAIT_S = 1.0
LONGEST_RETRY_WAIT_S = 600.0

_RETRIED_CODES = {
    "InternalFailure",
    "InternalServerError",
    "ServiceUnavailable",
    "ServiceException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "ExecutionLimitExceeded",
    "RequestLimitExceeded",
}


class DeliveryError(Exception):
    """The target refused; ``retried`` says whether it may accept later."""

    def __init__(self, code: str, message: str, *, retried: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retried = retried


@dataclass(frozen=True)
class _Delivery:
    origin: Origin
    target: dict[str, Any]
    payload: str
    """What the target gets."""
    event: str
    """What the dead-letter queue gets."""
    event_id: str
    first_tried: float
    attempt: int = 1


class EventBus:
    """The default event bus of the account."""

    def __init__(
        self,
        clock: Clock,
        clients: Clients,
        authorizer: Authorizer,
        faults: Faults,
        functions: FunctionPool,
    ) -> None:
        self._clock = clock
        self._clients = clients
        self._authorizer = authorizer
        self._faults = faults
        self._functions = functions
        self._deliveries = ThreadPoolExecutor(8, thread_name_prefix="delivery")
        self._timers: set[threading.Timer] = set()
        self._underway = 0
        self._lock = threading.Lock()
        self._closed = False

    def event(
        self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]
    ) -> dict[str, Any]:
        """An event of now, in EventBridge's envelope."""
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT_ID,
            "time": self._clock.iso(),
            "region": REGION,
            "resources": resources,
            "detail": detail,
        }

    def emit(self, event: dict[str, Any]) -> None:
        """Offers the event to every rule; what the envelope lacks is filled in."""
        envelope = self.event(
            event["source"], event["detail-type"], event["detail"], event.get("resources", [])
        )
        complete = {**envelope, **event}
        for rule in self.rules():
            self.offer(rule, complete)

    def rules(self) -> list[Any]:
        backend = events_backends[ACCOUNT_ID][REGION]
        return list(backend.event_buses["default"].rules.values())

    def offer(self, rule: Any, event: dict[str, Any]) -> None:
        """Delivers the event, in the background, to the rule's targets if it matches."""
        if not rule.state.startswith("ENABLED") or rule.event_pattern.dump() is None:
            return
        if not rule.event_pattern.matches_event(event):
            return
        origin = Origin(EVENTS, rule.arn, rule.name)
        for target in list(rule.targets):
            self.deliver(origin, target, event)

    def deliver(self, origin: Origin, target: dict[str, Any], event: dict[str, Any]) -> None:
        """Brings the event to one target, in the background."""
        delivery = self._delivery(origin, target, event)
        fault = self._faults.take("events", DELIVER, None, lambda: delivery.event)
        if fault is None:
            self._submit(delivery)
            return
        if fault.twice:
            self._submit(delivery)
        if not fault.lost:
            self._later(delivery, fault.late_s)

    def deliver_now(
        self, origin: Origin, target: dict[str, Any], event: dict[str, Any]
    ) -> str | None:
        """Brings the event to one target once; gives the started execution's ARN, if it is one.

        Raises DeliveryError.
        """
        return self._send(self._delivery(origin, target, event))

    def underway(self) -> int:
        """How many events are on their way to a target; one that is tried later waits."""
        with self._lock:
            return self._underway

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for timer in self._timers:
                timer.cancel()
        self._deliveries.shutdown(wait=False, cancel_futures=True)

    def _delivery(self, origin: Origin, target: dict[str, Any], event: dict[str, Any]) -> _Delivery:
        payload = target_input(target, event, origin, self._clock.iso())
        event_id = event.get("id") or str(uuid.uuid4())
        now = self._clock.now()
        return _Delivery(origin, target, payload, json.dumps(event), event_id, now)

    def _submit(self, delivery: _Delivery) -> None:
        with self._lock:
            if not self._closed:
                self._deliveries.submit(self._try_once, delivery)
                self._underway += 1

    def _try_once(self, delivery: _Delivery) -> None:
        try:
            self._try(delivery)
        finally:
            with self._lock:
                self._underway -= 1

    def _try(self, delivery: _Delivery) -> None:
        try:
            self._send(delivery)
        except DeliveryError as error:
            self._failed(delivery, error)
        except Exception as error:
            log.exception("%s could not deliver", delivery.origin.name)
            self._failed(delivery, DeliveryError("SDK_CLIENT_ERROR", repr(error), retried=False))

    def _send(self, delivery: _Delivery) -> str | None:
        arn = delivery.target["Arn"]
        check_target_arn(arn)
        by_role = delivery.origin.service == SCHEDULER
        senders: dict[str, Callable[[_Delivery], str | None]] = {
            "states": self._start_execution,
            "sqs": self._send_message_under_role if by_role else self._send_message,
            "lambda": self._invoke_under_role if by_role else self._invoke,
        }
        try:
            return senders[arn.split(":")[2]](delivery)
        except botocore.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            retried = code in _RETRIED_CODES or status >= 500
            message = error.response["Error"].get("Message", "")
            raise DeliveryError(code, message, retried=retried) from error
        except botocore.exceptions.BotoCoreError as error:
            raise DeliveryError("SDK_CLIENT_ERROR", str(error), retried=True) from error

    def _start_execution(self, delivery: _Delivery) -> str | None:
        answer = self._client("stepfunctions", delivery).start_execution(
            stateMachineArn=delivery.target["Arn"],
            name=f"{delivery.event_id}_{uuid.uuid4()}"[:80],
            input=delivery.payload,
        )
        return str(answer["executionArn"])

    def _send_message_under_role(self, delivery: _Delivery) -> None:
        url = self._queue_url(delivery.target["Arn"])
        self._client("sqs", delivery).send_message(QueueUrl=url, MessageBody=delivery.payload)

    def _invoke_under_role(self, delivery: _Delivery) -> None:
        self._client("lambda", delivery).invoke(
            FunctionName=delivery.target["Arn"],
            InvocationType="Event",
            Payload=delivery.payload.encode(),
        )

    def _send_message(self, delivery: _Delivery) -> None:
        queue_arn = delivery.target["Arn"]
        self._know_policy_of(queue_arn)
        self._check_policy(delivery, "sqs:SendMessage", queue_arn)
        self._put_on_queue(queue_arn, delivery.payload, {})

    def _know_policy_of(self, queue_arn: str) -> None:
        """What SetQueueAttributes gave the queue; those of the template are known already."""
        region, account, name = queue_arn.split(":")[3:6]
        queue = sqs_backends[account][region].queues.get(name)
        if queue is not None and queue.policy:
            self._authorizer.put_resource_policy(queue_arn, name, json.loads(queue.policy))

    def _invoke(self, delivery: _Delivery) -> None:
        function_arn = delivery.target["Arn"]
        self._check_policy(delivery, "lambda:InvokeFunction", function_arn)
        try:
            self._functions.invoke_async(function_arn, delivery.payload.encode())
        except FunctionNotFoundError as error:
            raise DeliveryError("RESOURCE_NOT_FOUND", function_arn, retried=False) from error

    def _client(self, service: str, delivery: _Delivery) -> Any:
        role_arn = delivery.target.get("RoleArn")
        if role_arn is None:
            message = f"the target {delivery.target['Arn']} has no RoleArn"
            raise DeliveryError("NO_PERMISSIONS", message, retried=False)
        return self._clients.client(service, role_arn)

    def _check_policy(self, delivery: _Delivery, action: str, resource_arn: str) -> None:
        decision = self._authorizer.check_service_principal(
            delivery.origin.service, action, resource_arn, source_arn=delivery.origin.arn
        )
        if not decision.allowed:
            message = f"{delivery.origin.arn} may not {action} on {resource_arn}: {decision.reason}"
            raise DeliveryError("NO_PERMISSIONS", message, retried=False)

    def _failed(self, delivery: _Delivery, error: DeliveryError) -> None:
        policy = delivery.target.get("RetryPolicy", {})
        retries = policy.get("MaximumRetryAttempts", DEFAULT_RETRIES)
        age_s = policy.get("MaximumEventAgeInSeconds", DEFAULT_EVENT_AGE_S)
        too_old = self._clock.now() - delivery.first_tried > age_s
        if error.retried and delivery.attempt <= retries and not too_old:
            self._try_later(delivery)
            return
        log.error(
            "%s could not deliver to %s after %d attempts: %s",
            delivery.origin.name,
            delivery.target["Arn"],
            delivery.attempt,
            error,
        )
        self._bury(delivery, error)

    def _try_later(self, delivery: _Delivery) -> None:
        again = _Delivery(**{**vars(delivery), "attempt": delivery.attempt + 1})
        wait_s = min(FIRST_RETRY_WAIT_S * 2 ** min(delivery.attempt, 20), LONGEST_RETRY_WAIT_S)
        self._later(again, wait_s)

    def _later(self, delivery: _Delivery, wait_s: float) -> None:
        def run() -> None:
            with self._lock:
                self._timers.discard(timer)
            self._submit(delivery)

        timer = threading.Timer(self._clock.real(wait_s), run)
        timer.daemon = True
        with self._lock:
            if self._closed:
                return
            self._timers.add(timer)
        timer.start()

    def _bury(self, delivery: _Delivery, error: DeliveryError) -> None:
        queue_arn = delivery.target.get("DeadLetterConfig", {}).get("Arn")
        if queue_arn is None:
            log.error("%s: no dead-letter queue, the event is lost", delivery.origin.name)
            return
        scheduled = delivery.origin.service == SCHEDULER
        facts = {
            "SCHEDULE_ARN" if scheduled else "RULE_ARN": delivery.origin.arn,
            "TARGET_ARN": delivery.target["Arn"],
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": error.message or error.code,
            "RETRY_ATTEMPTS": str(delivery.attempt - 1),
        }
        attributes = {
            name: {"DataType": "String", "StringValue": value} for name, value in facts.items()
        }
        try:
            if scheduled:
                self._client("sqs", delivery).send_message(
                    QueueUrl=self._queue_url(queue_arn),
                    MessageBody=delivery.payload,
                    MessageAttributes=attributes,
                )
            else:
                self._check_policy(delivery, "sqs:SendMessage", queue_arn)
                self._put_on_queue(queue_arn, delivery.event, attributes)
        except Exception:
            log.exception("%s: the dead-letter queue refused, the event is lost", delivery.origin)

    def _put_on_queue(self, queue_arn: str, body: str, attributes: dict[str, Any]) -> None:
        region, account, name = queue_arn.split(":")[3:6]
        try:
            sqs_backends[account][region].send_message(name, body, message_attributes=attributes)
        except QueueDoesNotExist as error:
            raise DeliveryError("RESOURCE_NOT_FOUND", queue_arn, retried=False) from error

    def _queue_url(self, queue_arn: str) -> str:
        account, name = queue_arn.split(":")[4:6]
        return f"{self._clients.endpoint}/{account}/{name}"
