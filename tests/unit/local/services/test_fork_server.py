from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.services import worker
from local.services.fork_server import ForkServer, WorkerProcess, base_environment


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """One that ends when it is killed, or when this test is over."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()


def forked(pid: int, told: bytes | None) -> WorkerProcess:
    """A worker of that number, whose end was told; told empty is one whose fork server is gone."""
    _, stdin = os.pipe()
    output, _ = os.pipe()
    ending, tell = os.pipe()
    if told is not None:
        os.write(tell, told)
        os.close(tell)
    return WorkerProcess(pid, stdin, output, ending)


@pytest.mark.parametrize("told", [None, b""], ids=["runs", "its fork server was killed"])
def test_a_worker_is_killed(process: subprocess.Popen[bytes], told: bytes | None) -> None:
    forked(process.pid, told).kill()
    assert process.wait() == -signal.SIGKILL


def test_a_process_that_has_the_number_of_a_worker_that_has_ended_is_left_alone(
    process: subprocess.Popen[bytes],
) -> None:
    ended = forked(process.pid, b"0")
    ended.kill()
    assert ended.wait() == 0
    ended.kill()
    assert process.poll() is None
    process.kill()
    assert process.wait() == -signal.SIGKILL


def test_a_fork_server_that_could_not_be_started_is_started_the_next_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_memory(*_: Any, **__: Any) -> None:
        raise OSError("Cannot allocate memory")

    forks = ForkServer()
    with monkeypatch.context() as without:
        without.setattr(subprocess, "Popen", no_memory)
        with pytest.raises(OSError, match="memory"):
            forks.start("sample.echo", {}, tmp_path)
    started = forks.start("sample.echo", {"PYTHONPATH": str(tmp_path)}, tmp_path)
    started.kill()
    assert started.wait() == -signal.SIGKILL
    os.close(started.output)
    forks.close()


def test_a_fork_server_ends_where_the_other_end_goes_amid_an_order() -> None:
    control, ours = socket.socketpair()
    woken, wake = socket.socketpair()
    with control, woken, wake, Path(os.devnull).open() as nothing:
        socket.send_fds(ours, [(100).to_bytes(4, "big")], [nothing.fileno()] * 3)
        ours.sendall(b'{"handler"')
        ours.close()
        assert list(worker._requests(control, woken, {})) == []


def test_what_forks_workers_reads_none_of_the_developers_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_CONFIG_FILE", "elsewhere")
    environment = base_environment()
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "AWS_PROFILE" not in environment


def test_a_fork_server_hears_requests_whatever_numbers_its_descriptors_have() -> None:
    may_open = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(may_open[0], 2048), may_open[1]))
    try:
        woken, wake = socket.socketpair()
        near, end = socket.socketpair()
        with woken, wake, near, end:
            far = socket.socket(fileno=fcntl.fcntl(near, fcntl.F_DUPFD_CLOEXEC, 1024))
            with far:
                end.sendall((2).to_bytes(4, "big") + b"{}")
                end.shutdown(socket.SHUT_WR)
                assert list(worker._requests(far, woken, {})) == [({}, [])]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, may_open)
