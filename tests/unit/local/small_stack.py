"""The stack of data/small/template.yaml in a process of its own, as `python -m local` runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.launch import PATIENCE_S
from local.permissions.identity import Identities

ROOT = Path(__file__).parents[3]
TEMPLATE = Path(__file__).parent / "data" / "small" / "template.yaml"
TIME_SCALE = 100


@dataclass
class SmallStack:
    """A running stack, as a user and as its roles see it."""

    process: subprocess.Popen[str]
    data_dir: Path
    _clients: dict[Any, Any] = field(default_factory=dict)

    @property
    def description(self) -> dict[str, Any]:
        return json.loads((self.data_dir / "stack.json").read_text())  # type: ignore[no-any-return]

    @property
    def endpoint(self) -> str:
        return str(self.description["endpoint"])

    @property
    def outputs(self) -> dict[str, str]:
        return dict(self.description["outputs"])

    def physical_id(self, logical_id: str) -> str:
        return str(self.control("GET", "stack")["resources"][logical_id]["physical_id"])

    def key_of(self, role: str, function: str | None = None) -> str:
        """The access key with which the role's (function's) calls are signed."""
        arn = f"arn:aws:iam::123456789012:role/{self.physical_id(role)}"
        return Identities().register(arn, function)

    def client(self, service: str, access_key_id: str = "me", **config: Any) -> Any:
        key = (service, access_key_id, repr(sorted(config.items())))
        if key not in self._clients:
            options = {
                "retries": {"total_max_attempts": 1},
                "inject_host_prefix": False,
                "read_timeout": PATIENCE_S,
                **config,
            }
            session: Any = boto3.session.Session()  # its type knows services by literal only
            self._clients[key] = session.client(
                service,
                endpoint_url=self.endpoint,
                region_name="us-east-1",
                aws_access_key_id=access_key_id,
                aws_secret_access_key="anything",
                config=Config(**options),
            )
        return self._clients[key]

    def work(self, service: str, operation: str, **parameters: Any) -> Any:
        """What WorkFunction gets when it makes the call; ``$NAME`` stands for its variable."""
        order = {"service": service, "operation": operation, "parameters": parameters}
        answer = self.client("lambda").invoke(
            FunctionName=self.outputs["WorkFunction"], Payload=json.dumps(order)
        )
        return json.loads(answer["Payload"].read())

    def http(
        self,
        method: str,
        path_or_url: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        url = path_or_url if path_or_url.startswith("http") else f"{self.endpoint}{path_or_url}"
        request = urllib.request.Request(url, body, headers or {}, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
                return (
                    answer.status,
                    {k.lower(): v for k, v in answer.headers.items()},
                    answer.read(),
                )
        except urllib.error.HTTPError as error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that a control endpoint answers."""
        content = None if body is None else json.dumps(body).encode()
        status, _, answer = self.http(method, f"/_local/{path}", content)
        assert status == 200, answer
        return json.loads(answer)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE_S)


def launch(data_dir: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`python -m local` on a free port, not waited for."""
    words = [sys.executable, "-m", "local", "--port", "0", "--data-dir", str(data_dir), *arguments]
    return subprocess.Popen(
        words,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def launch_small(data_dir: Path, *arguments: str, **environment: str) -> SmallStack:
    """The small stack, deployed."""
    process = launch(
        data_dir,
        *("--template", str(TEMPLATE), "--stack-name", "small"),
        *("--time-scale", str(TIME_SCALE)),
        *arguments,
        **environment,
    )
    deadline = time.monotonic() + PATIENCE_S
    while not (data_dir / "stack.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(process.communicate()[1])
        time.sleep(0.02)
    return SmallStack(process, data_dir)


def eventually(look: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """The first truthy answer."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def small_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStack]:
    """The small stack, shared by all tests: they leave it as they found it."""
    stack = launch_small(tmp_path_factory.mktemp("small"))
    yield stack
    assert stack.stop() == 0
    for stream in (stack.process.stdout, stack.process.stderr):
        if stream is not None:
            stream.close()
