"""Lambda's Runtime API for one worker: enough HTTP for ``awslambdaric``."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from local.permissions import same_machine


class WorkerExitedError(Exception):
    """The worker's process has ended."""


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    body: bytes


class RuntimeApi:
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
