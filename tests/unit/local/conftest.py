"""A server around moto with the runtime's patches, where everybody may do everything."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from local.clock import Clock
from local.launch import PATIENCE_S
from local.moto_patches import patches
from local.moto_patches.around import Around
from local.services.event_bus import EventBus
from local.services.faults import Faults
from local.services.function_pool import FunctionPool
from local.services.function_spec import FunctionSpec, Surroundings
from local.services.queue_pollers import QueuePollers
from local.services.scheduler import Schedules
from local.services.state_machines import Executions

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/anything"
TIME_SCALE = 100.0
CODE = Path(__file__).parent / "functions"


class Allow:
    """Stands in for the authorizer; ``refused`` holds the actions that are refused."""

    def __init__(self) -> None:
        self.refused: set[str] = set()

    def check(self, _role_arn: str, action: str, _resource_arn: str) -> Any:
        return SimpleNamespace(allowed=action not in self.refused, reason="refused by the test")

    def check_service_principal(
        self, service: str, action: str, resource_arn: str, **_: Any
    ) -> Any:
        return self.check(service, action, resource_arn)


class TestRuntime:
    """The parts that work by themselves, and clients of the server around moto."""

    __test__ = False

    def __init__(self, log_dir: Path) -> None:
        self.clock = Clock(TIME_SCALE, leaps=log_dir / "leaps")
        self.authorizer = Allow()
        self.faults = Faults()
        self.refusals: dict[str, str] = {}
        self.seen_keys: list[str] = []
        allow: Any = self.authorizer
        clients: Any = self
        self.functions = FunctionPool(Surroundings(self.clock, clients, allow), log_dir)
        self.bus = EventBus(self.clock, clients, allow, self.faults, self.functions)
        self.executions = Executions(self.clock, self.bus)
        self.queues = QueuePollers(self.clock, allow, self.faults, self.functions)
        self.schedules = Schedules(self.clock, self.bus)
        self._clients: dict[tuple[str, str | None], Any] = {}
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, role_arn: str | None = None) -> Any:
        key = (service, role_arn)
        if key not in self._clients:
            session: Any = boto3.session.Session()
            self._clients[key] = session.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id="ROLEKEY" if role_arn else "OPERATOR",
                aws_secret_access_key="x",
                config=Config(
                    retries={"total_max_attempts": 1},
                    inject_host_prefix=False,
                    max_pool_connections=64,
                    read_timeout=300,
                ),
            )
        return self._clients[key]

    def wsgi(self, moto: Any) -> Callable[..., Any]:
        """Lambda's Invoke and scheduled failures; everything else is moto's."""

        def app(environ: dict[str, Any], start_response: Any) -> Any:
            path = environ["PATH_INFO"]
            target = environ.get("HTTP_X_AMZ_TARGET", "")
            self.seen_keys.append(environ.get("HTTP_AUTHORIZATION", ""))
            operation = "Invoke" if "/invocations" in path else target.split(".")[-1]
            if operation in self.refusals:
                code = self.refusals[operation]
                headers = [("x-amzn-errortype", code), ("Content-Type", "application/json")]
                start_response("429 Too Many Requests", headers)
                return [json.dumps({"__type": code, "message": "by the test"}).encode()]
            if operation != "Invoke":
                return moto(environ, start_response)
            size = int(environ.get("CONTENT_LENGTH") or 0)
            name = path.split("/")[3].replace("%3A", ":")
            answer = self.functions.invoke(name, environ["wsgi.input"].read(size))
            headers = [("Content-Type", "application/json")]
            if answer.error:
                headers.append(("X-Amz-Function-Error", answer.error))
            start_response("200 OK", headers)
            return [answer.body]

        return app

    def add_function(self, handler: str, **changes: Any) -> str:
        """A function out of ``functions/``; gives its ARN."""
        name = changes.pop("name", handler.replace(".", "-"))
        values: dict[str, Any] = {
            "logical_id": f"{name}Function",
            "stem": name,
            "name": name,
            "arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
            "handler": handler,
            "code_dir": CODE,
            "python_path": (),
            "environment": {},
            "timeout_s": 10.0,
            "memory_mb": 128,
            "role_arn": ROLE,
            "access_key_id": "FUNCTIONKEY",
        }
        spec = FunctionSpec(**{**values, **changes})
        self.functions.register(spec)
        return spec.arn


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRuntime]:
    class Handler(MotoRequestHandler):  # type: ignore[misc]
        protocol_version = "HTTP/1.1"

        def log(self, *args: Any) -> None:
            pass

    runtime = TestRuntime(tmp_path_factory.mktemp("logs"))
    clients: Any = runtime
    patches.apply(
        Around(runtime.clock, clients, runtime.bus, runtime.schedules, runtime.executions)
    )
    app = runtime.wsgi(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    runtime.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    runtime.schedules.start()
    yield runtime
    runtime.schedules.close()
    runtime.queues.close()
    runtime.bus.close()
    runtime.functions.close()
    server.shutdown()


@pytest.fixture(autouse=True)
def _nothing_left_from_the_last_test(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "runtime" in request.fixturenames:
        runtime = request.getfixturevalue("runtime")
        runtime.faults.clear()
        runtime.refusals.clear()
        runtime.authorizer.refused.clear()


def eventually(condition: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
    """The first true value of the condition; fails when there is none in time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        with contextlib.suppress(LookupError):
            value = condition()
            if value:
                return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Any]:
    return eventually


from tests.unit.local.machines import machines  # noqa: E402, F401
from tests.unit.local.small_stack import small_stack  # noqa: E402, F401
