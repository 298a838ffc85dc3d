"""A worker: one process with one function in it, which the invoking thread speaks to.

What fails on Lambda fails here in the same words: the exception's class name as ``errorType``,
``Sandbox.Timedout``, ``Runtime.ExitError``, ``Runtime.ImportModuleError``. Time limits are real
time, whatever the time scale.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from dataclasses import dataclass
from typing import BinaryIO

from local.services.fork_server import ForkServer
from local.services.function_spec import FunctionSpec, Surroundings, environment_of
from local.services.runtime_api import RuntimeApi, WorkerExitedError
from local.services.worker_log import LogSink

# Lambda's own limit for the import of a function is 10 s. Here several workers may share two cores
# with a test suite.
INIT_TIMEOUT_S = 300.0

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB and some headroom
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100


@dataclass(frozen=True)
class Invocation:
    body: bytes
    error: str | None
    """``Unhandled`` when the function failed, as in the header ``X-Amz-Function-Error``."""
    log: str
    """The last lines that the worker wrote."""
    request_id: str


class Worker:
    """One process with one function in it; serves one invocation at a time."""

    def __init__(
        self, around: Surroundings, forks: ForkServer, spec: FunctionSpec, file: BinaryIO | None
    ) -> None:
        self.spec = spec
        self.session_token = uuid.uuid4().hex
        self._api = RuntimeApi()
        self._log = LogSink(around, spec, file)
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
