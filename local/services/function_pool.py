"""Lambda on this machine: every function's handler in worker processes, run by AWS's own runtime
client.

A worker is a fork of ``worker.py``: ``awslambdaric`` against a Runtime API of its own. The pool
speaks that API in the thread that invokes: it hands out the event, reads the answer, and needs no
thread or polling in between. Callers: ``local/doors/lambda_calls.py``, ``queue_pollers.py``,
``event_bus.py``, ``http_apis.py``, ``local/stack/resources/``.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from local.services import lineage
from local.services.fork_server import ForkServer
from local.services.function_spec import FunctionSpec, Surroundings, environment_of
from local.services.function_workers import Invocation, Worker
from local.services.lineage import RecursionStoppedError

log = logging.getLogger(__name__)

DEFAULT_MAX_WORKERS = 4

# Lambda runs an asynchronous event again after 1 and then 2 minutes.
ASYNC_RETRY_WAITS_S = (60.0, 120.0)

STOPPED = "Lambda has detected {} being invoked in a recursive loop and stopped its invocation."


class FunctionNotFoundError(KeyError):
    """There is no function of that name or ARN."""


class PoolClosedError(RuntimeError):
    """The runtime is stopping: nothing is invoked any more."""


def _stopped(spec: FunctionSpec) -> Invocation:
    """What became of an event that would have invoked the function once too often."""
    error = {"errorType": "RecursiveInvocationException", "errorMessage": STOPPED.format(spec.arn)}
    return Invocation(json.dumps(error).encode(), "Unhandled", "", str(uuid.uuid4()))


@dataclass
class _Function:
    spec: FunctionSpec
    max_workers: int
    idle: list[Worker] = field(default_factory=list)
    workers: set[Worker] = field(default_factory=set)
    starting: int = 0
    log_file: BinaryIO | None = None


class FunctionPool:
    """All functions of the stack; workers start when they are needed and stay."""

    def __init__(self, around: Surroundings, log_dir: Path | None = None) -> None:
        self._around = around
        self._log_dir = log_dir
        self._forks = ForkServer()
        self._functions: dict[str, _Function] = {}
        self._free = threading.Condition()
        self._counts: Counter[str] = Counter()
        self._closed = False
        self._async = ThreadPoolExecutor(16, thread_name_prefix="lambda-async")
        self._retries: set[threading.Timer] = set()

    def register(self, spec: FunctionSpec) -> None:
        """Adds the function, or replaces it: the old one's workers end with what they are doing."""
        limit = int(os.environ.get("LABELLOOP_MAX_WORKERS", DEFAULT_MAX_WORKERS))
        if spec.reserved_concurrency:
            limit = min(limit, spec.reserved_concurrency)
        function = _Function(spec, limit)
        if self._log_dir is not None:
            self._log_dir.mkdir(parents=True, exist_ok=True)
            path = self._log_dir / f"{spec.stem}.log"
            function.log_file = path.open("ab", buffering=0)
        self.unregister(spec.name)
        with self._free:
            self._functions[spec.name] = function

    def unregister(self, name: str) -> None:
        with self._free:
            function = self._functions.pop(name, None)
            idle = list(function.idle) if function else []
            if function is not None:
                function.idle.clear()
            self._free.notify_all()
        for worker in idle:
            worker.close()

    def spec(self, name_or_arn: str) -> FunctionSpec:
        return self._function(name_or_arn).spec

    def max_workers(self, name_or_arn: str) -> int:
        """How many invocations of the function run at once."""
        return self._function(name_or_arn).max_workers

    def stops(self, name_or_arn: str, trace: str) -> bool:
        """Whether an event with this trace header would invoke the function once too often."""
        spec = self.spec(name_or_arn)
        return not spec.may_loop and lineage.rounds(trace, spec.arn) >= lineage.MOST_ROUNDS

    def invoke(self, name_or_arn: str, payload: bytes, traces: Sequence[str] = ()) -> Invocation:
        """What the function answers; waits for a free worker.

        Raises RecursionStoppedError for events with trace headers that say so.
        """
        function = self._function(name_or_arn)
        if any(self.stops(name_or_arn, trace) for trace in traces):
            raise RecursionStoppedError(name_or_arn)
        request_id = str(uuid.uuid4())
        trace = lineage.invocation_trace(request_id, traces, function.spec.arn)
        worker = self._take(function)
        with self._free:
            self._counts[function.spec.stem] += 1
        usable = False
        try:
            invocation, usable = worker.invoke(request_id, payload, trace)
        finally:
            self._give_back(function, worker, usable)
        return invocation

    def invoke_async(self, name_or_arn: str, payload: bytes, traces: Sequence[str] = ()) -> None:
        """Lambda's ``Event`` invocation: answered at once, tried three times, then sent to the
        failure destination.
        """
        self._function(name_or_arn)
        self._async.submit(self._attempt, name_or_arn, payload, traces, 1)

    def kill_worker(self, session_token: str, *, out_of_time: bool = False) -> bool:
        """Ends the process whose calls carry that session token, as a crash would, or as Lambda
        does when its time has run out; False when there is none.
        """
        with self._free:
            for function in self._functions.values():
                for worker in function.workers:
                    if worker.session_token == session_token:
                        worker.kill(out_of_time=out_of_time)
                        return True
        return False

    def describe(self) -> dict[str, Any]:
        """By function stem, with what it runs, how long it may take, and its processes."""
        with self._free:
            processes = [
                (function.spec, sorted(worker.pid for worker in function.workers))
                for function in self._functions.values()
            ]
        return {
            spec.stem: {
                "environment": environment_of(spec, self._around),
                "timeout_s": spec.timeout_s,
                "memory_mb": spec.memory_mb,
                "processes": ids,
            }
            for spec, ids in processes
        }

    def counts(self) -> dict[str, int]:
        """Invocations by function stem."""
        with self._free:
            return dict(self._counts)

    def busy(self) -> dict[str, int]:
        """Invocations that are under way, by function stem."""
        with self._free:
            return {
                function.spec.stem: working
                for function in self._functions.values()
                if (working := len(function.workers) - len(function.idle) + function.starting)
            }

    def close(self) -> None:
        with self._free:
            self._closed = True
            functions = list(self._functions.values())
            idle = [worker for function in functions for worker in function.idle]
            for function in functions:
                function.workers.difference_update(function.idle)
                function.idle.clear()
                for worker in (*idle, *function.workers):
                    worker.kill()
            for timer in self._retries:
                timer.cancel()
            self._free.notify_all()
        self._async.shutdown(wait=False, cancel_futures=True)
        for worker in idle:
            worker.close()
        with self._free:  # the busy ones are closed by the threads that were waiting for them
            self._free.wait_for(
                lambda: not any(f.workers or f.starting for f in functions), timeout=10
            )
        self._forks.close()
        for function in functions:
            if function.log_file is not None:
                function.log_file.close()

    def _function(self, name_or_arn: str) -> _Function:
        name = name_or_arn
        if name_or_arn.startswith("arn:"):
            name = name_or_arn.split(":")[6]
        try:
            return self._functions[name]
        except KeyError:
            raise FunctionNotFoundError(name_or_arn) from None

    def _take(self, function: _Function) -> Worker:
        with self._free:
            while not self._closed:
                if function.idle:
                    worker = function.idle.pop()
                    if not worker.has_exited():
                        return worker
                    function.workers.discard(worker)
                    worker.close()
                    continue
                if len(function.workers) + function.starting < function.max_workers:
                    function.starting += 1
                    break
                self._free.wait()
            else:
                raise PoolClosedError("the runtime is stopping")
        new_worker = None
        try:
            new_worker = Worker(self._around, self._forks, function.spec, function.log_file)
        finally:
            with self._free:
                function.starting -= 1
                closed = self._closed
                if new_worker is not None and not closed:
                    function.workers.add(new_worker)
                self._free.notify_all()
        if closed:
            new_worker.close()
            raise PoolClosedError("the runtime is stopping")
        return new_worker

    def _give_back(self, function: _Function, worker: Worker, usable: bool) -> None:
        with self._free:
            current = self._functions.get(function.spec.name) is function
            if usable and current and not self._closed:
                function.idle.append(worker)
                self._free.notify_all()
                return
        worker.close()
        with self._free:
            function.workers.discard(worker)
            self._free.notify_all()

    def _attempt(
        self, name_or_arn: str, payload: bytes, traces: Sequence[str], attempt: int
    ) -> None:
        try:
            spec = self.spec(name_or_arn)
            invocation = self.invoke(name_or_arn, payload, traces)
        except RecursionStoppedError as error:
            log.error("a recursive loop was stopped: %s", error)
            self._send_to_destination(spec, payload, _stopped(spec), attempt)
            return
        except (FunctionNotFoundError, PoolClosedError) as error:
            log.warning("an asynchronous invocation of %s is lost: %r", name_or_arn, error)
            return
        if invocation.error is None:
            return
        log.warning("%s failed (attempt %d): %s", spec.name, attempt, invocation.body[:500])
        if attempt > spec.async_retries:
            self._send_to_destination(spec, payload, invocation, attempt)
            return
        wait_s = self._around.clock.real(ASYNC_RETRY_WAITS_S[min(attempt, 2) - 1])
        self._later(wait_s, name_or_arn, payload, traces, attempt + 1)

    def _later(
        self,
        wait_s: float,
        name_or_arn: str,
        payload: bytes,
        traces: Sequence[str],
        attempt: int,
    ) -> None:
        def run() -> None:
            with self._free:
                self._retries.discard(timer)
                if self._closed:
                    return
            self._async.submit(self._attempt, name_or_arn, payload, traces, attempt)

        timer = threading.Timer(wait_s, run)
        timer.daemon = True
        with self._free:
            if self._closed:
                return
            self._retries.add(timer)
        timer.start()

    def _send_to_destination(
        self, spec: FunctionSpec, payload: bytes, invocation: Invocation, attempts: int
    ) -> None:
        """The record of
        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
        """
        if spec.on_failure_arn is None:
            log.error("%s: an asynchronous invocation failed for good and is lost", spec.name)
            return
        record = {
            "version": "1.0",
            "timestamp": self._around.clock.iso(),
            "requestContext": {
                "requestId": invocation.request_id,
                "functionArn": f"{spec.arn}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": attempts,
            },
            "requestPayload": json.loads(payload or b"{}"),
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": invocation.error,
            },
            "responsePayload": json.loads(invocation.body),
        }
        service = spec.on_failure_arn.split(":")[2]
        client = self._around.clients.client(service, spec.role_arn)
        text = json.dumps(record)
        try:
            if service == "sqs":
                account, name = spec.on_failure_arn.split(":")[4:6]
                url = f"{self._around.clients.endpoint}/{account}/{name}"
                client.send_message(QueueUrl=url, MessageBody=text)
            elif service == "sns":
                client.publish(TopicArn=spec.on_failure_arn, Message=text)
            else:
                raise NotImplementedError(f"failure destinations of kind {service}")
        except Exception:
            log.exception("%s: the failure destination was not reached", spec.name)
