"""The parts of a running stack, and the AWS clients with which they call each other."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

from local.constants import HOST

if TYPE_CHECKING:
    from local.clock import Clock
    from local.doors.calls import CallLog
    from local.doors.rekognition_calls import Regions
    from local.permissions.authorization import Authorizer
    from local.permissions.identity import Identities
    from local.rekognition.service import RekognitionService
    from local.sagemaker.service import SageMaker
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

# Any key that was never given out is the operator's; this one is the runtime's own.
OPERATOR_KEY = "OPERATOR"


class Clients:
    """boto3-like clients on the gateway, one a service and role."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._session = botocore.session.Session()
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def get(self, service: str, endpoint: str, access_key_id: str) -> Any:
        """The client that signs with the access key."""
        key = (service, access_key_id)
        client = self._clients.get(key)
        if client is None:
            with self._lock:  # botocore's session is not safe for threads, its clients are
                client = self._clients.get(key) or self._create(service, endpoint, access_key_id)
                self._clients[key] = client
        return client

    def _create(self, service: str, endpoint: str, access_key_id: str) -> Any:
        return self._session.create_client(
            service,
            region_name=self._region,
            endpoint_url=endpoint,
            aws_access_key_id=access_key_id,
            aws_secret_access_key="local",  # noqa: S106 - nothing on 127.0.0.1 checks signatures
            config=Config(
                retries={"total_max_attempts": 1},
                inject_host_prefix=False,
                max_pool_connections=64,
                read_timeout=900,
                s3={"addressing_style": "path"},
            ),
        )


@dataclass
class Runtime:
    """One stack on one port. The parts are put in by local/server.py, in dependency order."""

    port: int
    region: str
    account_id: str
    stack_name: str
    clock: Clock
    identities: Identities
    authorizer: Authorizer
    calls: CallLog
    faults: Faults
    data_dir: Path
    mailbox: Mailbox = field(init=False)
    functions: FunctionPool = field(init=False)
    bus: EventBus = field(init=False)
    queues: QueuePollers = field(init=False)
    schedules: Schedules = field(init=False)
    executions: Executions = field(init=False)
    rekognitions: Regions = field(init=False)
    sagemaker: SageMaker = field(init=False)
    http_apis: HttpApis = field(init=False)
    sign_in: SignIn = field(init=False)
    stack: Stack | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._clients = Clients(self.region)

    @property
    def deployed(self) -> Stack:
        """The stack; LookupError while there is none yet."""
        if self.stack is None:
            raise LookupError("no stack is deployed")
        return self.stack

    @property
    def rekognition(self) -> RekognitionService:
        """The emulator of the stack's own Region."""
        return self.rekognitions.of(self.region)

    @property
    def endpoint(self) -> str:
        """Where every AWS client finds the stack."""
        return f"http://{HOST}:{self.port}"

    def client(self, service: str, role_arn: str | None = None) -> Any:
        """A client for the service under the role; the operator's without one. Never retries."""
        key = self.identities.key_for(role_arn) if role_arn else OPERATOR_KEY
        return self._clients.get(service, self.endpoint, key)
