"""Lambda on this machine: every function's handler in worker processes, run by AWS's own runtime
client.

A worker is a fork of ``worker.py``: ``awslambdaric`` against a Runtime API of its own. The pool
speaks that API in the thread that invokes: it hands out the event, reads the answer, and needs no
thread or polling in between. Callers: ``local/doors/gateway.py`` (Invoke), ``queue_pollers.py``,
``event_bus.py``, ``http_apis.py``, ``local/stack/resources/``.

What fails on Lambda fails here in the same words: the exception's class name as ``errorType``,
``Sandbox.Timedout``, ``Runtime.ExitError``, ``Runtime.ImportModuleError``. Time limits are real
time, whatever the time scale.
"""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import sys
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from moto.logs.models import logs_backends

from local.clock import Clock
from local.constants import ACCOUNT_ID, REGION
from local.permissions import same_machine
from local.permissions.authorization import Authorizer
from local.role_clients import Clients
from local.services import lineage
from local.services.embedded_metrics import Metrics
from local.services.fork_server import ForkServer, base_environment
from local.services.lineage import RecursionStoppedError

log = logging.getLogger(__name__)

DEFAULT_MAX_WORKERS = 4

# Lambda's own limit for the import of a function is 10 s. Here several workers may share two cores
# with a test suite.
INIT_TIMEOUT_S = 30.0

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB and some headroom
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100

# Lambda runs an asynchronous event again after 1 and then 2 minutes.
ASYNC_RETRY_WAITS_S = (60.0, 120.0)

STOPPED = "Lambda has detected {} being invoked in a recursive loop and stopped its invocation."

LOG_TAIL_LINES = 200
LOG_STREAM_LINES = 2_000


class FunctionNotFoundError(KeyError):
    """There is no function of that name or ARN."""


class PoolClosedError(RuntimeError):
    """The runtime is stopping: nothing is invoked any more."""


class WorkerExitedError(Exception):
    """The worker's process has ended."""


@dataclass(frozen=True)
class FunctionSpec:
    logical_id: str
    stem: str
    name: str
    arn: str
    handler: str
    code_dir: Path
    python_path: tuple[Path, ...]
    environment: Mapping[str, str]
    timeout_s: float
    memory_mb: int
    role_arn: str
    access_key_id: str
    reserved_concurrency: int | None = None
    log_group: str = ""
    """Empty: ``/aws/lambda/<name>``."""
    on_failure_arn: str | None = None
    """The queue or topic that gets what an asynchronous invocation could not do."""
    async_retries: int = 2
    may_loop: bool = False
    """Whether a chain of events may invoke it without end."""


@dataclass(frozen=True)
class Surroundings:
    """What functions find around them."""

    clock: Clock
    clients: Clients
    authorizer: Authorizer


def environment_of(spec: FunctionSpec, around: Surroundings) -> dict[str, str]:
    """Lambda's variables and the function's own, and nothing of the developer's but where programs
    are.
    """
    python_path = [str(spec.code_dir), *(str(path) for path in spec.python_path)]
    return {
        **base_environment(),
        "PYTHONPATH": os.pathsep.join(python_path),
        "_HANDLER": spec.handler,
        "LAMBDA_TASK_ROOT": str(spec.code_dir),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": spec.access_key_id,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_ENDPOINT_URL": around.clients.endpoint,
        # StartSyncExecution goes to the host sync-<endpoint>, which is nowhere when the
        # endpoint is 127.0.0.1
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "LABELLOOP_LOCAL_CLOCK": around.clock.to_env(),
        **spec.environment,
    }


@dataclass(frozen=True)
class Invocation:
    body: bytes
    error: str | None
    """``Unhandled`` when the function failed, as in the header ``X-Amz-Function-Error``."""
    log: str
    """The last lines that the worker wrote."""
    request_id: str


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    body: bytes


class _RuntimeApi:
    """Lambda's Runtime API for one worker, served by whoever invokes the worker.

    Blocks in the calling thread only: requests that nobody waits for stay in the socket.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connection: socket.socket | None = None
        self._received = b""
        self._exited, self._exit_signal = socket.socketpair()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def worker_exited(self) -> None:
        """Wakes whoever waits for a worker that has gone."""
        self._exit_signal.close()

    def receive(self, deadline: float) -> _Request:
        """The worker's next request.

        Raises TimeoutError at the deadline (monotonic seconds) and WorkerExitedError.
        """
        while True:
            if self._connection is None:
                self._connection = self._accept(deadline)
                self._received = b""
            request = self._parse(self._connection)
            if request is not None:
                return request
            if self._connection is None:
                continue  # it was none of the worker's
            try:
                self._connection.settimeout(_remaining(deadline))
                chunk = self._connection.recv(262_144)
            except ConnectionError:
                chunk = b""
            if not chunk:
                self._connection.close()
                self._connection = None
            self._received += chunk

    def answer(self, status: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines) + "\r\n\r\n"
        if self._connection is None:
            raise WorkerExitedError
        try:
            self._connection.settimeout(None)
            self._connection.sendall(head.encode() + body)
        except ConnectionError as error:
            raise WorkerExitedError from error

    def close(self) -> None:
        self._listener.close()
        if self._connection is not None:
            self._connection.close()
        self._exit_signal.close()
        self._exited.close()

    def _accept(self, deadline: float) -> socket.socket:
        poller = select.poll()
        poller.register(self._listener, select.POLLIN)
        poller.register(self._exited, select.POLLIN)
        ready = {descriptor for descriptor, _ in poller.poll(_remaining(deadline) * 1000)}
        if self._listener.fileno() in ready:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        if ready:
            raise WorkerExitedError
        raise TimeoutError

    def _parse(self, connection: socket.socket) -> _Request | None:
        """One request out of what was received; None when more bytes are needed.

        Enough HTTP for two clients, libcurl and ``http.client``, that both send ``Content-Length``.
        """
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        start, *fields = head.decode("latin-1").split("\r\n")
        method, path, _ = start.split(" ", 2)
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in fields)
        }
        if same_machine.refusal(headers) is not None:
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            connection.close()
            self._connection = None
            return None
        if "transfer-encoding" in headers:
            raise NotImplementedError("the runtime client sent a chunked body")
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            if "expect" in headers and not rest:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        self._received = rest[length:]
        return _Request(method, path, rest[:length])


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


class _LogSink:
    """Where a worker's lines go: a file for people, and CloudWatch Logs if the role may write
    there.
    """

    def __init__(self, around: Surroundings, spec: FunctionSpec, file: BinaryIO | None) -> None:
        self.group = spec.log_group or f"/aws/lambda/{spec.name}"
        self.stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"
        self._file = file
        self._tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        self._metrics = Metrics()
        self._backend = self._open_stream(around, spec)

    def write(self, lines: list[bytes]) -> None:
        if self._file is not None:
            self._file.write(b"".join(line + b"\n" for line in lines))
        texts = [line.decode("utf-8", "replace") for line in lines]
        self._tail.extend(texts)
        if self._backend is None:
            return
        now_ms = int(time.time() * 1000)
        events = [{"timestamp": now_ms, "message": text} for text in texts if text]
        try:
            self._backend.put_log_events(self.group, self.stream, events)
            stream = self._backend.groups[self.group].streams[self.stream]
            if len(stream.events) > 2 * LOG_STREAM_LINES:
                stream.events = stream.events[-LOG_STREAM_LINES:]
            for text in texts:
                self._metrics.take(text)
        except Exception as error:  # the group may be deleted under a running worker
            log.warning("no more logs to %s: %s", self.group, error)
            self._backend = None

    def tail(self) -> str:
        return "".join(f"{line}\n" for line in list(self._tail))[-4096:]

    def _open_stream(self, around: Surroundings, spec: FunctionSpec) -> Any | None:
        backend = logs_backends[ACCOUNT_ID][REGION]
        resource = (
            f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{self.group}:log-stream:{self.stream}"
        )
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            if not around.authorizer.check(spec.role_arn, action, resource).allowed:
                log.warning("%s writes no logs: its role may not %s", spec.name, action)
                return None
        if self.group not in backend.groups:
            log.warning("%s writes no logs: there is no log group %s", spec.name, self.group)
            return None
        backend.create_log_stream(self.group, self.stream)
        return backend


class _Worker:
    """One process with one function in it; serves one invocation at a time."""

    def __init__(
        self, around: Surroundings, forks: ForkServer, spec: FunctionSpec, file: BinaryIO | None
    ) -> None:
        self.spec = spec
        self.session_token = uuid.uuid4().hex
        self._api = _RuntimeApi()
        self._log = _LogSink(around, spec, file)
        self._started = False
        self._is_out_of_time = False
        self._ended = threading.Event()
        self._process = forks.start(spec.handler, self._environment(around), spec.code_dir)
        self._pump_thread = threading.Thread(
            target=self._pump, name=f"log-{spec.stem}", daemon=True
        )
        self._pump_thread.start()

    def invoke(self, request_id: str, payload: bytes, trace: str) -> tuple[Invocation, bool]:
        """The outcome, and whether the worker can be used again."""
        try:
            if not self._started:
                first = self._api.receive(time.monotonic() + INIT_TIMEOUT_S)
                if first.path.endswith("/init/error"):
                    self._api.answer("202 Accepted", b'{"status":"OK"}')
                    return self._outcome(request_id, first.body, "Unhandled"), False
                self._started = True
            else:
                self._api.receive(time.monotonic() + INIT_TIMEOUT_S)
            deadline_ms = int((time.time() + self.spec.timeout_s) * 1000)
            self._api.answer(
                "200 OK",
                payload or b"{}",
                {
                    "Lambda-Runtime-Aws-Request-Id": request_id,
                    "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                    "Lambda-Runtime-Invoked-Function-Arn": self.spec.arn,
                    "Lambda-Runtime-Trace-Id": trace,
                },
            )
            answer = self._api.receive(time.monotonic() + self.spec.timeout_s)
            self._api.answer("202 Accepted", b'{"status":"OK"}')
        except TimeoutError:
            self.kill()
            return self._timed_out(request_id), False
        except WorkerExitedError:
            return self._exited(request_id), False
        if answer.path.endswith("/error"):
            return self._outcome(request_id, answer.body, "Unhandled"), True
        if len(answer.body) > MAX_RESPONSE_BYTES:
            return self._too_large(request_id, len(answer.body)), True
        return self._outcome(request_id, answer.body, None), True

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_exited(self) -> bool:
        """Whether the process is known to have ended."""
        return self._ended.is_set()

    def kill(self, *, out_of_time: bool = False) -> None:
        self._is_out_of_time = out_of_time
        self._process.kill()

    def close(self) -> None:
        """Ends the process and waits until it is gone."""
        self._process.kill()
        self._process.wait()
        self._pump_thread.join(timeout=5)
        self._api.close()

    def _environment(self, around: Surroundings) -> dict[str, str]:
        """What every worker of the function has, and what this one is known by."""
        return {
            **environment_of(self.spec, around),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_LOG_GROUP_NAME": self._log.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._log.stream,
            "AWS_SESSION_TOKEN": self.session_token,
        }

    def _pump(self) -> None:
        output = self._process.output
        unfinished = b""
        while chunk := os.read(output, 65_536):
            *lines, unfinished = (unfinished + chunk).split(b"\n")
            if lines:
                self._log.write(lines)
        if unfinished:
            self._log.write([unfinished])
        os.close(output)
        self._ended.set()
        self._api.worker_exited()

    def _outcome(self, request_id: str, body: bytes, error: str | None) -> Invocation:
        return Invocation(body, error, self._log.tail(), request_id)

    def _platform_error(self, request_id: str, error_type: str, message: str) -> Invocation:
        """An error that Lambda reports, not the function; it stands in the function's log too."""
        text = f"RequestId: {request_id} Error: {message}"
        self._log.write([text.encode()])
        body = json.dumps({"errorType": error_type, "errorMessage": text}).encode()
        return self._outcome(request_id, body, "Unhandled")

    def _timed_out(self, request_id: str) -> Invocation:
        limit_s = self.spec.timeout_s if self._started else INIT_TIMEOUT_S
        message = f"Task timed out after {limit_s:.2f} seconds"
        return self._platform_error(request_id, "Sandbox.Timedout", message)

    def _exited(self, request_id: str) -> Invocation:
        status = self._process.wait()
        if self._is_out_of_time:
            return self._timed_out(request_id)
        how = "signal: killed" if status < 0 else f"exit status {status}"
        message = f"Runtime exited with error: {how}"
        return self._platform_error(request_id, "Runtime.ExitError", message)

    def _too_large(self, request_id: str, size: int) -> Invocation:
        body = {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": f"Response payload size ({size} bytes) exceeded maximum allowed "
            f"payload size ({MAX_RESPONSE_BYTES} bytes).",
        }
        return self._outcome(request_id, json.dumps(body).encode(), "Unhandled")


def _stopped(spec: FunctionSpec) -> Invocation:
    """What became of an event that would have invoked the function once too often."""
    error = {"errorType": "RecursiveInvocationException", "errorMessage": STOPPED.format(spec.arn)}
    return Invocation(json.dumps(error).encode(), "Unhandled", "", str(uuid.uuid4()))


@dataclass
class _Function:
    spec: FunctionSpec
    max_workers: int
    idle: list[_Worker] = field(default_factory=list)
    workers: set[_Worker] = field(default_factory=set)
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

    def _take(self, function: _Function) -> _Worker:
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
            new_worker = _Worker(self._around, self._forks, function.spec, function.log_file)
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

    def _give_back(self, function: _Function, worker: _Worker, usable: bool) -> None:
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
