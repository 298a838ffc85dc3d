"""Puts the runtime together: `start` deploys a template on a port, `stop` ends everything."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from moto.moto_api._internal.models import moto_api_backend

from local.clock import Clock
from local.constants import (
    ACCOUNT_ID,
    CONTROL_PREFIX,
    DEFAULT_PORT,
    HOST,
    REGION,
    STACK_NAME,
)
from local.doors import sagemaker_calls
from local.doors.calls import CallLog
from local.doors.control import Control
from local.doors.gateway import Gateway
from local.doors.http_server import Server
from local.doors.rekognition_calls import RekognitionCalls
from local.moto_patches import patches, sqs_message_moves
from local.moto_patches.around import Around
from local.permissions import user_roles
from local.permissions.authorization import Authorizer
from local.permissions.identity import Identities
from local.rekognition.service import RekognitionService
from local.role_clients import Clients
from local.services.event_bus import EventBus
from local.services.faults import Faults
from local.services.function_pool import FunctionPool
from local.services.function_spec import Surroundings
from local.services.http_apis import HttpApis
from local.services.mail import Mailbox
from local.services.queue_pollers import QueuePollers
from local.services.scheduler import Schedules
from local.services.sign_in import SignIn
from local.services.state_machines import Executions
from local.services.stream_pollers import StreamPollers
from local.stack.deployed import Stack
from local.stack.one_deployment import Services

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


@dataclass(frozen=True)
class Runtime:
    """A running stack."""

    stack: Stack
    clients: Clients
    data_dir: Path
    _parts: contextlib.ExitStack

    def stop(self) -> None:
        """End workers, timers and the server, and write down which permissions were used."""
        self._parts.close()


_alone = threading.Lock()
"""moto keeps one account a process."""


def start(settings: Settings) -> Runtime:
    """The running stack, deployed from the template; TemplateError when it cannot be."""
    if not _alone.acquire(blocking=False):
        raise RuntimeError("moto keeps one account a process: stop the running stack first")
    with contextlib.ExitStack() as parts:
        parts.callback(_alone.release)
        server = _bind(settings.port)
        parts.callback(server.close)
        clients, schedules, stack = _assemble(settings, server, parts)
        stack.deploy()
        schedules.start()
        _write_description(settings.data_dir, clients, stack)
        return Runtime(stack, clients, settings.data_dir, parts.pop_all())


def _bind(port: int) -> Server:
    try:
        return Server(port)
    except OSError as error:
        raise PortTakenError(
            f"port {port} is taken by {_listener(port)}: stop that, or choose "
            "another port with LABELLOOP_PORT or --port (0 takes a free one)"
        ) from error


def _assemble(
    settings: Settings, server: Server, parts: contextlib.ExitStack
) -> tuple[Clients, Schedules, Stack]:
    moto_api_backend.reset()  # what an earlier stack of this process left behind
    # moto's own boto3 clients, and samtranslator's, must not look for the developer's settings.
    os.environ["AWS_DEFAULT_REGION"] = REGION
    os.environ["MOTO_PORT"] = str(server.server_port)
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    leaps = settings.data_dir.absolute() / "leaps"
    leaps.unlink(missing_ok=True)

    clock, identities, calls, faults = (
        Clock(settings.time_scale, leaps=leaps),
        Identities(),
        CallLog(),
        Faults(),
    )
    clients = Clients(f"http://{HOST}:{server.server_port}", identities)
    authorizer = Authorizer(ACCOUNT_ID, user_roles.find)
    rekognition = RekognitionCalls(
        clients,
        authorizer,
        lambda store, region: RekognitionService(
            store,
            clock.now,
            settings.data_dir / "cache",
            region,
            ACCOUNT_ID,
            tps_per_inference_unit=settings.tps_per_inference_unit,
            time_scale=settings.rekognition_speed,
        ),
    )
    functions = FunctionPool(Surroundings(clock, clients, authorizer), settings.data_dir / "logs")
    http_apis = HttpApis(clients.endpoint, clock, authorizer, functions)
    bus = EventBus(clock, clients, authorizer, faults, functions)
    queues = QueuePollers(clock, authorizer, faults, functions)
    streams = StreamPollers(clock, clients, authorizer, functions)
    schedules = Schedules(clock, bus)
    executions = Executions(clock, bus)
    mailbox, sign_in = Mailbox(), SignIn()
    sagemaker = sagemaker_calls.emulator(clock, clients, authorizer, bus)
    for part in (rekognition, functions, http_apis, bus, queues, streams, schedules):
        parts.callback(_close, part.close)
    if report := os.environ.get("LABELLOOP_PERMISSIONS_LOG"):
        parts.callback(authorizer.append_permissions, Path(report))
    patches.apply(Around(clock, clients, bus, schedules, executions))
    sqs_message_moves.serve()
    stack = Stack(
        Services(
            clock=clock,
            clients=clients,
            authorizer=authorizer,
            identities=identities,
            functions=functions,
            bus=bus,
            queues=queues,
            streams=streams,
            executions=executions,
            http_apis=http_apis,
            sign_in=sign_in,
        ),
        settings.stack_name,
        settings.template,
        settings.parameters,
    )
    control = Control(
        clock=clock,
        authorizer=authorizer,
        calls=calls,
        faults=faults,
        functions=functions,
        bus=bus,
        schedules=schedules,
        executions=executions,
        mailbox=mailbox,
        rekognition=rekognition,
        sagemaker=sagemaker,
        stack=stack,
        data_dir=settings.data_dir,
    )
    server.start(
        Gateway(
            clock=clock,
            identities=identities,
            authorizer=authorizer,
            calls=calls,
            faults=faults,
            functions=functions,
            executions=executions,
            mailbox=mailbox,
            http_apis=http_apis,
            sign_in=sign_in,
            rekognition=rekognition,
            sagemaker=sagemaker,
            stack=stack,
            control=control,
        )
    )
    return clients, schedules, stack


def _close(close: Callable[[], None]) -> None:
    """A part that cannot end keeps no other from it."""
    with contextlib.suppress(Exception):
        close()


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


def _write_description(data_dir: Path, clients: Clients, stack: Stack) -> None:
    description = {
        "stack": stack.name,
        "endpoint": clients.endpoint,
        "region": REGION,
        "clock_url": f"{clients.endpoint}{CONTROL_PREFIX}clock",
        "outputs": stack.outputs,
    }
    text = json.dumps(description, indent=2) + "\n"
    # Others wait until it is there, and then read it: whole.
    new = data_dir / "stack.json.new"
    new.write_text(text, encoding="utf-8")
    new.replace(data_dir / "stack.json")
