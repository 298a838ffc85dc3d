"""State machine executions: starting them, what AWS answers, how many there were.

moto's interpreter runs the definitions; ``local/moto_patches/`` sends its StartExecution here, and
``local/doors/gateway.py`` StartSyncExecution, which moto has no API for. Times of an execution are
those of the runtime's clock, so that ``$$.Execution.StartTime`` agrees with the handlers;
``TimeoutSeconds`` is real time.
"""

from __future__ import annotations

import copy
import json
import logging
import re
import threading
import time
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from moto.logs.models import logs_backends
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.backend.execution import Execution, SyncExecution
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local.clock import Clock
from local.constants import ACCOUNT_ID, REGION
from local.services.event_bus import EventBus

log = logging.getLogger(__name__)

MAX_INPUT_BYTES = 262_144
KEPT_STANDARD = 10_000
KEPT_EXPRESS = 500
_FORBIDDEN_IN_NAMES = re.compile(r'[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]')


class ExecutionRefusedError(Exception):
    """A start that AWS refuses; ``code`` and ``message`` are its own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass
class _Counts:
    transitions: Counter[str] = field(default_factory=Counter)
    executions: dict[str, Counter[str]] = field(default_factory=dict)


class Executions:
    """Starts executions and keeps count of them."""

    def __init__(self, clock: Clock, bus: EventBus) -> None:
        self._clock = clock
        self._bus = bus
        self._stems: dict[str, str] = {}
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._counts = _Counts()
        self._finished: dict[str, deque[Any]] = {}

    def register(self, state_machine_arn: str, stem: str) -> None:
        """Counts that machine's executions under ``stem``, the name of the definition's file."""
        with self._lock:
            self._stems[state_machine_arn] = stem
            self._counts.executions.setdefault(stem, Counter())

    def start(self, state_machine: Any, name: str | None, input_text: str | None) -> Any:
        """moto's execution, running in a thread of its own."""
        text = _checked_input(input_text)
        name = _checked_name(name)
        with self._starting:  # of two starts under one name at once, one is the first
            if state_machine.type == "STANDARD":
                running = state_machine._handle_name_input_idempotency(name, text)
                if running is not None:
                    return running
                arn = self._arn("execution", state_machine.name, name)
            else:
                arn = self._arn("express", state_machine.name, name, str(uuid.uuid4()))
            execution = self._prepare(Execution, state_machine, name, arn, text)
            # Whoever lists executions now finds it, and moto gives it a status only as it starts.
            execution.exec_status = ExecutionStatus.RUNNING
            state_machine.executions.append(execution)
            execution.recorded_in = state_machine.executions
            self._announce(execution, "RUNNING")
            execution.start()
        return execution

    def start_sync(
        self, state_machine_arn: str, name: str | None, input_text: str | None, caller: str | None
    ) -> dict[str, Any]:
        """The body of StartSyncExecution's answer, with dates in seconds since the epoch.

        Raises ExecutionRefusedError. A failed execution is an answer too: look at ``status``.
        """
        state_machine = self._machine(state_machine_arn)
        if state_machine.type != "EXPRESS":
            raise ExecutionRefusedError(
                "StateMachineTypeNotSupported",
                "This operation is not supported by this type of state machine",
            )
        text = _checked_input(input_text)
        name = _checked_name(name)
        arn = self._arn("express", state_machine.name, name, str(uuid.uuid4()))
        log.debug("%s starts %s", caller, arn)
        execution = self._prepare(SyncExecution, state_machine, name, arn, text)
        began = time.monotonic()
        execution.start()
        elapsed_ms = (time.monotonic() - began) * 1000
        return _sync_answer(execution, text, elapsed_ms)

    def finished(self, execution: Any) -> None:
        """Counts an execution that has ended, tells EventBridge, and forgets the oldest ones."""
        status = execution.status
        history = execution.exec_worker.env.event_manager._history_event_list
        kind = execution.sm_type.lower()
        with self._lock:
            self._counts.transitions[kind] += _transitions(history)
            stem = self._stems.get(execution.state_machine_arn, execution.state_machine.name)
            self._counts.executions.setdefault(stem, Counter())[status] += 1
        self._announce(execution, status)
        if status != "SUCCEEDED":
            self._write_log(execution, status)
        self._forget_oldest(execution)

    def counts(self) -> dict[str, Any]:
        """``transitions`` by machine type and ``executions`` by stem and final status."""
        with self._lock:
            return {
                "transitions": {
                    kind: self._counts.transitions[kind] for kind in ("standard", "express")
                },
                "executions": {
                    stem: dict(statuses) for stem, statuses in self._counts.executions.items()
                },
            }

    def _machine(self, arn: str) -> Any:
        backend = stepfunctions_parser_backends[ACCOUNT_ID][REGION]
        for machine in backend.state_machines:
            if machine.arn == arn:
                return machine
        raise ExecutionRefusedError(
            "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'"
        )

    def _arn(self, kind: str, *parts: str) -> str:
        return ":".join(("arn:aws:states", REGION, ACCOUNT_ID, kind, *parts))

    def _prepare(
        self, execution_class: Any, state_machine: Any, name: str, arn: str, text: str
    ) -> Any:
        # The execution keeps the definition and role that the machine has now.
        snapshot = copy.copy(state_machine)
        snapshot.executions = []
        snapshot.sm_type = state_machine.type
        return execution_class(
            name=name,
            sm_type=state_machine.type,
            role_arn=snapshot.roleArn,
            exec_arn=arn,
            account_id=ACCOUNT_ID,
            region_name=REGION,
            state_machine=snapshot,
            start_date=self._clock.datetime(),
            cloud_watch_logging_session=None,
            input_data=text,
            activity_store={},
        )

    def _announce(self, execution: Any, status: str) -> None:
        """ "Step Functions Execution Status Change"; AWS sends it for standard workflows only."""
        if execution.sm_type != "STANDARD":
            return
        detail: dict[str, Any] = {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": status,
            "startDate": int(execution.start_date.timestamp() * 1000),
            "stopDate": None,
            "input": execution.execution_input,
            "output": None,
            "inputDetails": {"included": True},
            "outputDetails": None,
        }
        if status != "RUNNING":
            detail["stopDate"] = int(execution.stop_date.timestamp() * 1000)
            detail["error"] = execution.error
            detail["cause"] = execution.cause
        if status == "SUCCEEDED":
            detail["output"] = json.dumps(execution.output)
            detail["outputDetails"] = {"included": True}
        self._bus.emit(
            self._bus.event(
                "aws.states",
                "Step Functions Execution Status Change",
                detail,
                [execution.exec_arn],
            )
        )

    def _write_log(self, execution: Any, status: str) -> None:
        """The failure, as a line in the machine's log group, if its logging configuration asks for
        it.
        """
        configuration = execution.state_machine.loggingConfiguration or {}
        if configuration.get("level", "OFF") == "OFF":
            return
        names = {
            "FAILED": "ExecutionFailed",
            "TIMED_OUT": "ExecutionTimedOut",
            "ABORTED": "ExecutionAborted",
        }
        line = {
            "type": names[status],
            "details": {"error": execution.error, "cause": execution.cause},
            "execution_arn": execution.exec_arn,
            "event_timestamp": str(int(execution.stop_date.timestamp() * 1000)),
        }
        backend = logs_backends[ACCOUNT_ID][REGION]
        for destination in configuration.get("destinations", []):
            group = destination["cloudWatchLogsLogGroup"]["logGroupArn"].split(":")[6]
            stream = f"states/{execution.state_machine.name}"
            if group not in backend.groups:
                log.warning("no log group %s for %s", group, execution.exec_arn)
                continue
            if stream not in backend.groups[group].streams:
                backend.create_log_stream(group, stream)
            event = {"timestamp": int(time.time() * 1000), "message": json.dumps(line)}
            backend.put_log_events(group, stream, [event])

    def _forget_oldest(self, execution: Any) -> None:
        """Bounds memory: a finished execution holds its whole history."""
        recorded_in = getattr(execution, "recorded_in", None)
        if recorded_in is None:
            return  # synchronous: nobody but the caller has it
        kept = KEPT_STANDARD if execution.sm_type == "STANDARD" else KEPT_EXPRESS
        with self._lock:
            finished = self._finished.setdefault(execution.state_machine_arn, deque())
            finished.append(execution)
            while len(finished) > kept:
                recorded_in.remove(finished.popleft())


def _checked_input(text: str | None) -> str:
    text = "{}" if text is None else text
    try:
        json.loads(text)
    except ValueError as error:
        message = f"Invalid State Machine Execution Input: '{error}'"
        raise ExecutionRefusedError("InvalidExecutionInput", message) from error
    if len(text.encode()) > MAX_INPUT_BYTES:
        raise ExecutionRefusedError(
            "InvalidExecutionInput",
            "The state machine execution input exceeds the maximum number of bytes (262144).",
        )
    return text


def _checked_name(name: str | None) -> str:
    if not name:
        return str(uuid.uuid4())
    if len(name) > 80 or _FORBIDDEN_IN_NAMES.search(name):
        raise ExecutionRefusedError("InvalidName", f"Invalid Name: '{name}'")
    return name


def _transitions(history: list[dict[str, Any]]) -> int:
    """State transitions as AWS bills them: every state entered, and every retry."""
    types = Counter(str(getattr(event["type"], "value", event["type"])) for event in history)
    entered = sum(count for name, count in types.items() if name.endswith("StateEntered"))
    retries = types["TaskScheduled"] - types["TaskStateEntered"]
    return entered + max(0, retries)


def _sync_answer(execution: Any, input_text: str, elapsed_ms: float) -> dict[str, Any]:
    status = "FAILED" if execution.status == "ABORTED" else execution.status
    answer: dict[str, Any] = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "startDate": execution.start_date.timestamp(),
        "stopDate": execution.stop_date.timestamp(),
        "status": status,
        "input": input_text,
        "inputDetails": {"included": True},
        "billingDetails": {
            "billedMemoryUsedInMB": 64,
            # Express workflows are billed by 100 ms
            "billedDurationInMilliseconds": max(100, -(-int(elapsed_ms) // 100) * 100),
        },
    }
    if status == "SUCCEEDED":
        answer["output"] = json.dumps(execution.output, separators=(",", ":"))
        answer["outputDetails"] = {"included": True}
    if execution.error is not None:
        answer["error"] = execution.error
    if execution.cause is not None:
        answer["cause"] = execution.cause
    return answer
