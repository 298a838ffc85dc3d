"""Starts worker processes by asking ``worker.py`` to fork, for ``function_pool.py``."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")

INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
"""What programs need to be found; nothing else of the developer's environment."""


def base_environment() -> dict[str, str]:
    """What every Python of the functions starts with."""
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONUNBUFFERED": "1",
        # Without these the SDK looks for them in the home folder, wherever HOME leads.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # Else macOS is asked for its proxies, by a framework that works in no fork.
        "NO_PROXY": "*",
    }


class WorkerProcess:
    """One fork. Whoever has it reads ``output`` to its end and then closes it."""

    def __init__(self, pid: int, stdin: int, output: int, ending: int) -> None:
        self.pid = pid
        self.output = output
        self._stdin = stdin
        self._ending = ending
        self._status: int | None = None
        self._waiting = threading.Lock()
        self._lock = threading.Lock()

    def kill(self) -> None:
        """Ends it. Once its end is told, its number may be another process's."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._status is None and not self._is_told():
                os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit status, or minus the signal that ended it, once it has ended."""
        with self._waiting:
            if self._status is None:
                told = os.read(self._ending, 16)
                with self._lock:
                    # Nothing is told where the fork server was killed, and the worker with it.
                    self._status = int(told) if told else -signal.SIGKILL
                    os.close(self._ending)
                    os.close(self._stdin)
            return self._status

    def _is_told(self) -> bool:
        poller = select.poll()
        poller.register(self._ending, select.POLLIN)
        return any(event & select.POLLIN for _, event in poller.poll(0))


class ForkServer:
    """Starts with the first worker, and anew should it have been killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, handler: str, environment: Mapping[str, str], folder: Path) -> WorkerProcess:
        """A worker that runs the handler, with that environment alone."""
        order = {"handler": handler, "environment": dict(environment), "folder": str(folder)}
        body = json.dumps(order).encode()
        with self._lock:
            try:
                return self._fork(body)
            except (ConnectionError, EOFError):
                self._end()
                return self._fork(body)

    def close(self) -> None:
        with self._lock:
            self._end()

    def _fork(self, order: bytes) -> WorkerProcess:
        control = self._control or self._begin()
        stdin, our_stdin = os.pipe()
        our_output, output = os.pipe()
        our_ending, ending = os.pipe()
        try:
            socket.send_fds(control, [len(order).to_bytes(4, "big")], [stdin, output, ending])
            control.sendall(order)
            answer = control.recv(4, socket.MSG_WAITALL)
            if not answer:
                raise EOFError
        except (ConnectionError, EOFError):
            for descriptor in (our_stdin, our_output, our_ending):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (stdin, output, ending):
                os.close(descriptor)
        return WorkerProcess(int.from_bytes(answer, "big"), our_stdin, our_output, our_ending)

    def _begin(self) -> socket.socket:
        control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(WORKER), str(theirs.fileno())],
                env=base_environment(),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._control = control
        return control

    def _end(self) -> None:
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait()
            self._control = self._process = None
