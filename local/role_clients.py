"""The AWS clients with which the parts of the running stack call each other."""

from __future__ import annotations

import threading
from typing import Any

import botocore.session
from botocore.config import Config

from local.constants import REGION
from local.permissions.identity import Identities

# Any key that was never given out is the operator's; this one is the runtime's own.
OPERATOR_KEY = "OPERATOR"


class Clients:
    """boto3-like clients on the gateway, one a service and role."""

    def __init__(self, endpoint: str, identities: Identities) -> None:
        self.endpoint = endpoint
        """Where every AWS client finds the stack."""
        self._identities = identities
        self._session = botocore.session.Session()
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, role_arn: str | None = None) -> Any:
        """A client for the service under the role; the operator's without one. Never retries."""
        access_key_id = self._identities.key_for(role_arn) if role_arn else OPERATOR_KEY
        key = (service, access_key_id)
        client = self._clients.get(key)
        if client is None:
            with self._lock:  # botocore's session is not safe for threads, its clients are
                client = self._clients.get(key) or self._create(service, access_key_id)
                self._clients[key] = client
        return client

    def _create(self, service: str, access_key_id: str) -> Any:
        return self._session.create_client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
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
