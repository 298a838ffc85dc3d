"""Runs the application in a process of its own, for whoever wants to use it: `launch`.

Called by the demo, the tests and the benchmarks. They talk to the stack as any user would: by AWS
clients on its endpoint, by HTTP, and by the control endpoints under /_local/.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import botocore.session
import urllib3
from botocore.config import Config

from local.constants import CONTROL_PREFIX

ROOT = Path(__file__).parent.parent
START_TAKES_AT_MOST_S = 600.0
STOP_TAKES_AT_MOST_S = 60.0
LOG_TAIL_LINES = 30
LOOK_EVERY_S = 0.03
PATIENCE_S = 600.0
"""Longer than anything takes on a very slow machine that comes to an end there."""

Found = TypeVar("Found")


class LaunchError(Exception):
    """The application did not start, or is no longer there. Says what it wrote last."""


class LocalStack:
    """A running stack, as its user sees it."""

    def __init__(self, process: subprocess.Popen[bytes], data_dir: Path) -> None:
        self._process = process
        self.data_dir = data_dir
        description = json.loads((data_dir / "stack.json").read_text(encoding="utf-8"))
        self.name: str = description["stack"]
        self.endpoint: str = description["endpoint"]
        self.region: str = description["region"]
        self.outputs: dict[str, str] = description["outputs"]
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        # Nothing of the developer's own configuration: a profile could name another account.
        self._session = botocore.session.Session(
            session_vars={
                "profile": (None, [], None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def client(self, service: str) -> Any:
        """The operator's boto3 client for a service of the stack; the same one every time."""
        with self._lock:  # botocore's session is not safe for threads, its clients are
            if service not in self._clients:
                self._clients[service] = self._session.create_client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id="operator",
                    aws_secret_access_key="local",  # noqa: S106 - nothing there checks signatures
                    config=Config(
                        retries={"mode": "standard", "total_max_attempts": 3},
                        inject_host_prefix=False,
                        read_timeout=PATIENCE_S,
                        proxies={},
                        max_pool_connections=64,
                        s3={"addressing_style": "path"},
                    ),
                )
            return self._clients[service]

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """What a control endpoint answers: ``control("GET", "summary")``.

        Raises LaunchError with the endpoint's own words when it refuses.
        """
        address = f"{self.endpoint}{CONTROL_PREFIX}{name}"
        try:
            answer = urllib3.request(method, address, json=body, timeout=PATIENCE_S, retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise LaunchError(f"{address} does not answer: {error}\n{self.log_tail()}") from error
        if answer.status != 200:
            raise LaunchError(f"{method} {address}: {answer.status} {answer.data.decode()}")
        return answer.json()

    def is_alive(self) -> bool:
        """Whether the server's process runs."""
        return self._process.poll() is None

    def log_tail(self) -> str:
        """What the server wrote last."""
        return _tail(self.data_dir)

    def stop(self) -> int:
        """End the server, if it runs: cleanly, or by force where that takes too long. Its code."""
        if self.is_alive():
            self._process.send_signal(signal.SIGTERM)
        return _end(self._process)


@contextlib.contextmanager
def launch(
    port: int = 0,
    *,
    time_scale: float = 1.0,
    tps: float = 5.0,
    data_dir: Path | None = None,
    parameters: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    template: Path = ROOT / "template.yaml",
    timeout_s: float = START_TAKES_AT_MOST_S,
) -> Iterator[LocalStack]:
    """A deployed stack in a new process, which ends with the block, or with this process.

    Port 0 takes a free one. ``tps`` is what one inference unit bears. Without a ``data_dir`` the
    stack's files are removed in the end. Raises LaunchError when it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="label-loop-")) if data_dir is None else data_dir
    arguments = ["--port", str(port), "--time-scale", str(time_scale)]
    arguments += ["--template", str(template.resolve())]
    for name, value in (parameters or {}).items():
        arguments += ["--parameter", f"{name}={value}"]
    settings = {"LABELLOOP_TPS_PER_INFERENCE_UNIT": str(tps), **(environment or {})}
    try:
        process = _start(folder, arguments, settings)
        try:
            _wait(process, folder, timeout_s)
            stack = LocalStack(process, folder)
            try:
                yield stack
            finally:
                stack.stop()
        finally:
            process.kill()
            _end(process)
    finally:
        if data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)


def wait_for(
    ask: Callable[[], Found], what: str, timeout_s: float = PATIENCE_S, every_s: float = 0.1
) -> Found:
    """The first answer that is true. Raises TimeoutError, with the last answer, when none comes.

    What takes long is asked for less often, so that asking does not keep the machine from it.
    """
    begun = time.monotonic()
    while True:
        answer = ask()
        if answer:
            return answer
        waited_s = time.monotonic() - begun
        if waited_s > timeout_s:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s; the last answer: {answer!r}")
        time.sleep(max(every_s, waited_s / 10))


def _start(
    folder: Path, arguments: list[str], settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stack.json").unlink(missing_ok=True)
    _share_cache(folder)
    command = [sys.executable, "-m", "local.launch", "--data-dir", str(folder.resolve())]
    with (folder / "runtime.log").open("wb") as log:
        return subprocess.Popen(
            command + arguments,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **settings},
            stdin=subprocess.PIPE,  # closes with this process, however it ends
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the caller, which then stops the server
        )


def _share_cache(folder: Path) -> None:
    """Keep the converted network of the image model between launches: making it takes seconds."""
    shared, own = ROOT / ".local" / "cache", folder / "cache"
    if own.exists() or own.is_symlink():
        return
    shared.mkdir(parents=True, exist_ok=True)
    own.symlink_to(shared)


def _wait(process: subprocess.Popen[bytes], folder: Path, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not _described(folder):
        if process.poll() is not None:
            raise LaunchError(
                f"The local application ended with code {process.returncode}.\n{_tail(folder)}"
            )
        if time.monotonic() > end:
            raise LaunchError(
                f"The local application was not ready after {timeout_s:g} s.\n{_tail(folder)}"
            )
        time.sleep(LOOK_EVERY_S)


def _described(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / "stack.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):  # not there, or half written
        return False


def _end(process: subprocess.Popen[bytes]) -> int:
    """Wait for the process's end, and force it where it takes too long."""
    try:
        code = process.wait(STOP_TAKES_AT_MOST_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    return code


def _tail(folder: Path) -> str:
    try:
        text = (folder / "runtime.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])


# --- In the new process ---------------------------------------------------------------------------


def _follow_parent() -> None:
    """Stop this process when the one that launched it is gone: then standard input closes."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_TAKES_AT_MOST_S)
        os._exit(1)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()


if __name__ == "__main__":
    from local.__main__ import main

    _follow_parent()
    raise SystemExit(main(sys.argv[1:]))
