"""Puts the runtime together: `start` deploys a template on a port, `stop` ends everything."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from moto.moto_api._internal.models import moto_api_backend

from local.clock import Clock
from local.constants import (
    ACCOUNT_ID,
    API_PREFIX,
    CONTROL_PREFIX,
    DEFAULT_PORT,
    HOST,
    REGION,
    SIGN_IN_PREFIX,
    STACK_NAME,
)
from local.doors import sagemaker_calls
from local.doors.calls import CallLog
from local.doors.control import Control
from local.doors.gateway import Gateway
from local.doors.http_server import Server
from local.doors.rekognition_calls import BucketStore, Regions
from local.moto_patches import message_moves, patches
from local.permissions import user_roles
from local.permissions.authorization import Authorizer
from local.permissions.identity import Identities
from local.rekognition.service import RekognitionService
from local.runtime import Runtime
from local.services.event_bus import EventBus
from local.services.faults import Faults
from local.services.function_pool import FunctionPool
from local.services.http_apis import HttpApis
from local.services.mail import Mailbox
from local.services.queue_pollers import QueuePollers
from local.services.scheduler import Schedules
from local.services.sign_in import SignIn
from local.services.state_machines import Executions
from local.stack.deployed import Stack

if TYPE_CHECKING:
    from local.doors.gateway import Page

log = logging.getLogger(__name__)

LISTENER_ANSWERS_S = 2.0


@dataclass(frozen=True)
class Settings:
    """What can be chosen at start."""

    template: Path = Path("template.yaml")
    port: int = DEFAULT_PORT
    time_scale: float = 1.0
    data_dir: Path = Path(".local")
    stack_name: str = STACK_NAME
    parameters: Mapping[str, str] = field(default_factory=dict)
    tps_per_inference_unit: float = 5.0
    rekognition_speed: float = 1.0
    """How much shorter than on AWS trainings and starts of models are, in the stack's time."""


class PortTakenError(Exception):
    """Something else listens on the port."""


_servers: dict[int, Server] = {}


def start(settings: Settings) -> Runtime:
    """The running stack, deployed from the template; TemplateError when it cannot be."""
    runtime, server = _assemble(settings)
    _servers[id(runtime)] = server
    try:
        runtime.stack = Stack(runtime, settings.template, settings.parameters)
        runtime.stack.deploy()
        runtime.schedules.start()
        _write_description(runtime)
    except BaseException:
        stop(runtime)
        raise
    return runtime


def stop(runtime: Runtime) -> None:
    """End workers, timers and the server, and write down which permissions were used."""
    report = os.environ.get("LABELLOOP_PERMISSIONS_LOG")
    if report:
        runtime.authorizer.append_permissions(Path(report))
    for part in (
        runtime.schedules,
        runtime.queues,
        runtime.bus,
        runtime.http_apis,
        runtime.functions,
        runtime.rekognitions,
    ):
        close = getattr(part, "close", None)
        if close is not None:
            with contextlib.suppress(Exception):
                close()
    server = _servers.pop(id(runtime), None)
    if server is not None:
        server.close()


def _assemble(settings: Settings) -> tuple[Runtime, Server]:
    if _servers:
        raise RuntimeError("moto keeps one account a process: stop the running stack first")
    moto_api_backend.reset()  # what an earlier stack of this process left behind
    # moto's own boto3 clients, and samtranslator's, must not look for the developer's settings.
    os.environ["AWS_DEFAULT_REGION"] = REGION
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    leaps = settings.data_dir.absolute() / "leaps"
    leaps.unlink(missing_ok=True)
    clock = Clock(settings.time_scale, leaps=leaps)
    runtime = Runtime(
        port=settings.port,
        region=REGION,
        account_id=ACCOUNT_ID,
        stack_name=settings.stack_name,
        clock=clock,
        identities=Identities(),
        authorizer=Authorizer(ACCOUNT_ID, user_roles.find),
        calls=CallLog(),
        faults=Faults(),
        data_dir=settings.data_dir,
    )
    runtime.mailbox = Mailbox()
    runtime.functions = FunctionPool(runtime, settings.data_dir / "logs")
    runtime.bus = EventBus(runtime)
    runtime.queues = QueuePollers(runtime)
    runtime.schedules = Schedules(runtime)
    runtime.executions = Executions(runtime)
    runtime.http_apis = HttpApis(runtime)
    runtime.sign_in = SignIn()
    runtime.rekognitions = Regions(
        lambda region: RekognitionService(
            BucketStore(runtime, region),
            clock.now,
            settings.data_dir / "cache",
            region,
            ACCOUNT_ID,
            tps_per_inference_unit=settings.tps_per_inference_unit,
            time_scale=settings.rekognition_speed,
        )
    )
    runtime.sagemaker = sagemaker_calls.emulator(runtime)
    pages: dict[str, Page] = {
        CONTROL_PREFIX: Control(runtime),
        API_PREFIX: runtime.http_apis,
        SIGN_IN_PREFIX: runtime.sign_in,
    }
    try:
        server = Server(settings.port, Gateway(runtime, pages))
    except OSError as error:
        raise PortTakenError(
            f"port {settings.port} is taken by {_listener(settings.port)}: stop that, or choose "
            "another port with LABELLOOP_PORT or --port (0 takes a free one)"
        ) from error
    runtime.port = server.server_port
    os.environ["MOTO_PORT"] = str(runtime.port)
    patches.apply(runtime)
    message_moves.serve()
    server.start()
    return runtime, server


def _listener(port: int) -> str:
    """Who listens on a port of this machine, as far as it says so."""
    asked = http.client.HTTPConnection(HOST, port, timeout=LISTENER_ANSWERS_S)
    try:
        asked.request("GET", f"{CONTROL_PREFIX}health")
        told = json.loads(asked.getresponse().read())
        return (
            f"the stack {told['stack']} of process {told['process']}, whose files are in "
            f"{told['data_dir']}"
        )
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return "another program"
    finally:
        asked.close()


def _write_description(runtime: Runtime) -> None:
    runtime.data_dir.mkdir(parents=True, exist_ok=True)
    description = {
        "stack": runtime.stack_name,
        "endpoint": runtime.endpoint,
        "region": runtime.region,
        "clock_url": f"{runtime.endpoint}{CONTROL_PREFIX}clock",
        "outputs": runtime.deployed.outputs,
    }
    text = json.dumps(description, indent=2) + "\n"
    # Others wait until it is there, and then read it: whole.
    new = runtime.data_dir / "stack.json.new"
    new.write_text(text, encoding="utf-8")
    new.replace(runtime.data_dir / "stack.json")
